package okta_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/testbed/conformance"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/oktaserver"
)

const server = "/api/v1/authorizationServers/" + oktaserver.Server

// world is an organization with a client in it.
type world struct {
	conformance.Cloud
	t    *testing.T
	conn connector.Connector
	made connector.Registered
}

func newWorld(t *testing.T, grants ...string) *world {
	t.Helper()
	w := &world{Cloud: oktaCloud(t), t: t}
	w.conn = w.Open(t, w.Secrets)
	w.made = w.register("keyward-abc", grants...)
	return w
}

func (w *world) register(name string, grants ...string) connector.Registered {
	w.t.Helper()
	r := connector.Registration{Name: name, Grants: grants}
	if len(grants) == 0 {
		r.Grants = []string{"client_credentials"}
	} else {
		r.Callbacks = []string{"https://app.example/cb"}
	}
	made, err := w.conn.Register(w.t.Context(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	return made
}

// admin is what the organization's own administrator does.
func (w *world) admin(method, path, body string) []byte {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.Server.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "SSWS "+oktaserver.APIToken)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= http.StatusBadRequest {
		w.t.Fatalf("%s %s: %s %s, error %v", method, path, resp.Status, text, err)
	}
	return text
}

// policies gives those of the authorization server by name, with their rules.
func (w *world) policies() map[string]any {
	w.t.Helper()
	var all []map[string]any
	if err := json.Unmarshal(w.admin(http.MethodGet, server+"/policies", ""), &all); err != nil {
		w.t.Fatal(err)
	}
	named := map[string]any{}
	for _, p := range all {
		name, _ := p["name"].(string)
		id, _ := p["id"].(string)
		var rules []map[string]any
		if err := json.Unmarshal(w.admin(http.MethodGet, server+"/policies/"+id+"/rules", ""), &rules); err != nil {
			w.t.Fatal(err)
		}
		for _, r := range rules {
			delete(r, "id") // counted
		}
		delete(p, "id")
		named[name] = map[string]any{"policy": p, "rules": rules}
	}
	return named
}

func (w *world) entitle(give, take []connector.Entitlement) []connector.Entitlement {
	w.t.Helper()
	e := w.entitler()
	if _, err := e.Entitled(w.t.Context(), w.made.Handle, slices.Concat(give, take)); err != nil {
		w.t.Fatal(err)
	}
	lacking, err := e.Entitle(w.t.Context(), w.made.Handle, give, take)
	if err != nil {
		w.t.Fatal(err)
	}
	return lacking
}

func (w *world) entitler() connector.Entitler {
	w.t.Helper()
	e, ok := w.conn.(connector.Entitler)
	if !ok {
		w.t.Fatalf("%T gives nothing", w.conn)
	}
	return e
}

func scopes(names ...string) []connector.Entitlement {
	list := make([]connector.Entitlement, len(names))
	for i, name := range names {
		list[i].Scope = name
	}
	return list
}

// token asks for one as the client.
func (w *world) token(c connector.Registered, names ...string) error {
	w.t.Helper()
	g, ok := w.conn.(connector.Granter)
	if !ok {
		w.t.Fatalf("%T gives no tokens", w.conn)
	}
	got, err := g.Token(w.t.Context(), connector.TokenRequest{ClientID: c.ClientID, Secret: c.ClientSecret, Scopes: names})
	if err == nil && len(names) > 0 && got.Scope != strings.Join(names, " ") {
		w.t.Errorf("asked for %q, got %q", names, got.Scope)
	}
	return err
}

func (w *world) refused(c connector.Registered, names ...string) {
	w.t.Helper()
	if err := w.token(c, names...); err == nil || !strings.Contains(err.Error(), "access_denied") {
		w.t.Errorf("a token with %q: %v", names, err)
	}
}

// What a client is given is in its tokens, together with what it has otherwise, and in no other client's; what is taken
// away is not. Nothing of others' policies changes, and what ends with the client goes with it.
func TestOktaPolicyOfAClient(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t)
	other := w.register("keyward-other")
	before := w.policies()
	w.refused(w.made, oktaserver.OtherScope)
	both := scopes(oktaserver.Scope, oktaserver.OtherScope)
	if has, err := w.entitler().Entitled(ctx, w.made.Handle, scopes(oktaserver.Scope)); err != nil || len(has) != 1 {
		t.Errorf("what everybody's policy gives: %q, error %v", has, err)
	}
	if has, err := w.entitler().Entitled(ctx, w.made.Handle, both); err != nil || len(has) != 0 {
		t.Errorf("no rule covers both: %q, error %v", has, err)
	}
	for range 2 {
		if lacking := w.entitle(slices.Concat(both, scopes("stock:read")), nil); len(lacking) != 0 {
			t.Errorf("lacking %q", lacking)
		}
	}
	if err := w.token(w.made, oktaserver.Scope, oktaserver.OtherScope, "stock:read"); err != nil {
		t.Errorf("what was given, together: %v", err)
	}
	if err := w.token(w.made); err != nil {
		t.Errorf("without asking for any by name: %v", err)
	}
	w.refused(other, oktaserver.OtherScope)
	w.entitle(nil, scopes(oktaserver.OtherScope))
	w.refused(w.made, oktaserver.OtherScope)
	if err := w.token(w.made, "stock:read"); err != nil {
		t.Errorf("what is left: %v", err)
	}
	during := w.policies()
	if len(during) != len(before)+1 || !cmp.Equal(during["Everybody"], before["Everybody"]) {
		t.Errorf("others' policies (-before +during):\n%s", cmp.Diff(before, during))
	}
	for range 2 {
		if err := w.conn.Delete(ctx, w.made.Handle); err != nil {
			t.Error(err)
		}
	}
	if after := w.policies(); !cmp.Equal(before, after) {
		t.Errorf("after the client (-before +after):\n%s", cmp.Diff(before, after))
	}
}

