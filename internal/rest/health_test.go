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
