// Package auth0 manages clients of an Auth0 tenant, and the client grants that say what their tokens carry, through its
// Management API. It does not own what connectors have in common.
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
			"API and authorized for the APIs of their subscriptions, whose identifiers become the audiences of their tokens.",
		Creates: true,
		AdminFields: append(connector.ServiceAccountWithKey("Management application's",
			"A machine-to-machine application that is authorized for the Auth0 Management API with read:, create:, update: and "+
				"delete:clients, update:client_keys, read:, create:, update: and delete:client_grants, and read: and "+
				"update:resource_servers.", connector.BySecret, connector.ByAssertion), []connector.Field{
			{
				Name: "connection.audience", Title: "Identifier of the API", Type: connector.FieldString,
				Help: "For which every client is authorized unless a developer names another, and which counts where an API lists no " +
					"audience; also asked for when a mapped client's secret is checked.",
			},
			{
				Name: "connection.tenantUrl", Title: "Address of the tenant", Type: connector.FieldURL,
				Help: "As in https://acme.eu.auth0.com, where the issuer is a custom domain. The declared issuer's own when left out.",
			},
		}...),
		DeveloperFields: []connector.Field{
			{
				Name: "audience", Title: "Identifier of the API", Type: connector.FieldString,
				Help: "An API for which the client is authorized beside those of its subscriptions. Left out, the key manager's.",
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
		Scopes:         connector.ScopesManaged,
		PerAudience:    true,
		Limits: []string{
			"no introspection: opaque tokens are refused",
			"an API that the tenant does not have is not made there: its audience and scopes are lacking",
			"people may consent to every scope of an API, unless its access policy for users says otherwise: then it is lacking",
			"a client's scopes are not changed by an update",
			"a new secret ends the old one at once",
			"proven against a contract server written from the vendor's documentation, which the vendor's own SDK drives too",
		},
		Check: check,
		OwnAudience: func(s connector.Server, audience string) bool {
			tenant, err := s.Address("tenantUrl")
			return err == nil && audience == tenant+managementAPI
		},
	}
}

// managementAPI follows the tenant's address in the identifier of the API that manages it.
const managementAPI = "/api/v2/"

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
	alone    *connector.Alone
}

// Open is the connector.Opener of Auth0.
func Open(s connector.Server, l connector.Line) (connector.Connector, error) {
	tenant, err := s.Address("tenantUrl")
	if err != nil {
		return nil, err
	}
	account := s.Account(tenant+"/oauth/token", tenant+"/")
	account.Post, account.Params = true, url.Values{"audience": {tenant + managementAPI}}
	a := &auth0{
		TokenEndpoint: connector.NewTokenEndpoint(s, l), api: tenant + "/api/v2", audience: s.Text("audience"),
		alone: l.Alone, manage: connector.Service{Line: l, Account: account},
	}
	if a.audience != "" {
		a.Params = url.Values{"audience": {a.audience}}
	}
	return a, nil
}

// settings are what a client should be, without its name, and the API that it names.
func (a *auth0) settings(r connector.Registration) (body map[string]any, audience string) {
	body = map[string]any{
		"app_type": "regular_web", "grant_types": r.Grants, "callbacks": append([]string{}, r.Callbacks...),
		"token_endpoint_auth_method": "client_secret_basic",
	}
	if slices.Equal(r.Grants, []string{machine}) {
		body["app_type"] = "non_interactive"
	}
	if connector.IsPublic(r.Fields) {
		body["app_type"] = "native"
	}
	if len(r.Farewells) > 0 {
		body["allowed_logout_urls"] = r.Farewells
	}
	if r.Console { // without, ID tokens are signed with the secret
		body["oidc_conformant"], body["jwt_configuration"] = true, map[string]any{"alg": "RS256"}
	}
	if r.Logout != "" {
		body["oidc_logout"] = map[string]any{"backchannel_logout_urls": []string{r.Logout}}
	}
	maps.Copy(body, r.Fields)
	if audience, _ = r.Fields["audience"].(string); audience == "" {
		audience = a.audience
	}
	delete(body, "audience")
	return body, audience
}

