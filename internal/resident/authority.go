package resident

import (
	"context"
	"errors"
	"time"

	"keyward.dev/keyward/internal/resident/flow"
)

// What a Backend says when it refuses. Anything else it returns is a fault of ours: the caller reads server_error, the
// log has the cause.
var (
	// ErrUnknownClient stands for a client that does not exist, one that is not in use, and a wrong secret alike.
	ErrUnknownClient = errors.New("unknown client or wrong secret")
	// ErrGrantNotAllowed tells that the client is not registered for client credentials.
	ErrGrantNotAllowed = errors.New("the client may not use this grant")
	// ErrNoScope tells that scopes were asked for and the client may have none of them.
	ErrNoScope = errors.New("none of the scopes asked for may be given")
	// ErrDisabled tells that the whole authorization server is switched off.
	ErrDisabled = errors.New("this authorization server is disabled")
	// ErrTarget tells that a token was asked for that is good somewhere where the client has no business (RFC 8693,
	// section 2.2.2).
	ErrTarget = errors.New("audience and resource must name what the application's APIs expect: leave them out for all of it")
)

// Authority is one authorization server: an issuer and what decides for it.
type Authority struct {
	Issuer  string // exact `iss`; the endpoints are below it
	Backend Backend

	Tenant  string       // whose users sign in here; "" = nobody does
	Clients flow.Clients // those that users sign in to; with Tenant
}

// Client is an authenticated client.
type Client struct {
	ID string
}

// Grant is what a token will say.
type Grant struct {
	Scopes   []string
	Audience []string // empty = the issuer itself
	Lifetime time.Duration
	Subject  string         // empty = the client itself
	Claims   map[string]any // further ones, none of which is a registered claim
}

// Backend knows the clients, keys and revoked tokens of one issuer. The store's and the demo's partner are the two.
type Backend interface {
	// Authenticate gives the client that the secret belongs to, in constant time over the secret. It returns
	// ErrUnknownClient or ErrDisabled.
	Authenticate(ctx context.Context, clientID, secret string) (*Client, error)
	// Grant decides what a token by client credentials (RFC 6749, section 4.4) carries. With no scope asked for, all
	// that the client may have are given. It returns ErrUnknownClient, ErrGrantNotAllowed, ErrNoScope or ErrDisabled.
	Grant(ctx context.Context, client *Client, asked []string) (*Grant, error)
	// Keys gives the key ring of the issuer.
	Keys(ctx context.Context) (KeyRing, error)
	// Revoke remembers that the token with this id is no longer good, until it expires (RFC 7009).
	Revoke(ctx context.Context, id string, expires time.Time) error
	// Revoked tells whether the token with this id was revoked.
	Revoked(ctx context.Context, id string) (bool, error)
}
