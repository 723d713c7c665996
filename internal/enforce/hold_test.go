package enforce

import (
	"testing"
	"time"

	"keyward.dev/keyward"
)

// TestHeldRowsAreRefused: also with a token that was verified before, until the hold's own end, without any change.
func TestHeldRowsAreRefused(t *testing.T) {
	end := func(w *world) *keyward.HoldRow {
		until := w.clock().Add(time.Minute)
		return &keyward.HoldRow{Until: &until}
	}
	for name, c := range map[string]struct {
		hold func(w *world, h *keyward.HoldRow)
		want keyward.Code
		kind keyward.Kind
		open keyward.Code // at an API that needs no subscription
	}{
		"key manager": {func(w *world, h *keyward.HoldRow) {
			w.changeCorp(func(r *keyward.KeyManagerRow) { r.Hold = h })
		}, keyward.CodeUnknownIssuer, keyward.KindKeyManager, keyward.CodeUnknownIssuer},
		"application": {func(w *world, h *keyward.HoldRow) {
			w.put(keyward.RowApplication, "app-mobile", keyward.ApplicationRow{Tenant: "default", Name: "mobile", Hold: h})
		}, keyward.CodeSubscriptionBlocked, keyward.KindApplication, keyward.CodeSubscriptionBlocked},
		"client": {func(w *world, h *keyward.HoldRow) {
			row := clientRow("km-corp", "abc", "app-mobile", keyward.Production)
			row.Hold = h
			w.put(keyward.RowClient, "c-corp", row)
		}, keyward.CodeSubscriptionBlocked, keyward.KindOAuthClient, keyward.CodeSubscriptionBlocked},
		"subscription": {func(w *world, h *keyward.HoldRow) {
			w.changeSubscription(func(r *keyward.SubscriptionRow) { r.Hold = h })
		}, keyward.CodeSubscriptionBlocked, keyward.KindSubscription, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			token := w.claims(nil)
			r, open := get("/orders/v1/items", token), get("/open/v1/items", token)
			w.want("before", r, "")
			w.want("before", open, "")
			c.hold(w, end(w))
			w.want("held", r, c.want)
			w.want("held", open, c.open)
			x := w.engine.Explain(t.Context(), w.view, r)
			if len(x.Held) != 1 || x.Held[0].Kind != c.kind {
				t.Errorf("explain names %+v", x.Held)
			}
			w.later(2 * time.Minute)
			w.want("the hold is over", r, "")
			w.want("the hold is over", open, "")
		})
	}
}
