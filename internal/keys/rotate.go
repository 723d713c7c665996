package keys

import (
	"context"
	"fmt"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/store"
)

// RotateAsk says how a secret is replaced.
type RotateAsk struct {
	Overlap time.Duration // how long the old secret lives on; 0 = it ends at once
}

// maxOverlap bounds how long two secrets of a client are alive.
const maxOverlap = 30 * 24 * time.Hour

// Rotate gives a generated client a new secret and keeps its id. Where the server has no way to, and for mapped
// clients, it is refused with rotation_unsupported before anything changes; so is an overlap with overlap_unsupported
// where the server keeps one secret only. A rotation whose end nobody saw is made again by the sweep: its requester
// fetches the secret with Reveal.
func (k *Keys) Rotate(ctx context.Context, p keyward.Principal, place Place, ask RotateAsk) (*Result, error) {
	s, c, err := k.active(ctx, p, place)
	if err != nil {
		return nil, err
	}
	if err := s.changeable(c, k.now()); err != nil {
		return nil, err
	}
	if err := s.rotatable(k.openers, c, ask); err != nil {
		return nil, err
	}
	who := requester(p, s.place.Tenant)
	c, end, err := k.change(ctx, who, c, keyward.ClientRotating, func(status *keyward.OAuthClientStatus) error {
		if status.OldSecretUntil != nil && ask.Overlap > 0 {
			return keyward.Errorf(keyward.CodeConflict,
				"client %s has two secrets until %s: rotate without an overlap, which ends the older one now, or wait",
				c.spec.ClientID, status.OldSecretUntil.Format(time.RFC3339))
		}
		status.Requester, status.Overlap = who, keyward.Duration(ask.Overlap)
		return nil
	})
	if err != nil {
		return nil, err
	}
	defer end()
	ctx, cancel := detached(ctx)
	defer cancel()
	secret, err := k.finishRotate(ctx, s.server, c, false)
	if err != nil {
		return nil, err
	}
	return s.result(c.spec.ClientID, secret, c.object.Name, c.status), nil
}

// change takes the turn to change a client at its server and stores what is to be changed, before the server is asked.
// Whoever gets the turn ends it.
func (k *Keys) change(
	ctx context.Context, who string, c *client, state keyward.ClientState, set func(*keyward.OAuthClientStatus) error,
) (fresh *client, end func(), err error) {
	if end = k.turns.Take(c.object.ID); end == nil {
		return nil, nil, c.busy()
	}
	err = k.store.Write(ctx, who, func(tx *store.Tx) (err error) {
		if fresh, err = reload(tx, c, keyward.ClientActive, keyward.ClientDrifted); err != nil {
			return err
		}
		now := k.now()
		fresh.status.State, fresh.status.ChangedAt, fresh.status.Reason = state, &now, ""
		if err := set(&fresh.status); err != nil {
			return err
		}
		return fresh.put(tx, store.Extra{})
	})
	if err != nil {
		end()
		return nil, nil, err
	}
	return fresh, end, nil
}

// changeable refuses to change at its server what is not Keyward's to change there now.
func (s *scene) changeable(c *client, now time.Time) error {
	if err := s.held(c, now); err != nil {
		return err
	}
	if err := alive(s.app); err != nil {
		return err
	}
	if !s.kmSpec.IsEnabled() {
		return disabled(s.km)
	}
	return nil
}

// rotatable refuses a rotation that the server has no way to carry out.
func (s *scene) rotatable(openers *connector.Openers, c *client, ask RotateAsk) error {
	if c.spec.Match != nil {
		return c.onlyRule()
	}
	if c.status.Mode != keyward.ClientGenerated {
		return keyward.Errorf(keyward.CodeRotationUnsupported, "client %s is mapped: its secret is changed at %s",
			c.spec.ClientID, s.km.Ref())
	}
	if ask.Overlap < 0 || ask.Overlap > maxOverlap {
		return keyward.Invalid([]keyward.FieldError{fault("overlap", "must lie between 0s and %s", maxOverlap)})
	}
	conn, err := openers.Open(s.server)
	if err != nil {
		return vendorError(s.place.KeyManager, err)
	}
	if _, ok := conn.(connector.Rotator); !ok {
		return keyward.Errorf(keyward.CodeRotationUnsupported,
			"%s offers no way to change a client's secret: delete the keys and generate new ones", s.km.Ref())
	}
	if _, ok := conn.(connector.Overlapper); !ok && ask.Overlap > 0 {
		return keyward.Errorf(keyward.CodeOverlapUnsupported,
			"%s keeps one secret of a client: a new one ends the old one at once, so rotate without an overlap", s.km.Ref())
	}
	return nil
}

