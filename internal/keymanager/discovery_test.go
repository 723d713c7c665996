package keymanager_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keymanager"
)

// site serves fixed documents by path; $O in a document is the site's own origin.
func site(t *testing.T, documents map[string]string) string {
	t.Helper()
	var origin string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		doc, ok := documents[r.URL.EscapedPath()]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if status, err := strconv.Atoi(doc); err == nil {
			w.WriteHeader(status)
		}
		_, _ = io.WriteString(w, strings.ReplaceAll(doc, "$O", origin))
	}))
	t.Cleanup(srv.Close)
	origin = srv.URL
	return origin
}

func discover(t *testing.T, spec *keyward.KeyManagerSpec) (keyward.KeyManagerStatus, error) {
	t.Helper()
	return keymanager.Discover(t.Context(), spec, http.DefaultClient)
}

const whole = `{"issuer":"$O/tenant1","jwks_uri":"$O/jwks","token_endpoint":"$O/token","introspection_endpoint":"$O//introspect",
	"grant_types_supported":["client_credentials"],"id_token_signing_alg_values_supported":["none"],
	"registration_endpoint":null,"revocation_endpoint":7,"userinfo_endpoint":"ftp://x/y"}`

func TestDiscoveryFindsMetadataOfAnIssuer(t *testing.T) {
	for _, path := range []string{
		"/tenant1/.well-known/openid-configuration",
		"/.well-known/oauth-authorization-server/tenant1",
		"/.well-known/openid-configuration/tenant1",
		"/tenant1/.well-known/oauth-authorization-server",
	} {
		t.Run(path, func(t *testing.T) {
			origin := site(t, map[string]string{path: whole})
			for _, at := range []string{origin + "/tenant1", origin + path} {
				status, err := discover(t, &keyward.KeyManagerSpec{Type: "oidc", Discovery: at})
				if err != nil {
					t.Fatalf("%s: %v", at, err)
				}
				if status.Issuer != origin+"/tenant1" || status.JWKS != origin+"/jwks" || status.Endpoints.Token != origin+"/token" ||
					status.Endpoints.Introspection != origin+"//introspect" || status.DiscoveredAt == nil ||
					!slices.Equal(status.GrantTypes, []string{"client_credentials"}) {
					t.Errorf("%s: %+v", at, status)
				}
				if e := status.Endpoints; e.Registration != "" || e.Revocation != "" || e.Userinfo != "" {
					t.Errorf("members that are no addresses were taken over: %+v", e)
				}
				if len(status.Notes) != 2 || !strings.Contains(status.Notes[0], "revocation_endpoint") ||
					!strings.Contains(status.Notes[0], "it is a number") ||
					!strings.Contains(status.Notes[1], "userinfo_endpoint") {
					t.Errorf("notes: %q", status.Notes)
				}
			}
		})
	}
}

