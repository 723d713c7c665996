// Package oidcprovider owns starting npm's oidc-provider, a certified authorization server, for tests and turning its
// keys, claims and faults. It does not own the protocol: the server is the real one.
package oidcprovider

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"keyward.dev/keyward/internal/testbed"
)

//go:embed server.mjs
var script []byte

// What the server knows from its start.
const (
	InitialAccessToken        = "initial-access-token-for-tests"
	IntrospectionClient       = "introspector"
	SigningIntrospector       = "introspector-jwt"
	IntrospectionSecret       = "introspector-secret-0123456789abcdef"
	JWTResource               = "urn:test:jwt"    // a token for it is a JWT with this audience
	OpaqueResource            = "urn:test:opaque" // a token for it is opaque: 43 characters without a dot
	moduleFolder              = "oidc-provider-9.13.3"
	requestLimit              = 30 * time.Second
	firstLineLimit            = testbed.StartupLimit
	contentType               = "application/json"
	formContentType           = "application/x-www-form-urlencoded"
	maxAnswer           int64 = 1 << 20
)

// Options choose the server's dialect. The zero value is an RS256 issuer without a path.
type Options struct {
	IssuerPath string        // "" or "/tenant1"
	Algorithm  string        // JWS algorithm of its tokens; default RS256
	TTL        time.Duration // life of its tokens; default one hour
	// IntrospectorKeys is the JWK set of SigningIntrospector, which introspects with private_key_jwt; empty = no such client.
	IntrospectorKeys string
	RotateRAT        bool // an update of a client gives a new registration access token and ends the old one
}

// Server is a running oidc-provider.
type Server struct {
	*testbed.Child
	Issuer  string
	control string
}

// Start runs a server in dir, which must be the test's own, and waits until it listens. It is stopped with the test.
func Start(t testbed.TB, dir string, o Options) *Server {
	t.Helper()
	s, err := start(dir, o)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(s.Kill)
	return s
}

func start(dir string, o Options) (*Server, error) {
	modules, err := testbed.Cached(moduleFolder, "node_modules")
	if err != nil {
		return nil, err
	}
	node, err := testbed.Cached("bin", "node")
	if err != nil {
		return nil, err
	}
	// Modules are looked for beside the script, so it gets a link to them there.
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("link the modules of oidc-provider: %w", err)
	}
	file := filepath.Join(dir, "server.mjs")
	if err := os.WriteFile(file, script, 0o600); err != nil {
		return nil, fmt.Errorf("write the script of oidc-provider: %w", err)
	}
	cmd := exec.Command(node, file) //nolint:noctx // the child's life is the test's, ended by Kill
	cmd.Env = append(os.Environ(), "ISSUER_PATH="+o.IssuerPath, "INITIAL_ACCESS_TOKEN="+InitialAccessToken)
	if o.Algorithm != "" {
		cmd.Env = append(cmd.Env, "ALG="+o.Algorithm)
	}
	if o.TTL != 0 {
		cmd.Env = append(cmd.Env, fmt.Sprintf("TTL=%d", int(o.TTL.Seconds())))
	}
	if o.IntrospectorKeys != "" {
		cmd.Env = append(cmd.Env, "INTROSPECTOR_KEYS="+o.IntrospectorKeys)
	}
	if o.RotateRAT {
		cmd.Env = append(cmd.Env, "ROTATE_RAT=1")
	}
	child, err := testbed.Start("oidc-provider", cmd)
	if err != nil {
		return nil, err
	}
	s := &Server{Child: child}
	if err := s.awaitAddresses(); err != nil {
		s.Kill()
		return nil, err
	}
	return s, nil
}

