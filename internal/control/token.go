package control

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/account"
	"keyward.dev/keyward/internal/store"
)

// TokenPrefix begins every API token that Keyward makes, so that a leaked one is recognised.
const TokenPrefix = "kwt_"

// usedEvery bounds how often the last use of a token is written.
const usedEvery = time.Minute

func hashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// Authenticate tells who an API token stands for, with the roles that the user has now. Anything that is no valid API
// token is unauthenticated.
func (c *Control) Authenticate(ctx context.Context, token string) (keyward.Principal, error) {
	var p keyward.Principal
	var used *keyward.APIToken
	err := c.store.Read(ctx, func(tx *store.Tx) error {
		t, err := tx.APITokenByHash(hashToken(token))
		if err != nil {
			return err
		}
		if t.RevokedAt != nil {
			return keyward.Errorf(keyward.CodeNotFound, "the token was revoked")
		}
		user, err := account.ByName(tx, t.Tenant, t.User)
		if errors.Is(err, account.ErrNone) {
			return keyward.Errorf(keyward.CodeNotFound, "the token's user is gone or disabled")
		}
		if err != nil {
			return err
		}
		used, p = t, user.Principal()
		return nil
	})
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		return p, keyward.Errorf(keyward.CodeUnauthenticated, "this is not a valid API token")
	}
	if err != nil {
		return p, fmt.Errorf("look up an API token: %w", err)
	}
	c.noteUse(ctx, used)
	return p, nil
}

// noteUse writes when a token was used, now and then. That it cannot be written stops nobody.
func (c *Control) noteUse(ctx context.Context, t *keyward.APIToken) {
	now := c.now()
	if t.LastUsed != nil && now.Sub(*t.LastUsed) < usedEvery || c.store.Refuses() {
		return
	}
	err := c.store.Write(ctx, "system/control", func(tx *store.Tx) error { return tx.TouchAPIToken(t.ID, now) })
	if err != nil {
		c.log.WarnContext(ctx, "the last use of an API token was not noted", "token", t.ID, "error", err)
	}
}

// CreateToken makes an API token for a user: an administrator for anybody of the tenant, everybody for themselves. The
// value is shown this once.
func (c *Control) CreateToken(ctx context.Context, p keyward.Principal, tenant, user string) (
	keyward.APIToken, string, error,
) {
	self := p.Tenant == tenant && p.User == user
	if !self {
		if err := access.Require(p, access.RightTokens, tenant); err != nil {
			return keyward.APIToken{}, "", err
		}
	}
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		return keyward.APIToken{}, "", fmt.Errorf("make a token: %w", err)
	}
	value := TokenPrefix + base64.RawURLEncoding.EncodeToString(random)
	var t keyward.APIToken
	err := c.store.Write(ctx, p.Actor(), func(tx *store.Tx) error {
		if _, err := tx.Get(keyward.KindUser, tenant, user); err != nil {
			if keyward.CodeOf(err) == keyward.CodeNotFound {
				return keyward.Invalid([]keyward.FieldError{keyward.Fault("user", "there is no user %s in tenant %s", user, tenant)})
			}
			return err
		}
		t = keyward.APIToken{ID: store.NewID(), Tenant: tenant, User: user}
		return tx.CreateAPIToken(&t, hashToken(value))
	})
	if err != nil {
		return keyward.APIToken{}, "", err
	}
	return t, value, nil
}

// Tokens lists the API tokens of a tenant, without their values.
func (c *Control) Tokens(ctx context.Context, p keyward.Principal, tenant string) ([]keyward.APIToken, error) {
	if err := access.Require(p, access.RightReadTokens, tenant); err != nil {
		return nil, err
	}
	var tokens []keyward.APIToken
	err := c.store.Read(ctx, func(tx *store.Tx) error {
		err := tenantExists(tx, tenant)
		if err == nil {
			tokens, err = tx.APITokens(tenant)
		}
		return err
	})
	return tokens, err
}

// RevokeToken makes an API token worthless at once. Everybody may revoke their own.
func (c *Control) RevokeToken(ctx context.Context, p keyward.Principal, tenant, id string) error {
	return c.store.Write(ctx, p.Actor(), func(tx *store.Tx) error {
		if !access.May(p, access.RightTokens, tenant) {
			tokens, err := tx.APITokens(tenant)
			if err != nil {
				return err
			}
			own := slices.ContainsFunc(tokens, func(t keyward.APIToken) bool { return t.ID == id && t.User == p.User })
			if p.Tenant != tenant || !own {
				return access.Require(p, access.RightTokens, tenant)
			}
		}
		return tx.RevokeAPIToken(tenant, id)
	})
}

// TenantsOf lists the tenants whose objects somebody may see: an operator every one, everybody else their own.
func (c *Control) TenantsOf(ctx context.Context, p keyward.Principal) ([]string, error) {
	if !p.IsOperator() {
		return []string{p.Tenant}, nil
	}
	var names []string
	err := c.store.Read(ctx, func(tx *store.Tx) error {
		tenants, _, err := tx.List(keyward.KindTenant, store.Filter{})
		names = nil
		for _, t := range tenants {
			names = append(names, t.Name)
		}
		return err
	})
	return names, err
}