func TestDiscoveryWantsExactlyTheIssuer(t *testing.T) {
	for _, c := range []struct{ issuer, asked, want string }{
		{"$O", "", ""},
		{"$O/", "/", ""},
		{"$O/", "", "with the slash"},
		{"$O", "/", "without the slash"},
		{"https://evil.example", "", "not http"},
		{"$O/{tenantid}", "", "not http"},
	} {
		t.Run(c.issuer+" "+c.asked, func(t *testing.T) {
			origin := site(t, map[string]string{"/.well-known/openid-configuration": `{"issuer":"` + c.issuer + `","jwks_uri":"$O/j"}`})
			status, err := discover(t, &keyward.KeyManagerSpec{Type: "oidc", Discovery: origin + c.asked})
			if c.want == "" {
				if err != nil || status.Issuer != origin+c.asked {
					t.Errorf("status %+v, error %v", status, err)
				}
				return
			}
			if keyward.CodeOf(err) != keyward.CodeInvalidInput || !strings.Contains(err.Error(), c.want) ||
				!strings.Contains(err.Error(), "spec.discovery") {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// A metadata URL may belong to another issuer, and what the spec declares wins; both are told.
func TestDiscoveryNotesDifferences(t *testing.T) {
	origin := site(t, map[string]string{"/.well-known/openid-configuration": `{"issuer":"https://public.example","jwks_uri":"$O/j"}`})
	status, err := discover(t, &keyward.KeyManagerSpec{
		Type: "oidc", Discovery: origin + "/.well-known/openid-configuration", Issuer: "https://declared.example",
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(status.Notes) != 2 || !strings.Contains(status.Notes[0], "declared.example") ||
		!strings.Contains(status.Notes[1], "public.example") {
		t.Errorf("notes: %q", status.Notes)
	}
}

// Metadata that belong to another issuer than their address are taken only where somebody wrote down that issuer.
func TestMetadataThatLieAboutTheirIssuer(t *testing.T) {
	origin := site(t, map[string]string{
		"/x/.well-known/openid-configuration": `{"issuer":"https://public.example","jwks_uri":"$O/j"}`,
		"/.well-known/openid-configuration":   `{"issuer":"$O/","jwks_uri":"$O/j"}`,
	})
	for _, c := range []struct {
		at, issuer string
		want       []string
	}{
		{"/x/.well-known/openid-configuration", "", []string{"spec.discovery"}},
		{"/x/.well-known/openid-configuration", "https://public.example", []string{}},
		{"/.well-known/openid-configuration", "", []string{}},
	} {
		spec := &keyward.KeyManagerSpec{Type: "oidc", Discovery: origin + c.at, Issuer: c.issuer}
		status, err := discover(t, spec)
		if err != nil {
			t.Fatal(err)
		}
		faults := keymanager.IssuerFaults(spec, status)
		if got := paths(faults); !slices.Equal(got, c.want) || len(got) > 0 && !strings.Contains(faults[0].Message, "public.example") {
			t.Errorf("%+v: %+v, want %q", c, faults, c.want)
		}
	}
}

func TestDiscoveryFollowsNoRedirect(t *testing.T) {
	asked := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	t.Cleanup(elsewhere.Close)
	pointing := httptest.NewServer(http.RedirectHandler(elsewhere.URL+"/meta", http.StatusFound))
	t.Cleanup(pointing.Close)
	for _, at := range []string{pointing.URL, pointing.URL + "/.well-known/openid-configuration"} {
		_, err := discover(t, &keyward.KeyManagerSpec{Type: "oidc", Discovery: at})
		e, ok := errors.AsType[*keyward.Error](err)
		if !ok || e.Code != keyward.CodeInvalidInput || len(e.Fields) != 1 || e.Fields[0].Path != "spec.discovery" ||
			!strings.Contains(e.Fields[0].Message, "302, a redirect to \""+elsewhere.URL+"/meta\"") {
			t.Errorf("%s: %v", at, err)
		}
	}
	for to, want := range map[string]string{ // what is told is what somebody can write
		"/meta?a=b#c":                       "/meta?a=b\", which is not followed: write",
		"//other.example/meta":              "a redirect to \"http://other.example/meta\"",
		"https://user:secret@other.example": "a redirect to \"https://other.example\"",
		"":                                  "no address that could be read",
		"mailto:a@other.example":            "no address that could be read",
	} {
		odd := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusFound)
		}))
		if to == "/meta?a=b#c" {
			want = "a redirect to \"" + odd.URL + want
		}
		_, err := discover(t, &keyward.KeyManagerSpec{Type: "oidc", Discovery: odd.URL})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v, want %q", to, err, want)
		}
		odd.Close()
	}
	if asked != 0 {
		t.Errorf("the server that was pointed to was asked %d times", asked)
	}
}

func TestDiscoveryFaults(t *testing.T) {
	origin := site(t, map[string]string{
		"/list/.well-known/openid-configuration":     `[]`,
		"/null/.well-known/openid-configuration":     `null`,
		"/html/.well-known/openid-configuration":     `<html>`,
		"/nobody/.well-known/openid-configuration":   `{"jwks_uri":"$O/j"}`,
		"/template/.well-known/openid-configuration": `{"issuer":"$O/{tenantid}/v2.0"}`,
		"/long/.well-known/openid-configuration":     `{"issuer":"` + strings.Repeat("x", 2<<20) + `"}`,
	})
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprint(w, "secret internals")
	}))
	t.Cleanup(broken.Close)
	for at, want := range map[string]keyward.Code{
		origin + "/missing": keyward.CodeInvalidInput,
		origin + "/list":    keyward.CodeInvalidInput,
		origin + "/null":    keyward.CodeInvalidInput,
		origin + "/html":    keyward.CodeInvalidInput,
		origin + "/nobody":  keyward.CodeInvalidInput,
		origin + "/template/.well-known/openid-configuration": keyward.CodeNotSupported,
		origin + "/long": keyward.CodeKeyManagerFailed,
		closed.URL:       keyward.CodeKeyManagerFailed,
		broken.URL:       keyward.CodeKeyManagerFailed,
	} {
		_, err := discover(t, &keyward.KeyManagerSpec{Type: "oidc", Discovery: at})
		if keyward.CodeOf(err) != want || !strings.Contains(err.Error(), "spec.discovery") {
			t.Errorf("%s: %v, want %s", at, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret internals") {
			t.Errorf("%s: the server's body is in the error: %v", at, err)
		}
	}
}

