// Package auth0 manages clients of an Auth0 tenant through its Management API. It does not own what connectors have in
// common.
package auth0

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/wire"
)

// Type describes Auth0.
func Type() connector.Type {
	return connector.Type{
		Name:  keyward.TypeAuth0,
		Title: "Auth0",
		Help: "A tenant of Auth0: issuer https://TENANT.auth0.com/, with the slash. Clients are created through the Management " +
			"API and authorized for one API, whose identifier becomes the audience of their tokens.",
		Creates: true,
		AdminFields: append(connector.ServiceAccount("Management application's",
			"A machine-to-machine application that is authorized for the Auth0 Management API with create:clients, "+
				"read:clients, update:client_keys, delete:clients and create:client_grants."), []connector.Field{
			{
				Name: "connection.audience", Title: "Identifier of the API", Type: connector.FieldString,
				Help: "For which clients are authorized unless a developer names another; also asked for when a mapped client's secret " +
					"is checked.",
			},
			{
				Name: "connection.tenantUrl", Title: "Address of the tenant", Type: connector.FieldURL,
				Help: "As in https://acme.eu.auth0.com, where the issuer is a custom domain. The declared issuer's own when left out.",
			},
		}...),
		DeveloperFields: []connector.Field{
			{
				Name: "audience", Title: "Identifier of the API", Type: connector.FieldString,
				Help: "The API for which the client is authorized. Left out, the key manager's.",
			},
			{
				Name: "app_type", Title: "Application type", Type: connector.FieldString,
				Enum: []string{"non_interactive", "regular_web", "native"},
				Help: "Left out: non_interactive where client_credentials is the only grant, else regular_web.",
			},
			connector.ClientAuthentication("client_secret_basic", ""),
			{Name: "description", Title: "Description", Type: connector.FieldString},
			{Name: "logo_uri", Title: "Logo", Type: connector.FieldURL},
			{Name: "initiate_login_uri", Title: "Address that starts a login", Type: connector.FieldURL},
			{Name: "allowed_logout_urls", Title: "Callbacks after logout", Type: connector.FieldList},
			{Name: "web_origins", Title: "Web origins", Type: connector.FieldList},
		},
		ClientIDClaims: []string{"azp"},
		ScopeClaims:    []string{"scope"},
		Scopes:         connector.ScopesChecked,
		Limits: []string{
			"a client cannot be changed here: delete the keys and generate new ones",
			"no introspection: opaque tokens are refused",
			"a client that is made here is authorized for one API",
			"scopes go to clients with the grant client_credentials only; what users may consent to is the API's to say",
			"a new secret ends the old one at once",
			"proven against a contract server written from the vendor's documentation, which the vendor's own SDK drives too",
		},
		Check: check,
	}
}

func check(spec *keyward.KeyManagerSpec) []keyward.FieldError {
	if spec.Issuer == "" || strings.HasSuffix(spec.Issuer, "/") {
		return nil
	}
	return []keyward.FieldError{connector.Fault("spec.issuer", "lacks the slash with which Auth0 ends it in every token: %s/", spec.Issuer)}
}

// auth0 manages clients with the token of a management application.
type auth0 struct {
	connector.TokenEndpoint

	api      string // …/api/v2
	audience string
	manage   connector.Service
}

// Open is the connector.Opener of Auth0.
func Open(s connector.Server, l connector.Line) (connector.Connector, error) {
	tenant, err := s.Address("tenantUrl")
	if err != nil {
		return nil, err
	}
	a := &auth0{
		TokenEndpoint: connector.NewTokenEndpoint(s, l), api: tenant + "/api/v2", audience: s.Text("audience"),
		manage: connector.Service{Line: l, Account: wire.Account{
			Endpoint: tenant + "/oauth/token", ClientID: s.Text("clientId"), Secret: s.Credential("clientSecret"), Post: true,
			Params: url.Values{"audience": {tenant + "/api/v2/"}},
		}},
	}
	if a.audience != "" {
		a.Params = url.Values{"audience": {a.audience}}
	}
	return a, nil
}

// Register implements Connector: a client, and its authorization for the API. A client without that is taken back.
func (a *auth0) Register(ctx context.Context, r connector.Registration) (connector.Registered, error) {
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
		return connector.Registered{}, connector.Refused("fields.audience",
			"is required: without an API Auth0 gives the client no token")
	case !machine && len(r.Scopes) > 0:
		return connector.Registered{}, connector.Refused("scopes",
			"go to clients with the grant client_credentials only")
	}
	post := wire.Call{Op: "create the client", Method: http.MethodPost, URL: a.api + "/clients", JSON: body}
	answer, err := a.manage.Do(ctx, post)
	if err != nil {
		return connector.Registered{}, err
	}
	made, ok := connector.ReadRegistered(answer)
	switch {
	case answer.Status != http.StatusCreated || !ok:
		return connector.Registered{}, post.Failure(answer)
	case made.ClientSecret == "":
		return connector.Registered{}, connector.TakeBack(ctx, a, made,
			"the tenant gave the client no secret: the management application lacks a scope")
	}
	if made, err = connector.Keep(ctx, a, made, r.Grants); err != nil {
		return connector.Registered{}, err
	}
	if machine {
		if err := a.grant(ctx, made.ClientID, audience, r.Scopes); err != nil {
			return connector.Registered{}, connector.TakeBack(ctx, a, made, err.Error())
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
	answer, err := a.manage.Do(ctx, post)
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
func (a *auth0) Find(ctx context.Context, name string) (*connector.Registered, error) {
	query := url.Values{"take": {"100"}, "fields": {"client_id,name"}, "include_fields": {"true"}}
	for range connector.MaxPages {
		get := wire.Call{Op: "find the client", Method: http.MethodGet, URL: a.api + "/clients?" + query.Encode()}
		answer, err := a.manage.Do(ctx, get)
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
				return &connector.Registered{ClientID: c.ID, Handle: connector.Handle{ClientID: c.ID}}, nil
			}
		}
		if page.Next == "" {
			return nil, nil //nolint:nilnil // Finder says so
		}
		query.Set("from", page.Next)
	}
	return nil, connector.TooLong("find the client")
}

// Read implements Reader.
func (a *auth0) Read(ctx context.Context, h connector.Handle) (*connector.Client, error) {
	query := url.Values{"fields": {"client_id,name,grant_types,callbacks"}, "include_fields": {"true"}}
	members, err := connector.Look(ctx, a.manage.Do, a.client(h)+"?"+query.Encode(), connector.NotFound, "client_id", h.ClientID)
	if err != nil || members == nil {
		return nil, err
	}
	return &connector.Client{
		ClientID: h.ClientID, Name: wire.Member(members, "name"), Grants: wire.ListOf(members, "grant_types"),
		Callbacks: wire.ListOf(members, "callbacks"), Handle: h,
	}, nil
}

// Rotate implements Rotator.
func (a *auth0) Rotate(ctx context.Context, h connector.Handle) (string, error) {
	post := wire.Call{Op: "make a new secret", Method: http.MethodPost, URL: a.client(h) + "/rotate-secret"}
	return connector.SecretOf(ctx, a.manage.Do, post, "client_secret")
}

// Delete implements Connector. Its authorizations go with it.
func (a *auth0) Delete(ctx context.Context, h connector.Handle) error {
	return connector.Remove(ctx, a.manage.Do, a.client(h), connector.NotFound)
}

func (a *auth0) client(h connector.Handle) string {
	return a.api + "/clients/" + url.PathEscape(h.ClientID)
}
