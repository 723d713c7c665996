package keys

import (
	"context"
	"encoding/json"
	"fmt"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/store"
)

// Rotate gives a generated client a new secret and keeps its id. Where the server has no way to, and for mapped
// clients, it is refused with rotation_unsupported before anything changes.
func (k *Keys) Rotate(ctx context.Context, p keyward.Principal, place Place) (*Result, error) {
	s, c, err := k.active(ctx, p, place)
	if err != nil {
		return nil, err
	}
	if err := s.held(c, k.now()); err != nil {
		return nil, err
	}
	switch {
	case c.status.Mode != keyward.ClientGenerated:
		return nil, keyward.Errorf(keyward.CodeRotationUnsupported, "client %s is mapped: its secret is changed at %s",
			c.spec.ClientID, s.km.Ref())
	case !s.kmSpec.IsEnabled():
		return nil, disabled(s.km)
	}
	conn, err := k.openers.Open(s.server)
	if err != nil {
		return nil, vendorError(s.place.KeyManager, err)
	}
	rotator, ok := conn.(connector.Rotator)
	if !ok {
		return nil, keyward.Errorf(keyward.CodeRotationUnsupported,
			"%s offers no way to change a client's secret: delete the keys and generate new ones", s.km.Ref())
	}
	var handle connector.Handle
	err = k.store.Read(ctx, func(tx *store.Tx) (err error) {
		handle, err = handleOf(tx, c)
		return err
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	secret, err := rotator.Rotate(ctx, handle)
	if err != nil {
		return nil, vendorError(s.place.KeyManager, err)
	}
	c.status.SecretExpiresAt = nil // that was the old one's
	if err := k.keepRotated(ctx, requester(p, s.place.Tenant), c, handle, secret); err != nil {
		return nil, fmt.Errorf("keep the new secret, which the server has taken already; rotate again: %w", err)
	}
	return s.result(c.spec.ClientID, secret, c.object.Name, c.status), nil
}

func (k *Keys) keepRotated(ctx context.Context, who string, c *client, handle connector.Handle, secret string) error {
	text, err := json.Marshal(handle) //nolint:gosec // stored sealed
	if err != nil {
		return fmt.Errorf("encode the client's handle: %w", err)
	}
	return k.store.Write(ctx, who, func(tx *store.Tx) error {
		now := k.now()
		fresh, err := reload(tx, c, keyward.ClientActive)
		if err != nil {
			return err
		}
		fresh.status.Requester, fresh.status.ChangedAt, fresh.status.SecretExpiresAt = who, &now, nil
		err = fresh.put(tx, store.Extra{Secrets: map[string]string{handlePath: string(text), secretPath: secret}})
		if err != nil {
			return err
		}
		if err := tx.PutReveal(fresh.object.ID, who, secret, now.Add(revealPeriod)); err != nil {
			return fmt.Errorf("keep the secret for one more look: %w", err)
		}
		return k.audit(tx, fresh.object, "key.rotated", "client "+fresh.spec.ClientID)
	})
}

// active reads the place and wants a client that is in use.
func (k *Keys) active(ctx context.Context, p keyward.Principal, place Place) (s *scene, c *client, err error) {
	place, faults := place.complete()
	if len(faults) > 0 {
		return nil, nil, keyward.Invalid(faults)
	}
	if err := k.settlePlace(ctx, p, place); err != nil {
		return nil, nil, err
	}
	err = k.store.Read(ctx, func(tx *store.Tx) error {
		if s, err = k.look(tx, p, place); err != nil {
			return err
		}
		if err := s.permit(p); err != nil {
			return err
		}
		if c = s.taking(); c == nil {
			return s.nothing()
		}
		if c.status.State != keyward.ClientActive {
			return s.taken(c)
		}
		return nil
	})
	return s, c, err
}

// Reveal gives the secret of a client once more to the person who generated or rotated it, within 10 minutes, for an
// answer that was lost. A second time it is not_found.
func (k *Keys) Reveal(ctx context.Context, p keyward.Principal, place Place) (*Result, error) {
	s, c, err := k.active(ctx, p, place)
	if err != nil {
		return nil, err
	}
	var secret string
	err = k.store.Write(ctx, requester(p, s.place.Tenant), func(tx *store.Tx) (err error) {
		secret, err = tx.TakeReveal(c.object.ID, requester(p, s.place.Tenant), k.now())
		if keyward.CodeOf(err) == keyward.CodeNotFound {
			return keyward.Errorf(keyward.CodeNotFound,
				"there is no secret to fetch once more: only who asked for it can, once, within %s", keyward.Duration(revealPeriod))
		}
		if err != nil {
			return err
		}
		return k.audit(tx, c.object, "key.revealed", "client "+c.spec.ClientID)
	})
	if err != nil {
		return nil, err
	}
	return s.result(c.spec.ClientID, secret, c.object.Name, c.status), nil
}

// List gives an application's clients in every key manager, failed attempts too, from the database alone: no server is
// asked. Who may read it: the application's owners, administrators and auditors of the tenant.
func (k *Keys) List(ctx context.Context, p keyward.Principal, tenant, application string) ([]Listed, error) {
	if tenant == "" {
		tenant = keyward.DefaultTenant
	}
	listed := []Listed{}
	err := k.store.Read(ctx, func(tx *store.Tx) error {
		app, err := tx.Get(keyward.KindApplication, tenant, application)
		if err != nil {
			return hideFrom(p, tenant, err)
		}
		auditor := p.Has(keyward.RoleAuditor) && (p.Tenant == tenant || p.Tenant == keyward.DefaultTenant)
		if err := mayUse(p, app); err != nil && !auditor {
			return err
		}
		objects, _, err := tx.List(keyward.KindOAuthClient, store.Filter{Tenant: tenant, Application: application})
		if err != nil {
			return fmt.Errorf("list the clients of %s: %w", app.Ref(), err)
		}
		listed = listed[:0]
		endpoints := map[string]string{}
		for _, o := range objects {
			c, err := readClient(o)
			if err != nil {
				return err
			}
			endpoint, known := endpoints[c.spec.KeyManager]
			if !known {
				if endpoint, err = shownEndpoint(tx, tenant, c.spec.KeyManager); err != nil {
					return err
				}
				endpoints[c.spec.KeyManager] = endpoint
			}
			status := c.status
			status.Hold = seenHold(p, o, k.now())
			listed = append(listed, Listed{
				Name: o.Name, Application: application, KeyManager: c.spec.KeyManager,
				Environment: c.spec.EnvironmentOrDefault(), ClientID: c.spec.ClientID, TokenEndpoint: endpoint, Status: &status,
			})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return listed, nil
}

func shownEndpoint(tx *store.Tx, tenant, keyManager string) (string, error) {
	km, err := tx.Get(keyward.KindKeyManager, tenant, keyManager)
	if err != nil {
		return "", err
	}
	spec, ok := km.Spec.(*keyward.KeyManagerSpec)
	if !ok {
		return "", fmt.Errorf("%s has a spec of another kind", km.Ref())
	}
	var status keyward.KeyManagerStatus
	if len(km.Status) > 0 {
		if err := json.Unmarshal(km.Status, &status); err != nil {
			return "", fmt.Errorf("read the status of %s: %w", km.Ref(), err)
		}
	}
	return tokenEndpoint(spec, status), nil
}
