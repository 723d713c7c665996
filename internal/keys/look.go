package keys

import (
	"context"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys/listing"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/store"
)

func result(s *scene.Scene, clientID, secret, name string, status keyward.OAuthClientStatus) *Result {
	return listing.Of(s, clientID, secret, name, status)
}

// at writes about a place as it is, with nothing settled there before.
func (k *Keys) at(ctx context.Context, p keyward.Principal, place Place, do func(*store.Tx, *scene.Scene) error) error {
	place, faults := place.Complete()
	if len(faults) > 0 {
		return keyward.Invalid(faults)
	}
	return k.store.Write(ctx, scene.Requester(p, place.Tenant), func(tx *store.Tx) error {
		s, err := scene.Look(tx, p, place)
		if err != nil {
			return err
		}
		return do(tx, s)
	})
}

func (k *Keys) audit(tx *store.Tx, o *keyward.Object, action, detail string) error {
	return tx.Audit(keyward.AuditEntry{
		Tenant: o.Tenant, Action: action, Kind: string(keyward.KindOAuthClient), Name: o.Name, Detail: detail,
	})
}
