package keys

import (
	"context"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/store"
)

// Reuse takes the client that the application has generated in another key manager of the same Connection as its client of
// the place too: nothing is made at the server. That client's row owns it there; this one only uses it, and has no secret
// of its own. Refusals are those of Generate, and invalid_input where the two places have no client in common. Nothing may
// be asked for: the client is as it is.
func (k *Keys) Reuse(ctx context.Context, p keyward.Principal, place Place, of string, ask Ask) (*Result, error) {
	place, faults := place.Complete()
	for path, given := range map[string]bool{
		"grants": len(ask.Grants) > 0, "callbacks": len(ask.Callbacks) > 0, "scopes": len(ask.Scopes) > 0, "fields": len(ask.Fields) > 0,
	} {
		if given {
			faults = append(faults, keyward.Fault(path, "is what the reused client has: leave it out"))
		}
	}
	if of == place.KeyManager {
		faults = append(faults, keyward.Fault(scene.ReuseField, "is the key manager itself: name another one of the same Connection"))
	}
	if len(faults) > 0 {
		return nil, keyward.Invalid(faults)
	}
	if err := k.settlePlace(ctx, p, place); err != nil {
		return nil, err
	}
	var s *scene.Scene
	var c *scene.Client
	err := k.store.Write(ctx, scene.Requester(p, place.Tenant), func(tx *store.Tx) (err error) {
		if s, err = scene.Look(tx, p, place); err != nil {
			return err
		}
		c, err = s.Reuse(tx, p, of, k.now())
		return err
	})
	if err != nil {
		return nil, err
	}
	if k.entitle != nil {
		ctx, cancel := detached(ctx)
		defer cancel()
		c.Status.Entitlement = k.entitle.Now(ctx, c.Object.ID)
	}
	return result(s, c.Spec.ClientID, "", c.Object.Name, c.Status), nil
}
