package rest_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/session"
	"keyward.dev/keyward/internal/store"
)

// TestListsAreNarrowedByWhatObjectsBelongTo: exactly, where a search finds parts of names; and nobody learns by it what they
// are not shown.
func TestListsAreNarrowedByWhatObjectsBelongTo(t *testing.T) {
	h := newHouse(t)
	h.users(map[string][]keyward.Role{
		"dora": {keyward.RoleDeveloper}, "otto": {keyward.RoleDeveloper}, "pat": {keyward.RolePublisher},
	}, "default")
	h.apply(manifestOf(keyward.KindPlan, "gold", `{}`), manifestOf(keyward.KindPlan, "iron", `{}`),
		manifestOf(keyward.KindConnection, "acme", walkConnection),
		manifestOf(keyward.KindKeyManager, "off", `{"type":"external","enabled":false,"issuer":"https://off.example",
			"keys":{"jwks":"https://off.example/k"}}`),
		manifestOf(keyward.KindAPI, "orders", strings.Replace(walkAPI, `"/orders"`, `"/orders","plans":["gold"]`, 1)),
		manifestOf(keyward.KindAPI, "orders-2", strings.Replace(walkAPI, `"/orders"`, `"/two","plans":["gold","iron"]`, 1)),
		manifestOf(keyward.KindApplication, "shop", `{"owner":"dora"}`),
		manifestOf(keyward.KindApplication, "shop-2", `{"owners":["otto","dora"]}`),
		manifestOf(keyward.KindSubscription, "shop-a", `{"application":"shop","api":"orders","plan":"gold"}`),
		manifestOf(keyward.KindSubscription, "shop-2-a", `{"application":"shop-2","api":"orders-2","plan":"iron"}`))
	h.apply(manifestOf(keyward.KindUser, "gina", `{"groups":["pay","ship"]}`),
		manifestOf(keyward.KindUser, "developer", `{"groups":["pay-x"]}`),
		manifestOf(keyward.KindUser, "gus", `{"roles":["developer"],"groups":["developer","payer"]}`))
	h.must("admin", http.MethodPost, "/api/v1/applications/shop/keys", place)
	h.must("admin", http.MethodPost, "/api/v1/applications/shop/hold", `{"reason":"leaked"}`)
	for _, c := range []struct{ who, list, names string }{
		{"admin", "subscriptions?application=shop", "shop-a"},
		{"admin", "subscriptions?search=shop", "shop-2-a shop-a"},
		{"dora", "apis?context=/orders", "orders"},
		{"admin", "apis?context=/order", ""},
		{"dora", "subscriptions?application=shop-2", "shop-2-a"},
		{"otto", "subscriptions?application=shop", ""},
		{"admin", "subscriptions?api=orders", "shop-a"},
		{"admin", "subscriptions?plan=iron&application=shop-2", "shop-2-a"},
		{"admin", "subscriptions?plan=iron&application=shop", ""},
		{"pat", "apis?plan=gold", "orders orders-2"},
		{"admin", "oauth-clients?keyManager=resident", "*"},
		{"admin", "oauth-clients?application=shop-2", ""},
		{"admin", "key-managers?connection=acme", ""},
		{"admin", "applications?owner=otto", "shop-2"},
		{"dora", "applications?owner=otto", "shop-2"},
		{"otto", "applications?owner=dora", "shop-2"},
		{"admin", "applications?held=true", "shop"},
		{"dora", "applications?held=false", "shop shop-2"},
		{"admin", "subscriptions?application=nobody", ""},
		{"admin", "key-managers?enabled=true", "resident"},
		{"admin", "key-managers?type=external", "off"},
		{"admin", "key-managers?type=okta", ""},
		{"admin", "connections?type=okta", "acme"},
		{"admin", "connections?type=keycloak", ""},
		{"admin", "users?type=okta", ""},
		{"dora", "key-managers?enabled=true&api=orders", "resident"},
		{"admin", "users?group=pay", "gina"},
		{"admin", "users?group=ship", "gina"},
		{"admin", "users?group=developer", "gus"},
		{"admin", "users?group=publisher", ""},
	} {
		var listed struct{ Items []keyward.Manifest }
		h.must(c.who, http.MethodGet, "/api/v1/"+c.list, "").into(t, &listed)
		names := make([]string, len(listed.Items))
		for i, m := range listed.Items {
			names[i] = m.Metadata.Name
		}
		if got := strings.Join(names, " "); got != c.names && (c.names != "*" || len(names) != 1) {
			t.Errorf("%s gets of %s %q, want %q", c.who, c.list, got, c.names)
		}
	}
	for list, want := range map[string]int{
		"plans?application=shop": http.StatusBadRequest, "plans?group=ship": http.StatusBadRequest,
		"users?group=%25": http.StatusBadRequest, "users?held=true": http.StatusOK,
	} {
		if a := h.call("admin", http.MethodGet, "/api/v1/"+list, ""); a.status != want {
			t.Errorf("%s: %d %s", list, a.status, a.body)
		}
	}
	for _, list := range []string{"applications?owner=dora", "key-managers?connection=acme"} {
		if a := h.call("pat", http.MethodGet, "/api/v1/"+list, ""); a.status != http.StatusForbidden {
			t.Errorf("%s to a publisher: %d %s", list, a.status, a.body)
		}
	}
}

// TestAGroupSaysThatSessionsWereLeftOut: with more of them than are looked at, nobody takes its people for all there are.
func TestAGroupSaysThatSessionsWereLeftOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.users(map[string][]keyward.Role{"busy": {keyward.RoleDeveloper}}, "default")
	fill := func(from, to int) {
		t.Helper()
		err := h.store.Write(context.Background(), "test", func(tx *store.Tx) error {
			o, err := tx.Get(keyward.KindUser, "default", "busy")
			for n := from; n < to && err == nil; n++ {
				id, now := fmt.Sprintf("s%03d", n), time.Now()
				err = tx.PutSession(store.Session{
					ID: id, Hash: []byte(id), Tenant: "default", UserID: o.ID, Since: now, Seen: now, Expires: now.Add(time.Hour),
				})
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		from, to int
		capped   bool
	}{{0, 499, false}, {499, 500, true}} {
		fill(step.from, step.to)
		var g session.Group
		h.must("admin", http.MethodGet, "/api/v1/groups/payments", "").into(t, &g)
		if g.Capped != step.capped {
			t.Errorf("of %d sessions: %+v", step.to, g)
		}
	}
}
