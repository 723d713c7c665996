package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/account"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/store"
)

// Session is one that counts.
type Session struct {
	Principal keyward.Principal
	Shown     string // what to call the person
	Via       string // name of the key manager by which the person came; "" = an account of the tenant
	Subject   string // sub at that key manager
	Since     time.Time
	Expires   time.Time // in all
	IdleUntil time.Time // unless the person does something
}

// over tells that a session has ended, or never was.
func over() error {
	return keyward.Errorf(keyward.CodeUnauthenticated, "the session has ended: sign in again")
}

// Who gives the session of what a browser holds, or unauthenticated. Everything that let the person in has to be as it was. idle is
// since when, by what the browser says, its person has done nothing: what a page asks by itself keeps no session alive (NIST SP
// 800-63B-4, section 5.2).
func (s *Sessions) Who(ctx context.Context, value string, idle time.Duration) (*Session, error) {
	var row *store.Session
	var found *Session
	err := s.store.Read(ctx, func(tx *store.Tx) (err error) {
		row, err = tx.SessionByHash(account.Digest(value))
		if keyward.CodeOf(err) == keyward.CodeNotFound {
			return over()
		}
		if err != nil {
			return err
		}
		now := s.options.Now()
		if !now.Before(row.Expires) || now.Sub(row.Seen) >= s.options.Idle {
			return over()
		}
		found, err = s.standing(tx, row)
		return err
	})
	if err != nil {
		return nil, err
	}
	seen := s.options.Now().Add(-max(idle, 0))
	found.Since, found.Expires, found.IdleUntil = row.Since, row.Expires, row.Seen.Add(s.options.Idle)
	if seen.Sub(row.Seen) >= touchEvery && !s.store.Refuses() {
		err := s.store.Write(ctx, actor, func(tx *store.Tx) error { return tx.TouchSession(row.ID, seen) })
		if err != nil {
			s.options.Log.WarnContext(ctx, "that a session was used could not be noted", "error", err)
		} else {
			found.IdleUntil = seen.Add(s.options.Idle)
		}
	}
	return found, nil
}

// standing gives whom the session stands for now.
func (s *Sessions) standing(tx *store.Tx, row *store.Session) (*Session, error) {
	if row.KeyManagerID != "" {
		w, err := s.wayOf(tx, row)
		if err != nil {
			return nil, err
		}
		who := keyward.Principal{User: keyward.Through(w.name, row.Subject), Tenant: row.Tenant, Groups: row.Groups, Called: row.Shown}
		for _, role := range row.Roles {
			who.Roles = append(who.Roles, keyward.Role(role))
		}
		return &Session{Principal: who, Shown: row.Shown, Via: w.name, Subject: row.Subject}, nil
	}
	a, err := account.ByID(tx, row.UserID)
	if errors.Is(err, account.ErrNone) || err == nil && a.Stamp != row.Stamp {
		return nil, over()
	}
	if err != nil {
		return nil, err
	}
	return &Session{Principal: a.Principal(), Shown: a.Name()}, nil
}

// wayOf gives the way by which a session came. One that is no way into the tenant any more, or is not what it was then,
// has ended its sessions.
func (s *Sessions) wayOf(tx *store.Tx, row *store.Session) (*way, error) {
	o, err := tx.GetByID(keyward.KindKeyManager, row.KeyManagerID)
	if keyward.CodeOf(err) == keyward.CodeNotFound || err == nil && !s.leadsInto(o, row.Tenant) {
		return nil, over()
	}
	if err != nil {
		return nil, fmt.Errorf("look up a key manager: %w", err)
	}
	spec, status, err := keymanager.Read(o)
	if err != nil {
		return nil, err
	}
	if keymanager.RegistersSignIn(spec) {
		own, err := tx.SignInClient(o.ID)
		if err != nil {
			return nil, fmt.Errorf("look up the console's client: %w", err)
		}
		spec = keymanager.SignedInBy(spec, own)
	}
	w, err := standingWay(o, spec, status)
	if err == nil && w.stamp != row.Stamp {
		return nil, over()
	}
	return w, err
}

// End ends the session of what a browser holds, and the browser's sign-in at the resident authorization server. Where the
// person came by a key manager, it gives the address at which the browser signs out there too; "" = there is none.
func (s *Sessions) End(ctx context.Context, value string) (farewell string, err error) {
	err = s.store.Write(ctx, actor, func(tx *store.Tx) error {
		farewell = ""
		row, err := tx.SessionByHash(account.Digest(value))
		if keyward.CodeOf(err) == keyward.CodeNotFound {
			return nil
		}
		if err != nil {
			return err
		}
		if row.SignInID != "" {
			if err := tx.DropSignIn(row.SignInID, s.options.Now()); err != nil {
				return err
			}
		}
		if row.Hint != "" {
			if w, err := s.wayOf(tx, row); err == nil { // the session ends in any case
				farewell = w.farewell(keymanager.SignInCallback(s.options.Callback, w.home, w.name, w.rules), s.hint(row))
			}
		}
		return tx.DropSession(row.ID)
	})
	if err != nil {
		return "", fmt.Errorf("end a session: %w", err)
	}
	return farewell, nil
}

// hint is the ID token that the session came of; "" = it cannot be read any more.
func (s *Sessions) hint(row *store.Session) string {
	plain, err := s.key.Open(row.Hint, []byte(row.ID))
	if err != nil {
		return ""
	}
	return string(plain)
}
