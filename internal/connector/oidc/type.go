package oidc

import (
	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
)

// Type describes any server with discovery.
func Type() connector.Type {
	return connector.Type{
		Name:  keyward.TypeOIDC,
		Title: "OpenID Connect or OAuth 2.0",
		Help: "Any server with discovery (OpenID Connect Discovery 1.0 or RFC 8414). Clients are created through dynamic " +
			"registration (RFC 7591, RFC 7592).",
		Creates: true,
		AdminFields: append([]connector.Field{{
			Name: "connection.initialAccessToken", Title: "Initial access token", Type: connector.FieldString, Secret: true,
			Help: "The bearer token that the registration endpoint asks for (RFC 7591, section 3). Leave it out where " +
				"registration is open.",
		}, connector.ProofScope("A scope that clients may ask for, where the server gives no token without one. With it, a " +
			"mapped client's secret can be tried there.")}, connector.IntrospectionFields()...),
		DeveloperFields: registrationFields(),
		ClientIDClaims:  []string{"client_id", "azp"},
		ScopeClaims:     []string{"scope", "scp"},
		Scopes:          connector.ScopesChecked,
		NamesScopes:     true,
		Limits: []string{
			"clients cannot be searched: a registration whose end nobody saw is settled by hand",
			"secrets cannot be changed: delete the keys and generate new ones",
			"a client can be changed while its registration access token is known (RFC 7592); when an answer with a new one is " +
				"lost, only the server's administrator can change or delete it",
			"a mapped client cannot be looked at: only its secret proves that it exists",
		},
	}
}

func registrationFields() []connector.Field {
	return []connector.Field{
		connector.ClientAuthentication("",
			"How the client will authenticate at the token endpoint. Left out, the first of the two that the server offers."),
		{
			Name: "application_type", Title: "Application type", Type: connector.FieldString, Enum: []string{"web", "native"},
			Help: "Which callbacks are allowed (OpenID Connect Dynamic Client Registration 1.0, section 2).",
		},
		{Name: "client_uri", Title: "Home page", Type: connector.FieldURL, Help: "Shown to people who are asked for consent."},
		{Name: "policy_uri", Title: "Privacy policy", Type: connector.FieldURL},
		{Name: "tos_uri", Title: "Terms of service", Type: connector.FieldURL},
		{
			Name: extensionLifetime, Title: "Access tokens' lifetime", Type: connector.FieldInteger,
			Help: "Seconds. No registered metadata: sent as an extension (RFC 7591, section 2), which a server may ignore; keys " +
				"then say that it is not confirmed.",
		},
		{Name: "contacts", Title: "Contacts", Type: connector.FieldList, Help: "Mail addresses of those responsible."},
	}
}
