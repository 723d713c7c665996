package ownclient

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keys/peek"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/wire"
)

// update begins a change of the client at its server: where people are sent back to, which scopes it names, whether it is on.
func (c *Clients) update(ctx context.Context, s *state, one *client) error {
	one.State, one.ChangedAt = keyward.ClientUpdating, c.now()
	if err := c.note(ctx, one, "", ""); err != nil {
		return err
	}
	return c.finishUpdate(ctx, s, one)
}

// finishUpdate makes the client what it should be. It may be called again after an end that nobody saw. Where the server has no
// way to change it, another one takes its place.
func (c *Clients) finishUpdate(ctx context.Context, s *state, one *client) error {
	conn, err := c.openers.Open(s.server)
	if err != nil {
		return c.unchanged(ctx, s, one, err)
	}
	asked := *one
	asked.Callback, asked.Scopes = c.wanted(s)
	r, err := c.registration(s, &asked)
	if err != nil {
		return err
	}
	h, err := one.handle()
	if err != nil {
		return err
	}
	if restorer, can := conn.(connector.Restorer); can && one.Restore {
		if err := restorer.Restore(ctx, h, keyward.ClientRestore{Enable: true}); err != nil {
			return c.unchanged(ctx, s, one, err)
		}
	}
	r.Enable = one.Restore
	made, err := c.updateThere(ctx, conn, one, h, r)
	if err != nil {
		return c.unchanged(ctx, s, one, err)
	}
	if made.ClientSecret != "" && one.Method != keyward.IntrospectJWT {
		one.Secrets[store.OwnSecret], one.ExpiresAt = made.ClientSecret, made.SecretExpiresAt
	}
	if err := one.keep(made.Handle); err != nil {
		return err
	}
	one.Callback, one.Scopes, one.Restore = asked.Callback, asked.Scopes, false
	c.stands(one)
	return c.note(ctx, one, "updated", "client "+one.ClientID+", "+one.Callback)
}

// updateThere asks the server. A new registration access token is stored before anything else is done with an answer.
func (c *Clients) updateThere(
	ctx context.Context, conn connector.Connector, one *client, h connector.Handle, r connector.Registration,
) (connector.Registered, error) {
	updater, can := conn.(connector.Updater)
	if !can {
		return connector.Registered{}, connector.ErrUnsupported
	}
	return updater.Update(ctx, h, r, c.keeper(one))
}

// keeper stores the client's handle at once.
func (c *Clients) keeper(one *client) connector.KeepHandle {
	return func(ctx context.Context, h connector.Handle) error {
		if err := one.keep(h); err != nil {
			return err
		}
		if err := c.note(context.WithoutCancel(ctx), one, "", ""); err != nil {
			return fmt.Errorf("keep the client's handle: %w", err)
		}
		return nil
	}
}

// unchanged notes that a change was not made, or that nobody knows.
func (c *Clients) unchanged(ctx context.Context, s *state, one *client, cause error) error {
	switch {
	case errors.Is(cause, connector.ErrUnsupported), errors.Is(cause, connector.ErrUnmanageable):
		one.State, one.Replace, one.ChangedAt = keyward.ClientActive, true, c.now()
		return c.note(ctx, one, "", "")
	case wire.Uncertain(cause): // it goes on
	case one.State == keyward.ClientRotating: // and has the secret that it had
		one.State, one.ChangedAt = keyward.ClientActive, c.now()
	default:
		one.State, one.ChangedAt = keyward.ClientDrifted, c.now()
	}
	c.failed(s, one, cause)
	return errors.Join(cause, c.note(ctx, one, "", ""))
}

// stands brings the client back to what it is while nothing is done to it.
func (c *Clients) stands(one *client) {
	now := c.now()
	one.State, one.ChangedAt, one.LookedAt, one.Gone = keyward.ClientActive, now, &now, false
	one.well()
}

// rotate begins to give the client a new secret. Where the server has no way to, and for a client with a key, another client
// takes its place.
func (c *Clients) rotate(ctx context.Context, s *state, one *client) error {
	if _, err := c.openers.Open(s.server); err != nil {
		return c.unchanged(ctx, s, one, err)
	}
	one.ChangedAt = c.now()
	if !c.rotates(s, one) {
		one.Replace, one.Renew = true, false
		return c.note(ctx, one, "", "")
	}
	one.State = keyward.ClientRotating
	if err := c.note(ctx, one, "", ""); err != nil {
		return err
	}
	return c.finishRotate(ctx, s, one)
}

