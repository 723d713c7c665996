package ownclient

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/store"
)

// client is a stored one with its parts read.
type client struct {
	*store.OwnClient

	about
}

// about is what is kept of a client beside its row.
type about struct {
	Name      string     `json:"name"`               // at the server
	Server    string     `json:"server"`             // tells servers apart: what was made at one is nothing at another
	Callback  string     `json:"callback"`           // as the server was last told
	Scopes    []string   `json:"scopes,omitempty"`   // likewise
	Plain     bool       `json:"plain,omitempty"`    // the server refused a client with a key: the next one has a secret
	Reason    string     `json:"reason,omitempty"`   // why it is not what it should be, in the server's own words
	Orphan    bool       `json:"orphan,omitempty"`   // the server may hold a client of this name that nobody uses
	Search    bool       `json:"search,omitempty"`   // and can be searched for it
	Passed    bool       `json:"passed,omitempty"`   // a person wants another one, whatever became of it
	Gone      bool       `json:"gone,omitempty"`     // the server has no such client any more
	Replace   bool       `json:"replace,omitempty"`  // it is to give way to another one
	Renew     bool       `json:"renew,omitempty"`    // it is to have a new secret
	Mend      bool       `json:"mend,omitempty"`     // what the next look finds is to be mended
	Restore   bool       `json:"restore,omitempty"`  // the server's administrator had switched it off: it is to be on again
	Tries     int        `json:"tries,omitempty"`    // failures since the last success or change
	NextTry   *time.Time `json:"nextTry,omitempty"`  // after a failure; nil = at once
	Declared  int64      `json:"declared,omitempty"` // the key manager's version of the last failure: with another it is tried at once
	MadeAt    *time.Time `json:"madeAt,omitempty"`
	LookedAt  *time.Time `json:"lookedAt,omitempty"` // when it was last seen at the server as it should be
	ExpiresAt *time.Time `json:"expiresAt,omitempty"`
	RenewedAt *time.Time `json:"renewedAt,omitempty"` // its secret, last
}

func readClient(row *store.OwnClient) (*client, error) {
	c := &client{OwnClient: row}
	if err := json.Unmarshal(row.Body, &c.about); err != nil {
		return nil, fmt.Errorf("read the console's client %s: %w", row.ID, err)
	}
	return c, nil
}

// put stores the client.
func (c *client) put(tx *store.Tx) error {
	text, err := json.Marshal(c.about)
	if err != nil {
		return fmt.Errorf("encode the console's client %s: %w", c.ID, err)
	}
	c.Body = text
	return tx.PutOwnClient(c.OwnClient)
}

// handle is what later calls about it need.
func (c *client) handle() (connector.Handle, error) {
	h := connector.Handle{ClientID: c.ClientID}
	if text := c.Secrets[store.OwnHandle]; text != "" {
		if err := json.Unmarshal([]byte(text), &h); err != nil {
			return h, fmt.Errorf("read the handle of the console's client %s: %w", c.ID, err)
		}
	}
	return h, nil
}

func (c *client) keep(h connector.Handle) error {
	text, err := json.Marshal(h) //nolint:gosec // stored sealed
	if err != nil {
		return fmt.Errorf("encode the handle of the console's client: %w", err)
	}
	c.Secrets[store.OwnHandle] = string(text)
	return nil
}

// state is where things stand with the console's clients of one key manager.
type state struct {
	id      string
	name    string // of the key manager
	km      *keyward.Object
	spec    *keyward.KeyManagerSpec // as declared
	wants   bool                    // a client of ours
	ready   bool                    // one may be made or changed now
	server  connector.Server        // as it is reached now; without a key manager there is none
	fault   error                   // why it cannot be reached
	clients []*client
}

// read reads a key manager, which may be gone, with its clients.
func (c *Clients) read(tx *store.Tx, id string) (*state, error) {
	s := &state{id: id}
	rows, err := tx.OwnClients(id)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		one, err := readClient(row)
		if err != nil {
			return nil, err
		}
		s.clients, s.name = append(s.clients, one), row.KeyManager
	}
	s.km, err = tx.GetByID(keyward.KindKeyManager, id)
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read a key manager: %w", err)
	}
	s.name = s.km.Name
	if s.spec, err = keyward.SpecOf[*keyward.KeyManagerSpec](s.km); err != nil {
		return nil, err
	}
	s.wants = keymanager.RegistersSignIn(s.spec)
	s.ready = s.wants && s.spec.IsEnabled() && !s.km.Hold.Holds(c.now())
	s.server, s.fault = keymanager.ServerOf(tx, s.km)
	return s, nil
}

// concerned lists the ids of key managers that want a client, or have one.
func concerned(tx *store.Tx) ([]string, error) {
	var ids []string
	rows, err := tx.OwnClients("")
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		ids = append(ids, row.KeyManagerID)
	}
	marked, _, err := tx.List(keyward.KindKeyManager, store.Filter{SignsIn: true})
	if err != nil {
		return nil, fmt.Errorf("list the key managers that people sign in through: %w", err)
	}
	for _, km := range marked {
		if spec, ok := km.Spec.(*keyward.KeyManagerSpec); ok && keymanager.RegistersSignIn(spec) {
			ids = append(ids, km.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// first gives the first client in one of the states; nil where there is none.
func (s *state) first(states ...keyward.ClientState) *client {
	i := slices.IndexFunc(s.clients, func(c *client) bool { return slices.Contains(states, c.State) })
	if i < 0 {
		return nil
	}
	return s.clients[i]
}

// used gives the client that is in use; nil where there is none.
func (s *state) used() *client {
	return s.first(keyward.ClientActive, keyward.ClientRotating, keyward.ClientUpdating, keyward.ClientDrifted)
}

// reach gives the way to the server of a client: as the key manager declares it, while that is the same server and its clients
// can be managed; else as it was reached before that changed.
func (s *state) reach(c *client) (connector.Server, error) {
	if s.km != nil && s.fault == nil && serverOf(s.server) == c.Server && manages(s.server.Spec) {
		return s.server, nil
	}
	return keymanager.Unpack(c.Secrets[store.OwnServer])
}

// manages tells whether clients can be made and deleted by what is declared.
func manages(spec *keyward.KeyManagerSpec) bool {
	return len(spec.Connection) > 0 || spec.Endpoints.Registration != ""
}

// serverOf tells servers apart: two ways to the same one are the same.
func serverOf(s connector.Server) string {
	issuer := s.Spec.Issuer
	if issuer == "" {
		issuer = s.Status.Issuer
	}
	return string(s.Spec.Type) + " " + issuer
}

// audit notes what became of a client.
func (c *client) audit(tx *store.Tx, what, detail string) error {
	return tx.Audit(keyward.AuditEntry{
		Tenant: c.Tenant, Action: "sign-in-client." + what, Kind: string(keyward.KindKeyManager), Name: c.KeyManager, Detail: detail,
	})
}

// told is a failure as people read it.
func told(s *state, err error) string { return scene.Told(s.name, err).Words() }
