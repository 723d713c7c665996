package declare_test

import (
	"slices"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/declare"
	"keyward.dev/keyward/internal/testbed/plane"
)

// swap is two objects that take something from each other which no two may have.
type swap struct {
	kind          keyward.Kind
	before, after [2]string
	third         string // one more object, which wants what one of the two has
	field         string // where it is refused
}

func exchange(kind keyward.Kind, a, b, third, field string) swap {
	return swap{kind, [2]string{a, b}, [2]string{b, a}, third, field}
}

func swaps() map[string]swap {
	api := func(context, version, isDefault string) string {
		return `{"context":"` + context + `","version":"` + version + `","default":` + isDefault +
			`,"upstream":{"production":"http://127.0.0.1:9000"},"keyManagers":"all",` +
			`"operations":[{"method":"GET","path":"/a"}]}`
	}
	manager := func(issuer string) string { return `{"type":"oidc","discovery":"SERVER/` + issuer + `"}` }
	client := func(app, environment, id string) string {
		return `{"application":"` + app + `","keyManager":"corp","environment":"` + environment + `","clientId":"` + id + `"}`
	}
	sub := func(app, api string) string { return `{"application":"` + app + `","api":"` + api + `"}` }
	return map[string]swap{
		"contexts": exchange(keyward.KindAPI,
			api("/a", "v1", "true"), api("/b", "v1", "true"), api("/a", "v1", "false"), "spec.version"),
		"versions": exchange(keyward.KindAPI,
			api("/c", "v1", "false"), api("/c", "v2", "false"), api("/c", "v1", "false"), "spec.version"),
		"defaults": exchange(keyward.KindAPI,
			api("/d", "v1", "true"), api("/d", "v2", "false"), api("/d", "v3", "true"), "spec.default"),
		"issuers": exchange(keyward.KindKeyManager, manager("x"), manager("y"), manager("x"), "spec.issuer"),
		"clients": {keyward.KindOAuthClient,
			[2]string{client("left", "production", "1"), client("right", "production", "2")},
			[2]string{client("left", "production", "2"), client("right", "production", "1")},
			client("left", "sandbox", "1"), "spec.clientId"},
		"subscriptions": exchange(keyward.KindSubscription,
			sub("left", "left-api"), sub("right", "right-api"), sub("left", "left-api"), "spec.api"),
	}
}

func TestApplySwapsWhatNoTwoMayHave(t *testing.T) {
	h := plane.New(t)
	h.MustApply(plane.Usual()...)
	open := `","version":"v1","upstream":{"production":"http://127.0.0.1:9000"},"keyManagers":"all",` +
		`"operations":[{"method":"GET","path":"/a"}]}`
	h.MustApply(plane.Manifest(keyward.KindApplication, "left", `{}`), plane.Manifest(keyward.KindApplication, "right", `{}`),
		plane.Manifest(keyward.KindAPI, "left-api", `{"context":"/l`+open),
		plane.Manifest(keyward.KindAPI, "right-api", `{"context":"/r`+open))
	for name, c := range swaps() {
		pair := func(specs [2]string) []string {
			return []string{plane.Manifest(c.kind, name+"-one", specs[0]), plane.Manifest(c.kind, name+"-two", specs[1])}
		}
		h.MustApply(pair(c.before)...)
		h.Refused(plane.Operator(), declare.Request{Objects: h.Objects(pair(c.after)[0])}, keyward.CodeConflict)
		for object, action := range h.MustApply(pair(c.after)...) {
			if action != declare.Updated {
				t.Errorf("%s: %s was %s", name, object, action)
			}
		}
		back := pair(c.before)
		slices.Reverse(back)
		h.MustApply(back...)
		third := plane.Manifest(c.kind, name+"-three", c.third)
		e := h.Refused(plane.Operator(), declare.Request{Objects: h.Objects(append(pair(c.after), third)...)},
			keyward.CodeConflict)
		if !strings.Contains(e.Paths, c.field) {
			t.Errorf("%s: a third was refused at %q", name, e.Paths)
		}
	}
}
