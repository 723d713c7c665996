package oidc_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/testbed/conformance"
	"keyward.dev/keyward/internal/wire"
)

func openOdd(t *testing.T, s *conformance.OddServer) connector.Connector {
	t.Helper()
	return conformance.Open(t, connector.Server{
		ID: "km1", Tenant: "default", Name: "corp",
		Spec: &keyward.KeyManagerSpec{
			Type: "oidc", Connection: map[string]any{"initialAccessToken": secret.Stored()},
			Endpoints: keyward.Endpoints{Registration: s.URL + "/reg", Token: s.URL + "/token"},
		},
		Secrets: map[string]string{"connection.initialAccessToken": "the-initial-token"},
	})
}

func say(status int, body string) func(http.ResponseWriter, *http.Request, map[string]any) {
	return conformance.Say(status, body)
}

func TestRegisterToleratesOddAnswers(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		uri    string // path of the handle's URI
	}{
		{"plain", 201, `{"client_id":"a","client_secret":"s","registration_access_token":"rat",
			"registration_client_uri":"$O/reg/a"}`, "/reg/a"},
		{"200, nulls, unknown members", 200, `{"client_id":"a","client_secret":"s","redirect_uris":null,"contacts":null,
			"client_secret_expires_at":0,"ext_param":{"x":[1]},"registration_access_token":"rat",
			"registration_client_uri":"$O/reg/a"}`, "/reg/a"},
		{"no registration_client_uri", 201, `{"client_id":"a","client_secret":"s","registration_access_token":"rat"}`, ""},
		{"relative registration_client_uri", 201, `{"client_id":"a","client_secret":"s",
			"registration_client_uri":"/reg?client_id=a"}`, "/reg?client_id=a"},
		{"registration_client_uri at another origin", 201,
			`{"client_id":"a","client_secret":"s","registration_access_token":"rat",
				"registration_client_uri":"https://evil.example/a"}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s *conformance.OddServer
			s = conformance.NewOddServer(t, func(w http.ResponseWriter, r *http.Request, b map[string]any) {
				say(c.status, strings.ReplaceAll(c.body, "$O", s.URL))(w, r, b)
			})
			made, err := openOdd(t, s).Register(t.Context(), conformance.Registration())
			if err != nil {
				t.Fatal(err)
			}
			want := ""
			if c.uri != "" {
				want = s.URL + c.uri
			}
			if made.ClientID != "a" || made.ClientSecret != "s" || made.Handle.URI != want {
				t.Errorf("made %+v with handle URI %q, want %q", made.ClientID, made.Handle.URI, want)
			}
			if seen := s.Seen(); !strings.HasPrefix(seen[0], "POST /reg Bearer the-initial-token ") {
				t.Errorf("request: %s", seen[0])
			}
		})
	}
}

// TestNextInitialAccessToken: the one that the server refuses is sent once, and what it refuses otherwise is not repeated.
func TestNextInitialAccessToken(t *testing.T) {
	status, refuses := 201, atomic.Bool{}
	s := conformance.NewOddServer(t, func(w http.ResponseWriter, r *http.Request, b map[string]any) {
		if refuses.Load() || r.Header.Get("Authorization") != "Bearer next-token" {
			say(401, `{"error":"invalid_token","error_description":"neither old-token nor next-token"}`)(w, r, b)
			return
		}
		say(status, `{"client_id":"a","client_secret":"s"}`)(w, r, b)
	})
	conn := conformance.Open(t, connector.Server{
		ID: "km1", Tenant: "default", Name: "corp",
		Spec: &keyward.KeyManagerSpec{Type: "oidc", Endpoints: keyward.Endpoints{Registration: s.URL + "/reg"}},
		Secrets: map[string]string{
			"connection.initialAccessToken": "old-token", secret.NextPath("connection.initialAccessToken"): "next-token",
		},
	})
	for _, want := range []string{"old-token next-token", "next-token"} {
		before := len(s.Seen())
		if made, err := conn.Register(t.Context(), conformance.Registration()); err != nil || made.ClientID != "a" {
			t.Errorf("%v, error %v", made, err)
		}
		var sent []string
		for _, q := range s.Seen()[before:] {
			sent = append(sent, strings.Fields(q)[3])
		}
		if got := strings.Join(sent, " "); got != want {
			t.Errorf("sent %s, wants %s", got, want)
		}
	}
	status = 500
	before := len(s.Seen())
	_, err := conn.Register(t.Context(), conformance.Registration())
	var f *wire.Failure
	if !errors.As(err, &f) || !f.Uncertain() || len(s.Seen()) != before+1 {
		t.Errorf("a registration of unknown outcome was repeated: %v after %d requests", err, len(s.Seen())-before)
	}
	refuses.Store(true)
	_, err = conn.Register(t.Context(), conformance.Registration())
	if err == nil || !strings.Contains(err.Error(), "neither *** nor ***") {
		t.Errorf("neither is taken: %v", err)
	}
}

// RFC 7591, section 3.2.1 lets the server give less than was asked for, and a secret that ends.
func TestRegisterTellsWhatTheServerGave(t *testing.T) {
	asked := conformance.Registration()
	asked.Grants, asked.Scopes = []string{"client_credentials", "authorization_code", "refresh_token"}, []string{"a", "b"}
	asked.Callbacks = []string{"https://app.example/cb"}
	for name, c := range map[string]struct {
		more           string
		grants, scopes []string
		expires        int64
	}{
		"nothing said": {``, nil, nil, 0},
		"as asked": {`,"grant_types":["client_credentials"],"scope":"a b","client_secret_expires_at":0`,
			[]string{"client_credentials"}, []string{"a", "b"}, 0},
		"less": {`,"grant_types":["authorization_code"],"scope":"b","client_secret_expires_at":1893456000`,
			[]string{"authorization_code"}, []string{"b"}, 1893456000},
		"no scope at all": {`,"scope":""`, nil, []string{}, 0},
		"no time":         {`,"client_secret_expires_at":"soon"`, nil, nil, 0},
		"beyond any time": {`,"client_secret_expires_at":1e300`, nil, nil, 0},
		"before any time": {`,"client_secret_expires_at":-1`, nil, nil, 0},
	} {
		s := conformance.NewOddServer(t, say(201, `{"client_id":"a","client_secret":"s"`+c.more+`}`))
		made, err := openOdd(t, s).Register(t.Context(), asked)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !reflect.DeepEqual(made.Grants, c.grants) || !reflect.DeepEqual(made.Scopes, c.scopes) {
			t.Errorf("%s: grants %q, scopes %q", name, made.Grants, made.Scopes)
		}
		if (made.SecretExpiresAt != nil) != (c.expires != 0) || c.expires != 0 && made.SecretExpiresAt.Unix() != c.expires {
			t.Errorf("%s: the secret expires at %v", name, made.SecretExpiresAt)
		}
	}
	// A client without any of the grants that were asked for is of no use.
	s := conformance.NewOddServer(t, say(201, `{"client_id":"a","client_secret":"s","grant_types":["implicit","refresh_token"]}`))
	_, err := openOdd(t, s).Register(t.Context(), asked)
	if err == nil || !strings.Contains(err.Error(), "only implicit, refresh_token") {
		t.Errorf("a useless client: %v", err)
	}
}

// glewlwyd refuses an empty response_types with 400.
func TestRegisterAsksAgainWithResponseTypes(t *testing.T) {
	s := conformance.NewOddServer(t, func(w http.ResponseWriter, r *http.Request, body map[string]any) {
		if list, _ := body["response_types"].([]any); len(list) == 0 {
			say(400, `{"error":"invalid_client_metadata","error_description":"response_types is mandatory"}`)(w, r, body)
			return
		}
		say(200, `{"client_id":"a","client_secret":"s"}`)(w, r, body)
	})
	if _, err := openOdd(t, s).Register(t.Context(), conformance.Registration()); err != nil {
		t.Fatal(err)
	}
	if n := len(s.Seen()); n != 2 {
		t.Errorf("%d requests", n)
	}
}

func TestRegisterFailures(t *testing.T) {
	for _, c := range []struct {
		name      string
		answer    func(http.ResponseWriter, *http.Request, map[string]any)
		uncertain bool
		words     string
	}{
		{"refused", say(400, `{"error":"invalid_client_metadata","error_description":"scope must be a subset"}`), false,
			"register the client: the server answered 400 invalid_client_metadata: scope must be a subset"},
		{"wrong initial token", say(401, `{"error":"invalid_token"}`), false, "401 invalid_token"},
		{"too many", say(429, `{"errorCode":"E0000047","errorSummary":"API call exceeded rate limit"}`), false, "429 E0000047: API call"},
		{"not now", say(503, `{"error":"temporarily_unavailable"}`), false, "503 temporarily_unavailable"},
		{"later", func(w http.ResponseWriter, _ *http.Request, _ map[string]any) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusServiceUnavailable)
		}, false, "503: (try again in 1h0m0s)"},
		{"broken connection behind a proxy", say(503, `upstream connect error or disconnect/reset before headers`), true, "503"},
		{"broken", say(500, `oops`), true, "500"},
		{"proxy", say(502, `<html>`), true, "502"},
		{"out of time behind a proxy", say(524, `error code: 524`), true, "524"},
		{"cannot", say(501, `{}`), false, "501"},
		{"no JSON", say(201, `<html>welcome</html>`), true, "not the JSON that was expected"},
		{"no client_id", say(201, `{"client_secret":"s"}`), true, "not the JSON that was expected"},
		{"redirect", func(w http.ResponseWriter, r *http.Request, _ map[string]any) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, false, "redirect"},
		{"hung up", func(http.ResponseWriter, *http.Request, map[string]any) { panic(http.ErrAbortHandler) }, true, "gave no answer"},
		{"echo of the credential", say(400, `{"error_description":"token the-initial-token is used up"}`), false, "token *** is used up"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := conformance.NewOddServer(t, c.answer)
			_, err := openOdd(t, s).Register(t.Context(), conformance.Registration())
			var f *wire.Failure
			if !errors.As(err, &f) || f.Uncertain() != c.uncertain || !strings.Contains(err.Error(), c.words) {
				t.Errorf("error %v (%+v), want uncertain %v and %q", err, f, c.uncertain, c.words)
			}
			if err != nil && strings.Contains(err.Error(), "the-initial-token") {
				t.Errorf("the credential is in the error: %v", err)
			}
			if n := len(s.Seen()); n != 1 {
				t.Errorf("%d requests: %q", n, s.Seen())
			}
		})
	}
}

func TestRegisterUnreachableIsCertain(t *testing.T) {
	s := conformance.NewOddServer(t, say(201, `{}`))
	c := openOdd(t, s)
	s.Close()
	_, err := c.Register(t.Context(), conformance.Registration())
	var f *wire.Failure
	if !errors.As(err, &f) || f.Uncertain() || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("error %v", err)
	}
}

// A client that got no secret is of no use and is taken back.
func TestRegisterTakesBackAClientWithoutSecret(t *testing.T) {
	var s *conformance.OddServer
	s = conformance.NewOddServer(t, func(w http.ResponseWriter, r *http.Request, b map[string]any) {
		if r.Method == http.MethodDelete {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		say(201, `{"client_id":"a","registration_access_token":"rat","registration_client_uri":"`+s.URL+`/reg/a"}`)(w, r, b)
	})
	_, err := openOdd(t, s).Register(t.Context(), conformance.Registration())
	var f *wire.Failure
	if !errors.As(err, &f) || f.Uncertain() || !strings.Contains(err.Error(), "answered 201: the server gave the client no secret") {
		t.Errorf("error %v", err)
	}
	if seen := s.Seen(); len(seen) != 2 || !strings.HasPrefix(seen[1], "DELETE /reg/a Bearer rat") {
		t.Errorf("requests %q", seen)
	}
}

func TestDeleteAnswers(t *testing.T) {
	handle := func(s *conformance.OddServer) connector.Handle {
		return connector.Handle{ClientID: "a", URI: s.URL + "/reg/a", AccessToken: "rat"}
	}
	for status, gone := range map[int]bool{
		200: true, 204: true, 202: true, 404: true, 401: true, 410: true, 403: false, 500: false, 429: false,
	} {
		s := conformance.NewOddServer(t, say(status, `{}`))
		err := openOdd(t, s).Delete(t.Context(), handle(s))
		if (err == nil) != gone {
			t.Errorf("%d: %v", status, err)
		}
	}
	s := conformance.NewOddServer(t, say(405, `{}`))
	if err := openOdd(t, s).Delete(t.Context(), handle(s)); !errors.Is(err, connector.ErrUnsupported) {
		t.Errorf("405: %v", err)
	}
	if err := openOdd(t, s).Delete(t.Context(), connector.Handle{ClientID: "a"}); !errors.Is(err, connector.ErrUnsupported) {
		t.Errorf("without a registration access token: %v", err)
	}
	// Where the address is a guess, 404 does not say that the client is gone.
	for status, ok := range map[int]bool{204: true, 404: false, 401: false} {
		s := conformance.NewOddServer(t, say(status, `{}`))
		err := openOdd(t, s).Delete(t.Context(), connector.Handle{ClientID: "a b", AccessToken: "rat"})
		if (err == nil) != ok || !ok && !errors.Is(err, connector.ErrUnsupported) {
			t.Errorf("guessed address, %d: %v", status, err)
		}
	}
}

func TestProve(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request)
		ok     bool
	}{
		"basic": {func(w http.ResponseWriter, r *http.Request) {
			id, secret, _ := r.BasicAuth()
			if id == "a%2Fb" && secret == "s%3As" {
				say(200, `{"access_token":"t"}`)(w, r, nil)
				return
			}
			say(401, `{"error":"invalid_client"}`)(w, r, nil)
		}, true},
		"post only": {func(w http.ResponseWriter, r *http.Request) {
			if _, _, basic := r.BasicAuth(); basic || r.PostFormValue("client_id") != "a/b" || r.PostFormValue("client_secret") != "s:s" {
				say(400, `{"error":"invalid_client"}`)(w, r, nil)
				return
			}
			say(200, `{"access_token":"t"}`)(w, r, nil)
		}, true},
		"wrong secret": {func(w http.ResponseWriter, r *http.Request) {
			say(401, `{"error":"invalid_client","error_description":"bad s:s"}`)(w, r, nil)
		}, false},
		"authenticated, no token": {func(w http.ResponseWriter, r *http.Request) {
			say(400, `{"error":"unauthorized_client"}`)(w, r, nil)
		}, false},
		"200 without a token":   {func(w http.ResponseWriter, r *http.Request) { say(200, `{}`)(w, r, nil) }, false},
		"200 with a null token": {func(w http.ResponseWriter, r *http.Request) { say(200, `{"access_token":null}`)(w, r, nil) }, false},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/other", http.StatusTemporaryRedirect)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(c.answer))
			t.Cleanup(srv.Close)
			for _, kind := range []keyward.KeyManagerType{"oidc", "external"} {
				spec := &keyward.KeyManagerSpec{Type: kind, Endpoints: keyward.Endpoints{Token: srv.URL}}
				conn := conformance.Open(t, connector.Server{Spec: spec})
				err := conformance.ProverOf(t, conn).Prove(t.Context(), "a/b", "s:s")
				if (err == nil) != c.ok {
					t.Errorf("%s: %v", kind, err)
				}
				if err != nil && strings.Contains(err.Error(), "s:s") {
					t.Errorf("the secret is in the error: %v", err)
				}
			}
		})
	}
}

func TestExternalCreatesNothing(t *testing.T) {
	c := conformance.Open(t, connector.Server{Spec: &keyward.KeyManagerSpec{Type: "external"}})
	if _, err := c.Register(t.Context(), conformance.Registration()); keyward.CodeOf(err) != keyward.CodeCreationDisabled {
		t.Errorf("register: %v", err)
	}
	if err := conformance.ProverOf(t, c).Prove(t.Context(), "a", "s"); !errors.Is(err, connector.ErrUnsupported) {
		t.Errorf("prove without a token endpoint: %v", err)
	}
	if _, can := c.(connector.Rotator); can {
		t.Error("external rotates")
	}
}

// TestExtensionsAreConfirmedOrNamed: a field counts as taken over when the answer has its value, whatever the order of
// members; what is missing or another value is named.
func TestExtensionsAreConfirmedOrNamed(t *testing.T) {
	for answer, want := range map[string]string{
		`"access_token_lifetime":600,"contacts":["a","b"]`:  "",
		`"access_token_lifetime":3600,"contacts":["a","b"]`: "access_token_lifetime",
		`"contacts":["a"]`: "access_token_lifetime contacts",
		`"access_token_lifetime":"600","contacts":null`: "access_token_lifetime contacts",
	} {
		s := conformance.NewOddServer(t, say(http.StatusCreated, `{"client_id":"a","client_secret":"s",`+answer+`}`))
		r := conformance.Registration()
		r.Fields = map[string]any{"access_token_lifetime": int64(600), "contacts": []string{"a", "b"}}
		made, err := openOdd(t, s).Register(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(made.LackingFields, " "); got != want {
			t.Errorf("%s: not confirmed %q, want %q", answer, got, want)
		}
		if sent := s.Seen()[0]; !strings.Contains(sent, `"access_token_lifetime":600`) {
			t.Errorf("sent %s", sent)
		}
	}
}

// TestAnExtensionThatIsRefusedIsLeftOut: where the server does not know the field; where it refuses the value, the
// refusal stands.
func TestAnExtensionThatIsRefusedIsLeftOut(t *testing.T) {
	for words, leftOut := range map[string]bool{
		"Unrecognized field \\\"access_token_lifetime\\\" at line 1": true,
		"access_token_lifetime must not be more than 300":            false,
		"unknown application_type, access_token_lifetim":             false,
	} {
		s := conformance.NewOddServer(t, func(w http.ResponseWriter, r *http.Request, body map[string]any) {
			if body["access_token_lifetime"] != nil {
				say(http.StatusBadRequest, `{"error":"invalid_client_metadata","error_description":"`+words+`"}`)(w, r, body)
				return
			}
			say(http.StatusCreated, `{"client_id":"a","client_secret":"s"}`)(w, r, body)
		})
		r := conformance.Registration()
		r.Fields = map[string]any{"access_token_lifetime": int64(600)}
		made, err := openOdd(t, s).Register(t.Context(), r)
		if leftOut && (err != nil || strings.Join(made.LackingFields, " ") != "access_token_lifetime") {
			t.Errorf("%s: %v %v", words, made.LackingFields, err)
		}
		if !leftOut && (err == nil || len(s.Seen()) != 1) {
			t.Errorf("%s: made in spite of the refusal, requests %d", words, len(s.Seen()))
		}
	}
}
