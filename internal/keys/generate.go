package keys

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/keys/wish"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/wire"
)

// Generate creates a client at the key manager for an application, or lets it await an administrator's approval, where
// the tenant or the key manager wants one. Refusals that a person is told: forbidden,
// not_found, key_manager_disabled, exchange_only, creation_disabled, keys_exist, callback_required, invalid_input (each field named),
// key_manager_failed with the server's own words, and outcome_unknown where the server may have made a client that
// nobody can find.
func (k *Keys) Generate(ctx context.Context, p keyward.Principal, place Place, ask Ask) (*Result, error) {
	return k.generate(ctx, p, place, ask, before{})
}

// before is the client that is made anew, if one is.
type before struct {
	failed string        // the id of one that failed
	gone   *scene.Client // one that vanished at its server, and is forgotten with the new one's first transaction
}

// generate is Generate, after another client or none.
func (k *Keys) generate(ctx context.Context, p keyward.Principal, place Place, ask Ask, after before) (*Result, error) {
	place, faults := place.Complete()
	if len(faults) > 0 {
		return nil, keyward.Invalid(faults)
	}
	if err := k.settlePlace(ctx, p, place); err != nil {
		return nil, err
	}
	id := store.NewID()
	defer k.turns.Take(id)()
	s, c, want, err := k.reserve(ctx, p, place, ask, id, after)
	if err != nil {
		return nil, err
	}
	if c.Status.State == keyward.ClientAwaiting {
		return result(s, "", "", c.Object.Name, c.Status), nil
	}
	return k.register(ctx, s, c, want)
}

// register has the server make a client that is stored as pending. The caller has its turn.
func (k *Keys) register(ctx context.Context, s *scene.Scene, c *scene.Client, want wish.Checked) (*Result, error) {
	ctx, cancel := detached(ctx)
	defer cancel()
	conn, err := k.openers.Open(s.Server)
	if err != nil {
		return nil, k.failed(ctx, s, c, err, false)
	}
	made, err := conn.Register(ctx, s.Registration(c, want))
	if err != nil {
		made, err = k.findMade(ctx, conn, c, err)
	}
	if err != nil {
		return nil, k.failed(ctx, s, c, err, wire.Uncertain(err))
	}
	err = k.activate(ctx, s.Server, c, made)
	if errors.Is(err, errDoomed) {
		return nil, keyward.Errorf(keyward.CodeConflict, "%s is being deleted, and so is the client that was just made", s.App.Ref())
	}
	if err != nil {
		return nil, k.takeBack(ctx, s, c, conn, made, err)
	}
	if k.entitle != nil {
		c.Status.Entitlement = k.entitle.Now(ctx, c.Object.ID)
	}
	return result(s, made.ClientID, made.ClientSecret, c.Object.Name, c.Status), nil
}

// reserve stores the pending client: from then on the place is taken, and an interruption is seen.
func (k *Keys) reserve(ctx context.Context, p keyward.Principal, place Place, ask Ask, id string, after before) (
	s *scene.Scene, c *scene.Client, want wish.Checked, err error,
) {
	err = k.store.Write(ctx, scene.Requester(p, place.Tenant), func(tx *store.Tx) error {
		if s, err = scene.Look(tx, p, place); err != nil {
			return err
		}
		if err := s.Permit(p); err != nil {
			return err
		}
		if err := s.Held(nil, k.now()); err != nil {
			return err
		}
		if err := scene.Alive(s.App); err != nil {
			return err
		}
		if want, err = s.CheckGenerate(ask); err != nil {
			return err
		}
		if after.gone != nil {
			if err := k.leave(tx, p, s, after.gone); err != nil {
				return err
			}
		}
		if taken := s.Taking(); taken != nil {
			return s.Taken(taken)
		}
		if err := s.Vacate(tx, p, k.now()); err != nil {
			return err
		}
		if c, err = scene.NewClient(tx, p, place, id, scene.VendorName(k.store.Installation(), id), k.now()); err != nil {
			return err
		}
		c.Status.Grants, c.Status.Callbacks, c.Status.Scopes = want.Ask.Grants, want.Ask.Callbacks, want.Ask.Scopes
		c.Status.Fields = want.Fields
		if err := k.makeAwait(tx, p, s, c, after.failed); err != nil {
			return err
		}
		return c.Put(tx, store.Extra{})
	})
	if err != nil {
		return nil, nil, wish.Checked{}, err
	}
	return s, c, want, nil
}

