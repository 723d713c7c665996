// Package okta manages clients of an Okta organization's custom authorization server through its client registration API.
// It does not own what connectors have in common.
package okta

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

// Type describes Okta.
func Type() connector.Type {
	return connector.Type{
		Name:  keyward.TypeOkta,
		Title: "Okta",
		Help: "A custom authorization server of an Okta organization: issuer https://ORG.okta.com/oauth2/default. Clients are " +
			"created through the organization's client registration API with an API token.",
		Creates: true,
		AdminFields: slices.Concat([]connector.Field{
			apiToken(),
			{
				Name: "connection.orgUrl", Title: "Address of the organization", Type: connector.FieldURL,
				Help: "As in https://acme.okta.com. The declared issuer's or discovery's own address when left out.",
			},
			connector.ProofScope("A custom scope that every client may ask for. Okta gives no token without one, so a mapped client's " +
				"secret can be checked only with it."),
		}, connector.IntrospectionFields()),
		DeveloperFields: []connector.Field{
			{
				Name: "application_type", Title: "Application type", Type: connector.FieldString,
				Enum: []string{"service", "web", "native"},
				Help: "Left out: service where client_credentials is the only grant, else web.",
			},
			connector.ClientAuthentication("client_secret_basic", ""),
			{Name: "client_uri", Title: "Home page", Type: connector.FieldURL, Help: "Shown to people who are asked for consent."},
			{Name: "logo_uri", Title: "Logo", Type: connector.FieldURL},
			{Name: "policy_uri", Title: "Privacy policy", Type: connector.FieldURL},
			{Name: "tos_uri", Title: "Terms of service", Type: connector.FieldURL},
			{Name: "initiate_login_uri", Title: "Address that starts a login", Type: connector.FieldURL},
			{Name: "post_logout_redirect_uris", Title: "Callbacks after logout", Type: connector.FieldList},
		},
		ClientIDClaims: []string{"cid"},
		ScopeClaims:    []string{"scp"},
		Scopes:         connector.ScopesChecked,
		Limits: []string{
			"a client cannot be changed here: delete the keys and generate new ones",
			"scopes are only checked to exist: an access policy of the authorization server must give them to the client",
			"the organization's own authorization server is no use: only Okta can read its tokens",
			"a new secret ends the old one at once",
			"OAuth for Okta in place of an API token is not carried out",
			"proven against a contract server written from the vendor's documentation only",
		},
		Check:  check,
		Shared: shared(),
	}
}

// check refuses the organization's own authorization server, whose access tokens nobody else can verify.
func check(spec *keyward.KeyManagerSpec) []keyward.FieldError {
	path, at := "spec.issuer", spec.Issuer
	if at == "" {
		path, at = "spec.discovery", spec.Discovery
	}
	if at == "" || strings.Contains(at, "/oauth2/") {
		return nil
	}
	return []keyward.FieldError{connector.Fault(path, "is the organization's own authorization server, whose tokens only Okta can "+
		"read: name a custom one, as in https://ORG.okta.com/oauth2/default")}
}

// okta manages clients with the API token of an administrator, which opens every client of the organization.
type okta struct {
	connector.TokenEndpoint

	org    string // scheme and host
	server string // the authorization server's id
	token  string
}

// Open is the connector.Opener of Okta.
func Open(s connector.Server, l connector.Line) (connector.Connector, error) {
	org, err := s.Address("orgUrl")
	if err != nil {
		return nil, err
	}
	o := &okta{TokenEndpoint: connector.NewTokenEndpoint(s, l), org: org, token: s.Secret("apiToken")}
	if _, after, ok := strings.Cut(s.Declared(), "/oauth2/"); ok {
		o.server, _, _ = strings.Cut(after, "/")
	}
	o.AskFor(s.Text("proofScope"))
	return o, nil
}

// Register implements Connector.
func (o *okta) Register(ctx context.Context, r connector.Registration) (connector.Registered, error) {
	if err := o.checkScopes(ctx, r.Scopes); err != nil {
		return connector.Registered{}, err
	}
	kind, responses := "web", connector.ResponseTypes(r.Grants)
	if slices.Equal(r.Grants, []string{"client_credentials"}) {
		kind, responses = "service", []string{"token"}
	}
	body := map[string]any{
		"client_name": r.Name, "application_type": kind, "grant_types": r.Grants, "response_types": responses,
		"redirect_uris": append([]string{}, r.Callbacks...), "token_endpoint_auth_method": "client_secret_basic",
	}
	maps.Copy(body, r.Fields)
	post := wire.Call{Op: "register the client", Method: http.MethodPost, URL: o.clients(), JSON: body}
	a, err := o.do(ctx, post)
	if err != nil {
		return connector.Registered{}, err
	}
	made, ok := connector.ReadRegistered(a)
	if a.Status != http.StatusCreated || !ok {
		return connector.Registered{}, post.Failure(a)
	}
	return connector.Keep(ctx, o, made, r.Grants)
}

