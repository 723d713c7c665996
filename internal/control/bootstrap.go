package control

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/declare"
	"keyward.dev/keyward/internal/store"
)

// bootstrapID begins the id of the token that the settings give the first administrator.
const bootstrapID = "bootstrap-"

// Bootstrap makes what the first start needs: the resident key manager of every tenant, and the user admin of the
// tenant default with the given API token. Another token than at the last start replaces that one.
func (c *Control) Bootstrap(ctx context.Context, adminToken string) error {
	ended := false
	err := c.store.Write(ctx, "system/control", func(tx *store.Tx) error {
		tenants, _, err := tx.List(keyward.KindTenant, store.Filter{})
		if err != nil {
			return err
		}
		for _, t := range tenants {
			_, err := tx.Get(keyward.KindKeyManager, t.Name, keyward.ResidentName)
			if keyward.CodeOf(err) == keyward.CodeNotFound {
				err = c.MakeResident(tx, t.Name)
			}
			if err != nil {
				return err
			}
		}
		if err := c.Renew(tx); err != nil {
			return err
		}
		if err := ensureAdmin(tx); err != nil {
			return err
		}
		ended, err = ensureToken(tx, adminToken)
		return err
	})
	if err != nil {
		return fmt.Errorf("prepare the first start: %w", err)
	}
	if ended {
		c.log.WarnContext(ctx, "the administrator has another token than at the last start, and the former one counts no more; "+
			"where several control planes run, give all of them the same KEYWARD_ADMIN_TOKEN")
	}
	return nil
}

func ensureAdmin(tx *store.Tx) error {
	o, err := tx.Get(keyward.KindUser, keyward.DefaultTenant, declare.FirstAdmin)
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		return tx.Put(&keyward.Object{
			ID: store.NewID(), Kind: keyward.KindUser, Tenant: keyward.DefaultTenant, Name: declare.FirstAdmin,
			Spec: &keyward.UserSpec{Roles: []keyward.Role{keyward.RoleAdmin}},
		}, store.Extra{Secrets: map[string]string{}})
	}
	if err != nil {
		return err
	}
	s, err := keyward.SpecOf[*keyward.UserSpec](o)
	if err != nil || slices.Contains(s.Roles, keyward.RoleAdmin) {
		return err
	}
	s.Roles = append(s.Roles, keyward.RoleAdmin)
	return tx.Put(o, store.Extra{})
}

// ensureToken makes the settings' token the administrator's only one of its kind; ended tells that a former one was revoked.
func ensureToken(tx *store.Tx, token string) (ended bool, err error) {
	hash := hashToken(token)
	current, err := tx.APITokenByHash(hash)
	if err != nil && keyward.CodeOf(err) != keyward.CodeNotFound {
		return false, err
	}
	tokens, listErr := tx.APITokens(keyward.DefaultTenant)
	if listErr != nil {
		return false, listErr
	}
	for _, t := range tokens {
		former := strings.HasPrefix(t.ID, bootstrapID) && t.RevokedAt == nil && (err != nil || t.ID != current.ID)
		if !former {
			continue
		}
		if err := tx.RevokeAPIToken(keyward.DefaultTenant, t.ID); err != nil {
			return false, err
		}
		ended = true
	}
	if err == nil {
		if current.User != declare.FirstAdmin || current.Tenant != keyward.DefaultTenant {
			return false, keyward.Errorf(keyward.CodeConflict,
				"the administrator's token of the settings is one of user %s: choose another", current.User)
		}
		return ended, tx.ReinstateAPIToken(keyward.DefaultTenant, current.ID)
	}
	return ended, tx.CreateAPIToken(&keyward.APIToken{
		ID: bootstrapID + store.NewID(), Tenant: keyward.DefaultTenant, User: declare.FirstAdmin,
	}, hash)
}