// What the server cannot give, or somebody there decided against, is lacking.
func TestOktaLacks(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t)
	w.admin(http.MethodPost, server+"/scopes", `{"name":"asks:people","consent":"REQUIRED"}`)
	odd := append(scopes("asks:people", "okta.users.read", "openid"), connector.Entitlement{Audience: "urn:elsewhere"})
	if lacking := w.entitle(slices.Concat(odd, scopes("stock:read")), nil); !slices.Equal(lacking, odd) {
		t.Errorf("lacking %q", lacking)
	}
	has, err := w.entitler().Entitled(ctx, w.made.Handle, append(odd, connector.Entitlement{Audience: oktaserver.Audience}))
	if err != nil || !slices.Equal(has, []connector.Entitlement{{Audience: oktaserver.Audience}}) {
		t.Errorf("it has %q, error %v", has, err)
	}
	// A policy of the organization's own that gives everything: nothing is made, and nothing is lacking that exists.
	var everything struct{ ID string }
	if err := json.Unmarshal(w.admin(http.MethodPost, server+"/policies", `{"name":"All","description":"","status":"ACTIVE",
		"priority":1,"conditions":{"clients":{"include":["ALL_CLIENTS"]}}}`), &everything); err != nil {
		t.Fatal(err)
	}
	w.admin(http.MethodPost, server+"/policies/"+everything.ID+"/rules", `{"type":"RESOURCE_ACCESS","name":"All","conditions":{
		"people":{"groups":{"include":["EVERYONE"]}},"grantTypes":{"include":["client_credentials"]},"scopes":{"include":["*"]}}}`)
	has, err = w.entitler().Entitled(ctx, w.made.Handle, scopes(oktaserver.OtherScope, "asks:people", "no:such"))
	if err != nil || !slices.Equal(has, scopes(oktaserver.OtherScope)) {
		t.Errorf("with a policy for everything it has %q, error %v", has, err)
	}
	w.admin(http.MethodDelete, server+"/policies/"+everything.ID, "")

	// Our rule, switched off by an administrator, stays so.
	var all []struct{ ID, Name string }
	if err := json.Unmarshal(w.admin(http.MethodGet, server+"/policies", ""), &all); err != nil {
		t.Fatal(err)
	}
	ours := all[slices.IndexFunc(all, func(p struct{ ID, Name string }) bool { return p.Name == "Keyward "+w.made.ClientID })].ID
	var rules []map[string]any
	if err := json.Unmarshal(w.admin(http.MethodGet, server+"/policies/"+ours+"/rules", ""), &rules); err != nil || len(rules) != 1 {
		t.Fatal(rules, err)
	}
	for _, name := range []string{"created", "lastUpdated", "_links"} {
		delete(rules[0], name)
	}
	rules[0]["status"] = "INACTIVE"
	off, err := json.Marshal(rules[0])
	if err != nil {
		t.Fatal(err)
	}
	id, _ := rules[0]["id"].(string)
	w.admin(http.MethodPut, server+"/policies/"+ours+"/rules/"+id, string(off))
	if lacking := w.entitle(scopes("stock:read"), nil); len(lacking) != 1 {
		t.Errorf("switched off by hand, lacking %q", lacking)
	}
	w.refused(w.made, "stock:read")
}

