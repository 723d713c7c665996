package connector

import (
	"slices"
	"strings"
)

// ServiceAccount are the fields of a client whose own token opens the vendor's management API. Whose it is begins both
// titles; help says what it must be allowed to do.
func ServiceAccount(whose, help string) []Field {
	return []Field{
		{Name: "connection.clientId", Title: whose + " client id", Type: FieldString, Help: help},
		{
			Name: "connection.clientSecret", Title: whose + " client secret", Type: FieldString, Secret: true,
			Help: "Needed with clientId.",
		},
	}
}

// The ways in which a service account proves itself, as connection.clientAuthentication names them: RFC 6749, section
// 2.3.1; RFC 7523, section 2.2; RFC 8705, section 2.
const (
	BySecret      = "client_secret"
	ByAssertion   = "private_key_jwt"
	ByCertificate = "tls_client_auth"
)

// ServiceAccountWithKey are the fields of a ServiceAccount that may do without a secret, and the ways in which it may
// prove itself. The first is that of an account that names none; one that has no other names none.
func ServiceAccountWithKey(whose, help string, ways ...string) []Field {
	fields := ServiceAccount(whose, help)
	key := Field{
		Name: "connection.clientKey", Title: whose + " private key", Type: FieldString, Secret: true, Lines: true,
		Help: "Needed with private_key_jwt: PEM, or a JWK whose kid and alg are then used. The server has its public half.",
	}
	if len(ways) == 1 && ways[0] == ByAssertion {
		key.Help = strings.Replace(key.Help, ByAssertion, "clientId", 1)
		return []Field{fields[0], key}
	}
	fields[1].Help = "Needed with clientId, unless clientAuthentication says otherwise."
	const by = "connection.clientAuthentication"
	fields[1].Part, key.Part = &Part{By: by, With: []string{BySecret}}, &Part{By: by, With: []string{ByAssertion}}
	method := Field{
		Name: by, Title: whose + " authentication", Type: FieldString, Enum: ways, Default: ways[0],
		Help: "private_key_jwt signs with clientKey, and needs no secret.",
	}
	if slices.Contains(ways, ByCertificate) {
		method.Help = "private_key_jwt signs with clientKey; tls_client_auth shows outbound.certificate. Neither needs a secret."
	}
	return append(fields, method, key)
}

// Administrator are the fields of a person's or service's name and password.
func Administrator(help string) []Field {
	return []Field{
		{Name: "connection.username", Title: "Administrator's user name", Type: FieldString, Help: help},
		{
			Name: "connection.password", Title: "Administrator's password", Type: FieldString, Secret: true,
			Help: "Needed with username.",
		},
	}
}

// ProofScope is the field of a scope that every request for a token asks for.
func ProofScope(help string) Field {
	return Field{Name: "connection.proofScope", Title: "Scope for checking secrets", Type: FieldString, Help: help}
}

// AuthenticationField is the developer's field of how the client will authenticate (RFC 7591, section 2).
const AuthenticationField = "token_endpoint_auth_method"

// public is the method of clients without a secret (RFC 6749, section 2.1).
const public = "none"

// ClientAuthentication is the developer's choice of how the client will authenticate. Without a default, help says what
// is taken.
func ClientAuthentication(byDefault, help string) Field {
	return Field{
		Name: AuthenticationField, Title: "Client authentication", Type: FieldString,
		Enum: []string{"client_secret_basic", "client_secret_post", public}, Default: byDefault,
		Help: strings.TrimSpace(help + " none makes a public client, such as an app on people's devices: it has no secret, and " +
			"proves itself with PKCE (RFC 7636)."),
	}
}

// IsPublic says that fields ask for a client without a secret.
func IsPublic(fields map[string]any) bool { return fields[AuthenticationField] == public }

// signs says that fields ask for a client that proves itself with a key, and so has no secret either.
func signs(fields map[string]any) bool { return fields[AuthenticationField] == ByAssertion }

// IntrospectionFields are those of servers that gateways can ask about opaque tokens.
func IntrospectionFields() []Field {
	with := func(methods ...string) *Part { return &Part{By: "introspection.method", With: methods} }
	return []Field{
		{
			Name: "introspection.clientId", Title: "Introspection client id", Type: FieldString,
			Help: "Who the gateways are at the introspection endpoint (RFC 7662).",
		},
		{
			Name: "introspection.clientSecret", Title: "Introspection client secret", Type: FieldString, Secret: true,
			Help: "Needed with basic and post; with bearer, unless there is a fixed token.", Part: with("basic", "post", "bearer"),
		},
		{
			Name: "introspection.method", Title: "Introspection authentication", Type: FieldString,
			Enum: []string{"basic", "post", "private_key_jwt", "tls", "bearer"}, Default: "basic",
			Help: "How gateways authenticate: with the client secret, a signed assertion (RFC 7523), a client certificate " +
				"(RFC 8705), or an access token (RFC 7662, section 2.1).",
		},
		{
			Name: "introspection.key", Title: "Introspection private key", Type: FieldString, Secret: true, Lines: true,
			Help: "PEM. Signs the assertions of private_key_jwt, for which it may be a JWK with kid and alg; belongs to the " +
				"certificate of tls.", Part: with("private_key_jwt", "tls"),
		},
		{
			Name: "introspection.certificate", Title: "Introspection certificate", Type: FieldString, Lines: true,
			Help: "PEM, with the certificates between it and the authority after it. Needed with tls.", Part: with("tls"),
		},
		{
			Name: "introspection.token", Title: "Introspection access token", Type: FieldString, Secret: true,
			Help: "A fixed token for bearer. Left out, client id and secret get one at the token endpoint.", Part: with("bearer"),
		},
		{
			Name: "introspection.scope", Title: "Scope of the introspection token", Type: FieldString,
			Help: "What is asked for with the token that client id and secret get.", Part: with("bearer"),
		},
		{
			Name: "introspection.cache", Title: "Introspection cache", Type: FieldString, Default: "30s",
			Help: "How long an answer may be kept; never past the token's expiry; 0s = not at all.",
		},
	}
}
