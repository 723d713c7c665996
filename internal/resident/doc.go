// Package resident owns the built-in OAuth 2.0 authorization server: one issuer per tenant with keys, clients and
// scopes of its own, the client credentials grant, introspection, revocation, metadata, and the rotation of its keys.
// It does not own who may make a client or what is shown of it (keys), what an administrator sets on the key manager
// (control), or where anything is kept (store).
//
// The protocol half (Server, Authority, Backend) knows nothing of the store. It stands on the server framework of
// zitadel/oidc, which routes, decodes and encodes; a guard in front of it holds what RFC 6749 asks and the framework
// leaves open. The other half (Resident) puts the store behind it.
package resident
