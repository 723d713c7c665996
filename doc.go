// Package keyward owns the nouns of the product: what an administrator, a publisher and a developer declare, what a
// gateway is told, and the one error type that crosses every boundary. It does not own behaviour that needs a
// database, a network or a library: those live in the rooms under internal.
//
// The two columns of the program, control plane and data plane, share this package and the stream of changes and
// nothing else.
package keyward

// APIVersion is the only value a manifest's apiVersion may have.
const APIVersion = "keyward.dev/v1"

// DefaultTenant is the tenant of everything that names none. Its administrators operate the whole installation.
const DefaultTenant = "default"

// DefaultGroup is the gateway group an API is served by unless it says otherwise.
const DefaultGroup = "default"

// ResidentName is the name of the key manager that every tenant has from its first day: the built-in
// authorization server.
const ResidentName = "resident"
