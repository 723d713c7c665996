package catalog_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/testbed/conformance"
	"keyward.dev/keyward/internal/wire"
)

// Every type is found by its name, and every one but the built-in server's opens without help.
func TestTypes(t *testing.T) {
	openers := catalog.New(nil, nil)
	seen := map[keyward.KeyManagerType]bool{}
	for _, kind := range catalog.Types() {
		if got, ok := catalog.TypeOf(kind.Name); !ok || got.Title != kind.Title || seen[kind.Name] {
			t.Errorf("%s: found %v, listed before %v", kind.Name, ok, seen[kind.Name])
		}
		seen[kind.Name] = true
		spec := &keyward.KeyManagerSpec{Type: kind.Name, Issuer: "https://a.example/realms/x/oauth2/token"}
		_, err := openers.Open(connector.Server{Spec: spec})
		if (keyward.CodeOf(err) == keyward.CodeNotSupported) != (kind.Name == keyward.TypeResident) {
			t.Errorf("%s: %v", kind.Name, err)
		}
	}
	if _, ok := catalog.TypeOf("none"); ok {
		t.Error("a type that is not there was found")
	}
}

// A client without a secret, or with none of its grants, is of no use, and is taken back.
func TestVendorsTakeBackUselessClients(t *testing.T) {
	for body, words := range map[string]string{
		`{"client_id":"a"}`:                        "no secret",
		`{"client_id":"a\nb","client_secret":"s"}`: "control character",
		`{"client_id":"a","client_secret":"s","grant_types":["authorization_code"]}`: "none of the grants",
	} {
		for kind, connection := range map[keyward.KeyManagerType]map[string]any{
			keyward.TypeOkta: {}, keyward.TypeAuth0: {"clientId": "m", "audience": "api"},
		} {
			deleted := 0
			s := conformance.NewOddServer(t, func(w http.ResponseWriter, r *http.Request, b map[string]any) {
				switch {
				case r.URL.Path == "/oauth/token":
					conformance.Say(200, `{"access_token":"t","expires_in":600}`)(w, r, b)
				case r.Method == http.MethodDelete:
					deleted++
					w.WriteHeader(http.StatusNoContent)
				default:
					conformance.Say(201, body)(w, r, b)
				}
			})
			conn := conformance.Open(t, connector.Server{
				Spec:    &keyward.KeyManagerSpec{Type: kind, Issuer: s.URL + "/oauth2/x", Connection: connection},
				Secrets: map[string]string{"connection.apiToken": "t", "connection.clientSecret": "s"},
			})
			_, err := conn.Register(t.Context(), conformance.Registration())
			var f *wire.Failure
			if !errors.As(err, &f) || f.Uncertain() || !strings.Contains(err.Error(), words) || deleted != 1 {
				t.Errorf("%s, %s: %v, %d deleted", kind, body, err, deleted)
			}
		}
	}
}
