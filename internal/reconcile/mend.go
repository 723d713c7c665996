package reconcile

import (
	"context"
	"errors"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/store"
)

// MendAsk says how a client is mended.
type MendAsk struct {
	// Accept leaves the server as it is: a client that changed is what the server says from then on, one that vanished is
	// forgotten.
	Accept bool
}

// Mend brings a client and its server together again, after a fresh look. One that changed becomes at its server what it
// was; one that vanished is made anew, under a new id, and the result has its new secret. One with something under way or
// failed goes on as keys.Retry says. Owners of the application and administrators may. With nothing to mend it is a
// conflict, where the server did not tell it is key_manager_failed; both change nothing. What only administrators of the
// key manager may undo, as scene.GivesBack says, is forbidden to others, who have the rest mended.
//
// A mend that is interrupted goes on like every change of a client; what of it was not begun is found by the next look.
func (r *Reconciler) Mend(ctx context.Context, p keyward.Principal, place keys.Place, ask MendAsk) (*keys.Result, error) {
	c, err := r.taking(ctx, p, place)
	if err != nil {
		return nil, err
	}
	if c == nil || c.Status.State != keyward.ClientActive && c.Status.State != keyward.ClientDrifted {
		if ask.Accept {
			return nil, keyward.Errorf(keyward.CodeConflict,
				"only what a look at the server found is accepted: try again or dismiss this one")
		}
		return r.Keys.Retry(ctx, p, place)
	}
	found, err := r.lookNow(ctx, c)
	if err != nil {
		return nil, err
	}
	place = c.Where()
	if found.Verdict == Vanished {
		if err := r.Keys.Clear(ctx, p, place, c.Object.ID); err != nil {
			return nil, err
		}
	}
	switch {
	case found.Verdict == InStep:
		return nil, keyward.Errorf(keyward.CodeConflict,
			"client %s is at its server what it should be: there is nothing to mend", c.Spec.ClientID)
	case ask.Accept:
		err = r.accept(ctx, p, place, c.Object.ID)
	case found.Verdict == Vanished:
		return r.Keys.Replace(ctx, p, place, c.Object.ID)
	default:
		err = r.undo(ctx, p, place, c, found)
	}
	if err != nil {
		return nil, err
	}
	return r.state(ctx, p, place)
}

// taking gives the client of a place, to those who may act for its application.
func (r *Reconciler) taking(ctx context.Context, p keyward.Principal, place keys.Place) (c *scene.Client, err error) {
	place, faults := place.Complete()
	if len(faults) > 0 {
		return nil, keyward.Invalid(faults)
	}
	err = r.Store.Read(ctx, func(tx *store.Tx) error {
		s, err := scene.Look(tx, p, place)
		if err != nil {
			return err
		}
		if err := s.Permit(p); err != nil {
			return err
		}
		if c = s.Taking(); c != nil && c.Status.Mode != keyward.ClientGenerated {
			return keyward.Errorf(keyward.CodeConflict,
				"client %s is mapped: it is its server's, and there is nothing to mend", c.Spec.Shown())
		}
		return nil
	})
	return c, err
}

// lookNow looks at a client and gives what came of it; not telling is an error.
func (r *Reconciler) lookNow(ctx context.Context, c *scene.Client) (found finding, err error) {
	var km *keyward.Object
	err = r.Store.Read(ctx, func(tx *store.Tx) (err error) {
		km, err = tx.KeyManagerFor(c.Object.Tenant, c.Spec.KeyManager)
		return err
	})
	if err != nil {
		return found, err
	}
	end, err := r.managers.Await(ctx, km.ID)
	if err != nil {
		return found, err
	}
	defer end()
	switch err := r.look(ctx, c.Object.ID); {
	case errors.Is(err, errMeanwhile):
		return found, keyward.Errorf(keyward.CodeConflict, "client %s was changed in this moment: try again", c.Spec.ClientID)
	case err != nil:
		return found, told(km, err)
	}
	err = r.Store.Read(ctx, func(tx *store.Tx) error {
		row, err := tx.Look(c.Object.ID)
		if err != nil {
			return err
		}
		found, err = readFinding(row)
		return err
	})
	if err == nil && found.Why != "" {
		err = keyward.Errorf(keyward.CodeKeyManagerFailed, "key manager %s: %s", km.Name, found.Why)
	}
	return found, err
}