// Broken off at any request, before or after it was carried out, and done again, everything is as if nothing had been.
func TestOktaEntitleGoesOnWhereItBroke(t *testing.T) {
	give, take := scopes(oktaserver.OtherScope, "stock:read", "stock:write"), scopes("stock:read")
	writes := func(w *world) (list []contract.Request) {
		for _, q := range w.Server.Seen() {
			if q.Method != http.MethodGet && strings.HasPrefix(q.URI, "/api/v1/") {
				list = append(list, q)
			}
		}
		return list
	}
	clean := newWorld(t)
	clean.entitle(give, nil)
	clean.entitle(nil, take)
	want, steps := clean.policies(), writes(clean)
	if len(steps) != 5 {
		t.Fatalf("%d writes: %v", len(steps), steps)
	}
	for i, step := range steps {
		for _, half := range []bool{false, true} {
			w := newWorld(t)
			trouble := contract.Trouble{Method: step.Method, Part: step.URI, Half: half, Times: 1}
			if !half {
				trouble.Status = http.StatusInternalServerError
			}
			broke := 0
			for _, turn := range [][2][]connector.Entitlement{{give, nil}, {nil, take}} {
				if i == len(steps)-1 && turn[0] == nil || i < len(steps)-1 && turn[0] != nil {
					w.Server.Order(trouble)
				}
				for {
					lacking, err := w.entitler().Entitle(t.Context(), w.made.Handle, turn[0], turn[1])
					if err == nil && len(lacking) == 0 {
						break
					}
					broke++
				}
			}
			if got := w.policies(); broke != 1 || !cmp.Equal(want, got) {
				t.Errorf("%s %s, half %v: broke %d times (-want +got):\n%s", step.Method, step.URI, half, broke, cmp.Diff(want, got))
			}
		}
	}
}

// The rule of a client follows its grants. Who signs people in asks for Okta's own scopes together with an API's.
func TestOktaRuleFollowsGrants(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t, "authorization_code", "refresh_token", "client_credentials")
	w.entitle(scopes(oktaserver.OtherScope), nil)
	rule := func() string {
		text, err := json.Marshal(w.policies()["Keyward "+w.made.ClientID])
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if got := rule(); !strings.Contains(got, `"grantTypes":{"include":["authorization_code","client_credentials"]}`) ||
		!strings.Contains(got, `["address","email","offline_access","openid","orders:write","phone","profile"]`) {
		t.Errorf("the rule of a client for people: %s", got)
	}
	updater, ok := w.conn.(connector.Updater)
	if !ok {
		t.Fatalf("%T changes nothing", w.conn)
	}
	r := connector.Registration{
		Name: "keyward-abc", Grants: []string{"authorization_code"}, Callbacks: []string{"https://app.example/other"},
	}
	if _, err := updater.Update(ctx, w.made.Handle, r, nil); err != nil {
		t.Fatal(err)
	}
	if got := rule(); !strings.Contains(got, `"grantTypes":{"include":["authorization_code"]}`) {
		t.Errorf("after a change of grants: %s", got)
	}
	if has, err := w.entitler().Entitled(ctx, w.made.Handle, scopes(oktaserver.OtherScope)); err != nil || len(has) != 1 {
		t.Errorf("it has %q, error %v", has, err)
	}
	for field, r := range map[string]connector.Registration{
		"scopes":                  {Grants: r.Grants, Callbacks: r.Callbacks, Scopes: []string{oktaserver.Scope}},
		"fields.application_type": {Grants: r.Grants, Callbacks: r.Callbacks, Fields: map[string]any{"application_type": "native"}},
	} {
		if _, err := updater.Update(ctx, w.made.Handle, r, nil); keyward.CodeOf(err) != keyward.CodeInvalidInput ||
			!strings.Contains(err.Error(), field) {
			t.Errorf("change %s: %v", field, err)
		}
	}
	_, err := updater.Update(ctx, connector.Handle{ClientID: "0oanobody"}, r, nil)
	if err == nil || !strings.Contains(err.Error(), "has no client") {
		t.Errorf("change a client that is not there: %v", err)
	}
}

