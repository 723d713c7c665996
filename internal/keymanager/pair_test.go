package keymanager_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/secret"
)

// TestTakePairs: each of two values is taken, kept and read back by itself.
func TestTakePairs(t *testing.T) {
	spec := specOf(t, `{"type":"keycloak","issuer":"https://sso.example/realms/corp","keys":{"jwks":"https://sso.example/k"},
		"endpoints":{"introspection":"https://sso.example/i"},
		"connection":{"clientId":"kw","clientSecret":{"current":{"stored":true},"next":"one"},"initialAccessToken":{"current":"two"}},
		"introspection":{"clientId":"gw","clientSecret":{"current":"three","next":{"stored":true}}}}`)
	values, kept, faults := keymanager.TakeSecrets(spec)
	want := map[string]string{
		"connection.clientSecret.next": "one", "connection.initialAccessToken": "two", "introspection.clientSecret": "three",
	}
	if diff := cmp.Diff(want, values); diff != "" || len(faults) > 0 {
		t.Errorf("values (-want +got):\n%s%v", diff, faults)
	}
	if diff := cmp.Diff([]string{"connection.clientSecret", "introspection.clientSecret.next"}, kept.Paths()); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	stored, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	for text, there := range map[string]bool{
		`"clientSecret":{"current":{"stored":true},"next":{"stored":true}},"initialAccessToken":{"stored":true}`: true,
		`"clientId":"gw","clientSecret":{"current":{"stored":true},"next":{"stored":true}}`:                      true,
		"one": false, "two": false, "three": false,
	} {
		if strings.Contains(string(stored), text) != there {
			t.Errorf("%s is there: %v, in %s", text, !there, stored)
		}
	}
	again := specOf(t, string(stored))
	values, kept, faults = keymanager.TakeSecrets(again)
	if len(values) != 0 || len(kept) != 5 || len(faults) != 0 {
		t.Errorf("what was stored, read back: values %v, kept %v, faults %v", values, kept, faults)
	}
	whole := map[string]string{"connection.clientSecret": "zero", "introspection.clientSecret.next": "four"}
	for path, value := range want {
		whole[path] = value
	}
	if faults := keymanager.Validate(again, whole); len(faults) > 0 {
		t.Errorf("a sound one: %v", faults)
	}
	whole["introspection.clientSecret.next"] = whole["introspection.clientSecret"]
	delete(whole, "connection.clientSecret.next")
	if got := paths(keymanager.Validate(again, whole)); !slices.Equal(got,
		[]string{"spec.connection.clientSecret.next", "spec.introspection.clientSecret.next"}) {
		t.Errorf("one that is lacking and one twice the same: %v", got)
	}
}

// TestFaultyPairs: every fault is named at its own place, all at once, in the manifest's typed and untyped part alike.
func TestFaultyPairs(t *testing.T) {
	for name, c := range map[string]struct{ pair, fault string }{
		"next alone":   {`{"next":"x"}`, ".current"},
		"a reference":  {`{"current":{"env":"X"},"next":"x"}`, ".current"},
		"two faults":   {`{"current":"","next":7}`, ".current .next"},
		"unknown":      {`{"current":"x","nxt":"y"}`, ".nxt"},
		"nothing":      {`{}`, ""},
		"a list":       {`["x"]`, ""},
		"both, sound":  {`{"current":"x","next":"y"}`, "-"},
		"both are one": {`{"current":"x","next":"x"}`, ".next"},
		"its own next": {`{"current":"x","next":{"stored":"next"}}`, ".next"},
		"nobody's":     {`{"stored":"connection.other"}`, ""},
		"two markers":  {`{"stored":"next","env":"X"}`, ""},
	} {
		spec := &keyward.KeyManagerSpec{Type: keyward.TypeOkta, Issuer: "https://acme.okta.com/oauth2/default",
			Keys: keyward.KeySource{JWKS: "https://acme.okta.com/k"}}
		if err := json.Unmarshal([]byte(`{"apiToken":`+c.pair+`}`), &spec.Connection); err != nil {
			t.Fatal(err)
		}
		values, _, faults := keymanager.TakeSecrets(spec)
		if len(faults) == 0 {
			faults = keymanager.Validate(spec, values)
		}
		got := strings.ReplaceAll(strings.Join(paths(faults), " "), "spec.connection.apiToken", "")
		if len(faults) == 0 {
			got = "-"
		}
		if got != c.fault {
			t.Errorf("%s: faults at %q, wants %q: %v", name, got, c.fault, faults)
		}
		var own secret.Credential
		err := json.Unmarshal([]byte(c.pair), &own)
		if same := name == "both are one"; (err == nil) != (c.fault == "-" || same) {
			t.Errorf("%s, read by itself: %v", name, err)
		}
	}
}