func (s *Server) awaitAddresses() error {
	deadline := time.After(firstLineLimit)
	for {
		for line := range strings.Lines(s.Output()) {
			var said struct{ Issuer, Control string }
			if strings.HasPrefix(line, "{") && strings.HasSuffix(line, "\n") && json.Unmarshal([]byte(line), &said) == nil {
				s.Issuer, s.control = said.Issuer, said.Control
				return nil
			}
		}
		select {
		case <-s.Done():
			return fmt.Errorf("oidc-provider ended at its start: %s", s.Output())
		case <-deadline:
			return fmt.Errorf("oidc-provider did not say where it listens: %s", s.Output())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Discovery is the address of the server's metadata.
func (s *Server) Discovery() string { return s.Issuer + "/.well-known/openid-configuration" }

// Keys are the key ids that the server publishes, and the one that signs.
type Keys struct {
	Kids   []string `json:"kids"`
	Signer string   `json:"signer"`
}

// AddKey publishes a new key, without signing with it.
func (s *Server) AddKey(ctx context.Context) (Keys, error) { return s.keys(ctx, "add") }

// RetireKeys withdraws all keys but the newest, which signs from then on.
func (s *Server) RetireKeys(ctx context.Context) (Keys, error) { return s.keys(ctx, "retire") }

func (s *Server) keys(ctx context.Context, what string) (k Keys, err error) {
	return k, s.command(ctx, http.MethodPost, "/keys/"+what, nil, &k)
}

// Fault is a wrong behaviour of the server on requests whose path starts with Path.
type Fault struct {
	Path   string `json:"path"`
	Times  int    `json:"times,omitempty"`  // how many requests meet it; default 1
	Status int    `json:"status,omitempty"` // answer this instead of doing anything
	Body   string `json:"body,omitempty"`
	Delay  int    `json:"delay,omitempty"` // milliseconds before the answer
	HangUp bool   `json:"hangUp,omitempty"`
}

// SetFaults replaces the server's faults.
func (s *Server) SetFaults(ctx context.Context, f ...Fault) error {
	if f == nil {
		f = []Fault{}
	}
	return s.command(ctx, http.MethodPut, "/faults", f, nil)
}

// RegisteredClient is a client that somebody registered.
type RegisteredClient struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Clients lists the registered clients: what RFC 7591 offers no way to ask.
func (s *Server) Clients(ctx context.Context) (list []RegisteredClient, err error) {
	return list, s.command(ctx, http.MethodGet, "/clients", nil, &list)
}

// Register makes a client at the registration endpoint (RFC 7591), as an administrator of the server would by hand.
func (s *Server) Register(ctx context.Context, name string) (id, secret string, err error) {
	body := map[string]any{
		"client_name": name, "grant_types": []string{"client_credentials"},
		"response_types": []string{}, "redirect_uris": []string{},
	}
	var made struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		return "", "", fmt.Errorf("encode the registration: %w", err)
	}
	auth := "Bearer " + InitialAccessToken
	err = call(ctx, http.MethodPost, s.Issuer+"/reg", contentType, auth, encoded, &made)
	return made.ID, made.Secret, err
}

// Token gets an access token by client credentials for one of the resources and a space-separated scope.
func (s *Server) Token(ctx context.Context, id, secret, resource, scope string) (string, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "resource": {resource}}
	if scope != "" {
		form.Set("scope", scope)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Issuer+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", fmt.Errorf("ask for a token: %w", err)
	}
	req.Header.Set("Content-Type", formContentType)
	req.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	var answer struct {
		Token string `json:"access_token"`
	}
	return answer.Token, send(req, &answer)
}

func (s *Server) command(ctx context.Context, method, path string, body, into any) error {
	var encoded []byte
	if body != nil {
		var err error
		if encoded, err = json.Marshal(body); err != nil {
			return fmt.Errorf("encode a command: %w", err)
		}
	}
	return call(ctx, method, s.control+path, contentType, "", encoded, into)
}

func call(ctx context.Context, method, address, kind, auth string, body []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make a request: %w", err)
	}
	req.Header.Set("Content-Type", kind)
	if auth != "" {
		req.Header.Set("Authorization", auth)
	}
	return send(req, into)
}

func send(req *http.Request, into any) error {
	resp, err := (&http.Client{Timeout: requestLimit}).Do(req)
	if err != nil {
		return fmt.Errorf("%s %s: %w", req.Method, req.URL.Path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the answer to %s %s: %w", req.Method, req.URL.Path, err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s %s: %s: %s", req.Method, req.URL.Path, resp.Status, body)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("decode the answer to %s %s: %w", req.Method, req.URL.Path, err)
	}
	return nil
}