// undo has the server take back what was changed there, and then looks whether it did.
func (r *Reconciler) undo(ctx context.Context, p keyward.Principal, place keys.Place, c *scene.Client, found finding) error {
	var left []string
	if u := found.Undo; u != nil && !u.Nothing() {
		var err error
		if left, err = r.Keys.Restore(ctx, p, place, *u, found.Seen.scopes()); err != nil {
			return err
		}
	}
	if len(found.Lost) > 0 {
		err := r.Store.Write(ctx, scene.Requester(p, place.Tenant), func(tx *store.Tx) error { return tx.EntitleAnew(c.Object.ID) })
		if err != nil {
			return err
		}
		if err := r.entitle(ctx, c.Object.ID); err != nil {
			return err
		}
	}
	after, err := r.lookNow(ctx, c)
	switch {
	case err != nil || after.Verdict == InStep:
		return err
	case len(left) > 0:
		return keyward.Errorf(keyward.CodeForbidden, "client %s has lost %s at its server: its application has neither asked for that nor "+
			"subscribed to it, or may not have it now, so only administrators of the key manager give it back; what else differed is "+
			"mended, and --accept takes the client as it is", c.Spec.ClientID, strings.Join(left, ", "))
	default:
		return keyward.Errorf(keyward.CodeKeyManagerFailed,
			"the server was told, and client %s is still not what it was: see keys list; --accept takes it as it is", c.Spec.ClientID)
	}
}

func (r *Reconciler) entitle(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), vendorLimit)
	defer cancel()
	end, err := r.Turns.Visit(ctx, id)
	if err != nil {
		return err
	}
	defer end()
	r.Entitler.Now(ctx, id) // how that ended, the next look tells
	return nil
}

// accept takes a client as its server has it, or forgets one that the server has no more.
func (r *Reconciler) accept(ctx context.Context, p keyward.Principal, place keys.Place, id string) error {
	end := r.Turns.Claim(ctx, id)
	if end == nil {
		return keyward.Errorf(keyward.CodeConflict, "the server is being asked about the client at this moment: wait for its answer")
	}
	defer end()
	return r.Store.Write(ctx, scene.Requester(p, place.Tenant), func(tx *store.Tx) error {
		s, err := scene.Look(tx, p, place)
		if err != nil {
			return err
		}
		c := s.Taking()
		if c == nil || c.Object.ID != id || c.Status.State != keyward.ClientDrifted {
			return keyward.Errorf(keyward.CodeConflict, "the client was changed meanwhile")
		}
		row, err := tx.Look(id)
		if err != nil {
			return err
		}
		found, err := readFinding(row)
		if err != nil {
			return err
		}
		entry := keyward.AuditEntry{
			Tenant: place.Tenant, Action: "key.accepted", Kind: string(keyward.KindOAuthClient), Name: c.Object.Name,
			Detail: "client " + c.Spec.ClientID + " as its server has it",
		}
		if found.Verdict == Vanished {
			if err := s.MayDelete(p, c, r.now()); err != nil {
				return err
			}
			if err := scene.NotReused(tx, c); err != nil {
				return err
			}
			entry.Action, entry.Detail = "key.deleted", "client "+c.Spec.ClientID+", which had vanished at its server"
			return errors.Join(tx.Audit(entry), tx.Delete(c.Object))
		}
		if found.Seen == nil || len(found.Lost) > 0 {
			return keyward.Errorf(keyward.CodeConflict, "what a subscription gives is mended, or ends with the subscription: it cannot be "+
				"accepted as missing")
		}
		return errors.Join(r.adopt(tx, c, found), tx.Audit(entry))
	})
}

// adopt makes what was seen the client's own.
func (r *Reconciler) adopt(tx *store.Tx, c *scene.Client, found finding) error {
	seen := *found.Seen
	if len(seen.Grants) > 0 {
		c.Status.Grants = seen.Grants
	}
	c.Status.Callbacks = seen.Callbacks
	c.Status.Drift = nil
	c.Stand("", r.now())
	if err := c.Put(tx, store.Extra{}); err != nil {
		return err
	}
	found.Base, found.Seen, found.Undo, found.Lost, found.Verdict = &seen, nil, nil, nil, InStep
	text, err := encode(found)
	if err != nil {
		return err
	}
	return tx.SettleLook(c.Object.ID, text, r.next())
}

// state is what a developer is told of a client that was mended or accepted.
func (r *Reconciler) state(ctx context.Context, p keyward.Principal, place keys.Place) (*keys.Result, error) {
	c, err := r.taking(ctx, p, place)
	if err != nil {
		return nil, err
	}
	result := &keys.Result{
		Application: place.Application, KeyManager: place.KeyManager, Environment: place.Environment, State: keys.ClientDeleted,
	}
	if c != nil {
		result.Name, result.ClientID, result.State = c.Object.Name, c.Spec.ClientID, c.Status.State
		result.Grants, result.Scopes = c.Status.Grants, c.Status.Scopes
	}
	return result, nil
}
