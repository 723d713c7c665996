package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/declare/etag"
	"keyward.dev/keyward/internal/store"
)

// HoldRequest switches an object off everywhere.
type HoldRequest struct {
	Reason string
	Until  *time.Time // nil: until it is lifted

	IfMatch string // the ETag that the object must have; empty = any
}

// Hold switches a key manager, application, subscription or OAuth client off on every gateway, whatever a manifest
// says, until an administrator lifts it or its time is over. A second hold replaces the first.
func (c *Control) Hold(ctx context.Context, p keyward.Principal, ref keyward.Ref, r HoldRequest) (*keyward.Object, error) {
	if err := mayHold(p, ref); err != nil {
		return nil, err
	}
	now := c.now().UTC().Truncate(time.Microsecond)
	reason, err := keyward.Reason(r.Reason)
	if r.Until != nil && !r.Until.After(now) {
		faults := []keyward.FieldError{keyward.Fault("until", "must lie in the future")}
		if e, told := errors.AsType[*keyward.Error](err); told {
			faults = append(e.Fields, faults...)
		}
		err = keyward.Invalid(faults)
	}
	if err != nil {
		return nil, err
	}
	hold := &keyward.Hold{Reason: reason, By: p.Actor(), Since: now, Until: r.Until}
	return c.setHold(ctx, p, ref, hold, r.IfMatch)
}

// Unhold lifts a hold of the object that has the ETag, or of any version. What is not held stays as it is.
func (c *Control) Unhold(ctx context.Context, p keyward.Principal, ref keyward.Ref, ifMatch string) (*keyward.Object, error) {
	if err := mayHold(p, ref); err != nil {
		return nil, err
	}
	return c.setHold(ctx, p, ref, nil, ifMatch)
}

func mayHold(p keyward.Principal, ref keyward.Ref) error {
	if err := access.Require(p, access.RightHold, ref.Tenant); err != nil {
		return err
	}
	if !ref.Kind.Holdable() {
		return keyward.Errorf(keyward.CodeInvalidInput, "objects of kind %s cannot be held: only %s can", ref.Kind,
			keyward.HoldableNames())
	}
	return nil
}

func (c *Control) setHold(
	ctx context.Context, p keyward.Principal, ref keyward.Ref, hold *keyward.Hold, ifMatch string,
) (*keyward.Object, error) {
	var held *keyward.Object
	err := c.store.Write(ctx, p.Actor(), func(tx *store.Tx) error {
		o, err := tx.Get(ref.Kind, ref.Tenant, ref.Name)
		if err != nil {
			return foreign(tx, ref, err)
		}
		if err := etag.Require(ifMatch, o); err != nil {
			return err
		}
		held = o
		if hold != nil && o.Kind == keyward.KindKeyManager { // lifting the hold brings nobody back who came in before
			if err := tx.DropSessionsOf("", o.ID); err != nil {
				return fmt.Errorf("end the sessions through %s: %w", ref, err)
			}
		}
		_, err = tx.Hold(o, hold)
		return err
	})
	if err != nil {
		return nil, err
	}
	return held, nil
}

// HoldReasons tells, to those who may know, why the objects of these ids are held: a sentence for each that is.
func (c *Control) HoldReasons(ctx context.Context, p keyward.Principal, held []keyward.HeldRow) ([]string, error) {
	var out []string
	err := c.store.Read(ctx, func(tx *store.Tx) error {
		out = nil
		for _, h := range held {
			o, err := tx.GetByID(h.Kind, h.ID)
			if keyward.CodeOf(err) == keyward.CodeNotFound {
				continue
			}
			if err != nil {
				return err
			}
			if o.Hold.Holds(c.now()) && access.ReadsHolds(p, o.Tenant) {
				out = append(out, fmt.Sprintf("%s is held by %s: %s", o.Ref(), o.Hold.By, o.Hold.Reason))
			}
		}
		return nil
	})
	return out, err
}
