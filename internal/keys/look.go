package keys

import (
	"context"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/store"
)

func result(s *scene.Scene, clientID, secret, name string, status keyward.OAuthClientStatus) *Result {
	return &Result{
		Name: name, Application: s.Place.Application, KeyManager: s.Place.KeyManager, Environment: s.Place.Environment,
		ClientID: clientID, ClientSecret: secret, TokenEndpoint: scene.TokenEndpoint(s.Spec, s.Server.Status),
		Grants: status.Grants, Scopes: status.Scopes, LackingGrants: status.LackingGrants,
		LackingScopes: scene.LackingScopes(status), LackingFields: status.LackingFields, SecretExpiresAt: status.SecretExpiresAt,
		State: status.State, OldSecretUntil: status.OldSecretUntil, Entitlement: status.Entitlement,
	}
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
