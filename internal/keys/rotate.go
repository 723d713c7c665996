package keys

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/wire"
)

// RotateAsk says how a secret is replaced.
type RotateAsk struct {
	Overlap time.Duration // how long the old secret lives on; 0 = it ends at once
}

// Rotate gives a generated client a new secret and keeps its id. Where the server has no way to, and for mapped
// clients, it is refused with rotation_unsupported before anything changes; so is an overlap with overlap_unsupported
// where the server keeps one secret only. A rotation whose end nobody saw is made again by the sweep: its requester
// fetches the secret with Reveal.
func (k *Keys) Rotate(ctx context.Context, p keyward.Principal, place Place, ask RotateAsk) (*Result, error) {
	s, c, err := k.active(ctx, p, place)
	if err != nil {
		return nil, err
	}
	if err := s.Changeable(c, k.now()); err != nil {
		return nil, err
	}
	if err := s.Rotatable(k.openers, c, ask.Overlap); err != nil {
		return nil, err
	}
	who := scene.Requester(p, s.Place.Tenant)
	c, end, err := k.change(ctx, who, c, keyward.ClientRotating, func(status *keyward.OAuthClientStatus) error {
		if status.OldSecretUntil != nil && ask.Overlap > 0 {
			return keyward.Errorf(keyward.CodeConflict,
				"client %s has two secrets until %s: rotate without an overlap, which ends the older one now, or wait",
				c.Spec.ClientID, status.OldSecretUntil.Format(time.RFC3339))
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
	secret, err := k.finishRotate(ctx, s.Server, c, false)
	if err != nil {
		return nil, err
	}
	return result(s, c.Spec.ClientID, secret, c.Object.Name, c.Status), nil
}

// change takes the turn to change a client at its server and stores what is to be changed, before the server is asked.
// Whoever gets the turn ends it.
func (k *Keys) change(
	ctx context.Context, who string, c *scene.Client, state keyward.ClientState, set func(*keyward.OAuthClientStatus) error,
) (fresh *scene.Client, end func(), err error) {
	if end = k.turns.Claim(ctx, c.Object.ID); end == nil {
		return nil, nil, c.Busy()
	}
	err = k.store.Write(ctx, who, func(tx *store.Tx) (err error) {
		if fresh, err = scene.Reload(tx, c, keyward.ClientActive, keyward.ClientDrifted); err != nil {
			return err
		}
		now := k.now()
		fresh.Status.State, fresh.Status.ChangedAt, fresh.Status.Reason = state, &now, ""
		if err := set(&fresh.Status); err != nil {
			return err
		}
		if w := fresh.Status.Wanted; state == keyward.ClientUpdating && w != nil && w.Restore == nil {
			if err := scene.NotReused(tx, fresh); err != nil { // what it is counts for them
				return err
			}
		}
		return fresh.Put(tx, store.Extra{})
	})
	if err != nil {
		end()
		return nil, nil, err
	}
	return fresh, end, nil
}

// finishRotate makes the new secret of a client that is marked as rotating, and stores it. resumed says that the first
// try was interrupted: then the server may have made one already, which nobody knows and which this one replaces.
func (k *Keys) finishRotate(ctx context.Context, server connector.Server, c *scene.Client, resumed bool) (string, error) {
	fresh, err := k.newSecret(ctx, server, c)
	if err == nil {
		if err := k.keepRotated(ctx, c, fresh); err != nil {
			return "", fmt.Errorf("keep the new secret, which the server has taken already; it is made once more: %w", err)
		}
		return fresh.Value, nil
	}
	told := scene.Told(server.Name, err)
	if wire.Uncertain(err) || resumed && wire.Passing(err) {
		k.noteReason(ctx, c, told.Words())
		wrapped := keyward.Errorf(told.Code, "%s; the new secret is asked for again: fetch it with reveal", told.Message)
		wrapped.Err = err
		return "", wrapped
	}
	if err := k.stands(ctx, c, unrotated(told, err, resumed)); err != nil {
		k.log.WarnContext(ctx, "a client could not be marked", "client", c.Object.Name, "error", err)
	}
	return "", told
}

// unrotated says what a rotation has left that the server refused.
func unrotated(told *keyward.Error, cause error, resumed bool) (how unmade) {
	if resumed {
		how.doubt = "the rotation was interrupted and could not be ended: " + told.Words() + "; rotate again when the secret is refused"
	}
	if half, ok := errors.AsType[*connector.Halfway](cause); ok {
		how.reason = fmt.Sprintf("the rotation was refused halfway: %s; %s: rotate again", told.Words(), half.Left)
		if half.Secret {
			how.doubt = how.reason
		}
	}
	return how
}

func (k *Keys) newSecret(ctx context.Context, server connector.Server, c *scene.Client) (connector.Secret, error) {
	var handle connector.Handle
	err := k.store.Read(ctx, func(tx *store.Tx) (err error) {
		handle, err = scene.HandleOf(tx, c)
		return err
	})
	if err != nil {
		return connector.Secret{}, err
	}
	conn, err := k.openers.Open(server)
	if err != nil {
		return connector.Secret{}, err
	}
	if overlapper, ok := conn.(connector.Overlapper); ok && c.Status.Overlap > 0 {
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
func (k *Keys) keepRotated(ctx context.Context, c *scene.Client, made connector.Secret) error {
	who := c.Status.Requester
	return k.store.Write(ctx, who, func(tx *store.Tx) error {
		now := k.now()
		fresh, err := scene.Reload(tx, c, keyward.ClientRotating)
		if err != nil {
			return err
		}
		secrets, err := tx.Secrets(fresh.Object)
		if err != nil {
			return fmt.Errorf("open the secrets of %s: %w", fresh.Object.Ref(), err)
		}
		fresh.Status.OldSecretUntil = nil
		delete(secrets, scene.BeforePath)
		if overlap := time.Duration(fresh.Status.Overlap); overlap > 0 {
			until := now.Add(overlap).UTC()
			fresh.Status.OldSecretUntil, secrets[scene.BeforePath] = &until, secrets[scene.SecretPath]
		}
		secrets[scene.SecretPath], secrets[scene.SecretID] = made.Value, made.ID
		fresh.Status.State, fresh.Status.Reason, fresh.Status.Overlap = keyward.ClientActive, "", 0
		fresh.Status.SecretDoubt = ""
		fresh.Status.ChangedAt, fresh.Status.SecretExpiresAt = &now, made.ExpiresAt
		if fresh.Status.Approval != nil { // the secret that waited is none any more
			fresh.Status.Approval.SecretUntil = nil
		}
		if err := fresh.Put(tx, store.Extra{Secrets: secrets}); err != nil {
			return err
		}
		if err := tx.PutReveal(fresh.Object.ID, who, made.Value, now.Add(revealPeriod)); err != nil {
			return fmt.Errorf("keep the secret for one more look: %w", err)
		}
		c.Status = fresh.Status
		return k.audit(tx, fresh.Object, "key.rotated", "client "+fresh.Spec.ClientID)
	})
}

// oldSecretStays begins the reason of a client whose older secret the server does not end.
const oldSecretStays = "the old secret, whose time is over, could not be ended yet and is tried again"

// endOverlap ends a client's older secret when its time is over.
func (k *Keys) endOverlap(ctx context.Context, server connector.Server, c *scene.Client) error {
	until := c.Status.OldSecretUntil
	if until == nil || !c.Status.State.InUse() || k.now().Before(*until) {
		return nil
	}
	var handle connector.Handle
	var keep string
	err := k.store.Read(ctx, func(tx *store.Tx) (err error) {
		if handle, err = scene.HandleOf(tx, c); err != nil {
			return err
		}
		secrets, err := tx.Secrets(c.Object)
		keep = secrets[scene.SecretID]
		return err
	})
	if err != nil {
		return fmt.Errorf("open the secrets of %s: %w", c.Object.Ref(), err)
	}
	conn, err := k.openers.Open(server)
	if err != nil {
		return err
	}
	if overlapper, ok := conn.(connector.Overlapper); ok {
		if err := overlapper.DropSecrets(ctx, handle, keep); err != nil {
			k.noteReason(ctx, c, oldSecretStays+": "+scene.Told(server.Name, err).Words())
			return fmt.Errorf("end the old secret: %w", err)
		}
	}
	return k.store.Write(ctx, actor, func(tx *store.Tx) error {
		fresh, err := scene.Reload(tx, c, c.Status.State)
		if err != nil || fresh.Status.OldSecretUntil == nil || !fresh.Status.OldSecretUntil.Equal(*until) {
			return err
		}
		fresh.Status.OldSecretUntil = nil
		if strings.HasPrefix(fresh.Status.Reason, oldSecretStays) {
			fresh.Status.Reason = fresh.Status.SecretDoubt
		}
		if err := fresh.Put(tx, store.Extra{}); err != nil {
			return err
		}
		if err := tx.KeepSecrets(fresh.Object, map[string]string{scene.BeforePath: ""}); err != nil {
			return fmt.Errorf("forget the old secret: %w", err)
		}
		return k.audit(tx, fresh.Object, "key.oldSecretEnded", "client "+fresh.Spec.ClientID)
	})
}

// unmade says how a change ended that was not made.
type unmade struct {
	reason string // what a person should know, if anything
	doubt  string // why the stored secret may be dead, if so
	lost   string // why the client cannot be managed, if so
}

// stands ends a change of a client that the server refused: it is as it was.
func (k *Keys) stands(ctx context.Context, c *scene.Client, how unmade) error {
	return k.store.Write(ctx, actor, func(tx *store.Tx) error {
		now := k.now()
		fresh, err := scene.Reload(tx, c, keyward.ClientRotating, keyward.ClientUpdating)
		if err != nil {
			return err
		}
		if how.doubt != "" {
			fresh.Status.SecretDoubt = how.doubt
		}
		fresh.Stand(how.reason, now)
		if how.lost != "" {
			fresh.Status.Unmanageable = how.lost
		}
		c.Status = fresh.Status
		return fresh.Put(tx, store.Extra{})
	})
}

// active reads the place and wants a client that is in use.
func (k *Keys) active(ctx context.Context, p keyward.Principal, place Place) (s *scene.Scene, c *scene.Client, err error) {
	place, faults := place.Complete()
	if len(faults) > 0 {
		return nil, nil, keyward.Invalid(faults)
	}
	if err := k.settlePlace(ctx, p, place); err != nil {
		return nil, nil, err
	}
	err = k.store.Read(ctx, func(tx *store.Tx) error {
		if s, err = scene.Look(tx, p, place); err != nil {
			return err
		}
		if err := s.Permit(p); err != nil {
			return err
		}
		if c = s.Taking(); c == nil {
			return s.Nothing()
		}
		if c.Status.State != keyward.ClientActive && c.Status.State != keyward.ClientDrifted {
			return s.Taken(c)
		}
		return nil
	})
	return s, c, err
}

// Reveal gives the secret of a client once more to the person who generated or rotated it, within 10 minutes, for an
// answer that was lost; that of a client that had to be approved once to the person who asked for it, within 7 days. A
// second time it is not_found; while anything is held, nobody gets it.
func (k *Keys) Reveal(ctx context.Context, p keyward.Principal, place Place) (*Result, error) {
	s, c, err := k.active(ctx, p, place)
	if err != nil {
		return nil, err
	}
	if err := s.Held(c, k.now()); err != nil {
		return nil, err
	}
	var secret string
	err = k.store.Write(ctx, scene.Requester(p, s.Place.Tenant), func(tx *store.Tx) (err error) {
		secret, err = tx.TakeReveal(c.Object.ID, scene.Requester(p, s.Place.Tenant), k.now())
		if keyward.CodeOf(err) == keyward.CodeNotFound {
			return noReveal(c)
		}
		if err != nil {
			return err
		}
		if err := fetched(tx, c); err != nil {
			return err
		}
		return k.audit(tx, c.Object, "key.revealed", "client "+c.Spec.ClientID)
	})
	if err != nil {
		return nil, err
	}
	return result(s, c.Spec.ClientID, secret, c.Object.Name, c.Status), nil
}

// noReveal says why there is no secret to fetch, and what became of a rotation that was to make one.
func noReveal(c *scene.Client) error {
	why := ""
	if c.Status.SecretDoubt != "" {
		why = "; " + c.Status.SecretDoubt
	}
	return keyward.Errorf(keyward.CodeNotFound,
		"there is no secret to fetch once more: only who asked for it can, once, within %s, or within %s of an approval%s",
		keyward.Duration(revealPeriod), keyward.Duration(approvedPeriod), why)
}

// fetched notes that a secret which the client said something of, or an approved client's, does not wait any more.
func fetched(tx *store.Tx, c *scene.Client) error {
	waits := c.Status.Approval != nil && c.Status.Approval.SecretUntil != nil
	if !waits && c.Status.Reason != newSecretCame {
		return nil
	}
	fresh, err := scene.Reload(tx, c, keyward.ClientActive, keyward.ClientDrifted)
	if err != nil {
		return err
	}
	if fresh.Status.Approval != nil {
		fresh.Status.Approval.SecretUntil = nil
	}
	if fresh.Status.Reason == newSecretCame {
		fresh.Status.Reason = ""
	}
	return fresh.Put(tx, store.Extra{})
}
