package conformance

import (
	"slices"
	"testing"

	"keyward.dev/keyward/internal/connector"
)

// Public has a client made that has no secret, read and deleted again.
func Public(t *testing.T, c connector.Connector) {
	t.Helper()
	r := Registration()
	r.Name, r.Grants, r.Callbacks = "keyward-public", []string{"authorization_code"}, []string{"https://app.example/cb"}
	r.Fields = map[string]any{connector.AuthenticationField: "none"}
	made, err := c.Register(t.Context(), r)
	if err != nil {
		t.Fatalf("a public client: %v", err)
	}
	if made.ClientID == "" || made.ClientSecret != "" {
		t.Errorf("a public client has the id %q, and a secret: %v", made.ClientID, made.ClientSecret != "")
	}
	got, err := ReaderOf(t, c).Read(t.Context(), made.Handle)
	if err != nil || got == nil || !slices.Equal(got.Callbacks, r.Callbacks) {
		t.Errorf("read: %+v, error %v", got, err)
	}
	if err := c.Delete(t.Context(), made.Handle); err != nil {
		t.Errorf("delete: %v", err)
	}
}