// checkScopes wants every asked scope to exist in the authorization server.
func (o *okta) checkScopes(ctx context.Context, asked []string) error {
	if len(asked) == 0 {
		return nil
	}
	if o.server == "" {
		return connector.Refused("scopes", "cannot be looked up: no custom authorization server "+
			"is named by the issuer")
	}
	var names []string
	at := o.org + "/api/v1/authorizationServers/" + url.PathEscape(o.server) + "/scopes?limit=200"
	err := o.pages(ctx, "read the authorization server's scopes", at, func(item map[string]json.RawMessage) bool {
		names = append(names, wire.Member(item, "name"))
		return false
	})
	if err != nil {
		return err
	}
	if unknown := connector.Without(asked, names); len(unknown) > 0 {
		return connector.Refused("scopes", "the authorization server has no scope %s",
			strings.Join(unknown, ", "))
	}
	return nil
}

// Find implements Finder. The search is by prefix, so the name is compared.
func (o *okta) Find(ctx context.Context, name string) (*connector.Registered, error) {
	var found *connector.Registered
	at := o.clients() + "?" + url.Values{"q": {name}, "limit": {"200"}}.Encode()
	err := o.pages(ctx, "find the client", at, func(item map[string]json.RawMessage) bool {
		id := wire.Member(item, "client_id")
		if wire.Member(item, "client_name") == name && id != "" {
			found = &connector.Registered{ClientID: id, Handle: connector.Handle{ClientID: id}}
		}
		return found != nil
	})
	return found, err
}

// pages reads a list page by page, until one says stop. A next page is read only at the organization's own address.
func (o *okta) pages(ctx context.Context, op, at string, stop func(map[string]json.RawMessage) bool) error {
	for range connector.MaxPages {
		get := wire.Call{Op: op, Method: http.MethodGet, URL: at}
		a, err := o.do(ctx, get)
		if err != nil {
			return wire.Harmless(err)
		}
		var items []map[string]json.RawMessage
		if a.Status != http.StatusOK || json.Unmarshal(a.Body, &items) != nil {
			return wire.Harmless(get.Failure(a))
		}
		if slices.ContainsFunc(items, stop) {
			return nil
		}
		if at = nextPage(a.Header); at == "" {
			return nil
		}
		if !connector.SameOrigin(at, o.org) {
			return &wire.Failure{Op: op, Status: a.Status, Sent: true, Harmless: true, Description: "the next page is at another address"}
		}
	}
	return connector.TooLong(op)
}

// nextPage reads the link to the next page (RFC 8288, as Okta writes it: one per header field).
func nextPage(h http.Header) string {
	for _, link := range h.Values("Link") {
		target, rest, ok := strings.Cut(strings.TrimSpace(link), ">")
		if ok && strings.HasPrefix(target, "<") && strings.Contains(rest, `rel="next"`) {
			return target[1:]
		}
	}
	return ""
}

// Read implements Reader.
func (o *okta) Read(ctx context.Context, h connector.Handle) (*connector.Client, error) {
	members, err := connector.Look(ctx, o.do, o.client(h), unknown, "client_id", h.ClientID)
	if err != nil || members == nil {
		return nil, err
	}
	c := connector.ClientOf(members)
	c.Handle = h
	return c, nil
}

// Rotate implements Rotator.
func (o *okta) Rotate(ctx context.Context, h connector.Handle) (string, error) {
	return connector.SecretOf(ctx, o.do, wire.Call{
		Op: "make a new secret", Method: http.MethodPost, URL: o.client(h) + "/lifecycle/newSecret",
	}, "client_secret")
}

// Delete implements Connector.
func (o *okta) Delete(ctx context.Context, h connector.Handle) error {
	return connector.Remove(ctx, o.do, o.client(h), unknown)
}

func (o *okta) clients() string { return o.org + "/oauth2/v1/clients" }

func (o *okta) client(h connector.Handle) string {
	return o.clients() + "/" + url.PathEscape(h.ClientID)
}

// unknown tells that there is no such client: 404, or a 401 that speaks of the client in OAuth's words. A refused
// API token is a 401 too, in Okta's own words.
func unknown(a *wire.Answer) bool {
	members, _ := a.Object() // none has no such member
	return a.Status == http.StatusNotFound || a.Status == http.StatusUnauthorized && wire.Member(members, "error") == "invalid_client"
}

func (o *okta) do(ctx context.Context, c wire.Call) (*wire.Answer, error) {
	if o.token == "" {
		return nil, keyward.Errorf(keyward.CodeCreationDisabled,
			"the key manager has no API token: set spec.connection.apiToken, or map a client that exists")
	}
	c.Header = http.Header{"Authorization": {"SSWS " + o.token}}
	c.Secrets = append(c.Secrets, o.token)
	return o.Caller.Do(ctx, c)
}
