package scene

import (
	"fmt"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store"
)

// NewClient is a client as it begins, for a place that is free; the last of its names is the one at the server.
func NewClient(tx *store.Tx, p keyward.Principal, place Place, id, vendorName string, now time.Time) (*Client, error) {
	name, err := FreeName(tx, place, id)
	if err != nil {
		return nil, err
	}
	now = now.UTC()
	return &Client{
		Object: &keyward.Object{ID: id, Kind: keyward.KindOAuthClient, Tenant: place.Tenant, Name: name},
		Spec: &keyward.OAuthClientSpec{
			Application: place.Application, KeyManager: place.KeyManager, Environment: place.Environment,
		},
		Status: keyward.OAuthClientStatus{
			Mode: keyward.ClientGenerated, State: keyward.ClientPending, VendorName: vendorName,
			Requester: Requester(p, place.Tenant), ChangedAt: &now,
		},
	}, nil
}

// Vacate makes room for the next client of a place: what came to nothing is forgotten, and so is what was revoked. One
// that may be left at the server stays listed, as failed, until somebody dismisses it.
func (s *Scene) Vacate(tx *store.Tx, p keyward.Principal, now time.Time) error {
	for _, c := range s.Clients {
		if c.Status.State != keyward.ClientRevoked {
			continue
		}
		if err := s.MayDelete(p, c, now); err != nil {
			return err
		}
	}
	if err := DropAll(tx, s.Clients); err != nil {
		return err
	}
	for _, c := range s.Clients {
		if c.Status.State != keyward.ClientRevoked || c.Over() {
			continue
		}
		if c.Status.Mode == keyward.ClientMapped {
			if err := tx.Delete(c.Object); err != nil {
				return fmt.Errorf("forget a revoked client: %w", err)
			}
			continue
		}
		c.Status.State = keyward.ClientFailed
		if err := c.Put(tx, store.Extra{Row: NoRow()}); err != nil {
			return err
		}
	}
	return nil
}

// StoredSecret gives a generated client's secret, which is stored under this path.
func StoredSecret(tx *store.Tx, c *Client, path string) (string, error) {
	if c.Status.Mode != keyward.ClientGenerated {
		return "", keyward.Invalid([]keyward.FieldError{keyward.Fault("clientSecret",
			"is required: client %s is mapped, and a mapped client's secret is not stored here", c.Spec.ClientID)})
	}
	object := c.Object
	if of := c.Status.Reuses; of != nil {
		owner, err := tx.GetByID(keyward.KindOAuthClient, of.ID)
		if err != nil {
			return "", fmt.Errorf("find the client that %s reuses: %w", c.Object.Ref(), err)
		}
		object = owner
	}
	secrets, err := tx.Secrets(object)
	if err != nil {
		return "", fmt.Errorf("open the secrets of %s: %w", c.Object.Ref(), err)
	}
	if secrets[path] == "" {
		return "", keyward.Invalid([]keyward.FieldError{keyward.Fault("clientSecret",
			"is required: the key manager gave client %s none", c.Spec.ClientID)})
	}
	return secrets[path], nil
}
