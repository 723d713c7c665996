package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/entitle"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/wire"
)

// finding is what is stored of the looks at one client.
type finding struct {
	Verdict Verdict                 `json:"verdict,omitempty"` // of the last look that told something
	At      *time.Time              `json:"at,omitempty"`      // when that was
	Why     string                  `json:"why,omitempty"`     // the last look told nothing
	Way     string                  `json:"way,omitempty"`     // how Base was read
	Base    *shape                  `json:"base,omitempty"`    // what the client is held against
	Seen    *shape                  `json:"seen,omitempty"`    // where that differs
	Undo    *keyward.ClientRestore  `json:"undo,omitempty"`    // likewise
	Lost    []connector.Entitlement `json:"lost,omitempty"`    // given because of subscriptions, and gone
}

func readFinding(row *store.Look) (finding, error) {
	var f finding
	if row == nil {
		return f, nil
	}
	if err := json.Unmarshal(row.Found, &f); err != nil {
		return f, fmt.Errorf("read what was found at %s: %w", row.Subject, err)
	}
	return f, nil
}

func encode(what any) (json.RawMessage, error) {
	text, err := json.Marshal(what)
	if err != nil {
		return nil, fmt.Errorf("encode what was found: %w", err)
	}
	return text, nil
}

// task is one client that is looked at.
type task struct {
	row      *store.Look
	found    finding
	client   *scene.Client
	server   connector.Server
	handle   connector.Handle
	secret   string
	standing entitle.Standing
}

// errMeanwhile says that a client is being changed, or was while its server was asked: what the look found is of before, and
// it is looked at again.
var errMeanwhile = errors.New("the client was changed meanwhile")

// look compares one client with its server. An error says that nothing came of it; what the server said is stored too.
func (r *Reconciler) look(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, vendorLimit)
	defer cancel()
	end, err := r.Turns.Visit(ctx, id)
	if err != nil {
		return err
	}
	defer end()
	var t *task
	err = r.Store.Read(ctx, func(tx *store.Tx) error {
		row, err := tx.Look(id)
		if t = nil; err != nil || row == nil {
			return err
		}
		t = &task{row: row}
		return r.read(tx, t)
	})
	switch {
	case t == nil || ctx.Err() != nil:
		return err
	case err != nil: // the others at this key manager do not wait for it
		return errors.Join(err, r.putOff(ctx, t, unreadable, pauseAfter(t.row.Tries)))
	}
	if t.client == nil {
		return errors.Join(errMeanwhile, r.putOff(ctx, t, "", soon))
	}
	heard, err := r.ask(ctx, t)
	if err != nil {
		return errors.Join(err, r.putOff(context.WithoutCancel(ctx), t, connector.Words(err), pauseAfter(t.row.Tries)))
	}
	return r.note(context.WithoutCancel(ctx), t, heard)
}

// unreadable is what people are told of a row that cannot be read; the log has the error.
const unreadable = "what is stored of it cannot be read, as the control plane's log says"

// read fills in what a look at the client needs; a task without a client is not to be carried out now.
func (r *Reconciler) read(tx *store.Tx, t *task) (err error) {
	if t.found, err = readFinding(t.row); err != nil {
		return err
	}
	o, err := tx.GetByID(keyward.KindOAuthClient, t.row.Subject)
	if err != nil {
		return err
	}
	c, err := scene.ReadClient(o)
	if err != nil {
		return err
	}
	if c.Status.State != keyward.ClientActive && c.Status.State != keyward.ClientDrifted {
		return nil
	}
	t.client = c
	km, err := tx.KeyManagerFor(o.Tenant, c.Spec.KeyManager)
	if err != nil {
		return err
	}
	if t.server, err = keymanager.ServerOf(tx, km); err != nil {
		return err
	}
	if t.handle, err = scene.HandleOf(tx, c); err != nil {
		return err
	}
	secrets, err := tx.Secrets(o)
	if err != nil {
		return err
	}
	t.secret = secrets[scene.SecretPath]
	t.standing, err = r.Entitler.StandingOf(tx, o.ID, t.server.ManagedBy())
	return err
}

// putOff stores that a look told nothing. What was found before stays, unless the client was changed since the look began.
func (r *Reconciler) putOff(ctx context.Context, t *task, why string, pause time.Duration) error {
	if why != "" {
		t.found.Why = why
	}
	text, err := encode(t.found)
	if err != nil {
		return err
	}
	return r.Store.Write(ctx, actor, func(tx *store.Tx) error {
		same, err := tx.HoldLook(t.row)
		if err != nil || !same {
			return err
		}
		return tx.PutOffLook(t.row.Subject, text, r.now().Add(pause))
	})
}

