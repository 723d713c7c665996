package connector

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/wire"
)

// oidc registers clients through RFC 7591 and manages them through RFC 7592. No list can be asked for there, so it is
// no Finder; and no request of RFC 7592 makes a new secret that every server honours, so it is no Rotator.
type oidc struct {
	prover
	registration string // endpoint; "" = the server has none
	token        string // initial access token; "" = open registration
	authMethods  []string
	keepScopes   bool // the server's own scopes stay only when none is asked for (Keycloak)
}

func openOIDC(s Server, c *wire.Caller) (Connector, error) { return newOIDC(s, c), nil }

func newOIDC(s Server, c *wire.Caller) *oidc {
	return &oidc{
		prover:       newProver(s, c),
		registration: s.Endpoint(func(e keyward.Endpoints) string { return e.Registration }),
		token:        s.secret("initialAccessToken"),
		authMethods:  s.Status.AuthMethods,
	}
}

// Register implements Connector.
func (o *oidc) Register(ctx context.Context, r Registration) (Registered, error) {
	if o.registration == "" {
		return Registered{}, keyward.Errorf(keyward.CodeCreationDisabled,
			"the server offers no registration endpoint: set spec.endpoints.registration, or map a client that exists")
	}
	k := wire.Call{
		Op: "register the client", Method: http.MethodPost, URL: o.registration, Bearer: o.token, JSON: o.metadata(r),
	}
	a, err := o.caller.Do(ctx, k)
	if err == nil && refusesResponseTypes(a) {
		// Some servers refuse an empty list even for clients that never use the authorization endpoint (glewlwyd). A refusal
		// has made nothing, so it can be asked again.
		metadata := o.metadata(r)
		metadata["response_types"] = []string{"token"}
		k.JSON = metadata
		a, err = o.caller.Do(ctx, k)
	}
	if err != nil {
		return Registered{}, err
	}
	if a.Status != http.StatusCreated && a.Status != http.StatusOK {
		return Registered{}, k.Failure(a)
	}
	return o.registered(ctx, r, k, a)
}

// metadata is the client as RFC 7591, section 2 writes it.
func (o *oidc) metadata(r Registration) map[string]any {
	m := map[string]any{
		"client_name":                r.Name,
		"grant_types":                r.Grants,
		"response_types":             responseTypes(r.Grants),
		"redirect_uris":              append([]string{}, r.Callbacks...),
		"token_endpoint_auth_method": o.authMethod(),
	}
	if len(r.Scopes) > 0 && !o.keepScopes {
		m["scope"] = strings.Join(r.Scopes, " ")
	}
	for name, value := range r.Fields {
		m[name] = value
	}
	return m
}

// authMethod is the first of the two methods with a shared secret that the server offers.
func (o *oidc) authMethod() string {
	if !slices.Contains(o.authMethods, "client_secret_basic") && slices.Contains(o.authMethods, "client_secret_post") {
		return "client_secret_post"
	}
	return "client_secret_basic"
}

func responseTypes(grants []string) []string {
	types := []string{}
	if slices.Contains(grants, "authorization_code") {
		types = append(types, "code")
	}
	if slices.Contains(grants, "implicit") {
		types = append(types, "token")
	}
	return types
}

func refusesResponseTypes(a *wire.Answer) bool {
	return a.Status == http.StatusBadRequest && strings.Contains(string(a.Body), "response_type")
}

// registered reads the answer. An answer that cannot be used is a failure of unknown outcome, unless the client can be
// taken back.
func (o *oidc) registered(ctx context.Context, r Registration, k wire.Call, a *wire.Answer) (Registered, error) {
	members, ok := a.Object()
	id := wire.Member(members, "client_id")
	if !ok || id == "" {
		return Registered{}, k.Failure(a)
	}
	out := Registered{ClientID: id, ClientSecret: wire.Member(members, "client_secret"), Handle: Handle{
		ClientID:    id,
		URI:         o.managementURI(wire.Member(members, "registration_client_uri")),
		AccessToken: wire.Member(members, "registration_access_token"),
	}}
	if out.ClientSecret == "" {
		return Registered{}, takeBack(ctx, o, out, "the server gave the client no secret")
	}
	out.SecretExpiresAt = expiry(members)
	out.Grants = wire.ListOf(members, "grant_types")
	if useless(r.Grants, out.Grants) {
		return Registered{}, takeBack(ctx, o, out, fmt.Sprintf("the server gave the client none of the grants %s, only %s",
			strings.Join(r.Grants, ", "), strings.Join(out.Grants, ", ")))
	}
	if !o.keepScopes {
		out.Scopes = scopesOf(members)
	} else {
		if lacking := without(r.Scopes, scopesOf(members)); len(lacking) > 0 && scopesOf(members) != nil {
			return Registered{}, takeBack(ctx, o, out, fmt.Sprintf("the realm offers new clients no scope %s: add it to the realm's "+
				"optional client scopes", strings.Join(lacking, ", ")))
		}
	}
	return out, nil
}