// findMade looks for a client whose registration ended in doubt, where the server can be searched.
func (k *Keys) findMade(ctx context.Context, conn connector.Connector, c *scene.Client, cause error) (connector.Registered, error) {
	finder, ok := conn.(connector.Finder)
	if !ok || !wire.Uncertain(cause) {
		return connector.Registered{}, cause
	}
	found, err := finder.Find(ctx, c.Status.VendorName)
	if err != nil || found == nil || found.ClientSecret == "" {
		return connector.Registered{}, cause
	}
	return *found, nil
}

// activate stores what the server made: from the commit on gateways know the client. The secret can be fetched once
// more by its requester.
func (k *Keys) activate(ctx context.Context, server connector.Server, c *scene.Client, made connector.Registered) error {
	handle, err := json.Marshal(made.Handle) //nolint:gosec // stored sealed
	if err != nil {
		return fmt.Errorf("encode the client's handle: %w", err)
	}
	var stored keyward.OAuthClientStatus
	doomed := false
	err = k.store.Write(ctx, c.Status.Requester, func(tx *store.Tx) error {
		now := k.now()
		fresh, err := scene.Reload(tx, c, keyward.ClientPending)
		if err != nil {
			return err
		}
		if err := scene.Ours(tx, server, made.ClientID, c.Object.ID); err != nil {
			return err
		}
		fresh.Spec.ClientID = made.ClientID
		scene.Given(&fresh.Status, made)
		fresh.Status.State, fresh.Status.Reason, fresh.Status.ChangedAt = keyward.ClientActive, "", &now
		row, err := fresh.GatewayRow()
		if err != nil {
			return err
		}
		secrets := map[string]string{scene.HandlePath: string(handle)}
		if made.ClientSecret != "" {
			secrets[scene.SecretPath] = made.ClientSecret
		}
		app, err := tx.Get(keyward.KindApplication, fresh.Object.Tenant, fresh.Spec.Application)
		if err != nil {
			return err
		}
		if doomed = scene.Alive(app) != nil; doomed {
			fresh.Status.State = keyward.ClientDeleting
			return fresh.Put(tx, store.Extra{Secrets: secrets, Row: scene.NoRow()})
		}
		until := now.Add(revealPeriod)
		if a := fresh.Status.Approval; a != nil && made.ClientSecret != "" {
			until = now.Add(approvedPeriod).UTC()
			a.SecretUntil = &until
		}
		stored = fresh.Status
		if err := fresh.Put(tx, store.Extra{Secrets: secrets, Row: row}); err != nil {
			return err
		}
		if made.ClientSecret != "" {
			if err := tx.PutReveal(fresh.Object.ID, fresh.Status.Requester, made.ClientSecret, until); err != nil {
				return fmt.Errorf("keep the secret for one more look: %w", err)
			}
		}
		return k.audit(tx, fresh.Object, "key.generated", "client "+made.ClientID)
	})
	switch {
	case err == nil && doomed:
		return errDoomed
	case err == nil:
		c.Status = stored
	}
	return err
}

// errDoomed says that the client's application is being deleted: the client is stored, in order to be deleted.
var errDoomed = errors.New("the application is being deleted")

// unmake deletes at the server what it made for the client. What is another's stays there, and gives scene.ErrAnothers.
func (k *Keys) unmake(
	ctx context.Context, server connector.Server, c *scene.Client, conn connector.Connector, made connector.Registered,
) error {
	if err := k.store.Read(ctx, func(tx *store.Tx) error { return scene.Ours(tx, server, made.ClientID, c.Object.ID) }); err != nil {
		return err
	}
	return conn.Delete(ctx, made.Handle)
}

