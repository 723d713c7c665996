package reconcile_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/reconcile"
	"keyward.dev/keyward/internal/testbed/conformance"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/oktaserver"
)

// What Keyward made for a client beside it does not stay behind when the client vanished at its server, whether it is made
// anew or forgotten; a server that does not answer then is told, and nothing is forgotten.
func TestNothingStaysBehindOfAClientThatVanished(t *testing.T) {
	key := conformance.SigningKey(t)
	s := contract.Start(t, func(origin string) http.Handler { return oktaserver.Build(origin, key) })
	okta := clouds()[0]
	r := newRig(t)
	r.register("okta", okta.spec(s.URL), okta.secret)
	call := func(method, path string) []byte {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, http.NoBody)
		do(t, err)
		req.Header.Set("Authorization", "SSWS "+oktaserver.APIToken)
		resp, err := http.DefaultClient.Do(req)
		do(t, err)
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		do(t, err)
		return body
	}
	const policies = "/api/v1/authorizationServers/" + oktaserver.Server + "/policies"
	made := func() (names []string) {
		t.Helper()
		var all []struct{ Name string }
		do(t, json.Unmarshal(call(http.MethodGet, policies), &all))
		for _, p := range all {
			if p.Name != "Everybody" {
				names = append(names, p.Name)
			}
		}
		return names
	}
	r.put(keyward.KindAPI, "orders", &keyward.APISpec{
		Context: "/orders", Version: "v1", Upstream: keyward.Upstream{Production: "http://127.0.0.1:9"},
		KeyManagers: keyward.KeyManagerSet{All: true},
		Operations:  []keyward.Operation{{Method: "*", Path: "/**", Scopes: []string{okta.scope}}},
	})
	r.put(keyward.KindApplication, "mobile", &keyward.ApplicationSpec{Owner: "alice"})
	r.put(keyward.KindSubscription, "mobile-orders", &keyward.SubscriptionSpec{Application: "mobile", API: "orders"})
	first, err := r.keys.Generate(t.Context(), alice(), at("mobile", "okta"), keys.Ask{})
	do(t, err)
	old := first.ClientID
	want(t, r.reconcile("okta"), "mobile", reconcile.InStep)
	if got := made(); !slices.Equal(got, []string{"Keyward " + old}) {
		t.Fatalf("policies: %q", got)
	}
	vanish := func(id string) {
		t.Helper()
		call(http.MethodDelete, "/oauth2/v1/clients/"+id)
		want(t, r.reconcile("okta"), "mobile", reconcile.Vanished)
	}
	vanish(old)
	s.Order(contract.Trouble{Method: http.MethodDelete, Part: "/policies/", Status: http.StatusInternalServerError, Times: 1})
	_, err = r.reconciler.Mend(t.Context(), alice(), at("mobile", "okta"), reconcile.MendAsk{})
	wantCode(t, err, keyward.CodeKeyManagerFailed, "remove the client's access policy")
	if c := r.client("mobile"); c.ClientID != old || c.Status.State != keyward.ClientDrifted {
		t.Errorf("after a failure: %+v", c)
	}
	anew := r.mend("mobile", "okta").ClientID
	if got := made(); !slices.Equal(got, []string{"Keyward " + anew}) || anew == old {
		t.Errorf("after the client was made anew: %q", got)
	}
	want(t, r.reconcile("okta"), "mobile", reconcile.InStep)
	vanish(anew)
	_, err = r.reconciler.Mend(t.Context(), alice(), at("mobile", "okta"), reconcile.MendAsk{Accept: true})
	if got := made(); err != nil || len(got) != 0 {
		t.Errorf("after the client was forgotten: %q, error %v", got, err)
	}
}
