package connector

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/rollover"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/wire"
)

// Server is one registered key manager, as its connector needs it.
type Server struct {
	ID     string // the key manager's object id
	Tenant string
	Name   string
	Spec   *keyward.KeyManagerSpec
	Status keyward.KeyManagerStatus
	// Connection names the one whose credentials these are; "" = the key manager's own. Such credentials go to no address
	// of the key manager's, its token endpoint included.
	Connection    string
	ConnectionID  string
	ConnectionWay outbound.Policy   // how the server is reached with them
	Secrets       map[string]string // path in the spec, as in connection.initialAccessToken -> value
}

// Way is how the key manager's servers are reached by its own policy: for metadata, keys and introspection.
func (s Server) Way() outbound.Policy { return outbound.PolicyOf(s.Spec.Outbound.Row(), s.Secrets) }

// ManagementWay is how they are reached to manage clients: by the policy of the Connection whose credentials these are,
// or else by the key manager's own. Whoever declares a key manager leads no credentials of a Connection another way.
func (s Server) ManagementWay() outbound.Policy {
	if s.Connection != "" {
		return s.ConnectionWay
	}
	return s.Way()
}

// ManagedBy tells ways into the server apart by which clients are managed: its type, and what its connection has. What one
// way tells of a client cannot be held against what another tells: a server may say something else to whoever registered
// the client than to who manages all of them.
func (s Server) ManagedBy() string {
	return string(s.Spec.Type) + " " + strings.Join(slices.Sorted(maps.Keys(s.Spec.Connection)), " ")
}

// Endpoint gives the declared address, or else the discovered one.
func (s Server) Endpoint(pick func(keyward.Endpoints) string) string {
	if v := pick(s.Spec.Endpoints); v != "" {
		return v
	}
	return pick(s.Status.Endpoints)
}

// Declared is where an administrator said that the server is. What discovery said counts for nothing here: a credential
// is sent there.
func (s Server) Declared() string { return DeclaredAddress(s.Spec) }

// DeclaredAddress is the declared issuer, else the address of the metadata.
func DeclaredAddress(spec *keyward.KeyManagerSpec) string {
	if spec.Issuer != "" {
		return spec.Issuer
	}
	return spec.Discovery
}

// Text reads a connection field that is no secret.
func (s Server) Text(field string) string {
	v, _ := s.Spec.Connection[field].(string)
	return v
}

// List reads a connection field that is a list: written as one, or as a text with commas or spaces between its items.
func (s Server) List(field string) []string {
	var list []string
	switch v := s.Spec.Connection[field].(type) {
	case string:
		list = strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' })
	case []string:
		list = v
	case []any:
		for _, item := range v {
			if one, ok := item.(string); ok { // judged when it was stored
				list = append(list, one)
			}
		}
	}
	return list
}

// Credential reads a secret connection field, with the value that comes after it.
func (s Server) Credential(field string) rollover.Credential { return s.At("connection." + field) }

// At reads the secret at a path of the spec, with the value that comes after it.
func (s Server) At(path string) rollover.Credential {
	c := rollover.Credential{
		Owner: s.ID, Name: s.Tenant + "/" + s.Name, Path: path, Current: s.Secrets[path], Next: s.Secrets[secret.NextPath(path)],
	}
	if s.Connection != "" && strings.HasPrefix(path, "connection.") {
		c.Owner, c.Name = s.ConnectionID, s.Tenant+"/"+s.Connection
	}
	return c
}

// Account is the service account of the connection, which gets its tokens at the endpoint. Assertions are for the audience.
func (s Server) Account(endpoint, audience string) wire.Account {
	a := wire.Account{Endpoint: endpoint, ClientID: s.Text("clientId")}
	switch s.Text("clientAuthentication") {
	case ByAssertion:
		a.Secret, a.Audience = s.Credential("clientKey"), audience
	case ByCertificate:
		a.ByCertificate = true
	default:
		a.Secret = s.Credential("clientSecret")
	}
	return a
}

// Address reads a connection field that is a URL, without a slash at its end. Where it is left out, it is the scheme and
// host of the declared address; a declared address that is no URL is a fault of the field.
func (s Server) Address(field string) (string, error) {
	at := strings.TrimSuffix(s.Text(field), "/")
	if at == "" {
		if at = OriginOf(s.Declared()); at == "" {
			return "", Refused("spec.connection."+field, "is required: neither issuer nor discovery is a URL")
		}
	}
	return at, nil
}

