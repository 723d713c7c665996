package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward/internal/output"
)

func TestKeysSayWhatTheKeyManagerGave(t *testing.T) {
	at := time.Unix(1893456000, 0).UTC()
	less := keysAnswer{ClientID: "abc", ClientSecret: "s", keysGiven: keysGiven{
		Grants: []string{"client_credentials"}, Scopes: []string{"read"}, LackingGrants: []string{"authorization_code"},
		LackingScopes: []string{"write"}, SecretExpiresAt: &at,
	}}
	shown := func(form string, k keysAnswer) string {
		var out bytes.Buffer
		if err := printKeys(&session{out: &out}, output.Flag{Output: form}, k); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	table := shown("table", less)
	for _, want := range []string{"2030-01-01T00:00:00Z", "grant authorization_code, scope write", "client_credentials"} {
		if !strings.Contains(table, want) {
			t.Errorf("%q is not in\n%s", want, table)
		}
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(shown("json", less)), &got); err != nil {
		t.Fatal(err)
	}
	if got["secretExpiresAt"] != "2030-01-01T00:00:00Z" || got["lackingScopes"] == nil || got["clientId"] != "abc" {
		t.Errorf("json: %v", got)
	}
	if plain := shown("table", keysAnswer{ClientID: "abc", ClientSecret: "s"}); strings.Contains(plain, "xpires") ||
		strings.Contains(plain, "given") {
		t.Errorf("a client that got everything:\n%s", plain)
	}
}
