// Package oidc manages clients of any server through dynamic registration (RFC 7591, RFC 7592), and knows the servers
// where clients are only mapped. It does not own what connectors have in common.
package oidc

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/rollover"
	"keyward.dev/keyward/internal/wire"
)

// Registrar registers clients through RFC 7591 and manages them through RFC 7592. No list can be asked for there, so it
// is no Finder; and no request of RFC 7592 makes a new secret that every server honours, so it is no Rotator.
type Registrar struct {
	connector.TokenEndpoint

	Registration string // endpoint; "" = the server has none
	KeepScopes   bool   // the server's own scopes stay only when none is asked for (Keycloak)

	token       rollover.Credential // initial access token; empty = open registration
	known       *rollover.Memory
	authMethods []string
}

// Open is the connector.Opener of generic servers.
func Open(s connector.Server, l connector.Line) (connector.Connector, error) {
	o := New(s, l)
	o.AskFor(s.Text("proofScope"))
	return o, nil
}

// New makes the way to a server through registration, which other vendors' servers offer too.
func New(s connector.Server, l connector.Line) *Registrar {
	return &Registrar{
		TokenEndpoint: connector.NewTokenEndpoint(s, l),
		Registration:  s.Endpoint(func(e keyward.Endpoints) string { return e.Registration }),
		token:         s.Credential("initialAccessToken"),
		known:         l.Known,
		authMethods:   s.Status.AuthMethods,
	}
}

// Register implements Connector.
func (o *Registrar) Register(ctx context.Context, r connector.Registration) (connector.Registered, error) {
	if o.Registration == "" {
		return connector.Registered{}, keyward.Errorf(keyward.CodeCreationDisabled,
			"the server offers no registration endpoint: set spec.endpoints.registration, or map a client that exists")
	}
	metadata := o.Metadata(r)
	k := wire.Call{
		Op: "register the client", Method: http.MethodPost, URL: o.Registration, JSON: metadata, Secrets: o.token.Values(),
	}
	post := func() (*wire.Answer, error) {
		return o.Caller.WithSecret(ctx, o.known, o.token, func(token string) wire.Call {
			k.Bearer = token
			return k
		}, wire.Unauthorized)
	}
	a, err := post()
	// A refusal has made nothing, so it can be asked again.
	if err == nil && refusesResponseTypes(a) {
		metadata["response_types"] = []string{"token"}
		a, err = post()
	}
	if err == nil && refusesExtension(a, metadata) {
		delete(metadata, extensionLifetime)
		a, err = post()
	}
	if err != nil {
		return connector.Registered{}, err
	}
	if a.Status != http.StatusCreated && a.Status != http.StatusOK {
		return connector.Registered{}, k.Failure(a)
	}
	return o.Made(ctx, r, k, a)
}

// Metadata is the client as RFC 7591, section 2 writes it.
func (o *Registrar) Metadata(r connector.Registration) map[string]any {
	m := map[string]any{
		"client_name":                r.Name,
		"grant_types":                r.Grants,
		"response_types":             connector.ResponseTypes(r.Grants),
		"redirect_uris":              append([]string{}, r.Callbacks...),
		"token_endpoint_auth_method": o.authMethod(),
	}
	if len(r.Scopes) > 0 && !o.KeepScopes {
		m["scope"] = strings.Join(r.Scopes, " ")
	}
	if len(r.Farewells) > 0 {
		m["post_logout_redirect_uris"] = r.Farewells
	}
	if r.Logout != "" {
		m["backchannel_logout_uri"], m["backchannel_logout_session_required"] = r.Logout, true
	}
	if r.Keys != nil {
		m["jwks"] = r.Keys
	}
	for name, value := range r.Fields {
		m[name] = value
	}
	return m
}

// authMethod is the first of the two methods with a shared secret that the server offers.
func (o *Registrar) authMethod() string {
	if !slices.Contains(o.authMethods, "client_secret_basic") && slices.Contains(o.authMethods, "client_secret_post") {
		return "client_secret_post"
	}
	return "client_secret_basic"
}

// extensionLifetime is the one field of ours that is no registered metadata.
const extensionLifetime = "access_token_lifetime"

// refusesExtension tells of a server that does not ignore what it does not know, as RFC 7591, section 2 asks
// (Keycloak). Without it the client is made, and the field is not confirmed. A refusal of its value is another.
func refusesExtension(a *wire.Answer, metadata map[string]any) bool {
	words := strings.ToLower(string(a.Body))
	_, asked := metadata[extensionLifetime]
	return asked && a.Status == http.StatusBadRequest && strings.Contains(words, extensionLifetime) &&
		(strings.Contains(words, "unrecognized") || strings.Contains(words, "unknown"))
}

