package keycloak_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/testbed/conformance"
	"keyward.dev/keyward/internal/wire"
)

// TestWhatOnlyReadChangedNothing: a search that fails before anything is asked for leaves no doubt about what the realm has.
func TestWhatOnlyReadChangedNothing(t *testing.T) {
	broken := true
	realm := conformance.NewOddServer(t, func(w http.ResponseWriter, r *http.Request, b map[string]any) {
		status, body := http.StatusOK, `{}`
		switch {
		case strings.HasSuffix(r.URL.Path, "/token"):
			body = `{"access_token":"t","token_type":"Bearer","expires_in":60}`
		case strings.HasSuffix(r.URL.Path, "-client-scopes"), strings.HasSuffix(r.URL.Path, "/client-scopes"):
			body = `[{"id":"1","name":"orders:read","protocol":"openid-connect"}]`
		case r.URL.Query().Get("clientId") != "" && broken:
			status, body = http.StatusInternalServerError, `{"error":"unknown_error"}`
		case r.URL.Query().Get("clientId") != "":
			body = `[{"id":"2","clientId":"` + r.URL.Query().Get("clientId") + `"}]`
		case strings.HasSuffix(r.URL.Path, "/composite"):
			body = `[]`
		case r.Method == http.MethodPost:
			status = http.StatusInternalServerError
		}
		conformance.Say(status, body)(w, r, b)
	})
	c := conformance.Open(t, connector.Server{ID: "km1", Tenant: "default", Name: "corp",
		Spec: &keyward.KeyManagerSpec{
			Type: "keycloak", Issuer: realm.URL + "/realms/r", Endpoints: keyward.Endpoints{Token: realm.URL + "/realms/r/token"},
			Connection: map[string]any{"clientId": "keyward", "clientSecret": secret.Stored()},
		},
		Secrets: map[string]string{"connection.clientSecret": "s"}})
	ask := conformance.Registration()
	ask.Scopes = []string{"orders:read"}
	for _, c2 := range []struct {
		name string
		do   func() error
	}{
		{"register", func() error { _, err := c.Register(t.Context(), ask); return err }},
		{"rotate", func() error {
			_, err := conformance.RotatorOf(t, c).Rotate(t.Context(), connector.Handle{ClientID: "a"})
			return err
		}},
	} {
		for _, broken = range []bool{true, false} {
			f, failed := errors.AsType[*wire.Failure](c2.do())
			if !failed || f.Status != http.StatusInternalServerError || f.Uncertain() == broken {
				t.Errorf("%s, search broken %v: %v", c2.name, broken, f)
			}
		}
	}
}
