package enforce

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/needs"
	"keyward.dev/keyward/internal/past"
	"keyward.dev/keyward/internal/testbed"
)

// organizations makes corp a key manager for two of them, each with a client "abc" of another application.
func organizations(t *testing.T) (w *world, one, two string) {
	t.Helper()
	w = newWorld(t)
	one, two = w.corp.URL+"/one/v2.0", w.corp.URL+"/two/v2.0"
	w.changeCorp(func(r *keyward.KeyManagerRow) {
		entry := r.Issuers[0]
		entry.Issuer, entry.Organization = one, "one"
		other := entry
		other.Issuer, other.Organization = two, "two"
		r.Issuers = []keyward.IssuerRow{entry, other}
		r.Match = []keyward.MatchRule{{Claims: map[string]any{"tid": "one"}}, {Claims: map[string]any{"tid": "two"}}}
	})
	w.put(keyward.RowClient, "c-one", clientRow("km-corp", "one/abc", "app-mobile", keyward.Production))
	w.put(keyward.RowClient, "c-two", clientRow("km-corp", "two/abc", "app-rival", keyward.Production))
	w.put(keyward.RowSubscription, "s-rival", keyward.SubscriptionRow{
		ApplicationID: "app-rival", APIID: "api-orders", State: keyward.SubscriptionActive,
	})
	return w, one, two
}

func (w *world) ofTenant(iss string, tid any) string { return w.ofClient(iss, tid, "abc") }

func (w *world) ofClient(iss string, tid any, client string) string {
	return w.claims(map[string]any{"iss": iss, "tid": tid, "client_id": client, "sub": "alice"})
}

func TestOneClientIDInTwoOrganizations(t *testing.T) {
	w, one, two := organizations(t)
	for _, c := range []struct{ iss, tid, app string }{{one, "one", "mobile"}, {two, "two", "rival"}} {
		raw := w.ofTenant(c.iss, c.tid)
		for range 2 { // the second from the cache
			d := w.decide(items(raw))
			claims := testbed.Claims(t, d.BackendJWT)
			if d.Application != c.app || d.ClientID != c.tid+"/abc" || claims["client_id"] != "abc" ||
				claims["sub"] != "corp|"+c.tid+"|alice" {
				t.Errorf("%s: %s, client %s, claims %v", c.tid, d.Application, d.ClientID, claims)
			}
		}
		x := w.engine.Explain(t.Context(), w.view, items(raw))
		if text, _ := json.Marshal(x); !strings.Contains(string(text), c.tid+"/abc") {
			t.Errorf("explain names no organization: %s", text)
		}
	}
	w.want("a client that only its id knows", items(w.ofClient(one, "one", "abc-sandbox")), keyward.CodeNoSubscription)
	w.want("the id with its organization", items(w.ofClient(one, "one", "two/abc")), keyward.CodeNoSubscription)
	w.changeOrders(func(r *keyward.APIRow) { r.RawSubject = true })
	if sub := testbed.Claims(t, w.decide(items(w.ofTenant(two, "two"))).BackendJWT)["sub"]; sub != "two|alice" {
		t.Errorf("the bare sub is %v", sub)
	}
}

func TestOrganizationOfATokenIsThatOfItsIssuer(t *testing.T) {
	w, one, two := organizations(t)
	w.want("the control", items(w.ofTenant(one, "one")), "")
	w.want("the other control", items(w.ofTenant(two, "two")), "")
	for what, raw := range map[string]string{
		"iss of one, tid of two":   w.ofTenant(one, "two"),
		"iss of two, tid of one":   w.ofTenant(two, "one"),
		"no tid":                   w.claims(map[string]any{"iss": one, "client_id": "abc"}),
		"null":                     w.ofTenant(one, json.RawMessage("null")),
		"a number":                 w.ofTenant(one, 1),
		"a list":                   w.ofTenant(one, []string{"one"}),
		"an object":                w.ofTenant(one, map[string]any{"one": "one"}),
		"upper case":               w.ofTenant(one, "One"),
		"a space":                  w.ofTenant(one, "one "),
		"a prefix":                 w.ofTenant(one, "on"),
		"empty":                    w.ofTenant(one, ""),
		"not listed":               w.ofTenant(w.corp.URL+"/three/v2.0", "three"),
		"not listed, tid of one":   w.ofTenant(w.corp.URL+"/three/v2.0", "one"),
		"the template":             w.ofTenant(w.corp.URL+"/{tid}/v2.0", "one"),
		"the metadata's template":  w.ofTenant(w.corp.URL+"/{tenantid}/v2.0", "one"),
		"common":                   w.ofTenant(w.corp.URL+"/common/v2.0", "one"),
		"a slash at the end":       w.ofTenant(one+"/", "one"),
		"a slash too many":         w.ofTenant(w.corp.URL+"//one/v2.0", "one"),
		"dots":                     w.ofTenant(w.corp.URL+"/two/../one/v2.0", "one"),
		"an issuer's prefix":       w.ofTenant(strings.TrimSuffix(one, "0"), "one"),
		"an issuer in upper case":  w.ofTenant(strings.Replace(one, "/one/", "/ONE/", 1), "one"),
		"an issuer that is a part": w.ofTenant(one+"/"+two, "one"),
		"no iss":                   w.claims(map[string]any{"iss": nil, "tid": "one", "client_id": "abc"}),
	} {
		w.want(what, items(raw), keyward.CodeUnknownIssuer)
	}
	x := w.engine.Explain(t.Context(), w.view, items(w.ofTenant(one, "two")))
	at := slices.IndexFunc(x.Steps, func(s Step) bool { return s.Result == past.Fail })
	if at < 0 || !strings.Contains(x.Steps[at].Seen, `tid "two"`) || !strings.Contains(x.Steps[at].Seen, `expects tid "one"`) {
		t.Errorf("explained as %+v", x.Steps)
	}
}

// A token without claim rules in its key manager's row is held to its organization all the same.
func TestOrganizationCountsWithoutClaimRules(t *testing.T) {
	w, one, _ := organizations(t)
	w.changeCorp(func(r *keyward.KeyManagerRow) { r.Match = nil })
	w.want("the control", items(w.ofTenant(one, "one")), "")
	w.want("another's tid", items(w.ofTenant(one, "two")), keyward.CodeUnknownIssuer)
}

func TestOldGatewaysRefuseManyOrganizations(t *testing.T) {
	w, _, _ := organizations(t)
	asked := func() []string {
		text, err := json.Marshal(w.view.KeyManager("km-corp").KeyManagerRow)
		if err != nil {
			t.Fatal(err)
		}
		features, err := needs.Of(keyward.RowKeyManager, text)
		if err != nil {
			t.Fatal(err)
		}
		return features
	}
	if got := asked(); !slices.Equal(got, []string{needs.Organization}) {
		t.Errorf("needs %v", got)
	}
	w.changeCorp(func(r *keyward.KeyManagerRow) { r.Issuers[0].Organization, r.Issuers[1].Organization = "", "" })
	if got := asked(); len(got) > 0 {
		t.Errorf("one organization needs %v", got)
	}
}
