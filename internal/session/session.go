// Package session owns people's sessions at the console: how one begins, by the authorization code flow at the tenant's
// resident authorization server or at a key manager that is marked for it, whom it stands for at each request, and how it
// ends. It does not own what whoever it stands for may do, the resident server's own pages, or HTTP's cookies.
package session

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/account"
	"keyward.dev/keyward/internal/rollover"
	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/token"
	"keyward.dev/keyward/internal/wire"
)

const (
	actor      = "system/session"
	startLife  = 10 * time.Minute // from the start to the answer of the server
	touchEvery = time.Minute
	timeout    = 20 * time.Second // of everything that a server is asked at the end
	asideTime  = 5 * time.Second  // of what it may leave unanswered
)

// Options say where sessions belong. All are required.
type Options struct {
	Callback string                     // address that servers send people back to, after signing out too
	Client   string                     // client id of the console at resident authorization servers
	Issuer   func(tenant string) string // of a tenant's resident authorization server
	Inside   *http.Client               // reaches those without a network
	Outside  *http.Client               // reaches key managers' servers, by the operator's rules
	Known    *rollover.Memory           // which of a secret's two values servers take
	Idle     time.Duration              // without anything done by the person
	Lifetime time.Duration              // in all
	Now      func() time.Time
	Log      *slog.Logger
}

// Sessions are everybody's. It is safe for concurrent use, and holds none of them: control planes share them in the store.
type Sessions struct {
	store   *store.Store
	options Options
	key     seal.Key // of what a browser keeps between start and end, and of ID tokens until people sign out
	lanes   *wire.Lanes
	glances *glances
	sets    *token.KeySets // of servers that say that somebody signed out
}

// New gives the sessions of a store.
func New(s *store.Store, o Options) *Sessions {
	return &Sessions{
		store: s, options: o, key: s.Key("keyward console sign-in"), lanes: wire.NewLanes(nil), glances: newGlances(o.Now),
		sets: token.NewKeySets(o.Outside, token.Options{}),
	}
}

// Ask says how somebody wants to sign in.
type Ask struct {
	Tenant string // empty = the default one
	Via    string // name of a key manager; empty = an account of the tenant
	Return string // path to go to in the end; empty = /
}

// Start is where a browser is sent, and what it keeps until it comes back.
type Start struct {
	Location string
	State    string // names what it keeps
	Kept     string // sealed
	Life     time.Duration
}

// kept is what a browser keeps while its person is at the server.
type kept struct {
	State, Nonce, Verifier, Tenant, Via, Return string
	Stamp                                       string // of the way
	Until                                       time.Time
}

// Begin sends a browser to the server. Errors for people: invalid_input (tenant, return), invalid_request (nobody comes that
// way), key_manager_failed.
func (s *Sessions) Begin(ctx context.Context, a Ask) (*Start, error) {
	if a.Tenant == "" {
		a.Tenant = keyward.DefaultTenant
	}
	if a.Return == "" {
		a.Return = "/"
	}
	if !SafeReturn(a.Return) {
		return nil, invalid("return", "must be a path of this server, as in /applications")
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	way, err := s.way(ctx, a.Tenant, a.Via)
	if err != nil {
		return nil, err
	}
	if err := s.reach(ctx, way); err != nil {
		return nil, err
	}
	k := kept{
		State: account.NewValue(), Nonce: account.NewValue(), Verifier: oauth2.GenerateVerifier(), Tenant: a.Tenant, Via: a.Via,
		Return: a.Return, Stamp: way.stamp, Until: s.options.Now().Add(startLife),
	}
	text, err := json.Marshal(k)
	if err != nil {
		return nil, fmt.Errorf("encode a sign-in: %w", err)
	}
	return &Start{
		Location: way.address(k), State: k.State, Kept: s.key.Seal(text, []byte(k.State)), Life: startLife,
	}, nil
}

func invalid(path, format string, args ...any) error {
	return keyward.Invalid([]keyward.FieldError{keyward.Fault(path, format, args...)})
}

// SafeReturn tells whether a browser that is told to go to the path stays at this server, however it reads it.
func SafeReturn(path string) bool {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\") || len(path) > 2000 {
		return false
	}
	if strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return false
	}
	u, err := url.Parse(path)
	return err == nil && u.Scheme == "" && u.Host == "" && u.User == nil && !strings.HasPrefix(u.Path, "//") &&
		!strings.Contains(u.Path, "\\")
}

