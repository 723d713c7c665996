package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/control"
)

// TestAPIsAreForThoseWhoseGroupsSeeThem: to other developers an API is not there, by whatever way they ask; what they are
// subscribed to already stays theirs to keep, and publishers are told.
func TestAPIsAreForThoseWhoseGroupsSeeThem(t *testing.T) {
	h := newHouse(t)
	h.users(map[string][]keyward.Role{
		"inga": {keyward.RoleDeveloper}, "otto": {keyward.RoleDeveloper}, "pat": {keyward.RolePublisher}, "ann": {keyward.RoleAuditor},
	}, "default")
	api := func(more string) string {
		return manifestOf(keyward.KindAPI, "orders", strings.Replace(walkAPI, `"/orders"`, `"/orders","plans":["gold","iron"]`+more, 1))
	}
	h.apply(manifestOf(keyward.KindAPI, "all", strings.Replace(walkAPI, "/orders", "/all", 1)),
		manifestOf(keyward.KindUser, "inga", `{"roles":["developer"],"groups":["partners"]}`),
		manifestOf(keyward.KindPlan, "gold", `{}`), manifestOf(keyward.KindPlan, "iron", `{}`), api(""),
		manifestOf(keyward.KindApplication, "in", `{"owner":"inga"}`), manifestOf(keyward.KindApplication, "out", `{"owner":"otto"}`),
		manifestOf(keyward.KindApplication, "new", `{"owner":"otto"}`),
		manifestOf(keyward.KindApplication, "both", `{"owners":["otto","group/partners"]}`),
		manifestOf(keyward.KindSubscription, "out-orders", `{"application":"out","api":"orders","plan":"gold"}`),
		manifestOf(keyward.KindSubscription, "both-orders", `{"application":"both","api":"orders","plan":"gold"}`))
	for _, c := range []struct {
		hidden string
		api    string
		sees   map[string]bool
	}{
		{"nobody's", api(""), map[string]bool{"otto": true, "inga": true, "pat": true, "ann": true}},
		{"of a group", api(`,"visibility":["partners","others"]`), map[string]bool{"inga": true, "pat": true, "ann": true}},
		{"a draft", api(`,"state":"draft"`), map[string]bool{"pat": true, "ann": true}},
		{"of a group, and retired", api(`,"visibility":["partners"],"state":"retired"`),
			map[string]bool{"inga": true, "pat": true, "ann": true}},
	} {
		h.apply(c.api)
		for _, who := range []string{"otto", "inga", "pat", "ann"} {
			got, none := h.call(who, http.MethodGet, "/api/v1/apis/orders", ""), h.call(who, http.MethodGet, "/api/v1/apis/nothing", "")
			like := strings.ReplaceAll(string(none.body), "nothing", "orders")
			sees := got.status == http.StatusOK
			if sees != c.sees[who] || !sees && (got.status != none.status || string(got.body) != like) {
				t.Errorf("%s: %s gets %d %s, and of no API %s", c.hidden, who, got.status, got.body, none.body)
			}
			list := h.must(who, http.MethodGet, "/api/v1/apis?search=orders", "")
			if listed := strings.Contains(string(list.body), `"/orders"`); listed != c.sees[who] {
				t.Errorf("%s: %s is listed %s", c.hidden, who, list.body)
			}
			found := h.must(who, http.MethodGet, "/api/v1/search?text=orders", "")
			if hit := strings.Contains(string(found.body), `"API"`); hit != c.sees[who] {
				t.Errorf("%s: %s finds %s", c.hidden, who, found.body)
			}
			// A page that is full ends the list for those who see nothing of what follows.
			first := h.must(who, http.MethodGet, "/api/v1/apis?limit=1", "")
			more, all := strings.Contains(string(first.body), `"next"`), strings.Contains(string(first.body), `"all"`)
			if more != c.sees[who] || !all {
				t.Errorf("%s: %s gets a first page %s", c.hidden, who, first.body)
			}
		}
		if !strings.Contains(c.api, "state") {
			subscribes(t, h, "inga", "in", true)
			subscribes(t, h, "otto", "new", c.sees["otto"])
		}
		// What is there goes on, also under another plan.
		for _, plan := range []string{"iron", "gold"} {
			h.must("otto", http.MethodPut, "/api/v1/subscriptions/out-orders",
				`{"spec":{"application":"out","api":"orders","plan":"`+plan+`"}}`)
		}
		var u control.APIUsages
		h.must("pat", http.MethodGet, "/api/v1/apis/orders/usages", "").into(t, &u)
		for _, s := range u.Subscriptions {
			if s.Outside != (s.Name == "out-orders" && !c.sees["otto"] || c.hidden == "a draft") {
				t.Errorf("%s: told of %+v", c.hidden, s)
			}
		}
	}
	if a := h.call("admin", http.MethodPut, "/api/v1/applications/out", `{"spec":{}}`); a.status != http.StatusBadRequest {
		t.Errorf("the last owner was removed: %d %s", a.status, a.body)
	}
	h.must("otto", http.MethodPut, "/api/v1/applications/out", `{"spec":{"owners":["otto","inga"]}}`)
}

