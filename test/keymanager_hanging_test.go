package e2e

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"keyward.dev/keyward/internal/testbed/issuer"
)

// TestHangingKeyManagerBlocksNoOther: while many calls wait for a server that never answers, those of another one pass,
// its tokens are exchanged and objects are written; the waiting ones are told to come again.
func TestHangingKeyManagerBlocksNoOther(t *testing.T) {
	t.Parallel()
	up, slow, good := newUpstream(t), issuer.Start(t, "slow", "RS256"), issuer.Start(t, "good", "RS256")
	for _, path := range []string{"/jwks", "/introspect"} {
		slow.Fix(path, issuer.Answer{Delay: 10 * time.Minute})
	}
	n := serve(t)
	c := newTrader(t, n, up.URL)
	km := func(name string, i *issuer.Issuer) string {
		return external(name, i, fmt.Sprintf(`, endpoints: {introspection: %q}, tokens: {use: both, match: [{prefix: %s_}]},
  introspection: {clientId: %s, clientSecret: %s, cache: 0s}`,
			i.URL+"/introspect", name, issuer.IntrospectionClient, issuer.IntrospectionSecret))
	}
	apply(t, n, km("slow", slow), km("good", good), mobile("slow", "good"))
	good.SetOpaque("good_1", map[string]any{"active": true, "client_id": "abc", "scope": "orders:read"})
	until(t, n.Gateway, http.MethodGet, items, "good_1", 200, "")

	var waiting sync.WaitGroup
	for i := range 100 {
		waiting.Go(func() {
			token := fmt.Sprintf("slow_%d", i)
			if i%2 == 0 {
				token = mint(t, slow, issuer.Token{})
			}
			got := call(t, n.Gateway, http.MethodGet, items, token)
			if fault := got.want(503, "key_manager_unavailable"); fault != "" || got.header.Get("Retry-After") == "" {
				t.Errorf("%s: %s", token[:6], fault)
			}
		})
	}
	waiting.Go(func() {
		if e := c.exchange(t, mint(t, slow, issuer.Token{})); e.Status != 503 || e.Error != "server_error" {
			t.Errorf("exchange: %+v", e)
		}
	})
	ended := make(chan struct{})
	go func() { waiting.Wait(); close(ended) }()
	passed := 0
	for going := true; going; passed++ {
		fresh := mint(t, good, issuer.Token{})
		for _, token := range []string{fresh, "good_1", c.must(t, fresh)} {
			if fault := call(t, n.Gateway, http.MethodGet, items, token).want(200, ""); fault != "" {
				t.Errorf("a call by the other key manager: %s", fault)
			}
		}
		if passed == 0 {
			apply(t, n, manifest("Application", "written-meanwhile", ""))
		}
		select {
		case <-ended:
			going = false
		default:
		}
	}
	if passed < 2 {
		t.Error("nothing passed while the others waited")
	}
	slow.Mend()
	until(t, n.Gateway, http.MethodGet, items, mint(t, slow, issuer.Token{}), 200, "")
}
