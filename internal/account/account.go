// Package account owns what a user's account is to those who let people in: whether it counts, which password it has, and
// the one-time links with which people choose one. It does not own what a user declares, sessions, pages, or HTTP.
package account

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/store"
)

// LinkLife is how long a one-time link is good.
const LinkLife = 24 * time.Hour

// Lengths of a password that is chosen: in characters at least, in bytes at most.
const (
	minPassword = 8
	maxPassword = 1024
)

// passwordPath is where a user's password hash is kept among the secrets of the object.
const passwordPath = "password"

var (
	// ErrNone stands for a user who does not exist and one who is disabled.
	ErrNone = errors.New("there is no such user, or it is disabled")
	// ErrLink stands for a link that nobody made, that was used, that expired, and one from before another password.
	ErrLink = errors.New("the link was used, has expired or was replaced by a newer one")
)

// Account is a user who counts.
type Account struct {
	ID    string // of the object: never used twice
	Spec  *keyward.UserSpec
	Stamp string // of the password in force; another one has another

	object *keyward.Object
	hash   string // "" = the user has no password
}

// ByName gives the account of a tenant's user, or ErrNone.
func ByName(tx *store.Tx, tenant, name string) (*Account, error) {
	o, err := tx.Get(keyward.KindUser, tenant, name)
	return of(tx, o, err)
}

// ByID gives the account of the user with that id, or ErrNone.
func ByID(tx *store.Tx, id string) (*Account, error) {
	o, err := tx.GetByID(keyward.KindUser, id)
	return of(tx, o, err)
}

// Kept is ByID for what begins in the transaction and ends with the account: nobody disables it or gives it another password before
// the transaction's end, and whoever does so after it ends what has begun.
func Kept(tx *store.Tx, id string) (*Account, error) {
	if err := tx.Lock(keyward.KindUser, id); err != nil {
		return nil, fmt.Errorf("keep a user: %w", err)
	}
	return ByID(tx, id)
}

// Still keeps the user as Kept does, and gives ErrNone when the account counts no more or its password is another one than the stamp's.
func Still(tx *store.Tx, id, stamp string) error {
	a, err := Kept(tx, id)
	if err == nil && a.Stamp != stamp {
		return ErrNone
	}
	return err
}

func of(tx *store.Tx, o *keyward.Object, err error) (*Account, error) {
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		return nil, ErrNone
	}
	if err != nil {
		return nil, fmt.Errorf("look up a user: %w", err)
	}
	spec, err := keyward.SpecOf[*keyward.UserSpec](o)
	if err != nil {
		return nil, err
	}
	if !spec.IsEnabled() {
		return nil, ErrNone
	}
	secrets, err := tx.Secrets(o)
	if err != nil {
		return nil, fmt.Errorf("read the password of %s: %w", o.Ref(), err)
	}
	a := &Account{ID: o.ID, Spec: spec, object: o, hash: secrets[passwordPath]}
	sum := sha256.Sum256([]byte("keyward password\x00" + a.hash))
	a.Stamp = base64.RawURLEncoding.EncodeToString(sum[:16])
	return a, nil
}

// Name is what the user is called in the tenant.
func (a *Account) Name() string { return a.object.Name }

// Tenant is where the user belongs.
func (a *Account) Tenant() string { return a.object.Tenant }

// Principal is the user as the management plane knows them.
func (a *Account) Principal() keyward.Principal {
	return keyward.Principal{User: a.object.Name, Tenant: a.object.Tenant, Roles: a.Spec.Roles, Groups: a.Spec.Groups}
}

// HasPassword tells whether there is one: without, only a link leads in.
func (a *Account) HasPassword() bool { return a.hash != "" }

// Hash is the stored hash of the password, for password.Matches outside the transaction; "" = there is none.
func (a *Account) Hash() string { return a.hash }

// PasswordFault says what keeps a text from being the user's next password; "" = nothing.
func (a *Account) PasswordFault(text string) string {
	switch {
	case utf8.RuneCountInString(text) < minPassword:
		return fmt.Sprintf("Use at least %d characters.", minPassword)
	case len(text) > maxPassword:
		return fmt.Sprintf("Use at most %d bytes.", maxPassword)
	case strings.EqualFold(text, a.object.Name), a.Spec.Email != "" && strings.EqualFold(text, a.Spec.Email):
		return "Use something else than your name."
	default:
		return ""
	}
}

// SetPassword stores the hash of a new password, as password.Hash gives it. Every sign-in of the user ends with it, and
// so does what clients could refresh.
func (a *Account) SetPassword(tx *store.Tx, hash string, now time.Time) error {
	a.Spec.Password = secret.Stored()
	if err := tx.Put(a.object, store.Extra{Secrets: map[string]string{passwordPath: hash}}); err != nil {
		return fmt.Errorf("store a password: %w", err)
	}
	if err := tx.DropSignInsOf(a.ID, now); err != nil {
		return fmt.Errorf("end the sign-ins of %s: %w", a.object.Ref(), err)
	}
	return tx.Audit(keyward.AuditEntry{
		Tenant: a.object.Tenant, Action: "password.changed", Kind: string(keyward.KindUser), Name: a.object.Name,
	})
}

// NewLink makes a one-time link's value for the user. A value made before is worth nothing then.
func (a *Account) NewLink(tx *store.Tx, now time.Time) (value string, expires time.Time, err error) {
	value, expires = NewValue(), now.Add(LinkLife)
	err = tx.PutReset(store.Reset{UserID: a.ID, Hash: Digest(value), Stamp: a.Stamp, Expires: expires})
	if err != nil {
		return "", time.Time{}, fmt.Errorf("store a one-time link: %w", err)
	}
	return value, expires, tx.Audit(keyward.AuditEntry{
		Tenant: a.object.Tenant, Action: "password.link", Kind: string(keyward.KindUser), Name: a.object.Name,
	})
}

// ByLink gives the account of a link's value in a tenant, or ErrLink.
func ByLink(tx *store.Tx, tenant, value string, now time.Time) (*Account, error) {
	link, err := tx.ResetByHash(Digest(value))
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		return nil, ErrLink
	}
	if err != nil {
		return nil, fmt.Errorf("look up a one-time link: %w", err)
	}
	a, err := ByID(tx, link.UserID)
	if errors.Is(err, ErrNone) {
		return nil, ErrLink
	}
	if err != nil {
		return nil, err
	}
	if a.object.Tenant != tenant || a.Stamp != link.Stamp || !now.Before(link.Expires) {
		return nil, ErrLink
	}
	return a, nil
}

// NewValue makes a value that nobody can guess: 32 random bytes in base64url.
func NewValue() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails: crypto/rand ends the program instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// Digest is how such a value is stored.
func Digest(value string) []byte {
	sum := sha256.Sum256([]byte(value))
	return sum[:]
}
