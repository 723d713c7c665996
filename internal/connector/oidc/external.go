package oidc

import (
	"context"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
)

// ExternalType describes an issuer that is nothing but its keys.
func ExternalType() connector.Type {
	return connector.Type{
		Name:  keyward.TypeExternal,
		Title: "External",
		Help: "Tokens only: an issuer with its keys, from a URL or pasted. Clients exist already and are mapped; Keyward " +
			"creates none.",
		AdminFields:     connector.IntrospectionFields(),
		DeveloperFields: []connector.Field{},
		ClientIDClaims:  []string{"client_id", "azp"},
		ScopeClaims:     []string{"scope", "scp"},
		Scopes:          connector.ScopesChecked,
		Limits:          []string{"creates, changes and deletes no clients; they are mapped"},
	}
}

// external has no way to create or delete a client; it can check one where the token endpoint is known.
type external struct{ connector.TokenEndpoint }

// OpenExternal is the connector.Opener of issuers that are nothing but their keys.
func OpenExternal(s connector.Server, l connector.Line) (connector.Connector, error) {
	return external{connector.NewTokenEndpoint(s, l)}, nil
}

// Register implements connector.Connector: it always refuses.
func (external) Register(context.Context, connector.Registration) (connector.Registered, error) {
	return connector.Registered{}, keyward.Errorf(keyward.CodeCreationDisabled,
		"a key manager of type external creates no clients: map one that exists")
}

// Delete implements connector.Connector: it always refuses.
func (external) Delete(context.Context, connector.Handle) error { return connector.ErrUnsupported }
