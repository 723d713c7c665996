package store

import (
	"slices"
	"testing"
	"time"

	"keyward.dev/keyward"
)

// TestSignIns: what is good once is good once, ends reach everything that hangs on them, and all of it goes with the user.
func TestSignIns(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		o := &keyward.Object{Kind: keyward.KindUser, Tenant: "default", Name: "alice", Spec: &keyward.UserSpec{}}
		store(t, s, o)
		now := time.Now().Truncate(time.Microsecond).UTC()
		later := now.Add(time.Hour)
		signIn := SignIn{ID: "s", Hash: hash("s"), Tenant: "default", UserID: o.ID, Stamp: "x", Since: now, Seen: now, Expires: later}
		given := func(id string, offline bool) Given {
			return Given{
				ID: id, Tenant: "default", ClientID: "c", UserID: o.ID, SignInID: "s", Offline: offline, Scopes: []string{"a", "b"},
				Since: now, Expires: later,
			}
		}
		write(t, s, func(tx *Tx) error {
			for _, err := range []error{
				tx.PutSignIn(signIn),
				tx.PutGiven(given("g", false)), tx.PutGiven(given("h", true)),
				tx.PutCode(Code{Hash: hash("c"), GivenID: "g", Redirect: "https://x", Challenge: "y", Expires: later}),
				tx.PutRefresh(hash("r"), "g"),
				tx.PutSession(Session{
					ID: "v", Hash: hash("v"), Tenant: "default", UserID: o.ID, Groups: []string{"a b", "c"},
					Since: now, Seen: now, Expires: later,
				}), tx.TouchSession("v", later),
				tx.PutConsent(o.ID, "c", []string{"b"}, now), tx.PutConsent(o.ID, "c", []string{"a", "b"}, now),
				tx.PutReset(Reset{UserID: o.ID, Hash: hash("1"), Expires: later}),
				tx.PutReset(Reset{UserID: o.ID, Hash: hash("2"), Expires: later}),
			} {
				if err != nil {
					return err
				}
			}
			return nil
		})
		write(t, s, func(tx *Tx) error {
			for i, want := range []bool{true, false} {
				code, err := tx.UseCode(hash("c"), now)
				if err != nil {
					return err
				}
				refresh, err := tx.UseRefresh(hash("r"), now)
				if err != nil || code != want || refresh != want {
					t.Errorf("use %d: code %v, refresh token %v, %v", i, code, refresh, err)
				}
			}
			if err := tx.TouchSignIn("s", later); err != nil {
				return err
			}
			return tx.DropSignIn("s", now)
		})
		read(t, s, func(tx *Tx) error {
			bound, err := tx.GivenByID("default", "g")
			if err != nil || !bound.Revoked || !slices.Equal(bound.Scopes, []string{"a", "b"}) || !bound.Since.Equal(now) {
				t.Errorf("bound to the sign-in: %+v, %v", bound, err)
			}
			if offline, err := tx.GivenByID("default", "h"); err != nil || offline.Revoked {
				t.Errorf("offline: %+v, %v", offline, err)
			}
			if _, err := tx.GivenByID("acme", "g"); keyward.CodeOf(err) != keyward.CodeNotFound {
				t.Errorf("in another tenant: %v", err)
			}
			if v, err := tx.SessionByHash(hash("v")); err != nil || v.UserID != o.ID || !slices.Equal(v.Groups, []string{"a b", "c"}) ||
				!v.Seen.Equal(later) || len(v.Roles) > 0 {
				t.Errorf("session %+v, %v", v, err)
			}
			if scopes, decided, err := tx.Consent(o.ID, "c"); err != nil || !decided || !slices.Equal(scopes, []string{"a", "b"}) {
				t.Errorf("consent %v %v %v", scopes, decided, err)
			}
			if _, err := tx.ResetByHash(hash("1")); keyward.CodeOf(err) != keyward.CodeNotFound {
				t.Errorf("a replaced link: %v", err)
			}
			_, err = tx.ResetByHash(hash("2"))
			return err
		})
		if err := tryDelete(t, s, o); err != nil {
			t.Fatal(err)
		}
		write(t, s, func(tx *Tx) error {
			if _, err := tx.GivenOfRefresh(hash("r")); keyward.CodeOf(err) != keyward.CodeNotFound {
				t.Errorf("after the user: %v", err)
			}
			if _, err := tx.SessionByHash(hash("v")); keyward.CodeOf(err) != keyward.CodeNotFound {
				t.Errorf("a session after its user: %v", err)
			}
			return tx.DropExpiredSignIns(later)
		})
	})
}