// dripping answers with what begins and comes to no end before the time is over.
type dripping struct{}

func (dripping) RoundTrip(r *http.Request) (*http.Response, error) {
	body := io.MultiReader(strings.NewReader(`{"issuer":`), iotest.ErrReader(context.DeadlineExceeded))
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(body), Request: r}, nil
}

// Who gives an address that has no metadata reads what to do, whatever it is that answers there, or does not.
func TestWhatToDoWithoutMetadata(t *testing.T) {
	refused := httptest.NewServer(http.NotFoundHandler())
	refused.Close()
	foreign := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(foreign.Close)
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<!doctype html><h1>Welcome</h1>")
	}))
	t.Cleanup(page.Close)
	rude := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(rude.Close)
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"issuer":"`+strings.Repeat("x", 5<<20)+`"}`)
	}))
	t.Cleanup(endless.Close)
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(silent.Close)
	failing := func(status string) string {
		return site(t, map[string]string{"/.well-known/openid-configuration": status})
	}
	impatient := &http.Client{Timeout: 50 * time.Millisecond}
	for name, c := range map[string]struct {
		at     string
		client *http.Client
		want   string
	}{
		"nobody listens": {refused.URL, http.DefaultClient, "nothing listens there, so see whether host and port are right"},
		"no such host": {"https://sso.invalid", http.DefaultClient,
			"cannot find the host name sso.invalid: see whether the name is right"},
		"its certificate":   {foreign.URL, http.DefaultClient, "or give the authority that signed it in spec.outbound.ca"},
		"it hangs":          {silent.URL, impatient, "did not answer in time: see whether a firewall is in the way"},
		"it does not end":   {page.URL, &http.Client{Transport: dripping{}}, "answered, and did not end in time (10 bytes came): see"},
		"a page for people": {page.URL, http.DefaultClient, "answered with a page for people, not with metadata: give the issuer"},
		"it hangs up":       {rude.URL, http.DefaultClient, "closed the connection without an answer: see whether port and scheme"},
		"no TLS there": {"https" + strings.TrimPrefix(page.URL, "http"), http.DefaultClient,
			"speaks no TLS: see whether the port is right"},
		"it failed":      {failing("500"), http.DefaultClient, "so see its log"},
		"for some alone": {failing("401"), http.DefaultClient, "are for everybody"},
		"far too much":   {endless.URL, http.DefaultClient, "is longer than 1048576 bytes, which no metadata are"},
		"another server": {site(t, nil), http.DefaultClient, "answered 404: give the issuer"},
	} {
		_, err := keymanager.Look(t.Context(), c.at, c.client)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", name, err, c.want)
		}
	}
	good := site(t, map[string]string{"/.well-known/openid-configuration": `{"issuer":"$O"}`})
	if _, err := keymanager.Look(t.Context(), good, http.DefaultClient); err != nil {
		t.Errorf("one that has metadata: %v", err)
	}
}
