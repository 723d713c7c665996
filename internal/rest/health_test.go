package rest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/health"
	"keyward.dev/keyward/internal/rest"
	"keyward.dev/keyward/internal/testbed/issuer"
)

// Administrators and auditors of its tenant see everything of a key manager; who may see it otherwise learns how things
// stand, and who may not see it nothing.
func TestWhoSeesHowMuchOfHealth(t *testing.T) {
	h, i := furnish(t), issuer.Start(t, "a", "ES256")
	spec := func(i *issuer.Issuer, more string) string {
		return fmt.Sprintf(`{"type":"external","issuer":%q,"keys":{"jwks":"%s/jwks"}%s}`, i.Issuer, i.URL, more)
	}
	h.apply(manifestOf(keyward.KindKeyManager, "everybodys", spec(i, `,"global":true`)),
		manifestOf(keyward.KindKeyManager, "hidden", spec(issuer.Start(t, "b", "ES256"), `,"permissions":{"allow":["partners"]}`)))
	for _, name := range []string{"everybodys", "hidden"} {
		var seen health.Health
		h.must("admin", http.MethodPost, "/api/v1/key-managers/"+name+"/refresh-keys", "").into(t, &seen)
		if seen.State != health.OK || len(seen.KeySets) != 1 || len(seen.KeySets[0].Keys) != 1 {
			t.Fatalf("refreshed: %+v", seen)
		}
	}
	one := func(user, tenant, name string) string {
		a := h.call(user, http.MethodGet, "/api/v1/key-managers/"+name+"/health?tenant="+tenant, "")
		if a.status != http.StatusOK {
			return fmt.Sprint(a.status, " ", a.code(t))
		}
		var all map[string]json.RawMessage
		a.into(t, &all)
		if all["nextLook"] == nil && all["keys"] == nil && string(all["keySets"]) == "[]" && string(all["servers"]) == "[]" {
			return "short " + string(all["state"])
		}
		return "full " + string(all["state"])
	}
	listed := func(user, tenant string) string {
		var page rest.Listing[health.Summary]
		h.must(user, http.MethodGet, "/api/v1/key-manager-health?tenant="+tenant, "").into(t, &page)
		var names []string
		for _, l := range page.Items {
			if l.NextLook != nil {
				l.KeyManager += "+"
			}
			names = append(names, l.KeyManager)
		}
		return strings.Join(names, " ")
	}
	for _, c := range []struct{ user, tenant, everybodys, hidden, list string }{
		{"admin", "default", `full "ok"`, `full "ok"`, "everybodys+ ext hidden+ resident spare"},
		{"ann", "default", `full "ok"`, `full "ok"`, "everybodys+ ext hidden+ resident spare"},
		{"pat", "default", `short "ok"`, `short "ok"`, "everybodys ext hidden resident spare"},
		{"dora", "default", `short "ok"`, "404 not_found", "everybodys ext resident spare"},
		{"zoe", "acme", `short "ok"`, "404 not_found", "everybodys resident"},
	} {
		got := []string{one(c.user, c.tenant, "everybodys"), one(c.user, c.tenant, "hidden"), listed(c.user, c.tenant)}
		if want := []string{c.everybodys, c.hidden, c.list}; strings.Join(got, ", ") != strings.Join(want, ", ") {
			t.Errorf("%s sees %q, want %q", c.user, got, want)
		}
	}
	pagesOfHealth(t, h)
	for path, method := range map[string]string{"refresh-keys": http.MethodPost, "health/history": http.MethodGet} {
		if a := h.call("zoe", method, "/api/v1/key-managers/everybodys/"+path+"?tenant=acme", ""); a.status != http.StatusForbidden {
			t.Errorf("%s of another tenant's: %d %s", path, a.status, a.body)
		}
	}
	var history rest.Listing[health.Sample]
	h.must("ann", http.MethodGet, "/api/v1/key-managers/everybodys/health/history?limit=1", "").into(t, &history)
	if len(history.Items) != 1 || history.Items[0].Looks != 1 || history.Next != "" {
		t.Errorf("history: %+v", history)
	}
	a := h.call("ann", http.MethodGet, "/api/v1/key-managers/everybodys/health/history?since=yesterday", "")
	if a.status != http.StatusBadRequest || !strings.Contains(string(a.body), "RFC 3339") {
		t.Errorf("since yesterday: %d %s", a.status, a.body)
	}
}

// pagesOfHealth: a listing of health has pages, is searched, and tells of calls those who may know them.
func pagesOfHealth(t *testing.T, h *house) {
	t.Helper()
	for _, c := range []struct{ user, query, names, calls, next string }{
		{"ann", "limit=2", "everybodys ext", "true true", "more"},
		{"ann", "limit=2&search=EXTERNAL", "everybodys ext", "true true", "more"},
		{"ann", "limit=2&search=hidd", "hidden", "true", ""},
		{"pat", "limit=2&search=hidd", "hidden", "false", ""},
		{"zoe", "tenant=acme&search=everybodys", "everybodys", "true", ""},
	} {
		var page rest.Listing[health.Summary]
		h.must(c.user, http.MethodGet, "/api/v1/key-manager-health?"+c.query, "").into(t, &page)
		var names, calls []string
		for _, l := range page.Items {
			names, calls = append(names, l.KeyManager), append(calls, fmt.Sprint(l.Calls != nil))
			if l.Type == "" || l.Issuer == "" {
				t.Errorf("%s reads of %s: type %q, issuer %q", c.user, l.KeyManager, l.Type, l.Issuer)
			}
		}
		got := strings.Join(names, " ") + ", " + strings.Join(calls, " ")
		if want := c.names + ", " + c.calls; got != want || (page.Next != "") != (c.next != "") {
			t.Errorf("%s gets of %s %q, next %q; want %q and %q", c.user, c.query, got, page.Next, want, c.next)
		}
		if page.Next == "" {
			continue
		}
		var after rest.Listing[health.Summary]
		h.must(c.user, http.MethodGet, "/api/v1/key-manager-health?"+c.query+"&cursor="+page.Next, "").into(t, &after)
		if last := page.Items[len(page.Items)-1].KeyManager; len(after.Items) == 0 || after.Items[0].KeyManager <= last {
			t.Errorf("after %q came %+v", last, after.Items)
		}
	}
}
