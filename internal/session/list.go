package session

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/account"
	"keyward.dev/keyward/internal/store"
)

// Listed is one session that counts.
type Listed struct {
	ID         string    `json:"id" doc:"Opens nothing"`
	User       string    `json:"user" doc:"As owners and the audit trail name the person"`
	Name       string    `json:"name" doc:"What to call the person"`
	KeyManager string    `json:"keyManager,omitempty" doc:"By which they signed in; absent for an account of the tenant"`
	Browser    string    `json:"browser,omitempty" doc:"What the browser said that it is"`
	Since      time.Time `json:"since"`
	Seen       time.Time `json:"seen" doc:"Last, to about a minute"`
	Expires    time.Time `json:"expires" doc:"When it ends in any case"`
	Current    bool      `json:"current,omitempty" doc:"It is the one by which this was asked"`
}

// mostListed of everybody's sessions are listed.
const mostListed = 500

// whose says which rows of sessions are a person's.
type whose struct{ userID, keyManagerID, subject string }

// whoseOf finds the person: a user of the tenant, disabled ones too, or KEYMANAGER|SUB.
func whoseOf(tx *store.Tx, tenant, user string) (whose, error) {
	name, subject, through := keyward.CutThrough(user)
	if !through {
		o, err := tx.Get(keyward.KindUser, tenant, user)
		if err != nil {
			return whose{}, err
		}
		return whose{userID: o.ID}, nil
	}
	o, err := tx.KeyManagerFor(tenant, name)
	if err != nil {
		return whose{}, err
	}
	return whose{keyManagerID: o.ID, subject: subject}, nil
}

// mayEnd refuses what is neither the principal's own nor an administrator's to see and end.
func mayEnd(p keyward.Principal, tenant, user string) error {
	if p.Tenant == tenant && p.User == user {
		return nil
	}
	return access.Require(p, access.RightSessions, tenant)
}

// List gives the sessions of a person that count, those that were used last first; user "" is everybody in the tenant, of whom no
// more than 500 are listed. People see their own, administrators all. current is what the asking browser holds; "" = it is none.
func (s *Sessions) List(ctx context.Context, p keyward.Principal, tenant, user, current string) ([]Listed, error) {
	if err := mayEnd(p, tenant, user); err != nil {
		return nil, err
	}
	var list []Listed
	err := s.store.Read(ctx, func(tx *store.Tx) error {
		list = nil
		var of whose
		var err error
		if user != "" {
			if of, err = whoseOf(tx, tenant, user); err != nil {
				return err
			}
		}
		live, _, err := s.live(tx, tenant, of)
		for _, one := range live {
			list = append(list, Listed{
				ID: one.row.ID, User: one.Principal.User, Name: one.Shown, KeyManager: one.Via, Browser: one.row.Agent,
				Since: one.row.Since, Seen: one.row.Seen, Expires: one.row.Expires,
				Current: bytes.Equal(one.row.Hash, account.Digest(current)),
			})
		}
		return err
	})
	return list, err
}

// EndByID ends one session of a person's own, or, for administrators, of anybody in the tenant; also the browser's sign-in at the
// resident authorization server that it came of.
// One that is gone is no error.
func (s *Sessions) EndByID(ctx context.Context, p keyward.Principal, id string) error {
	return s.store.Write(ctx, p.Actor(), func(tx *store.Tx) error {
		row, err := tx.SessionByID(id)
		if keyward.CodeOf(err) == keyward.CodeNotFound {
			return nil
		}
		if err != nil {
			return err
		}
		user, err := ownerOf(tx, row)
		if err != nil {
			return err
		}
		if err := mayEnd(p, row.Tenant, user); err != nil {
			return err
		}
		return s.endRow(tx, row, user)
	})
}

// ownerOf names whose session it is; "" = their key manager or account is gone.
func ownerOf(tx *store.Tx, row *store.Session) (string, error) {
	kind, id := keyward.KindUser, row.UserID
	if row.KeyManagerID != "" {
		kind, id = keyward.KindKeyManager, row.KeyManagerID
	}
	o, err := tx.GetByID(kind, id)
	switch {
	case keyward.CodeOf(err) == keyward.CodeNotFound:
		return "", nil
	case err != nil:
		return "", fmt.Errorf("look up whose session it is: %w", err)
	case kind == keyward.KindKeyManager:
		return keyward.Through(o.Name, row.Subject), nil
	default:
		return o.Name, nil
	}
}

func (s *Sessions) endRow(tx *store.Tx, row *store.Session, user string) error {
	if err := tx.DropSignIn(row.SignInID, s.options.Now()); err != nil {
		return err
	}
	if err := tx.DropSession(row.ID); err != nil {
		return err
	}
	return tx.Audit(keyward.AuditEntry{Tenant: row.Tenant, Action: "session.ended", Kind: string(keyward.KindUser), Name: user})
}

// EndAll signs a person out everywhere: every session at the console, and, of the tenant's own users, every browser that is signed in
// at the resident authorization server, with what applications refresh only while it is. At a key manager's server they stay
// signed in.
func (s *Sessions) EndAll(ctx context.Context, p keyward.Principal, tenant, user string) error {
	if err := mayEnd(p, tenant, user); err != nil {
		return err
	}
	return s.store.Write(ctx, p.Actor(), func(tx *store.Tx) error {
		of, err := whoseOf(tx, tenant, user)
		if err != nil {
			return err
		}
		rows, err := tx.SessionsOf(tenant, of.userID, of.keyManagerID, of.subject, mostListed)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := tx.DropSession(row.ID); err != nil {
				return err
			}
		}
		if of.userID != "" {
			browsers, err := tx.SignInIDsOf(of.userID)
			if err != nil {
				return err
			}
			for _, id := range browsers {
				if err := tx.DropSignIn(id, s.options.Now()); err != nil {
					return err
				}
			}
		}
		return tx.Audit(keyward.AuditEntry{
			Tenant: tenant, Action: "session.ended-everywhere", Kind: string(keyward.KindUser), Name: user,
			Detail: fmt.Sprintf("%d sessions", len(rows)),
		})
	})
}
