// Package okta manages clients of an Okta organization through its client registration API, and what their tokens carry
// through the scopes and access policies of a custom authorization server. It does not own what connectors have in common.
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
			"created through the organization's client registration API, with an API token or as a service app with a private key.",
		Creates: true, ToEndpoint: true,
		AdminFields: slices.Concat([]connector.Field{
			apiToken(),
		}, serviceApp(), []connector.Field{
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
		Scopes:         connector.ScopesManaged,
		Limits: []string{
			"what an access policy of somebody else gives a client, no subscription takes away: Okta asks one policy after the other",
			"a scope that needs consent is given to no client with the grant client_credentials",
			"who tokens are for is the authorization server's to say: an audience that it has not is lacking",
			"a client's application type and scopes are not changed by an update",
			"the organization's own authorization server is no use: only Okta can read its tokens",
			"a service app that must prove possession (DPoP), as new ones must, gets no token: switch that off in its settings",
			"proven against a contract server written from the vendor's documentation only",
		},
		Check:  check,
		Shared: shared(),
	}
}

// check refuses the organization's own authorization server, whose access tokens nobody else can verify, and two
// credentials where one opens everything.
func check(spec *keyward.KeyManagerSpec) []keyward.FieldError {
	return append(checkCredentials(spec.Connection), checkServer(spec)...)
}

func checkServer(spec *keyward.KeyManagerSpec) []keyward.FieldError {
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

// okta manages clients with the rights of an administrator, which open every client of the organization.
type okta struct {
	connector.TokenEndpoint

	org    string         // scheme and host
	server string         // the authorization server's id
	do     connector.Doer // makes a call with the credential that the connection has
	looked *access        // what Entitled has just read, for the Entitle after it; nil = nothing
}

// Open is the connector.Opener of Okta.
func Open(s connector.Server, l connector.Line) (connector.Connector, error) {
	org, err := s.Address("orgUrl")
	if err != nil {
		return nil, err
	}
	o := &okta{TokenEndpoint: connector.NewTokenEndpoint(s, l), org: org, do: credentialed(s, l, org)}
	if _, after, ok := strings.Cut(s.Declared(), "/oauth2/"); ok {
		o.server, _, _ = strings.Cut(after, "/")
	}
	o.AskFor(s.Text("proofScope"))
	return o, nil
}

// Register implements Connector. Its scopes are given later, with the access policy; here they only have to exist.
func (o *okta) Register(ctx context.Context, r connector.Registration) (connector.Registered, error) {
	if err := o.checkScopes(ctx, r.Scopes); err != nil {
		return connector.Registered{}, err
	}
	kind, responses := "web", connector.ResponseTypes(r.Grants)
	if slices.Equal(r.Grants, []string{machine}) {
		kind, responses = service, []string{"token"}
	}
	if connector.IsPublic(r.Fields) {
		kind = "native"
	}
	body := map[string]any{
		"client_name": r.Name, "application_type": kind, "grant_types": r.Grants, "response_types": responses,
		"redirect_uris": append([]string{}, r.Callbacks...), "token_endpoint_auth_method": "client_secret_basic",
	}
	if len(r.Farewells) > 0 {
		body["post_logout_redirect_uris"] = r.Farewells
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
	if made, err = connector.Keep(ctx, newborn{o}, made, r.Grants, r.Fields); err != nil || !r.Console {
		return made, err
	}
	if err := o.letPeopleIn(ctx, made.Handle); err != nil {
		return connector.Registered{}, connector.TakeBack(ctx, o, made, err.Error())
	}
	return made, nil
}

// letPeopleIn gives the console's client an access policy: for Okta's own scopes, where no policy of somebody else gives them. An
// organization's own authorization server has none, and needs none.
func (o *okta) letPeopleIn(ctx context.Context, h connector.Handle) error {
	if o.server == "" {
		return nil
	}
	a, err := o.look(ctx, h)
	if err != nil {
		return barred(err)
	}
	own := slices.DeleteFunc(slices.Sorted(maps.Keys(a.scopes)), func(name string) bool { return !a.scopes[name].System })
	for _, p := range a.foreign {
		if slices.ContainsFunc(p.rules, func(r rule) bool { return r.gives(a.grants()) && r.covers(own) }) {
			return nil
		}
	}
	return barred(o.allow(ctx, a, own))
}

const (
	machine = "client_credentials" // the grant of clients that call in their own name
	service = "service"            // the application type of clients that do nothing else
)

// newborn deletes a client that was just made: it has no access policy yet.
type newborn struct{ *okta }

// Delete implements Connector.
func (n newborn) Delete(ctx context.Context, h connector.Handle) error { return n.remove(ctx, h) }

// checkScopes wants every asked scope to exist in the authorization server.
func (o *okta) checkScopes(ctx context.Context, asked []string) error {
	if len(asked) == 0 {
		return nil
	}
	if o.server == "" {
		return connector.Refused("scopes", "cannot be looked up: no custom authorization server "+
			"is named by the issuer")
	}
	scopes, err := o.scopes(ctx)
	if err != nil {
		return err
	}
	if unknown := connector.Without(asked, slices.Collect(maps.Keys(scopes))); len(unknown) > 0 {
		return connector.Refused("scopes", "the authorization server has no scope %s",
			strings.Join(unknown, ", "))
	}
	return nil
}

// listed is what a list of clients says of one.
type listed struct {
	ID   string `json:"client_id"`
	Name string `json:"client_name"`
}

// Find implements Finder. The search is by prefix, so the name is compared.
func (o *okta) Find(ctx context.Context, name string) (*connector.Registered, error) {
	var found *connector.Registered
	at := o.clients() + "?" + url.Values{"q": {name}, "limit": {"200"}}.Encode()
	err := each(ctx, o, "find the client", at, func(c listed) bool {
		if c.Name == name && c.ID != "" {
			found = &connector.Registered{ClientID: c.ID, Handle: connector.Handle{ClientID: c.ID}}
		}
		return found != nil
	})
	return found, err
}

// List implements Lister. The search is by prefix, and as Okta says may not always be, so each name is compared.
func (o *okta) List(ctx context.Context, prefix string) ([]connector.Client, error) {
	var all []connector.Client
	at := o.clients() + "?" + url.Values{"q": {prefix}, "limit": {"200"}}.Encode()
	err := each(ctx, o, "list the clients", at, func(c listed) bool {
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

// each reads a list page by page, until one says stop. A next page is read only at the organization's own address.
func each[T any](ctx context.Context, o *okta, op, at string, stop func(T) bool) error {
	for range connector.MaxPages {
		get := wire.Call{Op: op, Method: http.MethodGet, URL: at}
		a, err := o.do(ctx, get)
		if err != nil {
			return wire.Harmless(err)
		}
		var items []T
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

// Delete implements Connector. What ends with the client goes first: an access policy without its client would be found
// by nobody.
func (o *okta) Delete(ctx context.Context, h connector.Handle) error {
	if err := o.forgetPolicy(ctx, h.ClientID); err != nil {
		return err
	}
	return o.remove(ctx, h)
}

// Release implements connector.Releaser.
func (o *okta) Release(ctx context.Context, h connector.Handle) error {
	return o.forgetPolicy(ctx, h.ClientID)
}

func (o *okta) remove(ctx context.Context, h connector.Handle) error {
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
	return connector.NotFound(a) || a.Status == http.StatusUnauthorized && wire.Member(members, "error") == "invalid_client"
}
