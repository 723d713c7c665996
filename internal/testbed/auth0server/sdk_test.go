package auth0server_test

import (
	"bytes"
	"crypto/x509"
	_ "embed"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/auth0server"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/issuer"
)

//go:embed sdk/drive.mjs
var script []byte

type refusal struct {
	Accepted bool
	Name     string
	Status   int
	Body     struct{ ErrorCode, Message string }
}

type grant struct {
	ID, Audience string
	Scope        []string
}

// TestVendorsOwnSDK drives the server with Auth0's SDK: what it sends is taken, and what it reads makes sense to it.
func TestVendorsOwnSDK(t *testing.T) {
	key, err := issuer.NewKey("contract", "RS256")
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key.Private)
	if err != nil {
		t.Fatal(err)
	}
	s := contract.Start(t, func(origin string) http.Handler { return auth0server.BuildWith(origin, key, key) })
	var got struct {
		Made, Read, Rotated struct {
			ID     string   `json:"client_id"`
			Secret string   `json:"client_secret"`
			Name   string   `json:"name"`
			Grants []string `json:"grant_types"`
		}
		Grant, Widened  grant
		Held, Ungranted []grant
		Changed         struct{ Name, Callbacks any }
		Listed, Defined []string
		ByKey           []string

		Again, Bad, Gone, Unauthorized, UndefinedScope, NoServer refusal
	}
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	if err := json.Unmarshal(drive(t, s.URL, string(keyPEM)), &got); err != nil {
		t.Fatal(err)
	}
	if got.Made.ID == "" || got.Made.Secret == "" || got.Made.Name != "by-sdk" || got.Read.ID != got.Made.ID || got.Read.Secret != "" ||
		!slices.Equal(got.Read.Grants, []string{"client_credentials"}) {
		t.Errorf("made %+v, read %+v", got.Made, got.Read)
	}
	if got.Grant.ID == "" || got.Grant.Audience != auth0server.Audience || !slices.Equal(got.Grant.Scope, []string{auth0server.Scope}) {
		t.Errorf("grant %+v", got.Grant)
	}
	if !slices.Equal(got.Listed, []string{got.Made.ID}) || got.Rotated.ID != got.Made.ID || got.Rotated.Secret == "" ||
		got.Rotated.Secret == got.Made.Secret {
		t.Errorf("listed %v, rotated %+v", got.Listed, got.Rotated)
	}
	wide := []string{auth0server.Scope, "orders:admin"}
	if !slices.Equal(got.Defined, []string{auth0server.Scope, auth0server.OtherScope, "orders:admin"}) ||
		!slices.Equal(got.Widened.Scope, wide) || len(got.Held) != 1 || !slices.Equal(got.Held[0].Scope, wide) || len(got.Ungranted) != 0 {
		t.Errorf("defined %v, widened %+v, held %+v, then %+v", got.Defined, got.Widened, got.Held, got.Ungranted)
	}
	if got.ByKey == nil || len(got.ByKey) != 0 {
		t.Errorf("with a key it lists %v", got.ByKey)
	}
	if got.Changed.Name != "by-sdk" || fmt.Sprint(got.Changed.Callbacks) != "[https://app.example/cb]" {
		t.Errorf("changed %+v", got.Changed)
	}
	for _, c := range []struct {
		got    refusal
		name   string
		status int
	}{
		{got.Again, "ConflictError", 409}, {got.Bad, "BadRequestError", 400}, {got.Gone, "NotFoundError", 404},
		{got.Unauthorized, "UnauthorizedError", 401}, {got.UndefinedScope, "BadRequestError", 400}, {got.NoServer, "NotFoundError", 404},
	} {
		if c.got.Accepted || c.got.Name != c.name || c.got.Status != c.status || c.got.Body.Message == "" {
			t.Errorf("%+v, want %s", c.got, c.name)
		}
	}
}

// drive runs the script beside the SDK that set-up fetched.
func drive(t *testing.T, origin, key string) []byte {
	t.Helper()
	modules, err := testbed.Cached("auth0-7.1.0", "node_modules")
	if err != nil {
		t.Fatal(err)
	}
	node, err := testbed.Cached("bin", "node")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "drive.mjs")
	if err := os.WriteFile(file, script, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), node, file, origin, key)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	return stdout.Bytes()
}
