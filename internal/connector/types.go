package connector

import (
	"slices"

	"keyward.dev/keyward"
)

// Type describes one kind of authorization server: the fields that people fill in, and what its tokens look like.
type Type struct {
	Name            keyward.KeyManagerType `json:"name"`
	Title           string                 `json:"title"`
	Help            string                 `json:"help"`
	Creates         bool                   `json:"creates"`         // whether clients can be created in it
	AdminFields     []Field                `json:"adminFields"`     // of connection and introspection
	DeveloperFields []Field                `json:"developerFields"` // of one client; --set on the command line
	ClientIDClaims  []string               `json:"clientIdClaims"`  // default of claims.clientId
	ScopeClaims     []string               `json:"scopeClaims"`     // default of claims.scopes
	OwnClients      []string               `json:"ownClients,omitempty"`
}

// Connection gives the fields of spec.connection, without that prefix.
func (t Type) Connection() []Field { return t.part("connection.") }

func (t Type) part(prefix string) []Field {
	var fields []Field
	for _, f := range t.AdminFields {
		if len(f.Name) > len(prefix) && f.Name[:len(prefix)] == prefix {
			f.Name = f.Name[len(prefix):]
			fields = append(fields, f)
		}
	}
	return fields
}

// Types lists every type that this build carries out, in the order in which people are shown them.
func Types() []Type { return []Type{residentType(), oidcType(), keycloakType(), externalType()} }

// TypeOf finds a type by name.
func TypeOf(name keyward.KeyManagerType) (Type, bool) {
	types := Types()
	i := slices.IndexFunc(types, func(t Type) bool { return t.Name == name })
	if i < 0 {
		return Type{}, false
	}
	return types[i], true
}

func residentType() Type {
	return Type{
		Name:            keyward.TypeResident,
		Title:           "Resident",
		Help:            "The authorization server that is built in. Every tenant has one; its issuer and keys are Keyward's.",
		Creates:         true,
		AdminFields:     []Field{},
		DeveloperFields: []Field{},
		ClientIDClaims:  []string{"client_id", "azp"},
		ScopeClaims:     []string{"scope", "scp"},
	}
}

func oidcType() Type {
	return Type{
		Name:  keyward.TypeOIDC,
		Title: "OpenID Connect or OAuth 2.0",
		Help: "Any server with discovery (OpenID Connect Discovery 1.0 or RFC 8414). Clients are created through dynamic " +
			"registration (RFC 7591, RFC 7592).",
		Creates: true,
		AdminFields: append([]Field{{
			Name: "connection.initialAccessToken", Title: "Initial access token", Type: FieldString, Secret: true,
			Help: "The bearer token that the registration endpoint asks for (RFC 7591, section 3). Leave it out where " +
				"registration is open.",
		}}, introspectionFields()...),
		DeveloperFields: registrationFields(),
		ClientIDClaims:  []string{"client_id", "azp"},
		ScopeClaims:     []string{"scope", "scp"},
	}
}

func keycloakType() Type {
	return Type{
		Name:  keyward.TypeKeycloak,
		Title: "Keycloak",
		Help: "A realm of Keycloak. With a service account clients are managed through the admin API, which can also rotate " +
			"secrets and be searched; with an initial access token alone, through the registration endpoint.",
		Creates: true,
		AdminFields: append([]Field{
			{
				Name: "connection.clientId", Title: "Service account's client id", Type: FieldString,
				Help: "A confidential client of the realm whose service account has the realm-management roles manage-clients and " +
					"view-clients (query-clients is part of them).",
			},
			{
				Name: "connection.clientSecret", Title: "Service account's client secret", Type: FieldString, Secret: true,
				Help: "Needed with clientId.",
			},
			{
				Name: "connection.initialAccessToken", Title: "Initial access token", Type: FieldString, Secret: true,
				Help: "Made under Clients, Client registration, Initial access token. Used where there is no service account.",
			},
			{
				Name: "connection.adminUrl", Title: "Admin API of the realm", Type: FieldURL,
				Help: "As in https://sso.example/admin/realms/corp. Derived from the issuer when left out.",
			},
		}, introspectionFields()...),
		DeveloperFields: []Field{},
		ClientIDClaims:  []string{"client_id", "azp"},
		ScopeClaims:     []string{"scope", "scp"},
		OwnClients: []string{
			"account", "account-console", "admin-cli", "broker", "realm-management", "security-admin-console", "master-realm",
		},
	}
}

func externalType() Type {
	return Type{
		Name:  keyward.TypeExternal,
		Title: "External",
		Help: "Tokens only: an issuer with its keys, from a URL or pasted. Clients exist already and are mapped; Keyward " +
			"creates none.",
		AdminFields:     introspectionFields(),
		DeveloperFields: []Field{},
		ClientIDClaims:  []string{"client_id", "azp"},
		ScopeClaims:     []string{"scope", "scp"},
	}
}

func introspectionFields() []Field {
	return []Field{
		{
			Name: "introspection.clientId", Title: "Introspection client id", Type: FieldString,
			Help: "Who the gateways are at the introspection endpoint (RFC 7662).",
		},
		{
			Name: "introspection.clientSecret", Title: "Introspection client secret", Type: FieldString, Secret: true,
			Help: "Needed with clientId.",
		},
		{
			Name: "introspection.method", Title: "Introspection authentication", Type: FieldString,
			Enum: []string{"basic", "post"}, Default: "basic", Help: "How the client id and secret are sent.",
		},
		{
			Name: "introspection.cache", Title: "Introspection cache", Type: FieldString, Default: "30s",
			Help: "How long an answer may be kept; never past the token's expiry; 0s = not at all.",
		},
	}
}

func registrationFields() []Field {
	return []Field{
		{
			Name: "token_endpoint_auth_method", Title: "Client authentication", Type: FieldString,
			Enum: []string{"client_secret_basic", "client_secret_post"},
			Help: "How the client will authenticate at the token endpoint. Left out, the first of the two that the server offers.",
		},
		{
			Name: "application_type", Title: "Application type", Type: FieldString, Enum: []string{"web", "native"},
			Help: "Which callbacks are allowed (OpenID Connect Dynamic Client Registration 1.0, section 2).",
		},
		{Name: "client_uri", Title: "Home page", Type: FieldURL, Help: "Shown to people who are asked for consent."},
		{Name: "policy_uri", Title: "Privacy policy", Type: FieldURL},
		{Name: "tos_uri", Title: "Terms of service", Type: FieldURL},
		{Name: "contacts", Title: "Contacts", Type: FieldList, Help: "Mail addresses of those responsible."},
	}
}
