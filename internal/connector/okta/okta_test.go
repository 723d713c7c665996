package okta_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/testbed/conformance"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/oktaserver"
	"keyward.dev/keyward/internal/wire"
)

func oktaCloud(t *testing.T) conformance.Cloud {
	t.Helper()
	key := conformance.SigningKey(t)
	build := func(origin string) http.Handler { return oktaserver.Build(origin, key) }
	s := contract.Start(t, build)
	return conformance.Cloud{
		Name: "okta", Server: s, Build: func() http.Handler { return build(s.URL) }, Create: "/oauth2/v1/clients",
		Spec: &keyward.KeyManagerSpec{
			Type: keyward.TypeOkta, Issuer: s.URL + "/oauth2/" + oktaserver.Server,
			Connection: map[string]any{"apiToken": secret.Stored(), "proofScope": oktaserver.Scope},
		},
		Secrets:      map[string]string{"connection.apiToken": oktaserver.APIToken},
		Entitlements: []connector.Entitlement{{Scope: oktaserver.OtherScope}, {Scope: "stock:read"}},
		Fields:       map[string]any{"client_uri": "https://app.example"}, Overlaps: true,
	}
}

func TestOkta(t *testing.T) {
	c := oktaCloud(t)
	c.Walk(t, optional()...)
	oktaCloud(t).Fail(t)
	oktaCloud(t).WrongSecrets(t, "401 E0000011: Invalid token provided")
	oktaCloud(t).Rollover(t)
	conformance.Public(t, oktaCloud(t).Open(t, oktaCloud(t).Secrets))
}

// optional is what the documentation calls so or gives a default.
func optional() []string {
	return []string{
		"/v1/clients: drop member /token_endpoint_auth_method", "/v1/clients: drop member /redirect_uris",
		"drop query q", "drop query limit", "drop query after", "secrets: drop member /status", "policies: drop member /type",
		"scopes: drop member /consent", "scopes: drop member /description", "rules: drop member /priority",
		"rules: drop member /conditions/people/groups", "rules: drop member /actions", "rules: drop member /actions/token",
		"rules: drop member /actions/token/accessTokenLifetimeMinutes", "rules: drop member /actions/token/refreshTokenLifetimeMinutes",
		"rules: drop member /actions/token/refreshTokenWindowMinutes",
		": retype member /logo_uri", // it was null
	}
}

func TestOktaScopesAndPages(t *testing.T) {
	ctx := t.Context()
	c := oktaCloud(t)
	conn := c.Open(t, c.Secrets)
	for i := range 7 { // the search is by prefix, and a page holds three
		r := conformance.Registration()
		r.Name = fmt.Sprintf("keyward-abc%d", i)
		if _, err := conn.Register(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := conformance.FinderOf(t, conn).Find(ctx, "keyward-abc"); err != nil || found != nil {
		t.Errorf("only longer names are there: %v, error %v", found, err)
	}
	r := conformance.Registration()
	r.Scopes = []string{oktaserver.Scope, oktaserver.OtherScope} // on the second page
	made, err := conn.Register(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := conformance.FinderOf(t, conn).Find(ctx, r.Name); err != nil || found == nil || found.ClientID != made.ClientID {
		t.Errorf("the exact name is last: %v, error %v", found, err)
	}
	if _, err := conn.Register(ctx, r); err == nil || !strings.Contains(err.Error(), "already exists") {
		t.Errorf("a name that is taken: %v", err)
	}
	before := len(c.Server.Seen())
	r.Name, r.Scopes = "keyward-unknown", []string{oktaserver.Scope, "no:such"}
	_, err = conn.Register(ctx, r)
	if keyward.CodeOf(err) != keyward.CodeInvalidInput || !strings.Contains(err.Error(), "no:such") {
		t.Errorf("an unknown scope: %v", err)
	}
	for _, q := range c.Server.Seen()[before:] {
		if q.Method != http.MethodGet {
			t.Errorf("%s %s after an unknown scope", q.Method, q.URI)
		}
	}
}

// A web application has grants of its own, and what a developer sets wins.
func TestOktaRegistration(t *testing.T) {
	c := oktaCloud(t)
	conn := c.Open(t, c.Secrets)
	r := connector.Registration{
		Name: "keyward-web", Grants: []string{"authorization_code", "refresh_token"}, Callbacks: []string{"https://app.example/cb"},
		Fields: map[string]any{"token_endpoint_auth_method": "client_secret_post", "client_uri": "https://app.example"},
	}
	if _, err := conn.Register(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	seen := c.Server.Seen()
	body := seen[len(seen)-1].Body
	for _, part := range []string{`"application_type":"web"`, `"response_types":["code"]`, `"client_secret_post"`} {
		if !strings.Contains(body, part) {
			t.Errorf("%s is not in %s", part, body)
		}
	}
	r.Name, r.Grants = "keyward-odd", []string{"password"}
	_, err := conn.Register(t.Context(), r)
	var f *wire.Failure
	if !errors.As(err, &f) || f.Uncertain() || !strings.Contains(err.Error(), "not a valid grant type for application type 'web'") {
		t.Errorf("a grant that the type cannot have: %v", err)
	}
}

func TestOktaWithoutWhatItNeeds(t *testing.T) {
	ctx := t.Context()
	c := oktaCloud(t)
	made, err := c.Open(t, c.Secrets).Register(ctx, conformance.Registration())
	if err != nil {
		t.Fatal(err)
	}
	// Without a scope to ask for, a secret cannot be checked; a wrong one is refused all the same.
	c.Spec.Connection = map[string]any{"apiToken": secret.Stored()}
	prover := conformance.ProverOf(t, c.Open(t, c.Secrets))
	if err := prover.Prove(ctx, made.ClientID, made.ClientSecret); !errors.Is(err, connector.ErrUnsupported) {
		t.Errorf("no scope: %v", err)
	}
	if err := prover.Prove(ctx, made.ClientID, "wrong"); err == nil || errors.Is(err, connector.ErrUnsupported) {
		t.Errorf("wrong secret: %v", err)
	}
	c.Spec.Connection = nil
	if _, err := c.Open(t, nil).Register(ctx, conformance.Registration()); keyward.CodeOf(err) != keyward.CodeCreationDisabled {
		t.Errorf("without a token: %v", err)
	}
}

// The API token goes to the declared address alone, whatever metadata or a page says.
func TestOktaTokenStaysAtTheDeclaredAddress(t *testing.T) {
	elsewhere := conformance.NewOddServer(t, conformance.Say(200, `[]`))
	for name, link := range map[string]string{"same origin": "", "another origin": elsewhere.URL + "/oauth2/v1/clients?after=1"} {
		org := conformance.NewOddServer(t, func(w http.ResponseWriter, r *http.Request, b map[string]any) {
			if link != "" {
				w.Header().Add("Link", "<"+link+`>; rel="next"`)
			}
			conformance.Say(200, `[]`)(w, r, b)
		})
		conn := conformance.Open(t, connector.Server{
			Spec:    &keyward.KeyManagerSpec{Type: keyward.TypeOkta, Discovery: org.URL + "/oauth2/x"},
			Status:  keyward.KeyManagerStatus{Issuer: elsewhere.URL + "/oauth2/x"},
			Secrets: map[string]string{"connection.apiToken": "the-token"},
		})
		found, err := conformance.FinderOf(t, conn).Find(t.Context(), "x")
		if found != nil || (err != nil) != (link != "") {
			t.Errorf("%s: %v, error %v", name, found, err)
		}
	}
	if seen := elsewhere.Seen(); len(seen) != 0 {
		t.Errorf("requests elsewhere: %q", seen)
	}
}