// note stores what the server told, and what follows from it for the client's state. A client that was changed meanwhile, by
// another process too, is looked at once more.
func (r *Reconciler) note(ctx context.Context, t *task, heard answer) error {
	overtaken := false
	err := r.Store.Write(ctx, actor, func(tx *store.Tx) error {
		found, now := t.found, r.now()
		fresh, err := scene.Reload(tx, t.client, keyward.ClientActive, keyward.ClientDrifted)
		if keyward.CodeOf(err) == keyward.CodeNotFound {
			return nil
		}
		if err != nil && !errors.Is(err, scene.ErrOvertaken) {
			return err
		}
		if overtaken = err != nil || fresh.Object.Version != t.client.Object.Version; overtaken {
			same, err := tx.HoldLook(t.row)
			if err != nil || !same {
				return err
			}
			return tx.PutOffLook(t.row.Subject, t.row.Found, now)
		}
		if found.Why = heard.why; found.Why == "" {
			standing, err := r.Entitler.StandingOf(tx, fresh.Object.ID, t.server.ManagedBy())
			if err != nil {
				return err
			}
			found.At = &now
			texts := found.judge(t, fresh, heard, standing)
			if err := drift(tx, fresh, texts, now); err != nil {
				return err
			}
		}
		text, err := encode(found)
		if err != nil {
			return err
		}
		if same, err := tx.HoldLook(t.row); err != nil || !same {
			return errors.Join(errMeanwhile, err)
		}
		return tx.SettleLook(t.row.Subject, text, r.next())
	})
	if err == nil && overtaken {
		return errMeanwhile
	}
	return err
}

// judge says what differs, and notes what would undo it.
func (f *finding) judge(t *task, c *scene.Client, heard answer, after entitle.Standing) []string {
	f.Seen, f.Undo, f.Lost = nil, nil, nil
	if heard.client == nil {
		f.Verdict = Vanished
		return []string{"the server no longer has client " + c.Spec.ClientID}
	}
	ours := scopesOf(t.standing.Ours, after.Ours)
	seen := shapeOf(heard.client, ours)
	if way := t.server.ManagedBy(); f.Base == nil || f.Way != way {
		base := first(c.Status, seen, heard.client, ours)
		f.Base, f.Way = &base, way
	}
	texts, undo := differences(*f.Base, seen, ours)
	for _, lost := range heard.lost {
		if slices.Contains(after.Has, lost) {
			f.Lost = append(f.Lost, lost)
			texts = append(texts, wire.Words(lost.String()+" was given because of a subscription, and is missing"))
		}
	}
	f.Verdict = InStep
	if len(texts) > 0 {
		f.Verdict, f.Seen, f.Undo = Changed, &seen, &undo
	}
	return texts
}

func scopesOf(lists ...[]connector.Entitlement) []string {
	var scopes []string
	for _, e := range slices.Concat(lists...) {
		if e.Scope != "" {
			scopes = append(scopes, e.Scope)
		}
	}
	return scopes
}

// drift brings the client's state in line with what was seen. What was known already changes nothing.
func drift(tx *store.Tx, c *scene.Client, texts []string, now time.Time) error {
	if slices.Equal(texts, c.Status.Drift) && (len(texts) > 0) == (c.Status.State == keyward.ClientDrifted) {
		return nil
	}
	c.Status.Drift = texts
	c.Stand(c.Status.Reason, now)
	if err := c.Put(tx, store.Extra{}); err != nil {
		return err
	}
	entry := keyward.AuditEntry{
		Tenant: c.Object.Tenant, Action: "key.drifted", Kind: string(keyward.KindOAuthClient), Name: c.Object.Name,
		Detail: strings.Join(texts, "; "),
	}
	if len(texts) == 0 {
		entry.Action, entry.Detail = "key.in-step", "client "+c.Spec.ClientID+" is at its server what it should be again"
	}
	return tx.Audit(entry)
}

func changed(c *scene.Client) time.Time {
	if c.Status.ChangedAt == nil {
		return c.Object.UpdatedAt
	}
	return *c.Status.ChangedAt
}

// pauseAfter is how long to wait after so many failures and one more.
func pauseAfter(tries int) time.Duration { return min(soon<<min(tries, 10), longPause) }

// downFor is how long a server that asked for a pause, or gave no answer, is left alone; 0 for every other outcome.
func downFor(err error, tries int) time.Duration {
	var f *wire.Failure
	switch {
	case !errors.As(err, &f):
		return 0
	case f.RetryAfter > 0:
		return f.RetryAfter
	case f.Status == 0, f.Status >= http.StatusBadGateway:
		return pauseAfter(tries)
	default:
		return 0
	}
}