// finishRotate makes the new secret of a client that is marked as rotating, and stores it. resumed says that the first
// try was interrupted: then the server may have made one already, which nobody knows and which this one replaces.
func (k *Keys) finishRotate(ctx context.Context, server connector.Server, c *client, resumed bool) (string, error) {
	fresh, err := k.newSecret(ctx, server, c)
	if err == nil {
		if err := k.keepRotated(ctx, c, fresh); err != nil {
			return "", fmt.Errorf("keep the new secret, which the server has taken already; it is made once more: %w", err)
		}
		return fresh.Value, nil
	}
	told := vendorError(server.Name, err)
	if uncertain(err) || resumed && isDown(err) {
		k.noteReason(ctx, c, told.Words())
		wrapped := keyward.Errorf(told.Code, "%s; the new secret is asked for again: fetch it with reveal", told.Message)
		wrapped.Err = err
		return "", wrapped
	}
	reason := ""
	if resumed {
		reason = "the rotation was interrupted and could not be ended: " + told.Words() + "; rotate again when the secret is refused"
	}
	if err := k.stands(ctx, c, reason, ""); err != nil {
		k.log.WarnContext(ctx, "a client could not be marked", "client", c.object.Name, "error", err)
	}
	return "", told
}

func (k *Keys) newSecret(ctx context.Context, server connector.Server, c *client) (connector.Secret, error) {
	var handle connector.Handle
	err := k.store.Read(ctx, func(tx *store.Tx) (err error) {
		handle, err = handleOf(tx, c)
		return err
	})
	if err != nil {
		return connector.Secret{}, err
	}
	conn, err := k.openers.Open(server)
	if err != nil {
		return connector.Secret{}, err
	}
	if overlapper, ok := conn.(connector.Overlapper); ok && c.status.Overlap > 0 {
		return overlapper.AddSecret(ctx, handle)
	}
	rotator, ok := conn.(connector.Rotator)
	if !ok {
		return connector.Secret{}, connector.ErrUnsupported
	}
	value, err := rotator.Rotate(ctx, handle)
	return connector.Secret{Value: value}, err
}

// keepRotated stores the new secret, and beside it the old one for as long as that lives.
func (k *Keys) keepRotated(ctx context.Context, c *client, made connector.Secret) error {
	who := c.status.Requester
	return k.store.Write(ctx, who, func(tx *store.Tx) error {
		now := k.now()
		fresh, err := reload(tx, c, keyward.ClientRotating)
		if err != nil {
			return err
		}
		secrets, err := tx.Secrets(fresh.object)
		if err != nil {
			return fmt.Errorf("open the secrets of %s: %w", fresh.object.Ref(), err)
		}
		fresh.status.OldSecretUntil = nil
		delete(secrets, beforePath)
		if overlap := time.Duration(fresh.status.Overlap); overlap > 0 {
			until := now.Add(overlap).UTC()
			fresh.status.OldSecretUntil, secrets[beforePath] = &until, secrets[secretPath]
		}
		secrets[secretPath], secrets[secretID] = made.Value, made.ID
		fresh.status.State, fresh.status.Reason, fresh.status.Overlap = keyward.ClientActive, "", 0
		fresh.status.ChangedAt, fresh.status.SecretExpiresAt = &now, made.ExpiresAt
		if err := fresh.put(tx, store.Extra{Secrets: secrets}); err != nil {
			return err
		}
		if err := tx.PutReveal(fresh.object.ID, who, made.Value, now.Add(revealPeriod)); err != nil {
			return fmt.Errorf("keep the secret for one more look: %w", err)
		}
		c.status = fresh.status
		return k.audit(tx, fresh.object, "key.rotated", "client "+fresh.spec.ClientID)
	})
}

