package oktaserver

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/issuer"
)

// App is a service app of the organization, which its own authorization server gives tokens with Okta's scopes.
type App struct {
	ID     string
	Keys   []*issuer.Key // whose public halves are registered
	Scopes []string      // granted under Okta API Scopes, at first
	DPoP   bool          // as new apps are: a token request must prove possession

	mu    sync.Mutex
	later []string // granted later
}

// Grant gives the app a scope. Tokens that it has do not get it.
func (a *App) Grant(scope string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.later = append(a.later, scope)
}

func (a *App) granted(scope string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Contains(a.Scopes, scope) || slices.Contains(a.later, scope)
}

// ServiceApp is one with every scope that managing clients takes, and a key.
func ServiceApp(keys ...*issuer.Key) *App {
	return &App{ID: "0oaservice", Keys: keys, Scopes: []string{
		"okta.clients.manage", "okta.apps.manage", "okta.authorizationServers.manage", "okta.users.read",
	}}
}

// orgToken is an access token of the organization's own authorization server. It is opaque to everybody else.
type orgToken struct {
	scopes []string
	until  time.Time
}

// orgLife is fixed there.
const orgLife = time.Hour

func newAssertions() *contract.Assertions {
	return &contract.Assertions{
		Algorithms: []string{"RS256", "RS384", "RS512", "ES256", "ES384", "ES512"}, Longest: time.Hour,
	}
}

func (s *state) serviceCalls() []contract.Call {
	form := contract.AssertionForm()
	form["scope"] = contract.Member{Kind: contract.Text, Required: true}
	return []contract.Call{{
		Doc: "Implement OAuth for Okta with a service app: Get an access token", Method: "POST", Path: "/oauth2/v1/token", Form: form,
		Do: s.orgToken,
	}}
}

// flaws are Okta's words, as far as they are known; the others stand from general knowledge.
func flaws() map[contract.Flaw]string {
	return map[contract.Flaw]string{
		contract.BadForm:      "The client_assertion is invalid.",
		contract.UnknownKey:   "The client_assertion JWT kid is invalid.",
		contract.BadSignature: "The client_assertion signature is invalid.",
		contract.BadIssuer:    "The issuer and subject of client_assertion must be the client.",
		contract.BadAudience:  "The audience claim for client_assertion must be the endpoint invoked for the request.",
		contract.BadExpiry:    "The client_assertion token must contain an expiration.",
		contract.Expired:      "The client_assertion token is expired.",
		contract.TooLong:      "The client_assertion token has an expiration too far into the future.",
		contract.TooEarly:     "The client_assertion token was issued in the future.",
		contract.Replayed:     "The client_assertion token was used before.",
	}
}

// app gives the one whose assertion the request carries.
func (s *state) app(x *contract.Exchange) *App {
	i := slices.IndexFunc(s.apps, func(a *App) bool { return a.ID == contract.Claimed(x.Form) })
	if i < 0 {
		contract.OAuthError(x.W, http.StatusUnauthorized, "invalid_client", "Invalid value for 'client_id' parameter.")
		return nil
	}
	flaw := s.assertions.Judge(x.Form, s.apps[i].ID, s.origin+"/oauth2/v1/token", contract.ByKid(s.apps[i].Keys))
	if flaw != contract.NoFlaw {
		contract.OAuthError(x.W, http.StatusUnauthorized, "invalid_client", flaws()[flaw])
		return nil
	}
	return s.apps[i]
}

// orgToken gives those of the asked scopes that the app was granted.
func (s *state) orgToken(x *contract.Exchange) {
	app := s.app(x)
	if app == nil {
		return
	}
	if app.DPoP && x.R.Header.Get("DPoP") == "" {
		contract.OAuthError(x.W, http.StatusBadRequest, "invalid_dpop_proof", "The DPoP proof JWT header is missing.")
		return
	}
	scopes := slices.DeleteFunc(strings.Fields(x.Form.Get("scope")), func(asked string) bool {
		return !app.granted(asked)
	})
	if len(scopes) == 0 {
		contract.OAuthError(x.W, http.StatusBadRequest, "invalid_scope",
			"One or more scopes are not configured for the authorization server resource.")
		return
	}
	s.count++
	token := fmt.Sprintf("org-token-%d", s.count)
	s.tokens[token] = orgToken{scopes: scopes, until: time.Now().Add(orgLife)}
	x.JSON(http.StatusOK, map[string]any{
		"token_type": "Bearer", "expires_in": int(orgLife.Seconds()), "access_token": token, "scope": strings.Join(scopes, " "),
	})
}

// needed is the scope without its last part: the resource that a call is about.
func needed(r *http.Request) string {
	switch {
	case strings.HasPrefix(r.URL.Path, "/api/v1/authorizationServers/"):
		return "okta.authorizationServers"
	case strings.HasPrefix(r.URL.Path, "/api/v1/apps/"):
		return "okta.apps"
	default:
		return "okta.clients"
	}
}

// bearer gives what the request's token carries; false where it has none that lives.
func (s *state) bearer(r *http.Request) (orgToken, bool) {
	value, is := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	token, known := s.tokens[value]
	return token, is && known && time.Now().Before(token.until)
}

// admin tells whether the request may be carried out: an API token may do everything, an access token what its scopes say.
func (s *state) admin(r *http.Request) bool {
	if r.Header.Get("Authorization") == "SSWS "+APIToken {
		return true
	}
	token, lives := s.bearer(r)
	return lives && (slices.Contains(token.scopes, needed(r)+".manage") ||
		r.Method == http.MethodGet && slices.Contains(token.scopes, needed(r)+".read"))
}

// refuseCredential says whether the token or its scope is the matter.
func (s *state) refuseCredential(w http.ResponseWriter, r *http.Request) {
	if _, lives := s.bearer(r); lives {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer authorization_uri="%[1]s/oauth2/v1/authorize", realm="%[1]s", `+
			`scope="%[2]s.manage", error="insufficient_scope", `+
			`error_description="The access token provided does not contain the required scopes.", resource="%[3]s"`,
			s.origin, needed(r), r.URL.Path))
		w.WriteHeader(http.StatusForbidden)
		return
	}
	ownError(w, http.StatusUnauthorized, "E0000011", "Invalid token provided")
}
