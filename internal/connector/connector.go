// Package connector owns the talk with authorization servers on the control plane's side: the list of key manager
// types with their fields, and the registration of clients at each. It does not own what a declaration means, what is
// stored or who may ask: that is the rooms above.
//
// Vendors' quirks are data here: claims, issuer forms and limits stand in the type's entry.
package connector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
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

// Client is what a server says of a client. A member that the server does not tell is empty.
type Client struct {
	ClientID  string
	Name      string
	Grants    []string // RFC 7591, section 2: grant_types
	Callbacks []string // redirect_uris
	Scopes    []string
	Handle    Handle // as it was given, with a new registration access token where the answer had one (RFC 7592, section 3)
}

// Prover is the capability of connectors that can check a client's id and secret.
type Prover interface {
	// Prove returns nil only when the server gave a token to exactly these credentials (RFC 6749, section 4.4). The token
	// is thrown away.
	Prove(ctx context.Context, clientID, secret string) error
}

// Registration is what a new client should be.
type Registration struct {
	Name          string         // the client's name at the server; unique per attempt
	ObjectID      string         // the OAuthClient object that stands for it
	Tenant        string         // the application's tenant
	KeyManagerID  string         // the key manager's object
	ApplicationID string         // the application's object
	Environment   string         // production or sandbox
	Grants        []string       // RFC 7591, section 2: grant_types
	Callbacks     []string       // redirect_uris
	Scopes        []string       // empty = what the server gives by itself
	Fields        map[string]any // the type's developer fields, checked by CheckFields
}

// Registered is a client that the server made.
type Registered struct {
	ClientID     string
	ClientSecret string // empty when the server gives none
	Handle       Handle

	// Grants and Scopes are what the server says it gave, which may be less than was asked for; nil where it says nothing.
	Grants, Scopes  []string
	SecretExpiresAt *time.Time // nil = never, or unknown
}

// Handle is what a later change of the client needs. It is stored sealed, because AccessToken is a credential.
type Handle struct {
	ClientID    string `json:"clientId"`
	URI         string `json:"uri,omitempty"`         // RFC 7592: registration_client_uri
	AccessToken string `json:"accessToken,omitempty"` // RFC 7592: registration_access_token
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

// ErrUnsupported says that the server offers no way to do what was asked; nothing was changed.
var ErrUnsupported = errors.New("the server offers no way to do this")

// takeBack deletes a client that was made and cannot be used.
func takeBack(ctx context.Context, c Connector, made Registered, why string) error {
	f := &wire.Failure{
		Op: "register the client", Status: http.StatusCreated, Sent: true, Harmless: true,
		Description: why + ", so the client was deleted again",
	}
	if err := c.Delete(ctx, made.Handle); err != nil {
		f.Harmless, f.Err = false, err
		f.Description = fmt.Sprintf("%s, and client %s could not be deleted again", why, made.ClientID)
	}
	return f
}

// Server is one registered key manager, as its connector needs it.
type Server struct {
	ID      string // the key manager's object id
	Tenant  string
	Name    string
	Spec    *keyward.KeyManagerSpec
	Status  keyward.KeyManagerStatus
	Secrets map[string]string // path in the spec, as in connection.initialAccessToken -> value
}

// Endpoint gives the declared address, or else the discovered one.
func (s Server) Endpoint(pick func(keyward.Endpoints) string) string {
	if v := pick(s.Spec.Endpoints); v != "" {
		return v
	}
	return pick(s.Status.Endpoints)
}

// declared is where an administrator said that the server is. What discovery said counts for nothing here: a credential
// is sent there.
func (s Server) declared() string {
	if s.Spec.Issuer != "" {
		return s.Spec.Issuer
	}
	return s.Spec.Discovery
}

// text reads a connection field that is no secret.
func (s Server) text(field string) string {
	v, _ := s.Spec.Connection[field].(string)
	return v
}

// secret reads a secret connection field.
func (s Server) secret(field string) string { return s.Secrets["connection."+field] }

// Opener makes the connector of one key manager. It makes no call.
type Opener func(Server) (Connector, error)

// Openers opens connectors by type and keeps what they share, such as access tokens for admin APIs.
type Openers struct {
	byType map[keyward.KeyManagerType]Opener
}

// New makes the openers. The client carries the operator's rules for outbound addresses; resident opens the built-in
// authorization server's connector and may be nil where there is none.
func New(client *http.Client, resident Opener) *Openers {
	caller := wire.New(client)
	tokens := wire.NewTokens()
	byType := map[keyward.KeyManagerType]Opener{
		keyward.TypeOIDC:      func(s Server) (Connector, error) { return openOIDC(s, caller) },
		keyward.TypeKeycloak:  func(s Server) (Connector, error) { return openKeycloak(s, caller, tokens) },
		keyward.TypeAuth0:     func(s Server) (Connector, error) { return openAuth0(s, caller, tokens) },
		keyward.TypeOkta:      func(s Server) (Connector, error) { return openOkta(s, caller) },
		keyward.TypeEntra:     func(s Server) (Connector, error) { return openEntra(s, caller, tokens) },
		keyward.TypeForgeRock: func(s Server) (Connector, error) { return openForgeRock(s, caller, tokens) },
		keyward.TypePing:      func(s Server) (Connector, error) { return openPing(s, caller) },
		keyward.TypeWSO2IS:    func(s Server) (Connector, error) { return openWSO2IS(s, caller, tokens) },
		keyward.TypeExternal:  func(s Server) (Connector, error) { return openExternal(s, caller) },
	}
	if resident != nil {
		byType[keyward.TypeResident] = resident
	}
	return &Openers{byType: byType}
}

// Open makes the connector of a key manager. A type that this process cannot talk to is a keyward.Error with
// not_supported.
func (o *Openers) Open(s Server) (Connector, error) {
	open, ok := o.byType[s.Spec.Type]
	if !ok {
		return nil, keyward.Errorf(keyward.CodeNotSupported, "this build cannot manage clients of type %s", s.Spec.Type)
	}
	c, err := open(s)
	if err != nil {
		return nil, fmt.Errorf("open key manager %s: %w", s.Name, err)
	}
	return c, nil
}
