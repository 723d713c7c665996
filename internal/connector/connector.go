// Package connector owns what a connector is: the talk with one authorization server about its clients, the capabilities
// that it may have, what a type of key manager tells of itself, and the pieces that several vendors use. It does not own
// any vendor: each has a package below this one, and package catalog lists them. What a declaration means, what is stored
// and who may ask belongs to the rooms above.
package connector

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/wire"
)

// Connector creates and deletes clients at one authorization server. Failures of the server come back as *wire.Failure.
type Connector interface {
	// Register creates a client. A Failure whose Uncertain is true leaves open whether the server made it.
	Register(ctx context.Context, r Registration) (Registered, error)
	// Delete removes a client that Register made. A client that is already gone is no error; ErrUnsupported means that
	// the server offers no way to delete it.
	Delete(ctx context.Context, h Handle) error
}

// Finder is the capability of connectors whose server can be searched: an interrupted registration can be settled.
type Finder interface {
	// Find looks for the client registered under exactly this name; nil without an error when there is none. ClientSecret
	// is empty where the server does not give it again.
	Find(ctx context.Context, name string) (*Registered, error)
}

// Rotator is the capability of connectors whose server can make a new secret for a client and keep its id.
type Rotator interface {
	// Rotate makes a new secret; the old one is dead when it returns.
	Rotate(ctx context.Context, h Handle) (secret string, err error)
}

// Reader is the capability of connectors that can look at a client.
type Reader interface {
	// Read gives nil without an error when the server has no such client; ErrUnsupported when it cannot be asked about
	// this one.
	Read(ctx context.Context, h Handle) (*Client, error)
}

// Lister is the capability of connectors whose server lists clients by how their name begins, so that clients are found
// which nobody knows any more.
type Lister interface {
	// List gives the clients whose name (Registration.Name) begins with exactly prefix, whoever made them, in no order:
	// ClientID, Name and what Delete needs of the Handle at least. It reads MaxPages of the server's list; a longer one is
	// the failure TooLong, and never a part of the list.
	List(ctx context.Context, prefix string) ([]Client, error)
}

// Client is what a server says of a client. A member that the server does not tell is empty.
type Client struct {
	ClientID  string
	Name      string
	Grants    []string // RFC 7591, section 2: grant_types
	Callbacks []string // redirect_uris
	Scopes    []string
	Optional  []string // those of Scopes that a token carries only when it is asked for with them
	Disabled  bool     // the server's administrator has switched the client off
	Handle    Handle   // as it was given, with a new registration access token where the answer had one (RFC 7592, section 3)
}

// Restorer is the capability of connectors that undo what somebody changed of a client's scopes, or of whether it is
// enabled. Where it is there, Update leaves both alone.
type Restorer interface {
	// Restore may be called again after an end that nobody saw. A scope that the server no longer has is a *wire.Failure.
	Restore(ctx context.Context, h Handle, r keyward.ClientRestore) error
}

// Prover is the capability of connectors that can check a client's id and secret.
type Prover interface {
	// Prove returns nil only when the server gave a token to exactly these credentials (RFC 6749, section 4.4). The token
	// is thrown away.
	Prove(ctx context.Context, clientID, secret string) error
}

// TokenRequest asks for a token with a client's own credentials (RFC 6749, section 4.4).
type TokenRequest struct {
	ClientID, Secret string
	Scopes           []string // empty = what the server or the type gives by itself
	Audience         string   // as Auth0 and others want it; "" = none, or the type's
	Resources        []string // RFC 8707, section 2
}

// Granter is the capability of connectors that can get a token with a client's credentials.
type Granter interface {
	// Token gives what the server answered. A refusal is a *wire.Failure with the server's words; ErrUnsupported means
	// that no token endpoint is known.
	Token(ctx context.Context, r TokenRequest) (wire.AccessToken, error)
}

// Registration is what a new client should be.
type Registration struct {
	Name          string          // the client's name at the server; unique per attempt
	ObjectID      string          // the OAuthClient object that stands for it
	Tenant        string          // the application's tenant
	KeyManagerID  string          // the key manager's object
	ApplicationID string          // the application's object
	Console       bool            // it is the console's own, and no application's
	Environment   string          // production or sandbox
	Grants        []string        // RFC 7591, section 2: grant_types
	Callbacks     []string        // redirect_uris
	Farewells     []string        // post_logout_redirect_uris, where the server has such (OpenID Connect RP-Initiated Logout 1.0)
	Logout        string          // backchannel_logout_uri; "" = none (OpenID Connect Back-Channel Logout 1.0, section 2.2)
	Claims        []string        // that ID tokens for the console should have: those that decide what people may do
	Scopes        []string        // empty = what the server gives by itself
	Fields        map[string]any  // the type's developer fields, checked by CheckFields
	Keys          json.RawMessage // with private_key_jwt: the JWK set of the client's public keys (RFC 7591, section 2)
	Enable        bool            // a change switches it on again; for types whose Read says Disabled, and that have no Restorer
}

// Registered is a client that the server made.
type Registered struct {
	ClientID     string
	ClientSecret string // empty when the server gives none
	Handle       Handle

	// Grants and Scopes are what the server says it gave, which may be less than was asked for; nil where it says nothing.
	Grants, Scopes  []string
	LackingFields   []string   // of Registration.Fields, whose value the answer does not confirm, where the protocol says it must
	SecretExpiresAt *time.Time // nil = never, or unknown
}

// Handle is what a later change of the client needs. It is stored sealed, because AccessToken is a credential.
type Handle struct {
	ClientID    string `json:"clientId"`
	URI         string `json:"uri,omitempty"`         // RFC 7592: registration_client_uri
	AccessToken string `json:"accessToken,omitempty"` // RFC 7592: registration_access_token
	// Doubtful says that an answer which may have replaced the AccessToken was not seen: that it is refused does not mean
	// that the client is gone.
	Doubtful bool `json:"doubtful,omitempty"`
}

// LogValue keeps the registration access token out of logs.
func (h Handle) LogValue() slog.Value { return slog.StringValue(h.String()) }

// String names the client without its credential.
func (h Handle) String() string { return "client " + h.ClientID }

// GoString hides the credential from %#v.
func (h Handle) GoString() string { return h.String() }

// LogValue keeps the client secret out of logs.
func (r Registered) LogValue() slog.Value { return slog.StringValue(r.String()) }

// String names the client without its secret.
func (r Registered) String() string { return "client " + r.ClientID }

// GoString hides the secret from %#v.
func (r Registered) GoString() string { return r.String() }

// Halfway says that a server has carried out a part of a rotation and refused the rest.
type Halfway struct {
	Left   string // what the client has now, for people
	Secret bool   // the secret that is known may be dead, or die soon
	Err    error  // the refusal
}

// Error says what was refused.
func (h *Halfway) Error() string { return h.Err.Error() }

// Unwrap gives the refusal.
func (h *Halfway) Unwrap() error { return h.Err }

// ErrUnsupported says that the server offers no way to do what was asked; nothing was changed.
var ErrUnsupported = errors.New("the server offers no way to do this")

// ErrNoScope goes with the ErrUnsupported of a server that gives no token for the scopes that were asked for, or for none:
// with one that the client may have, it would.
var ErrNoScope = errors.New("no token is given for these scopes")
