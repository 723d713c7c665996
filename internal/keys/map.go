package keys

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/wire"
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
	if err := k.prove(ctx, p, s, clientID, secret); err != nil {
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

// prove asks the server about a secret. Without one, an administrator's word counts, but not against the server's.
func (k *Keys) prove(ctx context.Context, p keyward.Principal, s *scene.Scene, clientID, secret string) error {
	if keymanager.ForMany(s.Spec) && scene.IsAdmin(p, s.Place.Tenant) {
		return nil // what the connection sees is one organization's
	}
	if keymanager.ForMany(s.Spec) {
		return keyward.Errorf(keyward.CodeForbidden,
			"%s is for many organizations, where no secret is tried: leave the secret out, and an administrator is asked to approve",
			s.KeyManager.Ref())
	}
	if secret == "" {
		return k.exists(ctx, s, clientID)
	}
	if wait := k.proofs.Take(p.Tenant+"/"+p.User+" "+s.KeyManager.ID, k.now()); wait > 0 {
		e := keyward.Errorf(keyward.CodeTooManyRequests,
			"too many secrets were tried at %s: wait, and have the right one at hand", s.KeyManager.Ref())
		e.RetryAfter = wait
		return e
	}
	ctx, cancel := context.WithTimeout(ctx, vendorLimit)
	defer cancel()
	conn, err := k.openers.Open(s.Server)
	if err != nil {
		return scene.Told(s.Place.KeyManager, err)
	}
	err = connector.ErrUnsupported
	if prover, ok := conn.(connector.Prover); ok {
		err = prover.Prove(ctx, clientID, secret)
	}
	if errors.Is(err, connector.ErrUnsupported) {
		if scene.IsAdmin(p, s.Place.Tenant) {
			return k.exists(ctx, s, clientID)
		}
		return keyward.Errorf(keyward.CodeForbidden, "%s %s: leave the secret out, and an administrator is asked to approve",
			s.KeyManager.Ref(), untried(s.Spec, errors.Is(err, connector.ErrNoScope)))
	}
	if f, ok := errors.AsType[*wire.Failure](err); ok && (f.Code == "invalid_client" || f.Status == http.StatusUnauthorized) {
		return keyward.Invalid([]keyward.FieldError{keyward.Fault("clientSecret",
			"%s does not take it as the secret of client %s: %v", s.KeyManager.Ref(), clientID, f)})
	}
	if err != nil {
		return scene.Told(s.Place.KeyManager, err)
	}
	return nil
}

// untried says why a server gives no token with which a secret could be tried.
func untried(spec *keyward.KeyManagerSpec, scope bool) string {
	kind, _ := catalog.TypeOf(spec.Type)
	named := slices.ContainsFunc(kind.AdminFields, func(f connector.Field) bool { return f.Name == "connection.proofScope" })
	switch {
	case scope && named && spec.Connection["proofScope"] == nil:
		return "gives no token without a scope, and its spec.connection.proofScope names none with which the secret could be tried"
	case scope && named:
		return fmt.Sprintf("does not give this client the scope %v of its spec.connection.proofScope, with which secrets are tried",
			spec.Connection["proofScope"])
	case scope:
		return "gives this client no token without a scope, so the secret cannot be tried"
	default:
		return "has no token endpoint at which the secret could be tried"
	}
}

// exists refuses a client that the server says it does not have. A server that cannot be asked says nothing.
func (k *Keys) exists(ctx context.Context, s *scene.Scene, clientID string) error {
	ctx, cancel := context.WithTimeout(ctx, vendorLimit)
	defer cancel()
	conn, err := k.openers.Open(s.Server)
	if err != nil {
		return nil //nolint:nilerr // a connection that is not set up cannot be asked
	}
	reader, ok := conn.(connector.Reader)
	if !ok {
		return nil
	}
	c, err := reader.Read(ctx, connector.Handle{ClientID: clientID})
	if err != nil {
		k.log.InfoContext(ctx, "a client is mapped without a look at it",
			"keyManager", s.Place.KeyManager, "client", clientID, "error", err)
		return nil
	}
	if c != nil && c.ClientID == clientID {
		return nil
	}
	return &keyward.Error{
		Code:    keyward.CodeNotFound,
		Message: fmt.Sprintf("%s has no client %s", s.KeyManager.Ref(), clientID),
		Fields:  []keyward.FieldError{{Path: "clientId", Code: keyward.CodeNotFound, Message: "does not exist at the server"}},
	}
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