// subscribes has a developer subscribe, and unsubscribe again.
func subscribes(t *testing.T, h *house, who, application string, may bool) {
	t.Helper()
	plan := "gold"
	body := func(api string) string {
		return `{"spec":{"application":"` + application + `","api":"` + api + `","plan":"` + plan + `"}}`
	}
	got := h.call(who, http.MethodPut, "/api/v1/subscriptions/try", body("orders"))
	none := h.call(who, http.MethodPut, "/api/v1/subscriptions/try-none", body("nothing"))
	took, like := got.status == http.StatusCreated, strings.ReplaceAll(string(none.body), "nothing", "orders")
	if took != may || !took && string(got.body) != like {
		t.Errorf("%s subscribes %s: %d %s; to no API: %s", who, application, got.status, got.body, none.body)
	}
	if may {
		h.must(who, http.MethodDelete, "/api/v1/subscriptions/try", "")
		return
	}
	plan = "nothing" // the order of two faults tells nothing either
	got, none = h.call(who, http.MethodPut, "/api/v1/subscriptions/try", body("orders")),
		h.call(who, http.MethodPut, "/api/v1/subscriptions/try", body("none"))
	if like := strings.ReplaceAll(string(none.body), "API none", "API orders"); string(got.body) != like || got.status != none.status {
		t.Errorf("%s subscribes %s under no plan: %s; to no API: %s", who, application, got.body, none.body)
	}
}

// TestWhereBackendsAreIsNotForDevelopers: who may call an API is not told its backends' addresses, nor by which manifests it came.
func TestWhereBackendsAreIsNotForDevelopers(t *testing.T) {
	h := newHouse(t)
	h.users(map[string][]keyward.Role{
		"otto": {keyward.RoleDeveloper}, "pat": {keyward.RolePublisher}, "ann": {keyward.RoleAuditor},
		"both": {keyward.RoleDeveloper, keyward.RolePublisher},
	}, "default")
	orders := strings.Replace(manifestOf(keyward.KindAPI, "orders", walkAPI), "http://127.0.0.1:9000", "http://orders.backend:9000", 1)
	h.must("admin", http.MethodPost, "/api/v1/apply", `{"set":"shop","objects":[`+orders+`]}`)
	for who, told := range map[string]bool{"otto": false, "pat": true, "ann": true, "both": true} {
		for _, path := range []string{"/api/v1/apis/orders", "/api/v1/apis", "/api/v1/apis?names=orders&documents=true"} {
			body := string(h.must(who, http.MethodGet, path, "").body)
			if !strings.Contains(body, `"context":"/orders"`) || strings.Contains(body, "orders.backend") != told ||
				strings.Contains(body, `"shop"`) != told {
				t.Errorf("%s: %s is told %s", path, who, body)
			}
		}
		if a := h.call(who, http.MethodGet, "/api/v1/apis?set=shop", ""); (a.status == http.StatusOK) != told {
			t.Errorf("%s narrows by a set: %d %s", who, a.status, a.body)
		}
	}
}

// TestOtherTenantsAreNotToldWhatThereIs: whoever is of another tenant is refused in the same words whether there is what an address
// names or not.
func TestOtherTenantsAreNotToldWhatThereIs(t *testing.T) {
	h, cases, seen := furnish(t), visits(), 0
	var document struct {
		Paths map[string]map[string]struct{ OperationID string }
	}
	h.must("", http.MethodGet, "/openapi.json", "").into(t, &document)
	for template, operations := range document.Paths {
		// Anybody is told which tenants there are, who asks how people sign in there; no id of a session is to be guessed.
		if parts := strings.Split(template, "/"); len(parts) < 5 || parts[4][0] != '{' || parts[3] == "tenants" || parts[3] == "sessions" {
			continue
		}
		for method, op := range operations {
			v := cases[op.OperationID]
			if v.open {
				continue
			}
			seen++
			path := h.fill(v.path)
			parts := strings.SplitN(path, "/", 6)
			name, query, asks := strings.Cut(parts[4], "?")
			if parts[4] = "nothing-there"; asks {
				parts[4] += "?" + query
			}
			there := h.call("zoe", strings.ToUpper(method), path, h.metadata(v.body))
			none := h.call("zoe", strings.ToUpper(method), strings.Join(parts, "/"), h.metadata(v.body))
			like := strings.ReplaceAll(string(none.body), "nothing-there", name)
			if there.status != none.status || string(there.body) != like {
				t.Errorf("%s: %d %s, and of what is not there: %d %s", op.OperationID, there.status, there.body, none.status, none.body)
			}
		}
	}
	if seen < 40 {
		t.Errorf("only %d operations name something", seen)
	}
}
