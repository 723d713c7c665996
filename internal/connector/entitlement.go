package connector

import (
	"context"
	"errors"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/wire"
)

// Entitlement is one thing that a client's tokens may carry.
type Entitlement struct {
	Scope    string `json:"scope,omitempty"`    // "" = the audience itself
	Audience string `json:"audience,omitempty"` // "" = whomever the server's tokens are for anyway
}

// String is the entitlement as people read it.
func (e Entitlement) String() string {
	switch {
	case e.Scope == "":
		return "the audience " + e.Audience
	case e.Audience == "":
		return e.Scope
	default:
		return e.Scope + " of " + e.Audience
	}
}

// Entitler is the capability of connectors that can change what the tokens of a client that exists may carry. It is
// used for clients that Register made only.
type Entitler interface {
	// Entitled gives those of the list that the client has at the server, whoever gave them. A client that the server
	// does not have is a *wire.Failure.
	Entitled(ctx context.Context, h Handle, list []Entitlement) ([]Entitlement, error)
	// Entitle gives the client what is in give and takes away what is in take, also where that does not count at this
	// moment, because somebody switched it off by hand; what is gone already is no error, and nothing is changed for it.
	// Both may be done in part when it fails, and doing it again does no harm. What the server has not, and this type does
	// not make there, comes back as lacking.
	Entitle(ctx context.Context, h Handle, give, take []Entitlement) (lacking []Entitlement, err error)
}

// Barred says that the connection's credentials may not see or change what clients are given there. Nothing that the client
// has was changed.
type Barred struct {
	Ask string // what the server's administrator has to allow the connection; follows "to allow"
	Err error  // the refusal in the server's own words
}

// Error gives the server's words and what to ask for.
func (b *Barred) Error() string { return b.Err.Error() + "; it needs " + b.Ask }

// Unwrap gives the refusal.
func (b *Barred) Unwrap() error { return b.Err }

// Words say to people why a call to a server failed: our own words for them, or the server's, without a secret.
func Words(err error) string {
	if told, ok := errors.AsType[*keyward.Error](err); ok {
		return told.Message
	}
	if barred, ok := errors.AsType[*Barred](err); ok {
		return barred.Error()
	}
	if f, ok := errors.AsType[*wire.Failure](err); ok {
		return f.Error()
	}
	return "the call failed"
}

// ScopeControl says what a type does about the scopes and audiences that APIs ask for.
type ScopeControl string

// The ways. What a type only checks, or finds missing where it assigns, an administrator of the vendor's has to do.
const (
	ScopesManaged  ScopeControl = "manage" // they are made at the server where it lacks them, and given to clients
	ScopesAssigned ScopeControl = "assign" // those that the server has are given to clients
	ScopesChecked  ScopeControl = "check"  // what a client has is read, as far as the server tells it
)

// Releaser is the capability of connectors whose type lets key managers reuse each other's clients (Shared.Reuse).
type Releaser interface {
	// Release takes away what was made for a client at this key manager's server alone, and leaves the client. A client
	// that is gone already is no error.
	Release(ctx context.Context, h Handle) error
}
