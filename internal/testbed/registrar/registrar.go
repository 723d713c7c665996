// Package registrar owns a contract server for dynamic client registration: it takes what RFC 7591 and RFC 7592 say,
// nothing else, and gives a new registration access token with every answer about a client, after which the one before
// is refused (RFC 7592, section 3 lets it). It does not own a token's contents: access tokens are words.
package registrar

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/contract"
)

// InitialAccessToken opens the registration endpoint.
const InitialAccessToken = "initial-access-token"

// Client is what the server holds of one client.
type Client struct {
	ID, Name, Secret string
	Grants           []string
	Callbacks        []string
	Scope            string
	Farewells        []string // post_logout_redirect_uris
	Logout           string   // backchannel_logout_uri
	Method           string   // token_endpoint_auth_method

	management string // registration access token
	data       map[string]any
}

// Server is a running server, whose failures can be ordered.
type Server struct {
	*contract.Server

	mu      sync.Mutex
	origin  string
	count   int
	renews  bool   // each change of a client gives it a new secret
	keyed   bool   // private_key_jwt is offered
	repeats string // the client that each registration is answered with; empty = a new one
	clients map[string]*Client
}

// Start runs a server. It is stopped with the test.
func Start(t testbed.TB) *Server {
	t.Helper()
	s := &Server{clients: map[string]*Client{}}
	s.Server = contract.Start(t, func(origin string) http.Handler {
		s.origin = origin
		return contract.Book{Calls: s.calls(), Refuse: refuse}.Handler()
	})
	return s
}

// Clients gives what the server holds, by id.
func (s *Server) Clients() []Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Client, 0, len(s.clients))
	for _, id := range slices.Sorted(maps.Keys(s.clients)) {
		list = append(list, *s.clients[id])
	}
	return list
}

// Remove deletes a client as the server's administrator does.
func (s *Server) Remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, id)
}

// Change sets a client's callbacks as the server's administrator does.
func (s *Server) Change(id string, callbacks ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients[id].data["redirect_uris"] = callbacks
	s.clients[id].Callbacks = callbacks
}

// RenewSecrets has each change of a client give it a new secret, as RFC 7592, section 2.2 lets a server do.
func (s *Server) RenewSecrets() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.renews = true
}

// OfferKeys has the metadata offer clients to prove themselves with a key (RFC 7523, section 2.2).
func (s *Server) OfferKeys() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keyed = true
}

// Widen sets a client's scope as the server's administrator does.
func (s *Server) Widen(id, scope string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients[id].data["scope"] = scope
	s.clients[id].Scope = scope
}

// Replace gives a client another registration access token, which nobody is told.
func (s *Server) Replace(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	s.clients[id].management = fmt.Sprintf("told-to-nobody-%d", s.count)
}

// Add makes a client as the server's administrator does.
func (s *Server) Add(id, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients[id] = &Client{ID: id, Secret: secret, data: map[string]any{}}
}

// Repeat answers registrations with a client that is there, as servers do that know the software again; empty ends it.
func (s *Server) Repeat(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.repeats = id
}

func (s *Server) calls() []contract.Call {
	changed := maps.Clone(metadata())
	changed["client_id"] = contract.Member{Kind: contract.Text, Required: true}
	changed["client_secret"] = contract.Member{Kind: contract.Text}
	const one = "/reg/{id}"
	return []contract.Call{
		{Doc: "OpenID Connect Discovery 1.0, section 4", Method: "GET", Path: "/.well-known/openid-configuration", Do: s.discovery},
		{Doc: "RFC 6749, section 4.4", Method: "POST", Path: "/token", Form: tokenForm(), Do: s.token},
		{Doc: "RFC 7591, section 3", Method: "POST", Path: "/reg", Auth: initial, JSON: metadata(), Do: s.register},
		{Doc: "RFC 7592, section 2.1", Method: "GET", Path: one, Auth: s.manages, Do: s.read},
		{Doc: "RFC 7592, section 2.2", Method: "PUT", Path: one, Auth: s.manages, JSON: changed, Do: s.replace},
		{Doc: "RFC 7592, section 2.3", Method: "DELETE", Path: one, Auth: s.manages, Do: s.remove},
	}
}

// metadata is RFC 7591, section 2, as far as it is carried out.
func metadata() contract.Members {
	return contract.Members{
		"client_name":                         {Kind: contract.Text},
		"grant_types":                         {Kind: contract.Texts},
		"response_types":                      {Kind: contract.Texts},
		"redirect_uris":                       {Kind: contract.Texts},
		"post_logout_redirect_uris":           {Kind: contract.Texts}, // OpenID Connect RP-Initiated Logout 1.0, section 3.1
		"backchannel_logout_uri":              {Kind: contract.Text},  // OpenID Connect Back-Channel Logout 1.0, section 2.2
		"backchannel_logout_session_required": {Kind: contract.Flag},
		"token_endpoint_auth_method": {
			Kind: contract.Text, Enum: []string{"client_secret_basic", "client_secret_post", "private_key_jwt"},
		},
		"jwks":             {Kind: contract.Object, Members: contract.Members{"keys": {Kind: contract.Objects, Members: publicKey()}}},
		"scope":            {Kind: contract.Text},
		"client_uri":       {Kind: contract.Text},
		"policy_uri":       {Kind: contract.Text},
		"tos_uri":          {Kind: contract.Text},
		"application_type": {Kind: contract.Text, Enum: []string{"web", "native"}},
		"contacts":         {Kind: contract.Texts},
	}
}

