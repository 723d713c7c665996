// Package catalog owns the list of key manager types that this build carries out, with their connectors' openers. It does
// not own any of them.
package catalog

import (
	"net/http"
	"slices"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/auth0"
	"keyward.dev/keyward/internal/connector/entra"
	"keyward.dev/keyward/internal/connector/forgerock"
	"keyward.dev/keyward/internal/connector/keycloak"
	"keyward.dev/keyward/internal/connector/oidc"
	"keyward.dev/keyward/internal/connector/okta"
	"keyward.dev/keyward/internal/connector/ping"
	"keyward.dev/keyward/internal/connector/wso2is"
)

// entry is one type; that of the built-in server is opened by what the process gives.
type entry struct {
	described connector.Type
	open      connector.Opener
}

func entries() []entry {
	return []entry{
		{residentType(), nil},
		{oidc.Type(), oidc.Open},
		{keycloak.Type(), keycloak.Open},
		{okta.Type(), okta.Open},
		{auth0.Type(), auth0.Open},
		{entra.Type(), entra.Open},
		{wso2is.Type(), wso2is.Open},
		{ping.Type(), ping.Open},
		{forgerock.Type(), forgerock.Open},
		{oidc.ExternalType(), oidc.OpenExternal},
	}
}

// Types lists every type that this build carries out, in the order in which people are shown them.
func Types() []connector.Type {
	var types []connector.Type
	for _, e := range entries() {
		for i, f := range e.described.DeveloperFields {
			e.described.DeveloperFields[i].Rules = f.Type.Rules()
		}
		types = append(types, e.described)
	}
	return types
}

// TypeOf finds a type by name.
func TypeOf(name keyward.KeyManagerType) (connector.Type, bool) {
	types := Types()
	i := slices.IndexFunc(types, func(t connector.Type) bool { return t.Name == name })
	if i < 0 {
		return connector.Type{}, false
	}
	return types[i], true
}

// New makes the openers of all types. The client carries the operator's rules for outbound addresses; resident opens the
// built-in authorization server's connector and may be nil where there is none.
func New(
	client *http.Client, resident func(connector.Server) (connector.Connector, error),
) *connector.Openers {
	byType := map[keyward.KeyManagerType]connector.Opener{}
	for _, e := range entries() {
		if e.open != nil {
			byType[e.described.Name] = e.open
		}
	}
	if resident != nil {
		byType[keyward.TypeResident] = func(s connector.Server, _ connector.Line) (connector.Connector, error) { return resident(s) }
	}
	return connector.NewOpeners(client, byType)
}

// ConsoleClient is the id of the console at every tenant's resident authorization server. It is no application's, its
// tokens open nothing, and nobody can map it.
const ConsoleClient = "keyward-console"

func residentType() connector.Type {
	return connector.Type{
		Name:  keyward.TypeResident,
		Title: "Resident",
		Help: "The authorization server that is built in. Every tenant has one; its issuer and keys are Keyward's. It gives " +
			"tokens by client credentials, to people who sign in with an account of the tenant (authorization_code, refresh_token), " +
			"and in exchange for those of other key managers (tokens.use).",
		Creates:     true,
		AdminFields: []connector.Field{},
		DeveloperFields: []connector.Field{
			{
				Name: "token_endpoint_auth_method", Title: "Client authentication", Type: connector.FieldString,
				Enum: []string{"client_secret_basic", "client_secret_post", "none"}, Default: "client_secret_basic",
				Help: "none: a public client, such as a page in a browser or an app, which keeps no secret. It must use PKCE.",
			},
			{
				Name: "application_type", Title: "Application type", Type: connector.FieldString, Enum: []string{"web", "native"},
				Default: "web",
				Help:    "native: an app on somebody's machine. The port of a callback http://127.0.0.1/… is its own choice (RFC 8252).",
			},
			{
				Name: "post_logout_redirect_uris", Title: "Addresses after signing out", Type: connector.FieldList,
				Help: "Where people may be sent after the client ended their session (OpenID Connect RP-Initiated Logout 1.0).",
			},
		},
		OwnClients:     []string{ConsoleClient},
		ClientIDClaims: []string{"client_id", "azp"},
		ScopeClaims:    []string{"scope", "scp"},
		Scopes:         connector.ScopesManaged,
	}
}
