// Package glewlwyd owns starting Debian's glewlwyd, an authorization server in C, for tests: with a database of its own,
// dynamic registration and introspection. It does not own the protocol: the server is the real one, with its oddities.
package glewlwyd

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"keyward.dev/keyward/internal/testbed"
)

// What the server knows from its start.
const (
	IntrospectionClient = "gateway"
	IntrospectionSecret = "gateway-secret"
	Scope               = "orders:read"  // every registered client may ask for it
	OtherScope          = "orders:write" // known to the server, given to no registered client

	tables       = "/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3"
	introspect   = "introspect"
	requestLimit = 30 * time.Second
	day          = 86400
)

// Server is a running glewlwyd.
type Server struct {
	*testbed.Child
	URL    string // http://localhost:PORT
	Issuer string

	cookie *http.Cookie
}

// Start runs a server in dir, which must be the test's own, and makes its OpenID Connect plug-in. It is stopped with the
// test.
func Start(t testbed.TB, dir string) *Server {
	t.Helper()
	s, err := start(context.Background(), dir)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(s.Kill)
	return s
}

func start(ctx context.Context, dir string) (*Server, error) {
	program, err := testbed.Tool("glewlwyd")
	if err != nil {
		return nil, err
	}
	database := filepath.Join(dir, "glewlwyd.db")
	if err := fill(ctx, database); err != nil {
		return nil, err
	}
	port, err := testbed.Port(ctx)
	if err != nil {
		return nil, err
	}
	settings := filepath.Join(dir, "glewlwyd.conf")
	url := fmt.Sprintf("http://localhost:%d", port)
	if err := os.WriteFile(settings, []byte(fmt.Sprintf(`port=%d
bind_address="127.0.0.1"
external_url="%s/"
api_prefix="api"
log_mode="console"
log_level="WARNING"
hash_algorithm="SHA256"
user_module_path="/usr/lib/glewlwyd/user"
client_module_path="/usr/lib/glewlwyd/client"
user_auth_scheme_module_path="/usr/lib/glewlwyd/scheme"
plugin_module_path="/usr/lib/glewlwyd/plugin"
database = { type = "sqlite3"; path = "%s"; };
`, port, url, database)), 0o600); err != nil {
		return nil, fmt.Errorf("write glewlwyd's settings: %w", err)
	}
	cmd := exec.Command(program, "--config-file="+settings) //nolint:noctx // the child's life is the test's, ended by Kill
	cmd.Dir = dir
	child, err := testbed.Start("glewlwyd", cmd)
	if err != nil {
		return nil, err
	}
	s := &Server{Child: child, URL: url, Issuer: url + "/api/oidc"}
	if err := s.configure(ctx); err != nil {
		s.Kill()
		return nil, fmt.Errorf("%w\n%s", err, s.Output())
	}
	return s, nil
}

// fill makes the tables as Debian's package does.
func fill(ctx context.Context, database string) error {
	program, err := testbed.Tool("sqlite3")
	if err != nil {
		return err
	}
	sql, err := os.Open(tables)
	if err != nil {
		return fmt.Errorf("glewlwyd's tables: %w: %w", err, testbed.ErrNotSetUp)
	}
	defer func() { _ = sql.Close() }()
	cmd := exec.CommandContext(ctx, program, database)
	cmd.Stdin = sql
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make glewlwyd's database: %w: %s", err, out)
	}
	return nil
}

func (s *Server) configure(ctx context.Context) error {
	if err := s.WaitOK(ctx, s.URL+"/config", testbed.StartupLimit); err != nil {
		return err
	}
	login := map[string]any{"username": "admin", "password": "password"} // as Debian's tables have them
	if err := s.call(ctx, "/api/auth/", login); err != nil {
		return fmt.Errorf("sign in at glewlwyd: %w", err)
	}
	for _, scope := range []string{Scope, OtherScope, introspect} {
		if err := s.call(ctx, "/api/scope/", map[string]any{
			"name": scope, "display_name": scope, "description": scope, "password_required": false, "scheme": map[string]any{},
		}); err != nil {
			return fmt.Errorf("make a scope: %w", err)
		}
	}
	settings, err := s.plugin()
	if err != nil {
		return err
	}
	if err := s.call(ctx, "/api/mod/plugin/", settings); err != nil {
		return fmt.Errorf("make glewlwyd's OpenID Connect plug-in: %w", err)
	}
	return s.AddClient(ctx, IntrospectionClient, IntrospectionSecret, introspect)
}

// AddClient makes a client, as an administrator of the server would by hand.
func (s *Server) AddClient(ctx context.Context, id, secret string, scopes ...string) error {
	err := s.call(ctx, "/api/client/?source=database", map[string]any{
		"client_id": id, "name": id, "confidential": true, "client_secret": secret, "password": secret, "enabled": true,
		"authorization_type": []string{"client_credentials"}, "token_endpoint_auth_method": []string{"client_secret_basic"},
		"scope": scopes, "source": "database",
	})
	if err != nil {
		return fmt.Errorf("make client %s: %w", id, err)
	}
	return nil
}

// plugin switches on what the tests use.
func (s *Server) plugin() (map[string]any, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("make glewlwyd's key: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("make glewlwyd's key: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("make glewlwyd's key: %w", err)
	}
	parameters := map[string]any{
		"iss": s.Issuer, "jwt-type": "rsa", "jwt-key-size": "256", "jwks-show": true,
		"key":                   string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
		"cert":                  string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
		"access-token-duration": 3600, "refresh-token-duration": 14 * day, "code-duration": 600,
		"refresh-token-rolling": false, "refresh-token-one-use": "never", "allow-non-oidc": true,
		"scope": []any{}, "additional-parameters": []any{}, "claims": []any{}, "subject-type": "public",
		"introspection-revocation-allowed": true, "introspection-revocation-allow-target-client": true,
		"introspection-revocation-auth-scope": []string{introspect},
		"register-client-allowed":             true, "register-client-auth-scope": []string{},
		"register-client-credentials-scope": []string{Scope}, "register-client-management-allowed": true,
		"session-management-allowed": false, "restrict-scope-client-property": "", "client-sign_kid-parameter": "",
		"oauth-dpop-allowed": true, "oauth-dpop-iat-duration": 30,
	}
	for grant, on := range map[string]bool{
		"code": true, "id-token": true, "client": true, "refresh": true, "token": false, "none": false, "password": false, "device": false,
	} {
		parameters["auth-type-"+grant+"-enabled"] = on
	}
	return map[string]any{
		"module": "oidc", "name": "oidc", "display_name": "oidc", "parameters": parameters, "order_rank": 0, "readonly": false,
	}, nil
}

// call posts to the server's own API as its administrator.
func (s *Server) call(ctx context.Context, path string, body any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode a request: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+path, bytes.NewReader(encoded))
	if err != nil {
		return fmt.Errorf("make a request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if s.cookie != nil {
		req.AddCookie(s.cookie)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("POST %s: %w", path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<16)) // only to show it
		return fmt.Errorf("POST %s: %s: %s", path, resp.Status, said)
	}
	if cookies := resp.Cookies(); len(cookies) > 0 {
		s.cookie = cookies[0]
	}
	return nil
}