// Issuer is the declared address without what discovery appends to it.
func (s Server) Issuer() string {
	at, _, _ := strings.Cut(s.Declared(), WellKnown)
	return at
}

// Line is what connectors call with. The tokens of management applications are shared by all that use the same one.
type Line struct {
	Caller *wire.Caller
	Bare   *wire.Caller // the same without the policy's certificate; nil where it has none
	Tokens *wire.Tokens
	Known  *rollover.Memory // which of two values of a secret servers take
	Alone  *Alone           // shared by all
}

// Opener makes the connector of one key manager. It makes no call.
type Opener func(Server, Line) (Connector, error)

// Openers opens connectors by type and keeps what they share, such as access tokens for admin APIs.
type Openers struct {
	byType map[keyward.KeyManagerType]Opener
	client *http.Client
	lanes  *wire.Lanes
	tokens *wire.Tokens
	known  *rollover.Memory
	alone  *Alone
	watch  func(*http.Client) *http.Client // nil = clients are taken as they are
}

// NewOpeners makes the openers of these types. The client carries the operator's rules for outbound addresses.
func NewOpeners(client *http.Client, byType map[keyward.KeyManagerType]Opener) *Openers {
	o := &Openers{byType: byType, client: client, lanes: wire.NewLanes(nil), alone: NewAlone()}
	return o.Noting(rollover.New(nil, nil))
}

// Noting gives the same openers, which note in known what servers take of secrets with two values.
func (o *Openers) Noting(known *rollover.Memory) *Openers {
	own := *o
	own.known, own.tokens = known, wire.NewTokens(known)
	return &own
}

// TakesNext tells that a server refused the current value of a credential and took the next one, as far as is known.
func (o *Openers) TakesNext(c rollover.Credential) bool { return o.known.TakesNext(c) }

// Measured gives the same openers with metrics of their calls.
func (o *Openers) Measured(reg prometheus.Registerer) *Openers {
	own := *o
	own.lanes = wire.NewLanes(reg)
	return &own
}

// Watched gives the same openers, whose calls go by what watch makes of each client.
func (o *Openers) Watched(watch func(*http.Client) *http.Client) *Openers {
	own := *o
	own.watch = watch
	return &own
}

// Open makes the connector of a key manager; its calls are bounded by themselves, whatever becomes of others'. A type
// that this process cannot talk to is a keyward.Error with not_supported.
func (o *Openers) Open(s Server) (Connector, error) {
	open, ok := o.byType[s.Spec.Type]
	if !ok {
		return nil, keyward.Errorf(keyward.CodeNotSupported, "this build cannot manage clients of type %s", s.Spec.Type)
	}
	l := Line{Tokens: o.tokens, Known: o.known, Alone: o.alone}
	if err := o.reach(s, &l); err != nil {
		return nil, fmt.Errorf("open key manager %s: %w", s.Name, err)
	}
	c, err := open(s, l)
	if err != nil {
		return nil, fmt.Errorf("open key manager %s: %w", s.Name, err)
	}
	return c, nil
}

// reach gives the callers by which a key manager's clients are managed.
func (o *Openers) reach(s Server, l *Line) error {
	owner, way := s.ID, s.ManagementWay()
	if s.Connection != "" {
		owner += " with a connection" // its own way is another
	}
	client, err := outbound.Under(o.client, owner, way)
	if err != nil {
		return err
	}
	hidden := wire.NewHidden(slices.Collect(maps.Values(s.Secrets))...)
	l.Caller = o.lanes.Caller(s.ID, o.watched(client)).Hiding(hidden)
	if way.Certificate == "" {
		return nil
	}
	way.Certificate, way.Key = "", ""
	if client, err = outbound.Under(o.client, owner+" without its certificate", way); err != nil {
		return err
	}
	l.Bare = o.lanes.Caller(s.ID, o.watched(client)).Hiding(hidden)
	return nil
}

func (o *Openers) watched(client *http.Client) *http.Client {
	if o.watch == nil {
		return client
	}
	return o.watch(client)
}
