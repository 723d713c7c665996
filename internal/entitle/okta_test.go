package entitle_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/oktaserver"
)

// organization is an Okta whose administrator works by hand.
type organization struct {
	t      *testing.T
	server *contract.Server
}

func (o organization) call(method, path string, body, into any) {
	o.t.Helper()
	text := ""
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			o.t.Fatal(err)
		}
		text = string(b)
	}
	at := o.server.URL + "/api/v1/authorizationServers/" + oktaserver.Server + path
	req, err := http.NewRequestWithContext(o.t.Context(), method, at, strings.NewReader(text))
	if err != nil {
		o.t.Fatal(err)
	}
	req.Header.Set("Authorization", "SSWS "+oktaserver.APIToken)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		o.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= http.StatusBadRequest {
		o.t.Fatalf("%s %s: %s %s, error %v", method, path, resp.Status, answer, err)
	}
	if into != nil {
		if err := json.Unmarshal(answer, into); err != nil {
			o.t.Fatal(err)
		}
	}
}

// rule gives the address of the rule that Keyward made for a client, and what it says; nothing where there is none.
func (o organization) rule(clientID string) (path string, rule map[string]any) {
	o.t.Helper()
	var policies []struct{ ID, Name string }
	o.call(http.MethodGet, "/policies", nil, &policies)
	i := slices.IndexFunc(policies, func(p struct{ ID, Name string }) bool { return p.Name == "Keyward "+clientID })
	if i < 0 {
		return "", nil
	}
	at := "/policies/" + policies[i].ID + "/rules"
	var rules []map[string]any
	o.call(http.MethodGet, at, nil, &rules)
	if len(rules) != 1 {
		o.t.Fatalf("%d rules", len(rules))
	}
	return fmt.Sprintf("%s/%v", at, rules[0]["id"]), rules[0]
}

func (o organization) turn(clientID, status string) {
	o.t.Helper()
	path, rule := o.rule(clientID)
	for _, name := range []string{"created", "lastUpdated", "_links"} {
		delete(rule, name)
	}
	rule["status"] = status
	o.call(http.MethodPut, path, rule, nil)
}

// What subscriptions gave is taken away although an administrator switched it off meanwhile, whether the subscription ended
// before Keyward saw that or after: else it would be back with the switch.
func TestWhatIsSwitchedOffIsTakenAwayToo(t *testing.T) {
	key, err := issuer.NewKey("contract", "ES256")
	if err != nil {
		t.Fatal(err)
	}
	o := organization{t: t}
	o.server = contract.Start(t, func(origin string) http.Handler { return oktaserver.Build(origin, key) })
	w := newWorld(t)
	w.register("okta", &keyward.KeyManagerSpec{
		Type: keyward.TypeOkta, Issuer: o.server.URL + "/oauth2/" + oktaserver.Server,
		Connection: map[string]any{"apiToken": secret.Stored()},
	}, map[string]string{"connection.apiToken": oktaserver.APIToken})
	on := []keyward.KeyManagerUse{{Name: "okta", Audiences: []string{oktaserver.Audience}}}
	for _, api := range []string{"orders", "stock", "parts"} {
		w.api(api, api+":made", on...)
	}
	made := w.generate("okta", keys.Ask{})
	if e := made.Entitlement; e.State != keyward.EntitlementGiven || len(e.Scopes) != 3 {
		t.Fatalf("%+v", e)
	}
	carried := func() string {
		t.Helper()
		_, rule := o.rule(made.ClientID)
		text, err := json.Marshal(rule)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	stop := func(api string) {
		w.put(keyward.KindSubscription, "mobile-"+api, &keyward.SubscriptionSpec{
			Application: "mobile", API: api, State: keyward.SubscriptionBlocked,
		})
	}
	lacks := func(scopes ...string) {
		t.Helper()
		testbed.Eventually(t, "what the client lacks", func() string {
			return testbed.Same(strings.Join(w.status("okta").Entitlement.LackingScopes, " "), strings.Join(scopes, " "))
		})
	}
	w.run()
	o.turn(made.ClientID, "INACTIVE")
	stop("orders") // it is not known yet that the rule is off
	lacks("parts:made", "stock:made")
	if got := carried(); strings.Contains(got, "orders:made") || !strings.Contains(got, "stock:made") ||
		!strings.Contains(got, `"status":"INACTIVE"`) {
		t.Errorf("the rule %s", got)
	}
	stop("stock") // now it is
	lacks("parts:made")
	if got := carried(); strings.Contains(got, "stock:made") || !strings.Contains(got, "parts:made") {
		t.Errorf("the rule %s", got)
	}
	o.turn(made.ClientID, "ACTIVE")
	w.ahead.Add(int64(time.Hour))
	w.until("okta", keyward.EntitlementGiven, "parts:made")
	stop("parts")
	w.until("okta", keyward.EntitlementGiven)
	if path, _ := o.rule(made.ClientID); path != "" {
		t.Errorf("a rule without scopes: %s", carried())
	}
}
