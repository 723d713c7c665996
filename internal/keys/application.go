package keys

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/store"
)

// DeleteApplication deletes an application with its keys and subscriptions, and tells whether it is gone. From the
// commit on no gateway takes one of its clients, and nobody makes it new ones. Mapped clients are unmapped and stay at
// their servers; each generated one is deleted at its own, then the rest goes. A server that fails does not end it: the
// sweep goes on, the clients' reasons say what is waited for, and another call tries again at once. ifMatch is the ETag
// that the caller has seen; the check is the caller's, by match.
func (k *Keys) DeleteApplication(
	ctx context.Context, p keyward.Principal, tenant, name string, match func(*keyward.Object) error,
) (gone bool, err error) {
	var app *keyward.Object
	err = k.store.Write(ctx, scene.Requester(p, tenant), func(tx *store.Tx) error {
		if app, err = tx.Get(keyward.KindApplication, tenant, name); err != nil {
			return scene.HideFrom(p, tenant, err)
		}
		if err := scene.MayUse(p, app); err != nil {
			return err
		}
		if err := match(app); err != nil {
			return err
		}
		return k.beginDeletion(tx, p, app)
	})
	if err != nil {
		return false, err
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	return k.finishDeletion(ctx, app, true)
}

// beginDeletion marks the application and takes its clients off every gateway.
func (k *Keys) beginDeletion(tx *store.Tx, p keyward.Principal, app *keyward.Object) error {
	belongings, err := scene.BelongingsOf(tx, app)
	if err != nil {
		return err
	}
	if !scene.IsAdmin(p, app.Tenant) {
		for _, o := range append(belongings, app) {
			if o.Hold.Holds(k.now()) {
				return keyward.Errorf(keyward.CodeHeld,
					"%s is held: only administrators delete %s until the hold is lifted", o.Ref(), app.Ref())
			}
			if err := scene.TheirsToEnd(o); err != nil {
				return err
			}
		}
	}
	deletion, err := keyward.DeletionOf(app)
	if err != nil {
		return err
	}
	if deletion == nil {
		deletion = &keyward.Deletion{By: scene.Requester(p, app.Tenant), Since: k.now().UTC()}
		if app.Status, err = json.Marshal(keyward.ApplicationStatus{Deleting: deletion}); err != nil {
			return fmt.Errorf("encode the status of %s: %w", app.Ref(), err)
		}
		if err := tx.Put(app, store.Extra{}); err != nil {
			return err
		}
		entry := keyward.AuditEntry{Tenant: app.Tenant, Action: "deleting", Kind: string(app.Kind), Name: app.Name, Detail: "with its keys"}
		if err := tx.Audit(entry); err != nil {
			return err
		}
	}
	return k.endClients(tx, app)
}

// endClients takes every client of an application out of use. What may be left at a server stays listed.
func (k *Keys) endClients(tx *store.Tx, app *keyward.Object) error {
	clients, err := scene.ClientsOf(tx, app)
	if err != nil {
		return err
	}
	for _, c := range clients {
		switch {
		case c.Status.Mode == keyward.ClientMapped || c.Status.State == keyward.ClientAwaiting || c.Over():
			if err := k.audit(tx, c.Object, "key.deleted", "client "+c.Spec.Shown()); err != nil {
				return err
			}
			err = tx.Delete(c.Object)
		case c.Status.State.InUse() || c.Status.State == keyward.ClientRevoking:
			err = k.doom(tx, c)
		case c.Status.State == keyward.ClientRevoked: // its server offers no way to delete it
			c.Status.State = keyward.ClientFailed
			err = c.Put(tx, store.Extra{Row: scene.NoRow()})
		}
		if err != nil {
			return fmt.Errorf("end %s: %w", c.Object.Ref(), err)
		}
	}
	return nil
}

// doom takes a generated client off every gateway; from then on it is deleted at its server.
func (k *Keys) doom(tx *store.Tx, c *scene.Client) error {
	now := k.now()
	c.Status.State, c.Status.Reason, c.Status.ChangedAt = keyward.ClientDeleting, "", &now
	return c.Put(tx, store.Extra{Row: scene.NoRow()})
}

// finishDeletion goes on with an application that is being deleted: its clients first where now says so, and when none
// is left, the subscriptions and itself.
func (k *Keys) finishDeletion(ctx context.Context, app *keyward.Object, now bool) (gone bool, err error) {
	if now {
		var clients []*scene.Client
		err := k.store.Read(ctx, func(tx *store.Tx) (err error) {
			clients, err = scene.ClientsOf(tx, app)
			return err
		})
		if err != nil {
			return false, err
		}
		if err := k.settleAll(ctx, clients, true); err != nil {
			k.log.InfoContext(ctx, "an application that is deleted waits for servers", "application", app.Name, "error", err)
		}
	}
	deletion, err := keyward.DeletionOf(app)
	if err != nil || deletion == nil {
		return false, err
	}
	err = k.store.Write(ctx, deletion.By, func(tx *store.Tx) error {
		gone = false
		fresh, err := tx.GetByID(keyward.KindApplication, app.ID)
		if keyward.CodeOf(err) == keyward.CodeNotFound {
			gone = true
			return nil
		}
		if err != nil {
			return err
		}
		if err := k.endClients(tx, fresh); err != nil { // what was under way when it began
			return err
		}
		belongings, err := scene.BelongingsOf(tx, fresh)
		if err != nil {
			return err
		}
		for _, o := range belongings {
			if o.Kind == keyward.KindOAuthClient {
				return nil
			}
		}
		for _, o := range append(belongings, fresh) {
			if err := tx.Delete(o); err != nil {
				return fmt.Errorf("delete %s: %w", o.Ref(), err)
			}
		}
		gone = true
		return nil
	})
	return gone, err
}

// sweepDeletions goes on with every application that is being deleted, when its clients have been settled.
func (k *Keys) sweepDeletions(ctx context.Context) error {
	var apps []*keyward.Object
	err := k.store.Read(ctx, func(tx *store.Tx) (err error) {
		apps, err = tx.DeletingApplications()
		return err
	})
	if err != nil {
		return fmt.Errorf("list applications that are deleted: %w", err)
	}
	var errs []error
	for _, app := range apps {
		if _, err := k.finishDeletion(ctx, app, false); err != nil {
			errs = append(errs, fmt.Errorf("delete %s: %w", app.Ref(), err))
		}
	}
	return errors.Join(errs...)
}