// endOverlap ends a client's older secret when its time is over.
func (k *Keys) endOverlap(ctx context.Context, server connector.Server, c *client) error {
	until := c.status.OldSecretUntil
	if until == nil || !c.status.State.InUse() || k.now().Before(*until) {
		return nil
	}
	var handle connector.Handle
	var keep string
	err := k.store.Read(ctx, func(tx *store.Tx) (err error) {
		if handle, err = handleOf(tx, c); err != nil {
			return err
		}
		secrets, err := tx.Secrets(c.object)
		keep = secrets[secretID]
		return err
	})
	if err != nil {
		return fmt.Errorf("open the secrets of %s: %w", c.object.Ref(), err)
	}
	conn, err := k.openers.Open(server)
	if err != nil {
		return err
	}
	if overlapper, ok := conn.(connector.Overlapper); ok {
		if err := overlapper.DropSecrets(ctx, handle, keep); err != nil {
			return fmt.Errorf("end the old secret: %w", err)
		}
	}
	return k.store.Write(ctx, actor, func(tx *store.Tx) error {
		fresh, err := reload(tx, c, c.status.State)
		if err != nil || fresh.status.OldSecretUntil == nil || !fresh.status.OldSecretUntil.Equal(*until) {
			return err
		}
		fresh.status.OldSecretUntil = nil
		if err := fresh.put(tx, store.Extra{}); err != nil {
			return err
		}
		if err := tx.KeepSecrets(fresh.object, map[string]string{beforePath: ""}); err != nil {
			return fmt.Errorf("forget the old secret: %w", err)
		}
		return k.audit(tx, fresh.object, "key.oldSecretEnded", "client "+fresh.spec.ClientID)
	})
}

// stands ends a change of a client that the server refused: it is as it was. lost says why it cannot be managed, if so.
func (k *Keys) stands(ctx context.Context, c *client, reason, lost string) error {
	return k.store.Write(ctx, actor, func(tx *store.Tx) error {
		now := k.now()
		fresh, err := reload(tx, c, keyward.ClientRotating, keyward.ClientUpdating)
		if err != nil {
			return err
		}
		fresh.stand(reason, now)
		if lost != "" {
			fresh.status.Unmanageable = lost
		}
		c.status = fresh.status
		return fresh.put(tx, store.Extra{})
	})
}

func (c *client) stand(reason string, now time.Time) {
	c.status.State, c.status.Reason, c.status.ChangedAt = keyward.ClientActive, reason, &now
	c.status.Wanted, c.status.Overlap = nil, 0
	if len(c.status.Drift) > 0 {
		c.status.State = keyward.ClientDrifted
	}
}

// active reads the place and wants a client that is in use.
func (k *Keys) active(ctx context.Context, p keyward.Principal, place Place) (s *scene, c *client, err error) {
	place, faults := place.complete()
	if len(faults) > 0 {
		return nil, nil, keyward.Invalid(faults)
	}
	if err := k.settlePlace(ctx, p, place); err != nil {
		return nil, nil, err
	}
	err = k.store.Read(ctx, func(tx *store.Tx) error {
		if s, err = k.look(tx, p, place); err != nil {
			return err
		}
		if err := s.permit(p); err != nil {
			return err
		}
		if c = s.taking(); c == nil {
			return s.nothing()
		}
		if c.status.State != keyward.ClientActive && c.status.State != keyward.ClientDrifted {
			return s.taken(c)
		}
		return nil
	})
	return s, c, err
}

// Reveal gives the secret of a client once more to the person who generated or rotated it, within 10 minutes, for an
// answer that was lost. A second time it is not_found.
func (k *Keys) Reveal(ctx context.Context, p keyward.Principal, place Place) (*Result, error) {
	s, c, err := k.active(ctx, p, place)
	if err != nil {
		return nil, err
	}
	var secret string
	err = k.store.Write(ctx, requester(p, s.place.Tenant), func(tx *store.Tx) (err error) {
		secret, err = tx.TakeReveal(c.object.ID, requester(p, s.place.Tenant), k.now())
		if keyward.CodeOf(err) == keyward.CodeNotFound {
			return keyward.Errorf(keyward.CodeNotFound,
				"there is no secret to fetch once more: only who asked for it can, once, within %s", keyward.Duration(revealPeriod))
		}
		if err != nil {
			return err
		}
		return k.audit(tx, c.object, "key.revealed", "client "+c.spec.ClientID)
	})
	if err != nil {
		return nil, err
	}
	return s.result(c.spec.ClientID, secret, c.object.Name, c.status), nil
}
