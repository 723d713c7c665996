package keys

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keys/wish"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/wire"
)

// Generate creates a client at the key manager for an application. Refusals that a person is told: forbidden,
// not_found, key_manager_disabled, exchange_only, creation_disabled, keys_exist, callback_required, invalid_input (each field named),
// key_manager_failed with the server's own words, and outcome_unknown where the server may have made a client that
// nobody can find.
func (k *Keys) Generate(ctx context.Context, p keyward.Principal, place Place, ask Ask) (*Result, error) {
	place, faults := place.complete()
	if len(faults) > 0 {
		return nil, keyward.Invalid(faults)
	}
	if err := k.settlePlace(ctx, p, place); err != nil {
		return nil, err
	}
	id := store.NewID()
	defer k.turns.Take(id)()
	s, c, want, err := k.reserve(ctx, p, place, ask, id)
	if err != nil {
		return nil, err
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	conn, err := k.openers.Open(s.server)
	if err != nil {
		return nil, k.failed(ctx, s, c, err, false)
	}
	made, err := conn.Register(ctx, s.registration(c, want))
	if err != nil {
		made, err = k.findMade(ctx, conn, c, err)
	}
	if err != nil {
		return nil, k.failed(ctx, s, c, err, uncertain(err))
	}
	err = k.activate(ctx, c, made)
	if errors.Is(err, errDoomed) {
		return nil, keyward.Errorf(keyward.CodeConflict, "%s is being deleted, and so is the client that was just made", s.app.Ref())
	}
	if err != nil {
		return nil, k.takeBack(ctx, s, c, conn, made, err)
	}
	if k.entitle != nil {
		c.status.Entitlement = k.entitle.Now(ctx, c.object.ID)
	}
	return s.result(made.ClientID, made.ClientSecret, c.object.Name, c.status), nil
}

// reserve stores the pending client: from then on the place is taken, and an interruption is seen.
func (k *Keys) reserve(ctx context.Context, p keyward.Principal, place Place, ask Ask, id string) (
	s *scene, c *client, want wish.Checked, err error,
) {
	err = k.store.Write(ctx, requester(p, place.Tenant), func(tx *store.Tx) error {
		if s, err = k.look(tx, p, place); err != nil {
			return err
		}
		if err := s.permit(p); err != nil {
			return err
		}
		if err := s.held(nil, k.now()); err != nil {
			return err
		}
		if err := alive(s.app); err != nil {
			return err
		}
		if want, err = s.checkGenerate(ask); err != nil {
			return err
		}
		if taken := s.taking(); taken != nil {
			return s.taken(taken)
		}
		if err := k.vacate(tx, p, s); err != nil {
			return err
		}
		name, err := freeName(tx, place, id)
		if err != nil {
			return err
		}
		now := k.now()
		c = &client{
			object: &keyward.Object{ID: id, Kind: keyward.KindOAuthClient, Tenant: place.Tenant, Name: name},
			spec: &keyward.OAuthClientSpec{
				Application: place.Application, KeyManager: place.KeyManager, Environment: place.Environment,
			},
			status: keyward.OAuthClientStatus{
				Mode: keyward.ClientGenerated, State: keyward.ClientPending, VendorName: vendorName(id),
				Grants: want.Ask.Grants, Callbacks: want.Ask.Callbacks, Scopes: want.Ask.Scopes, Fields: want.Fields,
				Requester: requester(p, place.Tenant), ChangedAt: &now,
			},
		}
		return c.put(tx, store.Extra{})
	})
	if err != nil {
		return nil, nil, wish.Checked{}, err
	}
	return s, c, want, nil
}

// vendorName is what the client is called at the server: its own for each attempt, so that one that was interrupted is
// never taken for the next.
func vendorName(id string) string { return "keyward-" + id }

// freeName is APPLICATION-KEYMANAGER-ENVIRONMENT as a DNS label; where that is too long or taken (by an attempt that
// failed), the end of the id makes it the client's own.
func freeName(tx *store.Tx, place Place, id string) (string, error) {
	name := fmt.Sprintf("%s-%s-%s", place.Application, place.KeyManager, place.Environment)
	if keyward.ValidName(name) {
		_, err := tx.Get(keyward.KindOAuthClient, place.Tenant, name)
		if keyward.CodeOf(err) == keyward.CodeNotFound {
			return name, nil
		}
		if err != nil {
			return "", fmt.Errorf("look for a free name: %w", err)
		}
	}
	const tail = 10
	if room := 63 - tail - 1; len(name) > room {
		name = name[:room]
	}
	return name + "-" + id[len(id)-tail:], nil
}

// taken says who takes the place.
func (s *scene) taken(c *client) error {
	where := fmt.Sprintf("application %s has a client in %s for %s already", s.place.Application, s.place.KeyManager, s.place.Environment)
	switch c.status.State {
	case keyward.ClientPending:
		return keyward.Errorf(keyward.CodeKeysExist, "%s: it is being generated at this moment", where)
	case keyward.ClientDeleting:
		return keyward.Errorf(keyward.CodeKeysExist, "%s: it is being deleted (%s)", where, c.status.Reason)
	case keyward.ClientRevoking:
		return keyward.Errorf(keyward.CodeKeysExist, "%s: it is being revoked (%s)", where, c.status.Reason)
	case keyward.ClientRotating, keyward.ClientUpdating:
		return keyward.Errorf(keyward.CodeKeysExist, "%s: %s is %s (%s)", where, c.spec.ClientID, c.status.State, c.status.Reason)
	default:
		return keyward.Errorf(keyward.CodeKeysExist, "%s: %s", where, c.spec.Shown())
	}
}

func (s *scene) registration(c *client, want wish.Checked) connector.Registration {
	return connector.Registration{
		Name: c.status.VendorName, ObjectID: c.object.ID, Tenant: s.place.Tenant, KeyManagerID: s.km.ID,
		ApplicationID: s.app.ID, Environment: string(s.place.Environment),
		Grants: want.Ask.Grants, Callbacks: want.Ask.Callbacks, Scopes: want.Ask.Scopes, Fields: want.Ask.Fields,
	}
}

// findMade looks for a client whose registration ended in doubt, where the server can be searched.
func (k *Keys) findMade(ctx context.Context, conn connector.Connector, c *client, cause error) (connector.Registered, error) {
	finder, ok := conn.(connector.Finder)
	if !ok || !uncertain(cause) {
		return connector.Registered{}, cause
	}
	found, err := finder.Find(ctx, c.status.VendorName)
	if err != nil || found == nil || found.ClientSecret == "" {
		return connector.Registered{}, cause
	}
	return *found, nil
}

// uncertain tells whether a failed call may have taken effect at the server.
func uncertain(err error) bool {
	var f *wire.Failure
	return errors.As(err, &f) && f.Uncertain()
}

// activate stores what the server made: from the commit on gateways know the client. The secret can be fetched once
// more by its requester.
func (k *Keys) activate(ctx context.Context, c *client, made connector.Registered) error {
	handle, err := json.Marshal(made.Handle) //nolint:gosec // stored sealed
	if err != nil {
		return fmt.Errorf("encode the client's handle: %w", err)
	}
	var stored keyward.OAuthClientStatus
	doomed := false
	err = k.store.Write(ctx, c.status.Requester, func(tx *store.Tx) error {
		now := k.now()
		fresh, err := reload(tx, c, keyward.ClientPending)
		if err != nil {
			return err
		}
		fresh.spec.ClientID = made.ClientID
		given(&fresh.status, made)
		fresh.status.State, fresh.status.Reason, fresh.status.ChangedAt = keyward.ClientActive, "", &now
		row, err := fresh.gatewayRow()
		if err != nil {
			return err
		}
		secrets := map[string]string{HandlePath: string(handle), secretPath: made.ClientSecret}
		app, err := tx.Get(keyward.KindApplication, fresh.object.Tenant, fresh.spec.Application)
		if err != nil {
			return err
		}
		if doomed = alive(app) != nil; doomed {
			fresh.status.State = keyward.ClientDeleting
			return fresh.put(tx, store.Extra{Secrets: secrets, Row: noRow()})
		}
		stored = fresh.status
		if err := fresh.put(tx, store.Extra{Secrets: secrets, Row: row}); err != nil {
			return err
		}
		if err := tx.PutReveal(fresh.object.ID, fresh.status.Requester, made.ClientSecret, now.Add(revealPeriod)); err != nil {
			return fmt.Errorf("keep the secret for one more look: %w", err)
		}
		return k.audit(tx, fresh.object, "key.generated", "client "+made.ClientID)
	})
	switch {
	case err == nil && doomed:
		return errDoomed
	case err == nil:
		c.status = stored
	}
	return err
}

// errDoomed says that the client's application is being deleted: the client is stored, in order to be deleted.
var errDoomed = errors.New("the application is being deleted")

// given notes what the server made of what was asked for.
func given(status *keyward.OAuthClientStatus, made connector.Registered) {
	status.SecretExpiresAt, status.LackingFields = made.SecretExpiresAt, made.LackingFields
	if made.Grants != nil {
		status.LackingGrants, status.Grants = without(status.Grants, made.Grants), made.Grants
	}
	if made.Scopes != nil {
		status.LackingScopes, status.Scopes = without(status.Scopes, made.Scopes), made.Scopes
	}
}

func without(asked, given []string) []string {
	return slices.DeleteFunc(slices.Clone(asked), func(one string) bool { return slices.Contains(given, one) })
}

// errOvertaken says that somebody else changed the client meanwhile.
var errOvertaken = errors.New("the client was changed meanwhile")

// reload reads the client again and wants it in one of the states.
func reload(tx *store.Tx, c *client, states ...keyward.ClientState) (*client, error) {
	o, err := tx.GetByID(keyward.KindOAuthClient, c.object.ID)
	if err != nil {
		return nil, err
	}
	fresh, err := readClient(o)
	if err != nil {
		return nil, err
	}
	for _, s := range states {
		if fresh.status.State == s {
			return fresh, nil
		}
	}
	return nil, fmt.Errorf("%w: it is %s", errOvertaken, fresh.status.State)
}

// takeBack deletes at the server a client that could not be stored. When the commit had succeeded after all, the client
// stands.
func (k *Keys) takeBack(ctx context.Context, s *scene, c *client, conn connector.Connector, made connector.Registered, cause error) error {
	if k.isActive(ctx, c) {
		k.log.WarnContext(ctx, "a commit was reported as failed and had succeeded", "client", c.object.Name, "error", cause)
		return fmt.Errorf("the client was generated, and its answer was lost; fetch the secret with reveal: %w", cause)
	}
	orphan := false
	if err := conn.Delete(ctx, made.Handle); err != nil {
		orphan = true
		k.log.ErrorContext(ctx, "a client that could not be stored could not be deleted at its server either",
			"keyManager", s.place.KeyManager, "name", c.status.VendorName, "client", made.ClientID, "error", err)
	}
	why, reason := fmt.Errorf("store the client: %w", cause), "the client could not be stored"
	if errors.Is(cause, errOvertaken) {
		reason = "it was cancelled while the server made it"
		why = keyward.Errorf(keyward.CodeConflict, "the client was cancelled or settled while the server made it")
	}
	if err := k.markFailed(ctx, c, reason, orphan); err != nil {
		k.log.ErrorContext(ctx, "a failed client stays pending until it is settled", "client", c.object.Name, "error", err)
	}
	return why
}

func (k *Keys) isActive(ctx context.Context, c *client) bool {
	active := false
	err := k.store.Read(ctx, func(tx *store.Tx) error {
		_, err := reload(tx, c, keyward.ClientActive, keyward.ClientDrifted)
		active = err == nil
		return nil
	})
	return err == nil && active
}

// failed marks the client and gives the refusal that its requester is told.
func (k *Keys) failed(ctx context.Context, s *scene, c *client, cause error, orphan bool) error {
	told := vendorError(s.place.KeyManager, cause)
	reason := told.Words()
	if orphan {
		told = keyward.Errorf(keyward.CodeOutcomeUnknown, "%s; the server may have made a client named %s",
			told.Message, c.status.VendorName)
		told.Err = cause
		reason = "outcome unknown: " + reason
	}
	if err := k.markFailed(ctx, c, reason, orphan); err != nil {
		k.log.ErrorContext(ctx, "a failed client stays pending until it is settled", "client", c.object.Name, "error", err)
	}
	return told
}

// vendorError turns a connector's failure into what a person is told.
func vendorError(keyManager string, err error) *keyward.Error {
	var told *keyward.Error
	if errors.As(err, &told) {
		return told
	}
	var f *wire.Failure
	if errors.As(err, &f) {
		e := keyward.Errorf(keyward.CodeKeyManagerFailed, "key manager %s: %s", keyManager, f.Error())
		e.Err = err
		return e
	}
	if errors.Is(err, connector.ErrUnsupported) || errors.Is(err, connector.ErrUnmanageable) {
		return keyward.Errorf(keyward.CodeKeyManagerFailed, "key manager %s offers no way to do this", keyManager)
	}
	e := keyward.Errorf(keyward.CodeKeyManagerFailed, "key manager %s: the call failed", keyManager)
	e.Err = err
	return e
}

const (
	storeTries = 3
	storePause = 500 * time.Millisecond
)

// markFailed ends a pending or deleting client as failed. It tries a few times, because a client that stays pending is
// seen by nobody but the sweep.
func (k *Keys) markFailed(ctx context.Context, c *client, reason string, orphan bool) error {
	write := func() error {
		return k.store.Write(ctx, actor, func(tx *store.Tx) error {
			now := k.now()
			fresh, err := reload(tx, c, keyward.ClientPending, keyward.ClientDeleting, keyward.ClientFailed)
			if err != nil {
				return err
			}
			fresh.status.State, fresh.status.Reason, fresh.status.Orphan = keyward.ClientFailed, reason, orphan
			fresh.status.ChangedAt = &now
			if err := fresh.put(tx, store.Extra{Row: noRow()}); err != nil {
				return err
			}
			return k.audit(tx, fresh.object, "key.failed", reason)
		})
	}
	var err error
	for range storeTries {
		if err = write(); err == nil || errors.Is(err, errOvertaken) || keyward.CodeOf(err) != keyward.CodeInternal {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(storePause):
		}
	}
	return err
}