// An API token that may not manage authorization servers still changes and deletes clients, and says why it gives nothing.
func TestOktaWithoutRightsOnTheAuthorizationServer(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t)
	w.Server.Order(contract.Trouble{
		Method: http.MethodGet, Part: "/authorizationServers/", Status: http.StatusForbidden,
		Body: `{"errorCode":"E0000006","errorSummary":"You do not have permission to perform the requested action"}`,
	})
	_, err := w.entitler().Entitled(ctx, w.made.Handle, scopes(oktaserver.Scope))
	var barred *connector.Barred
	if !errors.As(err, &barred) || !strings.Contains(err.Error(), "E0000006: You do not have permission") ||
		!strings.Contains(barred.Ask, "API Access Management Administrator") {
		t.Errorf("entitled: %v", err)
	}
	conformance.ChangeFields(t, w.conn, w.made, map[string]any{"client_uri": "https://app.example"})
	if err := w.conn.Delete(ctx, w.made.Handle); err != nil {
		t.Error(err)
	}
}

// TestOktaRelease: what was made for a client at this authorization server goes, and the client stays.
func TestOktaRelease(t *testing.T) {
	w := newWorld(t, "client_credentials")
	made := w.made
	releaser, ok := w.conn.(connector.Releaser)
	if !ok {
		t.Fatalf("%T releases nothing", w.conn)
	}
	w.entitle(scopes(oktaserver.OtherScope), nil)
	ours := "Keyward " + made.ClientID
	if w.policies()[ours] == nil {
		t.Fatal("nothing was made for it")
	}
	for range 2 {
		if err := releaser.Release(t.Context(), made.Handle); err != nil {
			t.Error(err)
		}
	}
	if w.policies()[ours] != nil {
		t.Error("the policy is still there")
	}
	if c, err := conformance.ReaderOf(t, w.conn).Read(t.Context(), made.Handle); err != nil || c == nil {
		t.Errorf("the client: %v, error %v", c, err)
	}
}

// Where it is not known which secret is alive, none is ended.
func TestOktaKeepsSecretsItDoesNotKnow(t *testing.T) {
	w := newWorld(t)
	o, ok := w.conn.(connector.Overlapper)
	if !ok {
		t.Fatalf("%T keeps one secret", w.conn)
	}
	fresh, err := o.AddSecret(t.Context(), w.made.Handle)
	if err != nil {
		t.Fatal(err)
	}
	newer := w.made
	newer.ClientSecret = fresh.Value
	lives := func(c connector.Registered) bool { return w.token(c, oktaserver.Scope) == nil }
	if err := o.DropSecrets(t.Context(), w.made.Handle, ""); err != nil || !lives(w.made) || !lives(newer) {
		t.Errorf("without a name: %v, the older lives: %t, the newer: %t", err, lives(w.made), lives(newer))
	}
	if err := o.DropSecrets(t.Context(), w.made.Handle, fresh.ID); err != nil || lives(w.made) || !lives(newer) {
		t.Errorf("by name: %v, the older lives: %t, the newer: %t", err, lives(w.made), lives(newer))
	}
}
