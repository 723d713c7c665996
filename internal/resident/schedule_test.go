package resident

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"pgregory.net/rapid"
)

// quickKey makes a key that is good for nothing but being told apart.
func quickKey(now, activeFrom time.Time) (Key, error) {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	return Key{
		Private: jose.JSONWebKey{Key: public, KeyID: hex.EncodeToString(public)}, CreatedAt: now, ActiveFrom: activeFrom,
	}, err
}

// Whatever the times and however irregular the turns: there is always a key to sign with, it was published long enough
// before, and it stays published until the last token it signed has expired.
func TestKeysArePublishedBeforeAndAfterUse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		minutes := func(name string, low, high int) time.Duration {
			return time.Duration(rapid.IntRange(low, high).Draw(t, name)) * time.Minute
		}
		s := Schedule{
			TokenLifetime: minutes("lifetime", 1, 120), PublishAhead: minutes("ahead", 0, 60), Margin: minutes("margin", 0, 30),
		}
		s.RotateEvery = s.PublishAhead + minutes("every", 1, 600)
		now := time.Unix(1_800_000_000, 0)
		published := map[string]time.Time{} // kid -> first seen
		lastToken := map[string]time.Time{} // kid -> expiry of the last token it signed
		var ring KeyRing
		for turn := range rapid.IntRange(2, 6).Draw(t, "turns") {
			due := s.due(ring, now)
			rotate := rapid.Bool().Draw(t, "rotate")
			next, changed, err := s.advance(ring, now, rotate, quickKey)
			if err != nil {
				t.Fatal(err)
			}
			if changed != due && !rotate {
				t.Fatalf("due says %v, advance %v", due, changed)
			}
			ring = next
			visible := map[string]bool{}
			for _, k := range ring.JWKS(now).Keys {
				visible[k.KeyID] = true
				if _, seen := published[k.KeyID]; !seen {
					published[k.KeyID] = now
				}
			}
			signing, err := ring.Signing(now)
			if err != nil {
				t.Fatal(err)
			}
			if turn > 0 && published[signing.Private.KeyID] != published[ring[0].Private.KeyID] &&
				now.Sub(published[signing.Private.KeyID]) < s.PublishAhead {
				t.Fatalf("a key signs %s after it was published", now.Sub(published[signing.Private.KeyID]))
			}
			for kid, expires := range lastToken {
				if now.Before(expires) && !visible[kid] {
					t.Fatalf("key %s is gone at %s; its last token expires at %s", kid, now, expires)
				}
			}
			// Until the next turn the ring stays as it is, and tokens are signed every minute.
			until := now.Add(minutes("step", 0, 400))
			for ; !now.After(until); now = now.Add(time.Minute) {
				signing, err := ring.Signing(now)
				if err != nil {
					t.Fatal(err)
				}
				lastToken[signing.Private.KeyID] = now.Add(s.TokenLifetime)
			}
		}
	})
}

func TestScheduleRefusesTimesThatContradict(t *testing.T) {
	good := Schedule{}.withDefaults()
	if err := good.validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	bad := Schedule{RotateEvery: time.Hour, PublishAhead: 2 * time.Hour}.withDefaults()
	if err := bad.validate(); err == nil {
		t.Error("a key that is published longer than it may live was accepted")
	}
}
