// Package conformance owns what every connector's tests share: a client's walk through its life, at a real server or at a
// contract server whose every request is then played again with one change, and the transcripts of what was sent. It does
// not own any server: each has a room beside it.
package conformance

import (
	"encoding/json"
	"net/http"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/secret"
)

// ServerAt discovers a real server and gives it as its connector needs it.
func ServerAt(t *testing.T, spec *keyward.KeyManagerSpec, secrets map[string]string) connector.Server {
	t.Helper()
	if faults := keymanager.Validate(spec, secrets); len(faults) > 0 {
		t.Fatalf("faults: %v", faults)
	}
	status, err := keymanager.Discover(t.Context(), spec, http.DefaultClient)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, faults := keymanager.Resolve(&keyward.Object{ID: "km1"}, spec, status); len(faults) > 0 {
		t.Fatalf("faults: %v", faults)
	}
	return connector.Server{ID: "km1", Tenant: "default", Name: "corp", Spec: spec, Status: status, Secrets: secrets}
}

// WithInitialToken is a connection with an initial access token, and its secrets.
func WithInitialToken(token string) (map[string]any, map[string]string) {
	return map[string]any{"initialAccessToken": secret.Stored()}, map[string]string{"connection.initialAccessToken": token}
}

// Open opens a key manager with an ordinary client.
func Open(t *testing.T, s connector.Server) connector.Connector {
	t.Helper()
	c, err := catalog.New(&http.Client{}, nil).Open(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Registration is what the suites register: a client that calls in its own name.
func Registration() connector.Registration {
	return connector.Registration{Name: "keyward-abc", Grants: []string{"client_credentials"}}
}

func able[T any](t *testing.T, c connector.Connector) T {
	t.Helper()
	offer, ok := c.(T)
	if !ok {
		t.Fatalf("%T is no %T", c, &offer)
	}
	return offer
}

// ReaderOf fails the test where the connector reads nothing.
func ReaderOf(t *testing.T, c connector.Connector) connector.Reader {
	t.Helper()
	return able[connector.Reader](t, c)
}

// ProverOf fails the test where the connector proves nothing.
func ProverOf(t *testing.T, c connector.Connector) connector.Prover {
	t.Helper()
	return able[connector.Prover](t, c)
}

// FinderOf fails the test where the connector finds nothing.
func FinderOf(t *testing.T, c connector.Connector) connector.Finder {
	t.Helper()
	return able[connector.Finder](t, c)
}

// RotatorOf fails the test where the connector rotates nothing.
func RotatorOf(t *testing.T, c connector.Connector) connector.Rotator {
	t.Helper()
	return able[connector.Rotator](t, c)
}

// Decode reads an answer's body.
func Decode(t *testing.T, resp *http.Response, into any) {
	t.Helper()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}

// Entitle gives a client what is in the list, twice, and takes it away again, twice: doing it again does no harm.
func Entitle(t *testing.T, c connector.Connector, h connector.Handle, list []connector.Entitlement) {
	t.Helper()
	e, ok := c.(connector.Entitler)
	if !ok {
		t.Fatalf("%T gives nothing", c)
	}
	for _, give := range []bool{true, false} {
		for range 2 {
			toGive, toTake := list, []connector.Entitlement(nil)
			if !give {
				toGive, toTake = toTake, toGive
			}
			if lacking, err := e.Entitle(t.Context(), h, toGive, toTake); err != nil || len(lacking) != 0 {
				t.Errorf("give %q, take %q: lacking %q, error %v", toGive, toTake, lacking, err)
			}
		}
		has, err := e.Entitled(t.Context(), h, list)
		if err != nil || give != (len(has) == len(list)) || give == (len(has) == 0) {
			t.Errorf("given %v: the client has %q, error %v", give, has, err)
		}
	}
}
