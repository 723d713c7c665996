package connector

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/wire"
)

func auth0Type() Type {
	return Type{
		Name:  keyward.TypeAuth0,
		Title: "Auth0",
		Help: "A tenant of Auth0: issuer https://TENANT.auth0.com/, with the slash. Clients are created through the Management " +
			"API and authorized for one API, whose identifier becomes the audience of their tokens.",
		Creates: true,
		AdminFields: []Field{
			{
				Name: "connection.clientId", Title: "Management application's client id", Type: FieldString,
				Help: "A machine-to-machine application that is authorized for the Auth0 Management API with create:clients, " +
					"read:clients, update:client_keys, delete:clients and create:client_grants.",
			},
			{
				Name: "connection.clientSecret", Title: "Management application's client secret", Type: FieldString, Secret: true,
				Help: "Needed with clientId.",
			},
			{
				Name: "connection.audience", Title: "Identifier of the API", Type: FieldString,
				Help: "For which clients are authorized unless a developer names another; also asked for when a mapped client's secret " +
					"is checked.",
			},
			{
				Name: "connection.tenantUrl", Title: "Address of the tenant", Type: FieldURL,
				Help: "As in https://acme.eu.auth0.com, where the issuer is a custom domain. The declared issuer's own when left out.",
			},
		},
		DeveloperFields: []Field{
			{
				Name: "audience", Title: "Identifier of the API", Type: FieldString,
				Help: "The API for which the client is authorized. Left out, the key manager's.",
			},
			{
				Name: "app_type", Title: "Application type", Type: FieldString, Enum: []string{"non_interactive", "regular_web", "native"},
				Help: "Left out: non_interactive where client_credentials is the only grant, else regular_web.",
			},
			{
				Name: "token_endpoint_auth_method", Title: "Client authentication", Type: FieldString,
				Enum: []string{"client_secret_basic", "client_secret_post"}, Default: "client_secret_basic",
			},
			{Name: "description", Title: "Description", Type: FieldString},
			{Name: "logo_uri", Title: "Logo", Type: FieldURL},
			{Name: "initiate_login_uri", Title: "Address that starts a login", Type: FieldURL},
			{Name: "allowed_logout_urls", Title: "Callbacks after logout", Type: FieldList},
			{Name: "web_origins", Title: "Web origins", Type: FieldList},
		},
		ClientIDClaims: []string{"azp"},
		ScopeClaims:    []string{"scope"},
		Limits: []string{
			"no introspection: opaque tokens are refused",
			"a client that is made here is authorized for one API",
			"scopes go to clients with the grant client_credentials only; what users may consent to is the API's to say",
			"a new secret ends the old one at once",
			"proven against a contract server written from the vendor's documentation, which the vendor's own SDK drives too",
		},
		Check: checkAuth0,
	}
}

func checkAuth0(spec *keyward.KeyManagerSpec) []keyward.FieldError {
	if spec.Issuer == "" || strings.HasSuffix(spec.Issuer, "/") {
		return nil
	}
	return []keyward.FieldError{fieldError("spec.issuer", "lacks the slash with which Auth0 ends it in every token: %s/", spec.Issuer)}
}

// auth0 manages clients with the token of a management application.
type auth0 struct {
	prover
	api      string // …/api/v2
	audience string
	tokens   *wire.Tokens
	account  wire.Account
}

func openAuth0(s Server, c *wire.Caller, tokens *wire.Tokens) (Connector, error) {
	tenant := strings.TrimSuffix(s.text("tenantUrl"), "/")
	if tenant == "" {
		if tenant = originOf(s.declared()); tenant == "" {
			return nil, keyward.Invalid([]keyward.FieldError{fieldError("spec.connection.tenantUrl",
				"is required: neither issuer nor discovery is a URL")})
		}
	}
	a := &auth0{
		prover: newProver(s, c), api: tenant + "/api/v2", audience: s.text("audience"), tokens: tokens,
		account: wire.Account{
			Endpoint: tenant + "/oauth/token", ClientID: s.text("clientId"), Secret: s.secret("clientSecret"), Post: true,
			Params: url.Values{"audience": {tenant + "/api/v2/"}},
		},
	}
	if a.audience != "" {
		a.params = url.Values{"audience": {a.audience}}
	}
	return a, nil
}

