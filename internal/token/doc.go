// Package token owns the reading and writing of tokens: strict parsing of compact JWS, keys and sets of keys bound to
// one issuer of one key manager, signatures, introspection, and the tokens that a gateway signs itself. It does not own
// which token may do what: whose key set counts, time, audience and scope are the enforce room's to judge.
//
// Nothing here is fetched from an address inside a token, and no key is ever found by its kid alone.
package token