// scopesOf gives what the answer says of scopes; nil where it says nothing.
func scopesOf(members map[string]json.RawMessage) []string {
	var scopes []string
	if said := string(members["scope"]); said == `""` || said == "[]" {
		scopes = []string{}
	}
	for _, s := range wire.ListOf(members, "scope") {
		scopes = append(scopes, strings.Fields(s)...)
	}
	return scopes
}

// useless tells that the server gave grants and none that was asked for; a refresh is nothing without another grant.
func useless(asked, given []string) bool {
	wanted := slices.DeleteFunc(slices.Clone(asked), func(g string) bool { return g == "refresh_token" })
	return len(given) > 0 && len(wanted) > 0 && len(without(wanted, given)) == len(wanted)
}

// expiry reads client_secret_expires_at: seconds since 1970, 0 for never (RFC 7591, section 3.2.1). What is no time is
// nothing.
func expiry(members map[string]json.RawMessage) *time.Time {
	const year9999 = 253402300799
	var seconds float64
	if json.Unmarshal(members["client_secret_expires_at"], &seconds) != nil || seconds <= 0 || seconds > year9999 {
		return nil
	}
	at := time.Unix(int64(seconds), 0).UTC()
	return &at
}

func without(list, present []string) []string {
	var lacking []string
	for _, s := range list {
		if !slices.Contains(present, s) {
			lacking = append(lacking, s)
		}
	}
	return lacking
}

// managementURI accepts the registration_client_uri of an answer (RFC 7592, section 3), which may be relative, only at
// the registration endpoint's own origin: the registration access token is sent there.
func (o *oidc) managementURI(uri string) string {
	if uri == "" {
		return ""
	}
	base, err := url.Parse(o.registration)
	if err != nil {
		return ""
	}
	ref, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	full := base.ResolveReference(ref).String()
	if !sameOrigin(full, o.registration) || URLFault(full) != "" {
		return ""
	}
	return full
}

// managed gives the address at which a client is managed. Where the server named none it is guessed: then a client that
// is not found there may be elsewhere. It is "" where the client cannot be managed.
func (o *oidc) managed(h Handle) (uri string, guessed bool) {
	switch {
	case h.AccessToken == "":
		return "", false
	case h.URI != "":
		return h.URI, false
	case o.registration == "":
		return "", false
	default:
		return strings.TrimSuffix(o.registration, "/") + "/" + url.PathEscape(h.ClientID), true
	}
}

// Read implements Reader (RFC 7592, section 2.1): it is only possible with the client's registration access token.
func (o *oidc) Read(ctx context.Context, h Handle) (*Client, error) {
	uri, guessed := o.managed(h)
	if uri == "" {
		return nil, ErrUnsupported
	}
	k := wire.Call{Op: "read the client", Method: http.MethodGet, URL: uri, Bearer: h.AccessToken}
	a, err := o.caller.Do(ctx, k)
	if err != nil {
		return nil, wire.Harmless(err)
	}
	switch a.Status {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusUnauthorized, http.StatusGone:
		if guessed {
			return nil, ErrUnsupported // nobody said that this is the client's address
		}
		return nil, nil
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return nil, ErrUnsupported
	default:
		return nil, wire.Harmless(k.Failure(a))
	}
	members, ok := a.Object()
	if !ok || wire.Member(members, "client_id") != h.ClientID {
		return nil, wire.Harmless(k.Failure(a))
	}
	c := clientOf(members)
	c.Handle = h
	if token := wire.Member(members, "registration_access_token"); token != "" {
		c.Handle.AccessToken = token
	}
	if at := o.managementURI(wire.Member(members, "registration_client_uri")); at != "" {
		c.Handle.URI = at
	}
	return c, nil
}

// clientOf reads client metadata (RFC 7591, section 2).
func clientOf(members map[string]json.RawMessage) *Client {
	return &Client{
		ClientID: wire.Member(members, "client_id"), Name: wire.Member(members, "client_name"),
		Grants: wire.ListOf(members, "grant_types"), Callbacks: wire.ListOf(members, "redirect_uris"), Scopes: scopesOf(members),
	}
}

// Delete implements Connector (RFC 7592, section 2.3). A registration access token that is refused with 401 belongs to a
// client that is gone (section 2.1 asks servers to revoke it with the client).
func (o *oidc) Delete(ctx context.Context, h Handle) error {
	uri, guessed := o.managed(h)
	if uri == "" {
		return ErrUnsupported
	}
	k := wire.Call{Op: "delete the client", Method: http.MethodDelete, URL: uri, Bearer: h.AccessToken}
	a, err := o.caller.Do(ctx, k)
	if err != nil {
		return err
	}
	switch a.Status {
	case http.StatusOK, http.StatusNoContent, http.StatusAccepted:
		return nil
	case http.StatusNotFound, http.StatusUnauthorized, http.StatusGone:
		if guessed {
			return ErrUnsupported // nobody said that this is the client's address
		}
		return nil
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return ErrUnsupported
	default:
		return k.Failure(a)
	}
}