// Register implements Connector: a client, and its authorization for the API. A client without that is taken back.
func (a *auth0) Register(ctx context.Context, r Registration) (Registered, error) {
	machine := slices.Contains(r.Grants, "client_credentials")
	audience := a.audience
	body := map[string]any{
		"name": r.Name, "app_type": "regular_web", "grant_types": r.Grants, "callbacks": append([]string{}, r.Callbacks...),
		"token_endpoint_auth_method": "client_secret_basic",
	}
	if slices.Equal(r.Grants, []string{"client_credentials"}) {
		body["app_type"] = "non_interactive"
	}
	maps.Copy(body, r.Fields)
	if named, _ := r.Fields["audience"].(string); named != "" {
		audience = named
	}
	delete(body, "audience")
	switch {
	case machine && audience == "":
		return Registered{}, keyward.Invalid([]keyward.FieldError{fieldError("fields.audience",
			"is required: without an API Auth0 gives the client no token")})
	case !machine && len(r.Scopes) > 0:
		return Registered{}, keyward.Invalid([]keyward.FieldError{fieldError("scopes",
			"go to clients with the grant client_credentials only")})
	}
	post := wire.Call{Op: "create the client", Method: http.MethodPost, URL: a.api + "/clients", JSON: body}
	answer, err := a.do(ctx, post)
	if err != nil {
		return Registered{}, err
	}
	members, ok := answer.Object()
	id := wire.Member(members, "client_id")
	if answer.Status != http.StatusCreated || !ok || id == "" {
		return Registered{}, post.Failure(answer)
	}
	made := Registered{
		ClientID: id, ClientSecret: wire.Member(members, "client_secret"), Handle: Handle{ClientID: id},
		Grants: wire.ListOf(members, "grant_types"),
	}
	switch {
	case useless(r.Grants, made.Grants):
		return Registered{}, takeBack(ctx, a, made, "the tenant gave the client none of the grants that were asked for")
	case made.ClientSecret == "":
		return Registered{}, takeBack(ctx, a, made, "the tenant gave the client no secret: the management application lacks a scope")
	}
	if machine {
		if err := a.grant(ctx, id, audience, r.Scopes); err != nil {
			return Registered{}, takeBack(ctx, a, made, err.Error())
		}
	}
	return made, nil
}

// grant authorizes a client for an API with these scopes, which may be none.
func (a *auth0) grant(ctx context.Context, id, audience string, scopes []string) error {
	post := wire.Call{
		Op: "authorize the client for the API", Method: http.MethodPost, URL: a.api + "/client-grants",
		JSON: map[string]any{"client_id": id, "audience": audience, "scope": append([]string{}, scopes...)},
	}
	answer, err := a.do(ctx, post)
	if err != nil {
		return err
	}
	if answer.Status != http.StatusCreated {
		return post.Failure(answer)
	}
	return nil
}

// Find implements Finder: the tenant's clients cannot be searched by name, so all are read. No secret is given, because
// an interrupted registration may lack its authorization too.
func (a *auth0) Find(ctx context.Context, name string) (*Registered, error) {
	query := url.Values{"take": {"100"}, "fields": {"client_id,name"}, "include_fields": {"true"}}
	for range maxPages {
		get := wire.Call{Op: "find the client", Method: http.MethodGet, URL: a.api + "/clients?" + query.Encode()}
		answer, err := a.do(ctx, get)
		if err != nil {
			return nil, wire.Harmless(err)
		}
		var page struct {
			Clients []struct {
				ID   string `json:"client_id"`
				Name string `json:"name"`
			} `json:"clients"`
			Next string `json:"next"`
		}
		if answer.Status != http.StatusOK || json.Unmarshal(answer.Body, &page) != nil {
			return nil, wire.Harmless(get.Failure(answer))
		}
		for _, c := range page.Clients {
			if c.Name == name && c.ID != "" {
				return &Registered{ClientID: c.ID, Handle: Handle{ClientID: c.ID}}, nil
			}
		}
		if page.Next == "" {
			return nil, nil //nolint:nilnil // Finder says so
		}
		query.Set("from", page.Next)
	}
	return nil, &wire.Failure{Op: "find the client", Status: http.StatusOK, Sent: true, Harmless: true,
		Description: fmt.Sprintf("the list has more than %d pages", maxPages)}
}

// Read implements Reader.
func (a *auth0) Read(ctx context.Context, h Handle) (*Client, error) {
	query := url.Values{"fields": {"client_id,name,grant_types,callbacks"}, "include_fields": {"true"}}
	get := wire.Call{Op: "read the client", Method: http.MethodGet, URL: a.client(h) + "?" + query.Encode()}
	answer, err := a.do(ctx, get)
	if err != nil || answer.Status == http.StatusNotFound {
		return nil, wire.Harmless(err)
	}
	members, ok := answer.Object()
	if answer.Status != http.StatusOK || !ok || wire.Member(members, "client_id") != h.ClientID {
		return nil, wire.Harmless(get.Failure(answer))
	}
	return &Client{
		ClientID: h.ClientID, Name: wire.Member(members, "name"), Grants: wire.ListOf(members, "grant_types"),
		Callbacks: wire.ListOf(members, "callbacks"), Handle: h,
	}, nil
}

// Rotate implements Rotator.
func (a *auth0) Rotate(ctx context.Context, h Handle) (string, error) {
	return secretOf(ctx, a.do, wire.Call{Op: "make a new secret", Method: http.MethodPost, URL: a.client(h) + "/rotate-secret"})
}

// Delete implements Connector. Its authorizations go with it.
func (a *auth0) Delete(ctx context.Context, h Handle) error {
	return remove(ctx, a.do, a.client(h), notFound)
}

func (a *auth0) client(h Handle) string { return a.api + "/clients/" + url.PathEscape(h.ClientID) }

// do makes a call with a token of the management application. A token that is refused is fetched anew once.
func (a *auth0) do(ctx context.Context, c wire.Call) (*wire.Answer, error) {
	if a.account.ClientID == "" {
		return nil, keyward.Errorf(keyward.CodeCreationDisabled,
			"the key manager has no management application: set spec.connection.clientId, or map a client that exists")
	}
	return a.tokens.Do(ctx, a.caller, a.account, c, nil)
}
