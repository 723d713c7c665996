package keys

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/wire"
)

// Update changes a generated client at its server: what the ask leaves nil stays as it is, fields beside the given ones
// too. Where the server has no way to, and for mapped clients, it is refused with update_unsupported before anything
// changes. While it is under way gateways take the client as before; a change whose end nobody saw is made again by the
// sweep.
func (k *Keys) Update(ctx context.Context, p keyward.Principal, place Place, ask Ask) (*Result, error) {
	s, c, err := k.active(ctx, p, place)
	if err != nil {
		return nil, err
	}
	if err := s.Changeable(c, k.now()); err != nil {
		return nil, err
	}
	if err := s.Updatable(k.openers, c); err != nil {
		return nil, err
	}
	want, err := s.CheckWish(ask.Over(c.Status))
	if err != nil {
		return nil, err
	}
	if connector.IsPublic(want.Fields) != connector.IsPublic(c.Status.Fields) {
		return nil, keyward.Invalid([]keyward.FieldError{keyward.Fault("fields."+connector.AuthenticationField,
			"cannot make a public client of one with a secret, or the other way round: delete the keys and generate new ones")})
	}
	err = k.store.Read(ctx, func(tx *store.Tx) error { return s.MayWiden(tx, p, c, want) })
	if err != nil {
		return nil, err
	}
	who := scene.Requester(p, s.Place.Tenant)
	c, end, err := k.change(ctx, who, c, keyward.ClientUpdating, func(status *keyward.OAuthClientStatus) error {
		status.Wanted = &keyward.ClientWish{
			Grants: want.Ask.Grants, Callbacks: want.Ask.Callbacks, Scopes: want.Ask.Scopes, Fields: want.Fields,
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	defer end()
	ctx, cancel := detached(ctx)
	defer cancel()
	secret, err := k.finishUpdate(ctx, s.Server, c, false, who)
	if err != nil {
		return nil, err
	}
	return result(s, c.Spec.ClientID, secret, c.Object.Name, c.Status), nil
}

// finishUpdate changes at its server a client that is marked as updating, and stores what came of it. resumed is as
// in finishRotate. who waits for the answer, if anybody: it has the secret that came with the change, if one did and it is
// theirs.
func (k *Keys) finishUpdate(ctx context.Context, server connector.Server, c *scene.Client, resumed bool, who string) (string, error) {
	made, err := k.updateThere(ctx, server, c)
	if err == nil {
		return k.keepUpdated(ctx, c, made, who)
	}
	told := scene.Told(server.Name, err)
	if wire.Uncertain(err) || resumed && wire.Passing(err) {
		k.noteReason(ctx, c, told.Words())
		wrapped := keyward.Errorf(told.Code, "%s; the change is tried again", told.Message)
		wrapped.Err = err
		return "", wrapped
	}
	reason, lost := "", ""
	switch {
	case errors.Is(err, connector.ErrUnsupported):
		told = keyward.Errorf(keyward.CodeUpdateUnsupported,
			"%s offers no way to change a client: delete the keys and generate new ones", server.Name)
	case errors.Is(err, connector.ErrUnmanageable):
		lost = scene.Unmanageable(server)
		told = keyward.Errorf(keyward.CodeUpdateUnsupported, "client %s: %s", c.Spec.ClientID, lost)
	}
	if resumed {
		reason = "the change was interrupted and could not be ended: " + told.Words()
	}
	if err := k.stands(ctx, c, unmade{reason: reason, lost: lost}); err != nil {
		k.log.WarnContext(ctx, "a client could not be marked", "client", c.Object.Name, "error", err)
	}
	return "", told
}

// updateThere asks the server. A new registration access token is stored before anything else is done with an answer.
func (k *Keys) updateThere(ctx context.Context, server connector.Server, c *scene.Client) (connector.Registered, error) {
	if c.Status.Wanted == nil {
		return connector.Registered{}, fmt.Errorf("%s is being changed into nothing", c.Object.Ref())
	}
	conn, err := k.openers.Open(server)
	if err != nil {
		return connector.Registered{}, err
	}
	handle, keep, err := k.risky(ctx, c)
	if err != nil {
		return connector.Registered{}, err
	}
	w, scopes := c.Status.Wanted, []string(nil)
	if w.Restore != nil {
		return restoreThere(ctx, conn, handle, c, keep)
	}
	if !slices.Equal(w.Scopes, c.Status.Scopes) {
		scopes = w.Scopes
	}
	return update(ctx, conn, handle, c, scopes, keep)
}

// update makes the client what is wanted of it; without scopes those stay.
func update(
	ctx context.Context, conn connector.Connector, h connector.Handle, c *scene.Client, scopes []string, keep connector.KeepHandle,
) (connector.Registered, error) {
	updater, ok := conn.(connector.Updater)
	if !ok {
		return connector.Registered{}, connector.ErrUnsupported
	}
	w := c.Status.Wanted
	return updater.Update(ctx, h, connector.Registration{
		Name: c.Status.VendorName, ObjectID: c.Object.ID, Tenant: c.Object.Tenant,
		Grants: w.Grants, Callbacks: w.Callbacks, Scopes: scopes, Fields: w.Fields,
		Environment: string(c.Spec.EnvironmentOrDefault()), Enable: w.Restore != nil && w.Restore.Enable,
	}, keep)
}

// risky gives the handle for calls whose answers may replace the registration access token (RFC 7592, section 3). That it
// may be lost with an answer is stored first; keep stores what came, before anything else is done with it.
func (k *Keys) risky(ctx context.Context, c *scene.Client) (h connector.Handle, keep connector.KeepHandle, err error) {
	write := func(ctx context.Context, h connector.Handle) error {
		text, err := json.Marshal(h) //nolint:gosec // stored sealed
		if err != nil {
			return fmt.Errorf("encode the client's handle: %w", err)
		}
		return k.store.Write(ctx, actor, func(tx *store.Tx) error {
			return tx.KeepSecrets(c.Object, map[string]string{scene.HandlePath: string(text)})
		})
	}
	err = k.store.Read(ctx, func(tx *store.Tx) (err error) {
		h, err = scene.HandleOf(tx, c)
		return err
	})
	if err != nil || h.AccessToken == "" {
		return h, func(context.Context, connector.Handle) error { return nil }, err
	}
	doubtful := h
	doubtful.Doubtful = true
	return h, write, write(ctx, doubtful)
}

// keepUpdated stores what the server made of a change, and gives a new secret to who waits for it.
func (k *Keys) keepUpdated(ctx context.Context, c *scene.Client, made connector.Registered, who string) (secret string, err error) {
	err = k.store.Write(ctx, actor, func(tx *store.Tx) error {
		now := k.now()
		fresh, err := scene.Reload(tx, c, keyward.ClientUpdating)
		if err != nil {
			return err
		}
		w := fresh.Status.Wanted
		restored := w != nil && w.Restore != nil // it is what our books say, not what this answer does
		if w != nil && !restored {
			fresh.Status.Grants, fresh.Status.Callbacks, fresh.Status.Scopes = w.Grants, w.Callbacks, w.Scopes
			fresh.Status.Fields = w.Fields
			fresh.Status.LackingGrants, fresh.Status.LackingScopes = nil, nil
		}
		expires := fresh.Status.SecretExpiresAt
		if !restored {
			scene.Given(&fresh.Status, made)
		}
		if made.SecretExpiresAt == nil {
			fresh.Status.SecretExpiresAt = expires
		}
		fresh.Status.Drift, fresh.Status.Unmanageable = nil, ""
		if made.ClientSecret != "" { // it is the one that counts, and is kept
			fresh.Status.SecretDoubt = ""
		}
		fresh.Stand("", now)
		if secret, err = k.keepSecret(tx, fresh, made.ClientSecret, who); err != nil {
			return err
		}
		if err := fresh.Put(tx, store.Extra{}); err != nil {
			return err
		}
		c.Status = fresh.Status
		return k.audit(tx, fresh.Object, "key.updated", "client "+fresh.Spec.ClientID)
	})
	return secret, err
}

// newSecretCame is what a client says until the secret that came with a change has been fetched.
const newSecretCame = "its server gave it a new secret with a change: fetch it with reveal, or rotate"

// keepSecret stores the secret that came with a change, if that is a new one (RFC 7592, section 2.2 lets the server give
// one), for one more look by who asked for the client, and gives it to them where they wait. The one before it is dead, also
// where it was still to be fetched.
func (k *Keys) keepSecret(tx *store.Tx, c *scene.Client, secret, who string) (string, error) {
	secrets, err := tx.Secrets(c.Object)
	if err != nil {
		return "", fmt.Errorf("open the secrets of %s: %w", c.Object.Ref(), err)
	}
	if secret == "" || secret == secrets[scene.SecretPath] {
		return "", nil
	}
	if err := tx.KeepSecrets(c.Object, map[string]string{scene.SecretPath: secret}); err != nil {
		return "", fmt.Errorf("keep the client's secret: %w", err)
	}
	until := k.now().Add(revealPeriod)
	if a := c.Status.Approval; a != nil && a.SecretUntil != nil && a.SecretUntil.After(until) {
		until = *a.SecretUntil
	}
	if err := tx.PutReveal(c.Object.ID, c.Status.Requester, secret, until); err != nil {
		return "", fmt.Errorf("keep the secret for one more look: %w", err)
	}
	if who == c.Status.Requester {
		return secret, nil
	}
	c.Status.Reason = newSecretCame
	return "", nil
}