// rotates tells that the client has a secret, and that its server can make a new one. No server is asked.
func (c *Clients) rotates(s *state, one *client) bool {
	conn, err := c.openers.Open(s.server)
	if err != nil {
		return false
	}
	_, can := conn.(connector.Rotator)
	return can && one.Method != keyward.IntrospectJWT
}

// finishRotate makes the new secret and stores it. Where the first try was interrupted, the server may have made one that nobody
// knows and that this one replaces.
func (c *Clients) finishRotate(ctx context.Context, s *state, one *client) error {
	conn, err := c.openers.Open(s.server)
	if err != nil {
		return c.unchanged(ctx, s, one, err)
	}
	rotator, can := conn.(connector.Rotator)
	if !can {
		return c.unchanged(ctx, s, one, connector.ErrUnsupported)
	}
	h, err := one.handle()
	if err != nil {
		return err
	}
	secret, err := rotator.Rotate(ctx, h)
	if err != nil {
		return c.unchanged(ctx, s, one, err)
	}
	now := c.now()
	one.Secrets[store.OwnSecret], one.Renew, one.ExpiresAt, one.RenewedAt = secret, false, nil, &now
	c.stands(one)
	return c.note(ctx, one, "rotated", "client "+one.ClientID)
}

// compare looks whether the client is at its server what it should be. Nothing is changed there: a person says what becomes of
// a difference.
func (c *Clients) compare(ctx context.Context, s *state, one *client) error {
	conn, err := c.openers.Open(s.server)
	if err != nil {
		return c.unseen(ctx, s, one, err)
	}
	reader, can := conn.(connector.Reader)
	if !can {
		return c.unseen(ctx, s, one, connector.ErrUnsupported)
	}
	h, err := one.handle()
	if err != nil {
		return err
	}
	seen, err := peek.Reader{Keep: c.keeper(one)}.Read(ctx, reader, &h)
	if err != nil {
		return c.unseen(ctx, s, one, err)
	}
	before, mend := one.State, one.Mend
	one.Mend = false
	c.stands(one)
	switch {
	case seen == nil:
		one.State, one.Gone, one.Reason = keyward.ClientDrifted, true, "the server has no client "+one.ClientID+" any more"
	case seen.Disabled:
		one.State, one.Reason = keyward.ClientDrifted, "client "+one.ClientID+" is switched off at the server"
	case len(seen.Callbacks) > 0 && !slices.Contains(seen.Callbacks, one.Callback):
		one.State, one.Reason = keyward.ClientDrifted, "at the server client "+one.ClientID+" has the redirect URI "+
			strings.Join(seen.Callbacks, ", ")+" in place of "+one.Callback
	case len(seen.Callbacks) > 1: // codes may go there, too
		others := slices.DeleteFunc(seen.Callbacks, func(at string) bool { return at == one.Callback })
		one.State, one.Reason = keyward.ClientDrifted, "at the server client "+one.ClientID+" has redirect URIs beside "+one.Callback+
			", to which codes can be led: "+strings.Join(others, ", ")
	}
	drifted := one.State == keyward.ClientDrifted
	switch { // somebody asked
	case mend && one.Gone:
		one.Replace = true
	case mend && drifted:
		one.State, one.Restore = keyward.ClientUpdating, true
	}
	if drifted && before != keyward.ClientDrifted {
		return c.note(ctx, one, "drifted", one.Reason)
	}
	return c.note(ctx, one, "", "")
}

// unseen notes that a look told nothing. That a server cannot be asked is no fault.
func (c *Clients) unseen(ctx context.Context, s *state, one *client, cause error) error {
	now := c.now()
	if errors.Is(cause, connector.ErrUnsupported) {
		one.LookedAt, one.Replace, one.Mend = &now, one.Replace || one.Mend, false // nothing else mends what cannot be looked at
		return c.note(ctx, one, "", "")
	}
	reason := one.Reason
	c.failed(s, one, cause)
	if one.State == keyward.ClientDrifted {
		one.Reason = reason
	}
	return errors.Join(cause, c.note(ctx, one, "", ""))
}
