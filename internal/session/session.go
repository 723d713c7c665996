// Package session owns people's sessions at the console: how one begins, by the authorization code flow at the tenant's
// resident authorization server or at a key manager that is marked for it, whom it stands for at each request, and how it
// ends. It does not own what whoever it stands for may do, the resident server's own pages, or HTTP's cookies.
package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/account"
	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/store"
)

const (
	actor      = "system/session"
	startLife  = 10 * time.Minute // from the start to the answer of the server
	touchEvery = time.Minute
	timeout    = 20 * time.Second // of everything that a server is asked at the end
)

// Options say where sessions belong. All are required.
type Options struct {
	Callback string                     // address that servers send people back to
	Client   string                     // client id of the console at resident authorization servers
	Issuer   func(tenant string) string // of a tenant's resident authorization server
	Inside   *http.Client               // reaches those without a network
	Idle     time.Duration              // without a request
	Lifetime time.Duration              // in all
	Now      func() time.Time
	Log      *slog.Logger
}

// Sessions are everybody's. It is safe for concurrent use, and holds nothing: control planes share them in the store.
type Sessions struct {
	store   *store.Store
	options Options
	key     seal.Key // of what a browser keeps between start and end
}

// New gives the sessions of a store.
func New(s *store.Store, o Options) *Sessions {
	return &Sessions{store: s, options: o, key: s.Key("keyward console sign-in")}
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
	Until                                       time.Time
}

// Begin sends a browser to the server. Errors for people: invalid_input (via, tenant, return), key_manager_failed.
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
	k := kept{
		State: account.NewValue(), Nonce: account.NewValue(), Verifier: oauth2.GenerateVerifier(), Tenant: a.Tenant, Via: a.Via,
		Return: a.Return, Until: s.options.Now().Add(startLife),
	}
	text, err := json.Marshal(k)
	if err != nil {
		return nil, fmt.Errorf("encode a sign-in: %w", err)
	}
	return &Start{
		Location: way.config.AuthCodeURL(k.State, oidc.Nonce(k.Nonce), oauth2.S256ChallengeOption(k.Verifier)),
		State:    k.State, Kept: s.key.Seal(text, []byte(k.State)), Life: startLife,
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
	Value  string // what the browser holds from now on
	Return string
}

