package keys

import (
	"context"
	"slices"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/wire"
)

// Restore makes a generated client at its server what it was before somebody changed it there. It is a change like any
// other: where its end is not seen, the sweep makes it again. What only an administrator of the key manager may undo is
// forbidden to others where it is that the client was switched off there; scopes that scene.GivesBack refuses are left as
// they are, and told. has are those that the client carries there now, in whatever way.
func (k *Keys) Restore(
	ctx context.Context, p keyward.Principal, place Place, undo keyward.ClientRestore, has []string,
) (left []string, err error) {
	s, c, err := k.active(ctx, p, place)
	if err != nil {
		return nil, err
	}
	if err := s.Changeable(c, k.now()); err != nil {
		return nil, err
	}
	if undo.Enable && !s.Manages(p) {
		return nil, keyward.Errorf(keyward.CodeForbidden, "client %s was switched off at %s: only administrators of the key manager "+
			"switch it on again", c.Spec.ClientID, s.KeyManager.Ref())
	}
	if c.Status.Mode != keyward.ClientGenerated || c.Status.Reuses != nil {
		return nil, s.Updatable(k.openers, c)
	}
	if undo, left = s.GivesBack(p, c, undo, has); undo.Nothing() {
		return left, nil
	}
	c, end, err := k.change(ctx, scene.Requester(p, s.Place.Tenant), c, keyward.ClientUpdating,
		func(status *keyward.OAuthClientStatus) error {
			status.Wanted = &keyward.ClientWish{
				Grants: status.Grants, Callbacks: status.Callbacks, Scopes: status.Scopes, Fields: status.Fields, Restore: &undo,
			}
			return nil
		})
	if err != nil {
		return nil, err
	}
	defer end()
	ctx, cancel := detached(ctx)
	defer cancel()
	_, err = k.finishUpdate(ctx, s.Server, c, false, "")
	return left, err
}

// restoreThere undoes at the server what was changed there. A server whose scopes are not changed one by one is told all
// that the client should have.
func restoreThere(
	ctx context.Context, conn connector.Connector, h connector.Handle, c *scene.Client, keep connector.KeepHandle,
) (made connector.Registered, err error) {
	undo := c.Status.Wanted.Restore
	restorer, can := conn.(connector.Restorer)
	scopes := []string(nil)
	if !can && len(undo.Give)+len(undo.Offer)+len(undo.Take) > 0 {
		scopes = undo.Scopes
	}
	if undo.Metadata || scopes != nil || !can {
		if made, err = update(ctx, conn, h, c, scopes, keep); err != nil {
			return made, err
		}
	}
	if can {
		err = restorer.Restore(ctx, h, *undo)
	}
	return made, err
}

// Replace makes a client anew whose server no longer knows it: with the same wishes, under a new id, with a new secret. The
// old one is forgotten in the transaction that stores the new one, so that the place is never without either; its id is the
// OAuthClient object's. Where keys await an approval, the new one does. What Generate refuses is refused before anything changes.
func (k *Keys) Replace(ctx context.Context, p keyward.Principal, place Place, id string) (*Result, error) {
	s, c, err := k.active(ctx, p, place)
	if err != nil {
		return nil, err
	}
	if c.Object.ID != id || c.Status.State != keyward.ClientDrifted {
		return nil, scene.Overtaken(c.Object, "is not the client that vanished")
	}
	end := k.turns.Claim(ctx, id)
	if end == nil {
		return nil, c.Busy()
	}
	defer end()
	return k.generate(ctx, p, s.Place, Ask{
		Grants: c.Status.Grants, Callbacks: c.Status.Callbacks, Scopes: c.Status.Scopes, Fields: c.Status.Fields,
	}, before{gone: c})
}

// Clear takes away at its server what is left there of a client that vanished, such as an access policy of its own, which
// nobody would look for any more once the client is forgotten. What the server refuses to take away stays; one that does not
// answer is the error. Who may not forget the client may not have it cleared either; id is the OAuthClient object's.
func (k *Keys) Clear(ctx context.Context, p keyward.Principal, place Place, id string) error {
	s, c, err := k.active(ctx, p, place)
	if err != nil {
		return err
	}
	if c.Object.ID != id || c.Status.State != keyward.ClientDrifted {
		return scene.Overtaken(c.Object, "is not the client that vanished")
	}
	if err := s.MayDelete(p, c, k.now()); err != nil {
		return err
	}
	if err := k.store.Read(ctx, func(tx *store.Tx) error { return scene.NotReused(tx, c) }); err != nil {
		return err
	}
	end := k.turns.Claim(ctx, id)
	if end == nil {
		return c.Busy()
	}
	defer end()
	ctx, cancel := detached(ctx)
	defer cancel()
	err = k.deleteThere(ctx, s.Server, c)
	if wire.Uncertain(err) || wire.Unanswered(err) {
		return scene.Told(s.Place.KeyManager, err)
	}
	if err != nil {
		k.log.InfoContext(ctx, "what is left of a client that vanished is not taken away", "client", c.Object.Name, "error", err)
	}
	return nil
}

// leave forgets a client that vanished at its server, in the transaction in which another takes its place.
func (k *Keys) leave(tx *store.Tx, p keyward.Principal, s *scene.Scene, gone *scene.Client) error {
	fresh, err := scene.Reload(tx, gone, keyward.ClientDrifted)
	if err != nil {
		return err
	}
	if err := s.MayDelete(p, fresh, k.now()); err != nil {
		return err
	}
	if err := scene.NotReused(tx, fresh); err != nil {
		return err
	}
	if err := k.audit(tx, fresh.Object, "key.vanished", "client "+fresh.Spec.ClientID); err != nil {
		return err
	}
	s.Clients = slices.DeleteFunc(s.Clients, func(c *scene.Client) bool { return c.Object.ID == fresh.Object.ID })
	return tx.Delete(fresh.Object)
}