// notBegun tells that the browser does not have what it was given at the start, or no more.
func notBegun() error {
	return keyward.Errorf(keyward.CodeInvalidRequest,
		"this sign-in was not begun in this browser, or more than 10 minutes ago: begin again")
}

// Opened is a session that has begun.
type Opened struct {
	Ask          // what was begun; known with most errors too
	Value string // what the browser holds from now on
}

// longestAgent is how much of what a browser says that it is is kept, in characters.
const longestAgent = 200

// Finish takes the server's answer. text is what the browser kept, at is what follows the plain address in the one at
// which the answer came: TENANT, TENANT/KEYMANAGER or ""; agent is what the browser says that it is, before is the session that
// it holds, which ends. Errors for people: invalid_request (not begun here), forbidden (no role fits), key_manager_failed (with
// what the server said).
func (s *Sessions) Finish(ctx context.Context, text, at string, answer url.Values, agent, before string) (Opened, error) {
	var k kept
	plain, err := s.key.Open(text, []byte(answer.Get("state")))
	if err != nil || json.Unmarshal(plain, &k) != nil || k.State != answer.Get("state") || !s.options.Now().Before(k.Until) {
		return Opened{}, notBegun()
	}
	opened := Opened{Ask: Ask{Tenant: k.Tenant, Via: k.Via, Return: k.Return}}
	way, err := s.way(ctx, k.Tenant, k.Via)
	if err != nil {
		return opened, err
	}
	if way.stamp != k.Stamp { // the answer could be another server's
		return opened, keyward.Errorf(keyward.CodeInvalidRequest,
			"key manager %s was changed while you signed in there: begin again", way.name)
	}
	if strings.TrimSuffix(s.options.Callback+"/"+at, "/") != way.back { // it is, and its code may be worth something there
		return opened, way.failed("the answer came to another key manager's address: nothing was taken from it")
	}
	if err := s.first(ctx, k); err != nil {
		return opened, err
	}
	p, err := s.ask(ctx, way, k, answer)
	if err != nil {
		return opened, err
	}
	now, value := s.options.Now(), account.NewValue()
	row := store.Session{
		ID: store.NewID(), Hash: account.Digest(value), Tenant: k.Tenant, Since: now, Seen: now, Expires: now.Add(s.options.Lifetime),
	}
	words := []rune(printable(agent))
	row.Agent = string(words[:min(len(words), longestAgent)])
	if way.id == "" {
		err = s.admitUser(ctx, p, &row, before)
	} else {
		err = s.admit(ctx, way, p, &row, before)
	}
	opened.Value = value
	return opened, err
}

// first uses the beginning of a sign-in up: whoever got hold of what the browser kept, and of another code, comes too late.
func (s *Sessions) first(ctx context.Context, k kept) error {
	return s.store.Write(ctx, actor, func(tx *store.Tx) error {
		first, err := tx.UseOnce(account.Digest(k.State), k.Until)
		if err == nil && !first {
			return keyward.Errorf(keyward.CodeInvalidRequest, "this sign-in was answered before: begin again")
		}
		return err
	})
}

// admitUser begins the session of one of the tenant's own users.
func (s *Sessions) admitUser(ctx context.Context, p *person, row *store.Session, before string) error {
	row.UserID, row.SignInID = p.subject, p.text("sid")
	return s.store.Write(ctx, actor, func(tx *store.Tx) error {
		a, err := account.Kept(tx, row.UserID)
		if errors.Is(err, account.ErrNone) || err == nil && a.Tenant() != row.Tenant {
			return keyward.Errorf(keyward.CodeForbidden, "the account is gone or disabled")
		}
		if err != nil {
			return err
		}
		if _, err := tx.SignInByID(row.SignInID); keyward.CodeOf(err) == keyward.CodeNotFound {
			return keyward.Errorf(keyward.CodeForbidden, "you were signed out meanwhile: begin again")
		} else if err != nil {
			return err
		}
		row.Stamp, row.Shown = a.Stamp, a.Name()
		return s.put(tx, row, before)
	})
}