// Finish takes the server's answer. text is what the browser kept, before is the session that it holds, which ends. Errors
// for people: invalid_request (not begun here), forbidden (no role fits), key_manager_failed (with what the server said).
func (s *Sessions) Finish(ctx context.Context, text string, answer url.Values, before string) (*Opened, error) {
	var k kept
	plain, err := s.key.Open(text, []byte(answer.Get("state")))
	if err != nil || json.Unmarshal(plain, &k) != nil || k.State != answer.Get("state") || !s.options.Now().Before(k.Until) {
		return nil, notBegun()
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	way, err := s.way(ctx, k.Tenant, k.Via)
	if err != nil {
		return nil, err
	}
	who, err := way.redeem(ctx, k, answer)
	if err != nil {
		return nil, err
	}
	now, value := s.options.Now(), account.NewValue()
	who.ID, who.Hash, who.Tenant = store.NewID(), account.Digest(value), k.Tenant
	who.Since, who.Seen, who.Expires = now, now, now.Add(s.options.Lifetime)
	err = s.store.Write(ctx, actor, func(tx *store.Tx) error {
		if who.UserID != "" {
			a, err := account.ByID(tx, who.UserID)
			if errors.Is(err, account.ErrNone) || err == nil && a.Tenant() != k.Tenant {
				return keyward.Errorf(keyward.CodeForbidden, "the account is gone or disabled")
			}
			if err != nil {
				return err
			}
			who.Stamp, who.Shown = a.Stamp, a.Name()
		}
		if err := s.drop(tx, before); err != nil {
			return err
		}
		return tx.PutSession(*who)
	})
	if err != nil {
		return nil, err
	}
	return &Opened{Value: value, Return: k.Return}, nil
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

// Session is one that counts.
type Session struct {
	Principal keyward.Principal
	Shown     string // what to call the person
	Via       string // name of the key manager by which the person came; "" = an account of the tenant
	Subject   string // sub at that key manager
	Since     time.Time
	Expires   time.Time // in all
	IdleUntil time.Time // without a further request
}

// over tells that a session has ended, or never was.
func over() error {
	return keyward.Errorf(keyward.CodeUnauthenticated, "the session has ended: sign in again")
}

// Who gives the session of what a browser holds, or unauthenticated. Everything that let the person in has to be as it was.
func (s *Sessions) Who(ctx context.Context, value string) (*Session, error) {
	var row *store.Session
	var found *Session
	err := s.store.Read(ctx, func(tx *store.Tx) (err error) {
		row, err = tx.SessionByHash(account.Digest(value))
		if keyward.CodeOf(err) == keyward.CodeNotFound {
			return over()
		}
		if err != nil {
			return err
		}
		now := s.options.Now()
		if !now.Before(row.Expires) || now.Sub(row.Seen) >= s.options.Idle {
			return over()
		}
		found, err = s.standing(tx, row)
		return err
	})
	if err != nil {
		return nil, err
	}
	now := s.options.Now()
	found.Since, found.Expires, found.IdleUntil = row.Since, row.Expires, row.Seen.Add(s.options.Idle)
	if now.Sub(row.Seen) >= touchEvery {
		err := s.store.Write(ctx, actor, func(tx *store.Tx) error { return tx.TouchSession(row.ID, now) })
		if err != nil {
			s.options.Log.WarnContext(ctx, "that a session was used could not be noted", "error", err)
		} else {
			found.IdleUntil = now.Add(s.options.Idle)
		}
	}
	return found, nil
}

// standing gives whom the session stands for now.
func (s *Sessions) standing(tx *store.Tx, row *store.Session) (*Session, error) {
	a, err := account.ByID(tx, row.UserID)
	if errors.Is(err, account.ErrNone) || err == nil && a.Stamp != row.Stamp {
		return nil, over()
	}
	if err != nil {
		return nil, err
	}
	return &Session{Principal: a.Principal(), Shown: a.Name()}, nil
}

// End ends the session of what a browser holds, and the browser's sign-in at the resident authorization server.
func (s *Sessions) End(ctx context.Context, value string) error {
	err := s.store.Write(ctx, actor, func(tx *store.Tx) error {
		row, err := tx.SessionByHash(account.Digest(value))
		if keyward.CodeOf(err) == keyward.CodeNotFound {
			return nil
		}
		if err != nil {
			return err
		}
		if row.SignInID != "" {
			if err := tx.DropSignIn(row.SignInID, s.options.Now()); err != nil {
				return err
			}
		}
		return tx.DropSession(row.ID)
	})
	if err != nil {
		return fmt.Errorf("end a session: %w", err)
	}
	return nil
}

// Offer is a way to sign in.
type Offer struct {
	KeyManager string `json:"keyManager" doc:"For via of /session/start; resident = with an account of the tenant"`
	Name       string `json:"name" doc:"As people know it"`
}

// Ways lists how people of a tenant can sign in. Anybody may know. Errors for people: not_found.
func (s *Sessions) Ways(ctx context.Context, tenant string) ([]Offer, error) {
	var offers []Offer
	err := s.store.Read(ctx, func(tx *store.Tx) error {
		_, err := tx.Get(keyward.KindKeyManager, tenant, keyward.ResidentName)
		offers = []Offer{{KeyManager: keyward.ResidentName, Name: "Keyward account"}}
		return err
	})
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		return nil, keyward.Errorf(keyward.CodeNotFound, "there is no tenant %s", tenant)
	}
	return offers, err
}
