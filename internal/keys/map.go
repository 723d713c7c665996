package keys

import (
	"context"
	"fmt"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/store"
)

// Map says that a client which exists in the key manager is the application's. An administrator of the tenant may map
// any id; others prove the client with its secret, which is used for one token and never stored; without it, the client
// awaits an administrator's approval. Refusals that a person
// is told: forbidden, not_found, key_manager_disabled, exchange_only, mapping_disabled, keys_exist, conflict (another application has
// the client), invalid_input, too_many_requests after many secrets, key_manager_failed with the server's own words.
func (k *Keys) Map(ctx context.Context, p keyward.Principal, place Place, clientID, secret string) (*Result, error) {
	place, faults := place.Complete()
	if clientID == "" {
		faults = append(faults, keyward.Fault("clientId", "is required"))
	}
	if len(faults) > 0 {
		return nil, keyward.Invalid(faults)
	}
	if err := k.settlePlace(ctx, p, place); err != nil {
		return nil, err
	}
	spec := &keyward.OAuthClientSpec{
		Application: place.Application, KeyManager: place.KeyManager, Environment: place.Environment, ClientID: clientID,
	}
	var s *scene.Scene
	err := k.store.Read(ctx, func(tx *store.Tx) (err error) {
		s, err = k.lookToMap(tx, p, place, spec)
		return err
	})
	if err != nil {
		return nil, err
	}
	if secret == "" && !scene.IsAdmin(p, place.Tenant) {
		return k.requestMapping(ctx, p, place, spec)
	}
	if err := k.proof.Prove(ctx, p, s, clientID, secret); err != nil {
		return nil, err
	}
	var name string
	err = k.store.Write(ctx, scene.Requester(p, place.Tenant), func(tx *store.Tx) error {
		again, err := k.lookToMap(tx, p, place, spec)
		if err != nil {
			return err
		}
		if again.KeyManager.ID != s.KeyManager.ID {
			return keyward.Errorf(keyward.CodeConflict, "%s was replaced meanwhile: try again", s.KeyManager.Ref())
		}
		name, err = k.putMapped(tx, p, again, *spec)
		return err
	})
	if err != nil {
		return nil, err
	}
	return result(s, clientID, "", name, keyward.OAuthClientStatus{State: keyward.ClientActive}), nil
}

// lookToMap reads the place and refuses what cannot be mapped there.
func (k *Keys) lookToMap(tx *store.Tx, p keyward.Principal, place Place, spec *keyward.OAuthClientSpec) (*scene.Scene, error) {
	s, err := scene.Look(tx, p, place)
	if err != nil {
		return nil, err
	}
	if err := s.Permit(p); err != nil {
		return nil, err
	}
	if err := scene.Alive(s.App); err != nil {
		return nil, err
	}
	if taken := s.Taking(); taken != nil {
		return nil, s.Taken(taken)
	}
	return s, k.mappable(tx, s, spec)
}

// mappable refuses a client that nobody may map at the place, or that has an application.
func (k *Keys) mappable(tx *store.Tx, s *scene.Scene, spec *keyward.OAuthClientSpec) error {
	if err := s.Held(nil, k.now()); err != nil {
		return err
	}
	if err := scene.CheckMapping(s.KeyManager, s.Spec, spec); err != nil {
		return err
	}
	other, err := tx.ClientByVendorID(s.Place.Tenant, s.KeyManager.ID, spec.ClientID)
	if before := s.Last(); err == nil && before != nil && before.Object.ID == other.ID && !before.Status.Orphan {
		return nil // revoked here: it gives way
	}
	words := "belongs to an application already"
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		// To some servers it is the same client, which would have a second life here beside a revoked or held one.
		_, err = tx.ClientSpelledAlike(s.Place.Tenant, s.KeyManager.ID, spec.ClientID)
		words += ", under an id that differs in case alone"
	}
	if err == nil {
		// Whose it is would tell a developer about other people's applications.
		return &keyward.Error{
			Code:    keyward.CodeConflict,
			Message: fmt.Sprintf("client %s of %s %s", spec.ClientID, s.KeyManager.Ref(), words),
			Fields:  []keyward.FieldError{{Path: "clientId", Code: keyward.CodeConflict, Message: words}},
		}
	}
	if keyward.CodeOf(err) != keyward.CodeNotFound {
		return err
	}
	return nil
}

func (k *Keys) putMapped(tx *store.Tx, p keyward.Principal, s *scene.Scene, spec keyward.OAuthClientSpec) (string, error) {
	if err := s.Vacate(tx, p, k.now()); err != nil {
		return "", err
	}
	id := store.NewID()
	name, err := scene.FreeName(tx, s.Place, id)
	if err != nil {
		return "", err
	}
	now := k.now()
	c := &scene.Client{
		Object: &keyward.Object{ID: id, Kind: keyward.KindOAuthClient, Tenant: s.Place.Tenant, Name: name},
		Spec:   &spec,
		Status: keyward.OAuthClientStatus{
			Mode: keyward.ClientMapped, State: keyward.ClientActive, Requester: scene.Requester(p, s.Place.Tenant), ChangedAt: &now,
		},
	}
	row, err := c.GatewayRow()
	if err != nil {
		return "", err
	}
	if err := c.Put(tx, store.Extra{Row: row}); err != nil {
		return "", err
	}
	return name, k.audit(tx, c.Object, "key.mapped", "client "+spec.ClientID)
}
