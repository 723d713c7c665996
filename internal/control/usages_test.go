package control_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/plane"
)

// TestCallsOfAGlobalKeyManager: a tenant is told of the calls to its own APIs; operators of all, and of the clients that
// nobody has.
func TestCallsOfAGlobalKeyManager(t *testing.T) {
	h, ctx := globalPlane(t), context.Background()
	ada := inTenant("ada", nil, keyward.RoleAdmin)
	if _, err := in(h, ada, plane.Manifest(keyward.KindSubscription, "s", `{"application":"mobile","api":"orders-v1"}`)); err != nil {
		t.Fatal(err)
	}
	if err := h.Store.Write(ctx, "test", func(tx *store.Tx) error {
		km, err := tx.Get(keyward.KindKeyManager, "default", "sso")
		if err != nil {
			return err
		}
		api, err := tx.Get(keyward.KindAPI, "acme", "orders-v1")
		if err != nil {
			return err
		}
		client, err := tx.Get(keyward.KindOAuthClient, "acme", "mobile-sso")
		if err != nil {
			return err
		}
		now := time.Now()
		g := keyward.Gateway{Name: "edge"}
		if err := tx.CreateGateway(&g, []byte("hash")); err != nil {
			return err
		}
		return tx.CountUsage(store.UsagePortion{
			Gateway: g.ID, Group: g.Group, Run: "run", Sequence: 1,
			Calls: []store.UsageCalls{
				{KeyManager: km.ID, API: api.ID, Calls: 7, At: now},
				{KeyManager: km.ID, API: api.ID, Code: keyward.CodeTokenExpired, Calls: 2, At: now},
			},
			Uses: []store.UsageOfClient{{Client: client.ID, Passed: 4, At: now}, {KeyManager: km.ID, Passed: 3, At: now}},
		}, now)
	}); err != nil {
		t.Fatal(err)
	}
	for who, c := range map[string]struct {
		p      keyward.Principal
		tenant string
		want   string
	}{
		"operator":                      {plane.Operator(), "default", "{7 2} 7 [{7 2}] [{4 0} true] {3 0} 7 2 map[token_expired:2]"},
		"auditor of the tenant default": {plane.As("ann", keyward.RoleAuditor), "default", "{0 0} 0 [] []"},
		"administrator of acme":         {ada, "acme", "{7 2} 7 [{7 2}] [{4 0} true] 7 2 map[token_expired:2]"},
		"operator about acme":           {plane.Operator(), "acme", "{7 2} 7 [{7 2}] [{4 0} true] 7 2 map[token_expired:2]"},
	} {
		u, err := h.Control.Usages(ctx, c.p, c.tenant, "sso")
		if err != nil {
			t.Fatal(err)
		}
		traffic, err := h.Control.Traffic(ctx, c.p, c.tenant, "sso")
		if err != nil {
			t.Fatal(err)
		}
		apis, clients := []any{}, []any{}
		for _, a := range u.APIs {
			apis = append(apis, a.Calls)
		}
		for _, k := range u.Clients {
			clients = append(clients, k.Calls, k.LastUsedAt != nil)
		}
		got := fmt.Sprint(u.Calls.Calls, " ", u.Disable.Calls, " ", apis, " ", clients)
		if u.Calls.Nobody != nil {
			got += fmt.Sprint(" ", *u.Calls.Nobody)
		}
		for _, hour := range traffic.Hours {
			got += fmt.Sprint(" ", hour.Passed, " ", hour.Refused, " ", hour.Codes)
		}
		if got != c.want {
			t.Errorf("%s is told %s, want %s", who, got, c.want)
		}
	}
	if _, err := h.Control.Traffic(ctx, inTenant("dora", nil, keyward.RoleDeveloper), "acme", "sso"); keyward.CodeOf(err) !=
		keyward.CodeForbidden {
		t.Errorf("a developer reads the traffic: %v", err)
	}
}
