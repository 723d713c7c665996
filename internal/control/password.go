package control

import (
	"context"
	"errors"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/account"
	"keyward.dev/keyward/internal/declare"
	"keyward.dev/keyward/internal/store"
)

// PasswordLink makes a one-time link's value with which a user of the tenant chooses a password, and tells until when it
// is good. The one before is worth nothing then; the password in force stays until the link is used.
func (c *Control) PasswordLink(ctx context.Context, p keyward.Principal, tenant, user string) (string, time.Time, error) {
	if err := access.Require(p, access.RightPasswords, tenant); err != nil {
		return "", time.Time{}, err
	}
	var value string
	var expires time.Time
	err := c.store.Write(ctx, p.Actor(), func(tx *store.Tx) error {
		a, err := account.ByName(tx, tenant, user)
		if errors.Is(err, account.ErrNone) {
			return keyward.Errorf(keyward.CodeNotFound, "there is no user %s in tenant %s, or it is disabled", user, tenant)
		}
		if err != nil {
			return err
		}
		value, expires, err = a.NewLink(tx, c.now())
		return err
	})
	return value, expires, err
}

// FirstLink is PasswordLink for the first administrator while that user has no password: "" when there is one, or when the
// user was disabled.
func (c *Control) FirstLink(ctx context.Context) (string, error) {
	value := ""
	err := c.store.Write(ctx, "system/control", func(tx *store.Tx) error {
		a, err := account.ByName(tx, keyward.DefaultTenant, declare.FirstAdmin)
		if errors.Is(err, account.ErrNone) || err == nil && a.HasPassword() {
			return nil
		}
		if err != nil {
			return err
		}
		value, _, err = a.NewLink(tx, c.now())
		return err
	})
	return value, err
}