// publicKey is an RSA key (RFC 7518, section 6.3.1): nothing private is taken.
func publicKey() contract.Members {
	text := contract.Member{Kind: contract.Text, Required: true}
	return contract.Members{"kty": text, "n": text, "e": text, "kid": text, "alg": text, "use": text}
}

func tokenForm() contract.Members {
	return contract.Members{
		"grant_type": {Kind: contract.Text, Required: true, Enum: []string{"client_credentials"}},
		"scope":      {Kind: contract.Text}, "client_id": {Kind: contract.Text}, "client_secret": {Kind: contract.Text},
	}
}

func refuse(w http.ResponseWriter, _ *http.Request, f contract.Fault, text string) {
	code := "invalid_client_metadata"
	if f == contract.BadAuth {
		code = "invalid_token"
	}
	contract.WriteJSON(w, int(f), map[string]any{"error": code, "error_description": text})
}

func bearer(r *http.Request) string {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return token
}

func initial(r *http.Request) bool { return bearer(r) == InitialAccessToken }

// manages tells whether the request has the current token of the client in its path.
func (s *Server) manages(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.clients[r.PathValue("id")]
	return c != nil && c.management != "" && bearer(r) == c.management
}

func (s *Server) discovery(x *contract.Exchange) {
	methods := []string{"client_secret_basic"}
	if s.keyed {
		methods = append(methods, "private_key_jwt")
	}
	x.JSON(http.StatusOK, map[string]any{
		"authorization_endpoint": s.origin + "/authorize", "response_types_supported": []string{"code"},
		"subject_types_supported": []string{"public"}, "backchannel_logout_supported": true,
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"issuer":                                s.origin, "token_endpoint": s.origin + "/token",
		"registration_endpoint":                 s.origin + "/reg",
		"jwks_uri":                              s.origin + "/keys",
		"grant_types_supported":                 []string{"client_credentials", "authorization_code", "refresh_token"},
		"token_endpoint_auth_methods_supported": methods,
	})
}

func (s *Server) token(x *contract.Exchange) {
	id, secret, _ := x.R.BasicAuth()
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.clients[id]; c == nil || c.Secret != secret {
		x.JSON(http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	x.JSON(http.StatusOK, map[string]any{"access_token": "word", "token_type": "Bearer", "expires_in": 60})
}

// fill takes the client's metadata from a request.
func (c *Client) fill(body map[string]any) {
	c.data = maps.Clone(body)
	delete(c.data, "client_secret")
	c.Name, _ = body["client_name"].(string)
	c.Scope, _ = body["scope"].(string)
	c.Grants, c.Callbacks = texts(body["grant_types"]), texts(body["redirect_uris"])
	c.Farewells = texts(body["post_logout_redirect_uris"])
	c.Logout, _ = body["backchannel_logout_uri"].(string)
	if c.Method, _ = body["token_endpoint_auth_method"].(string); c.Method == "private_key_jwt" {
		c.Secret = ""
	}
}

func texts(v any) []string {
	list, _ := v.([]any)
	out := make([]string, 0, len(list))
	for _, item := range list {
		s, _ := item.(string)
		out = append(out, s)
	}
	return out
}

// answer shows a client with a new registration access token.
func (s *Server) answer(x *contract.Exchange, status int, c *Client) {
	s.count++
	c.management = fmt.Sprintf("management-%s-%d", c.ID, s.count)
	body := maps.Clone(c.data)
	if body["client_id"] = c.ID; c.Secret != "" {
		body["client_secret"], body["client_secret_expires_at"] = c.Secret, 0
	}
	body["registration_access_token"], body["registration_client_uri"] = c.management, s.origin+"/reg/"+c.ID
	x.JSON(status, body)
}

func (s *Server) register(x *contract.Exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.clients[s.repeats]; known != nil {
		s.answer(x, http.StatusCreated, known)
		return
	}
	s.count++
	c := &Client{ID: fmt.Sprintf("c%d", s.count), Secret: fmt.Sprintf("secret-%d", s.count)}
	c.fill(x.Body)
	s.clients[c.ID] = c
	s.answer(x, http.StatusCreated, c)
}

func (s *Server) read(x *contract.Exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer(x, http.StatusOK, s.clients[x.R.PathValue("id")])
}

func (s *Server) replace(x *contract.Exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.clients[x.R.PathValue("id")]
	secret, given := x.Body["client_secret"]
	if x.Body["client_id"] != c.ID || given && secret != c.Secret {
		refuse(x.W, x.R, contract.BadMember, "client_id and client_secret are those that were issued")
		return
	}
	c.fill(x.Body)
	if s.renews {
		s.count++
		c.Secret = fmt.Sprintf("secret-%d", s.count)
	}
	s.answer(x, http.StatusOK, c)
}

func (s *Server) remove(x *contract.Exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, x.R.PathValue("id"))
	x.W.WriteHeader(http.StatusNoContent)
}