// unconfirmed names the fields that the server did not take over: its answer holds everything that is registered about
// the client (RFC 7591, section 3.2.1), and what it does not understand it ignores (section 2).
func unconfirmed(fields map[string]any, members map[string]json.RawMessage) []string {
	var names []string
	for name, asked := range fields {
		var got, want any
		wanted, err := json.Marshal(asked)
		same := err == nil && json.Unmarshal(wanted, &want) == nil && json.Unmarshal(members[name], &got) == nil &&
			reflect.DeepEqual(got, want)
		if !same {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// refusesResponseTypes tells of a server that wants some even for clients that never use the authorization endpoint
// (glewlwyd).
func refusesResponseTypes(a *wire.Answer) bool {
	return a.Status == http.StatusBadRequest && strings.Contains(string(a.Body), "response_type")
}

// Made reads the answer to a registration. An answer that cannot be used is a failure of unknown outcome, unless the
// client can be taken back.
func (o *Registrar) Made(ctx context.Context, r connector.Registration, k wire.Call, a *wire.Answer) (connector.Registered, error) {
	made, ok := connector.ReadRegistered(a)
	if !ok {
		return connector.Registered{}, k.Failure(a)
	}
	members, _ := a.Object() // ReadRegistered has said that it is one
	made.LackingFields = unconfirmed(r.Fields, members)
	made.Handle.URI = o.managementURI(wire.Member(members, "registration_client_uri"))
	made.Handle.AccessToken = wire.Member(members, "registration_access_token")
	made, err := connector.Keep(ctx, o, made, r.Grants, r.Fields)
	if err != nil {
		return connector.Registered{}, err
	}
	given := connector.ScopesOf(members)
	if !o.KeepScopes {
		made.Scopes = given
		return made, nil
	}
	if lacking := connector.Without(r.Scopes, given); given != nil && len(lacking) > 0 {
		return connector.Registered{}, connector.TakeBack(ctx, o, made, fmt.Sprintf("the realm offers new clients no scope %s: "+
			"add it to the realm's optional client scopes", strings.Join(lacking, ", ")))
	}
	return made, nil
}

// managementURI accepts the registration_client_uri of an answer (RFC 7592, section 3), which may be relative, only at
// the registration endpoint's own origin: the registration access token is sent there.
func (o *Registrar) managementURI(uri string) string {
	if uri == "" {
		return ""
	}
	base, err := url.Parse(o.Registration)
	if err != nil {
		return ""
	}
	ref, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	full := base.ResolveReference(ref).String()
	if !connector.SameOrigin(full, o.Registration) || connector.URLFault(full) != "" {
		return ""
	}
	return full
}

// managed gives the address at which a client is managed. Where the server named none it is guessed: then a client that
// is not found there may be elsewhere. It is "" where the client cannot be managed.
func (o *Registrar) managed(h connector.Handle) (uri string, guessed bool) {
	switch {
	case h.AccessToken == "":
		return "", false
	case h.URI != "":
		return h.URI, false
	case o.Registration == "":
		return "", false
	default:
		return strings.TrimSuffix(o.Registration, "/") + "/" + url.PathEscape(h.ClientID), true
	}
}

// Read implements Reader (RFC 7592, section 2.1): it is only possible with the client's registration access token.
func (o *Registrar) Read(ctx context.Context, h connector.Handle) (*connector.Client, error) {
	uri, guessed := o.managed(h)
	if uri == "" {
		return nil, connector.ErrUnsupported
	}
	k := wire.Call{Op: "read the client", Method: http.MethodGet, URL: uri, Bearer: h.AccessToken, Once: true}
	a, err := o.Caller.Do(ctx, k)
	if err != nil {
		return nil, wire.Harmless(err)
	}
	switch a.Status {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusUnauthorized, http.StatusGone:
		if guessed {
			return nil, connector.ErrUnsupported // nobody said that this is the client's address
		}
		return nil, nil
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return nil, connector.ErrUnsupported
	default:
		return nil, wire.Harmless(k.Failure(a))
	}
	members, ok := a.Object()
	if !ok || wire.Member(members, "client_id") != h.ClientID {
		return nil, wire.Harmless(k.Failure(a))
	}
	c := connector.ClientOf(members)
	c.Handle = o.renewed(h, members)
	return c, nil
}

// Delete implements Connector (RFC 7592, section 2.3). A registration access token that is refused with 401 belongs to a
// client that is gone (section 2.1 asks servers to revoke it with the client).
func (o *Registrar) Delete(ctx context.Context, h connector.Handle) error {
	uri, guessed := o.managed(h)
	if uri == "" {
		return connector.ErrUnsupported
	}
	k := wire.Call{Op: "delete the client", Method: http.MethodDelete, URL: uri, Bearer: h.AccessToken}
	a, err := o.Caller.Do(ctx, k)
	if err != nil {
		return err
	}
	switch a.Status {
	case http.StatusOK, http.StatusNoContent, http.StatusAccepted:
		return nil
	case http.StatusNotFound, http.StatusUnauthorized, http.StatusGone:
		switch {
		case a.Page():
			return k.Failure(a) // of what stands before the server: section 2.3 has no pages
		case guessed:
			return connector.ErrUnsupported // nobody said that this is the client's address
		case h.Doubtful && a.Status == http.StatusUnauthorized:
			return connector.ErrUnmanageable
		}
		return nil
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return connector.ErrUnsupported
	default:
		return k.Failure(a)
	}
}