// takeBack deletes at the server a client that could not be stored, unless it is another's. When the commit had succeeded
// after all, the client stands.
func (k *Keys) takeBack(
	ctx context.Context, s *scene.Scene, c *scene.Client, conn connector.Connector, made connector.Registered, cause error,
) error {
	if k.isActive(ctx, c) {
		k.log.WarnContext(ctx, "a commit was reported as failed and had succeeded", "client", c.Object.Name, "error", cause)
		return fmt.Errorf("the client was generated, and its answer was lost; fetch the secret with reveal: %w", cause)
	}
	err := k.unmake(ctx, s.Server, c, conn, made)
	if errors.Is(err, scene.ErrAnothers) {
		return k.failed(ctx, s, c, keyward.Errorf(keyward.CodeKeyManagerFailed, "key manager %s answered with the id of a client that "+
			"was there before; nothing was stored or deleted: ask its administrator why it makes no new one", s.Place.KeyManager), false)
	}
	orphan := err != nil
	if orphan {
		k.log.ErrorContext(ctx, "a client that could not be stored could not be deleted at its server either",
			"keyManager", s.Place.KeyManager, "name", c.Status.VendorName, "client", made.ClientID, "error", err)
	}
	why, reason := fmt.Errorf("store the client: %w", cause), "the client could not be stored"
	if errors.Is(cause, scene.ErrOvertaken) {
		reason = "it was cancelled while the server made it"
		why = keyward.Errorf(keyward.CodeConflict, "the client was cancelled or settled while the server made it")
	}
	if err := k.markFailed(ctx, c, reason, orphan); err != nil {
		k.log.ErrorContext(ctx, "a failed client stays pending until it is settled", "client", c.Object.Name, "error", err)
	}
	return why
}

func (k *Keys) isActive(ctx context.Context, c *scene.Client) bool {
	active := false
	err := k.store.Read(ctx, func(tx *store.Tx) error {
		_, err := scene.Reload(tx, c, keyward.ClientActive, keyward.ClientDrifted)
		active = err == nil
		return nil
	})
	return err == nil && active
}

// failed marks the client and gives the refusal that its requester is told.
func (k *Keys) failed(ctx context.Context, s *scene.Scene, c *scene.Client, cause error, orphan bool) error {
	told := scene.Told(s.Place.KeyManager, cause)
	reason := told.Words()
	if orphan {
		told = keyward.Errorf(keyward.CodeOutcomeUnknown, "%s; the server may have made a client named %s",
			told.Message, c.Status.VendorName)
		told.Err = cause
		reason = "outcome unknown: " + reason
	}
	if err := k.markFailed(ctx, c, reason, orphan); err != nil {
		k.log.ErrorContext(ctx, "a failed client stays pending until it is settled", "client", c.Object.Name, "error", err)
	}
	return told
}

const (
	storeTries = 3
	storePause = 500 * time.Millisecond
)

// markFailed ends a pending or deleting client as failed. It tries a few times, because a client that stays pending is
// seen by nobody but the sweep.
func (k *Keys) markFailed(ctx context.Context, c *scene.Client, reason string, orphan bool) error {
	write := func() error {
		return k.store.Write(ctx, actor, func(tx *store.Tx) error {
			now := k.now()
			fresh, err := scene.Reload(tx, c, keyward.ClientPending, keyward.ClientDeleting, keyward.ClientFailed)
			if err != nil {
				return err
			}
			if fresh.Status.State == keyward.ClientFailed && fresh.Status.Reason == cancelled(fresh) && !orphan {
				if err := k.audit(tx, fresh.Object, "key.settled", fresh.Status.VendorName); err != nil {
					return err
				}
				return tx.Delete(fresh.Object) // who gave it up has nothing left to dismiss
			}
			fresh.Status.State, fresh.Status.Reason, fresh.Status.Orphan = keyward.ClientFailed, reason, orphan
			fresh.Status.ChangedAt = &now
			if err := fresh.Put(tx, store.Extra{Row: scene.NoRow()}); err != nil {
				return err
			}
			return k.audit(tx, fresh.Object, "key.failed", reason)
		})
	}
	var err error
	for range storeTries {
		err = write()
		if code := keyward.CodeOf(err); code != keyward.CodeInternal && code != keyward.CodeDatabaseUnavailable ||
			errors.Is(err, scene.ErrOvertaken) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(storePause):
		}
	}
	return err
}