// machine is the grant of clients that call in their own name.
const machine = "client_credentials"

// Register implements Connector: a client, and its authorization for the API that is named, if any. A client without that
// is taken back. The APIs of its subscriptions follow.
func (a *auth0) Register(ctx context.Context, r connector.Registration) (connector.Registered, error) {
	body, audience := a.settings(r)
	body["name"] = r.Name
	forItself := slices.Contains(r.Grants, machine)
	switch {
	case len(r.Scopes) > 0 && !forItself:
		return connector.Registered{}, connector.Refused("scopes",
			"go to clients with the grant client_credentials only")
	case len(r.Scopes) > 0 && audience == "":
		return connector.Registered{}, connector.Refused("fields.audience",
			"is required with scopes: each belongs to an API, and the key manager names none")
	}
	if err := a.mayName(ctx, audience); err != nil {
		return connector.Registered{}, err
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
	case made.ClientSecret == "" && !connector.IsPublic(r.Fields):
		return connector.Registered{}, connector.TakeBack(ctx, a, made,
			"the tenant gave the client no secret: the management application lacks a scope")
	}
	if made, err = connector.Keep(ctx, a, made, r.Grants, r.Fields); err != nil {
		return connector.Registered{}, err
	}
	if forItself && audience != "" {
		if err := a.grant(ctx, made.ClientID, audience, r.Scopes); err != nil {
			return connector.Registered{}, connector.TakeBack(ctx, a, made, err.Error())
		}
	}
	return made, nil
}

// listed is what a list of clients says of one.
type listed struct {
	ID   string `json:"client_id"`
	Name string `json:"name"`
}

// Find implements Finder: the tenant's clients cannot be searched by name, so all are read. No secret is given, because
// an interrupted registration may lack its authorization too.
func (a *auth0) Find(ctx context.Context, name string) (*connector.Registered, error) {
	var found *connector.Registered
	err := a.clients(ctx, "find the client", func(c listed) bool {
		if c.Name == name && c.ID != "" {
			found = &connector.Registered{ClientID: c.ID, Handle: connector.Handle{ClientID: c.ID}}
		}
		return found != nil
	})
	return found, err
}

// List implements Lister, likewise.
func (a *auth0) List(ctx context.Context, prefix string) ([]connector.Client, error) {
	var all []connector.Client
	err := a.clients(ctx, "list the clients", func(c listed) bool {
		if strings.HasPrefix(c.Name, prefix) && c.ID != "" {
			all = append(all, connector.Client{ClientID: c.ID, Name: c.Name, Handle: connector.Handle{ClientID: c.ID}})
		}
		return false
	})
	if err != nil {
		return nil, err // a part of the list says nothing of who is not in it
	}
	return all, nil
}

func (a *auth0) clients(ctx context.Context, op string, stop func(listed) bool) error {
	return each(ctx, a, op, "clients", url.Values{"fields": {"client_id,name"}, "include_fields": {"true"}}, stop)
}

// each reads a list of the tenant's page by page, until one says stop. Its address says in which member it is.
func each[T any](ctx context.Context, a *auth0, op, list string, query url.Values, stop func(T) bool) error {
	query.Set("take", "100")
	for range connector.MaxPages {
		get := wire.Call{Op: op, Method: http.MethodGet, URL: a.api + "/" + list + "?" + query.Encode()}
		answer, err := a.manage.Do(ctx, get)
		if err != nil {
			return wire.Harmless(err)
		}
		page, ok := answer.Object()
		var items []T
		member := page[strings.ReplaceAll(list, "-", "_")]
		if answer.Status != http.StatusOK || !ok || json.Unmarshal(member, &items) != nil {
			return wire.Harmless(get.Failure(answer))
		}
		next := wire.Member(page, "next")
		if slices.ContainsFunc(items, stop) || next == "" {
			return nil
		}
		query.Set("from", next)
	}
	return connector.TooLong(op)
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
