package enforce

import (
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/testbed/issuer"
)

// A key that left its issuer's set takes its tokens along, verified ones too.
func TestRotatedKeyEndsCachedTokens(t *testing.T) {
	w := newWorld(t)
	set := func(keys ...*issuer.Key) {
		text, err := issuer.JWKS(keys...)
		if err != nil {
			t.Fatal(err)
		}
		w.changeCorp(func(r *keyward.KeyManagerRow) { r.Issuers[0].JWKS, r.Issuers[0].Inline = "", []byte(text) })
	}
	old, fresh := w.corp.Key(), newKey(t, "k1", "ES256")
	set(old)
	raw := w.claims(nil)
	w.want("the control", items(raw), "")
	set(old, newKey(t, "k9", "ES256"))
	w.want("beside another key", items(raw), "")
	set(fresh)
	w.want("its kid now names another key", items(raw), keyward.CodeInvalidToken)
	w.want("the new key's token", items(w.mint(issuer.Token{Key: fresh})), "")
	set(fresh, old.As("other", ""))
	w.want("its key is there under another kid", items(raw), keyward.CodeInvalidToken)
}

// The same where the set is fetched: the row stays as it is, so only the key itself tells that the token is over.
func TestKeyThatLeftTheFetchedSetEndsCachedTokens(t *testing.T) {
	w := newWorld(t)
	old, fresh := w.corp.Key(), newKey(t, "k2", "ES256")
	raw := w.claims(nil)
	w.want("the control", items(raw), "")
	w.corp.SetKeys(old, fresh)
	w.want("a new kid fetches the set", items(w.mint(issuer.Token{Key: fresh})), "")
	w.want("the old key is in it still", items(raw), "")
	newest := newKey(t, "k3", "ES256")
	w.corp.SetKeys(fresh, newest)
	w.want("another new kid", items(w.mint(issuer.Token{Key: newest})), "")
	w.want("the old key is gone, the token was verified before", items(raw), keyward.CodeInvalidToken)
}