// admit begins the session of somebody who comes by a key manager. It is theirs by (key manager, sub): whatever else is
// said about them makes them nobody's user.
func (s *Sessions) admit(ctx context.Context, w *way, p *person, row *store.Session, before string) error {
	who := keyward.Principal{User: w.who(p), Tenant: row.Tenant}.Actor()
	row.KeyManagerID, row.Subject, row.Shown, row.Stamp = w.id, p.subject, p.called(), w.stamp
	row.Roles, row.Groups = w.given(p, row.Tenant)
	if sid, found := p.id.Get("sid"); found {
		row.SID, _ = sid.Str()
	}
	if len(row.Roles) == 0 {
		why, entry := w.stranger(p, row.Tenant)
		return s.refuse(ctx, who, why, entry)
	}
	if most := w.rules.Lifetime; most != nil {
		row.Expires = row.Since.Add(min(s.options.Lifetime, most.Std()))
	}
	if w.endSession != "" {
		row.Hint = s.key.Seal([]byte(p.raw), []byte(row.ID))
	}
	return s.store.Write(ctx, who, func(tx *store.Tx) error {
		if err := tx.Lock(keyward.KindKeyManager, row.KeyManagerID); err != nil { // who disables it ends the sessions that it let in
			return err
		}
		now, err := s.wayIn(tx, row.Tenant, w.name)
		if err != nil {
			return err
		}
		if now.stamp != w.stamp {
			return keyward.Errorf(keyward.CodeInvalidRequest, "key manager %s was changed while you signed in there: begin again", w.name)
		}
		if err := tx.Audit(begun(row, w)); err != nil {
			return err
		}
		return s.put(tx, row, before)
	})
}

// put begins a session, and ends the one that the browser had.
func (s *Sessions) put(tx *store.Tx, row *store.Session, before string) error {
	if err := s.drop(tx, before); err != nil {
		return err
	}
	return tx.PutSession(*row)
}

func (s *Sessions) drop(tx *store.Tx, value string) error {
	if value == "" {
		return nil
	}
	old, err := tx.SessionByHash(account.Digest(value))
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	return tx.DropSession(old.ID)
}

// Offer is a way to sign in.
type Offer struct {
	KeyManager string                 `json:"keyManager" doc:"For via of /session/start; resident = with an account of the tenant"`
	Name       string                 `json:"name" doc:"As people know it"`
	Type       keyward.KeyManagerType `json:"type" doc:"Whose product it is"`
}

// Ways lists how people of a tenant can sign in. Anybody may know. Errors for people: not_found.
func (s *Sessions) Ways(ctx context.Context, tenant string) ([]Offer, error) {
	offers := []Offer{{KeyManager: keyward.ResidentName, Name: "Keyward account", Type: keyward.TypeResident}}
	err := s.store.Read(ctx, func(tx *store.Tx) error {
		if _, err := tx.Get(keyward.KindKeyManager, tenant, keyward.ResidentName); err != nil {
			return err
		}
		marked, _, err := tx.List(keyward.KindKeyManager, store.Filter{Tenant: tenant, Offered: true, SignsIn: true})
		for _, o := range marked {
			spec, ok := o.Spec.(*keyward.KeyManagerSpec)
			if !ok || !s.leadsInto(o, tenant) {
				continue
			}
			offers = append(offers, Offer{KeyManager: o.Name, Name: cmp.Or(spec.DisplayName, o.Name), Type: spec.Type})
		}
		return err
	})
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		return nil, keyward.Errorf(keyward.CodeNotFound, "there is no tenant %s", tenant)
	}
	return offers, err
}
