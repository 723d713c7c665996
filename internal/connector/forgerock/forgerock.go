// Package forgerock manages clients of a realm of OpenAM through its configuration, or through its registration endpoint.
// It does not own what connectors have in common.
package forgerock

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/oidc"
	"keyward.dev/keyward/internal/rollover"
	"keyward.dev/keyward/internal/wire"
)

// Type describes OpenAM and its relatives.
func Type() connector.Type {
	return connector.Type{
		Name:  keyward.TypeForgeRock,
		Title: "ForgeRock, OpenAM",
		Help: "A realm of OpenAM or another descendant of ForgeRock's AM: discovery is https://HOST/am/oauth2/realms/root/realms/" +
			"REALM. With an administrator clients are managed through the realm's configuration, which can also rotate secrets " +
			"and be searched; without, through the registration endpoint, from which nothing can be deleted.",
		Creates: true,
		AdminFields: slices.Concat(
			connector.Administrator("As in amadmin; one of the root realm who may change the realm's OAuth 2.0 clients."),
			[]connector.Field{
				{
					Name: "connection.cookieName", Title: "Session cookie", Type: connector.FieldString, Default: "iPlanetDirectoryPro",
					Help: "The name under which the server takes a session; some installations change it.",
				},
			},
			connector.ServiceAccount("Registering client's",
				"Where registration is closed and there is no administrator: a client of the realm whose token opens it."),
			[]connector.Field{connector.ProofScope("A scope that clients may ask for: the server gives no token without one. With an " +
				"administrator, the client's own first scope when left out. The registering client asks for it too.")},
			connector.IntrospectionFields(),
		),
		DeveloperFields: []connector.Field{},
		ClientIDClaims:  []string{"client_id", "azp", "aud"},
		ScopeClaims:     []string{"scope"},
		Scopes:          connector.ScopesAssigned,
		NamesScopes:     true,
		OwnClients:      []string{"amadmin"},
		Limits: []string{
			"with an administrator subscriptions give the scopes that the realm's OAuth2 provider lists; another is never given, " +
				"and who tokens are for cannot be",
			"of a client callbacks and scopes can be changed, by an administrator: OpenAM knows no grants of a client",
			"a token's client is its aud: OpenAM writes no client_id and no azp",
			"OpenAM answers introspection only to the client that has the token: its opaque tokens are refused",
			"without an administrator: no search, no change, no new secrets, no deletion, no look at mapped clients, no scopes by " +
				"subscriptions",
			"a new secret ends the old one at once; a deleted client's JWTs pass until they expire",
			"proven against OpenAM 16; PingAM's own configuration API has another form and is not carried out",
		},
		Derive: func(s *keyward.KeyManagerStatus) {
			if s.Endpoints.Introspection == "" {
				s.Endpoints.Introspection = s.Issuer + "/introspect"
			}
			if s.Endpoints.Revocation == "" {
				s.Endpoints.Revocation = s.Issuer + "/token/revoke"
			}
		},
	}
}

// Open is the connector.Opener of OpenAM. It chooses the way into the realm: its configuration where there is an
// administrator, else registration.
func Open(s connector.Server, l connector.Line) (connector.Connector, error) {
	issuer := strings.TrimSuffix(s.Issuer(), "/")
	base, realm, ok := strings.Cut(issuer+"/", "/oauth2/")
	if !ok || connector.URLFault(base) != "" {
		return nil, connector.Refused("spec.issuer", "%s is not of the form …/oauth2 or …/oauth2/realms/root/realms/NAME", s.Issuer())
	}
	dcr := oidc.New(s, l)
	dcr.Registration = issuer + "/connect/register"
	if s.Spec.Endpoints.Token == "" && !connector.SameOrigin(dcr.URL, issuer) { // secrets go there: discovery's word is not enough
		dcr.URL = issuer + "/access_token"
	}
	dcr.AskFor(s.Text("proofScope"))
	if s.Text("username") == "" {
		return &registrar{TokenEndpoint: dcr.TokenEndpoint, dcr: dcr, tokens: l.Tokens, account: wire.Account{
			Endpoint: dcr.URL, ClientID: s.Text("clientId"), Secret: s.Credential("clientSecret"), Params: dcr.Params,
		}}, nil
	}
	if realm = strings.Trim(realm, "/"); realm == "" {
		realm = "realms/root"
	}
	cookie := s.Text("cookieName")
	if cookie == "" {
		cookie = "iPlanetDirectoryPro"
	}
	return &forgerock{
		TokenEndpoint: dcr.TokenEndpoint, base: base, realm: base + "/json/" + realm, cookie: cookie, user: s.Text("username"),
		password: s.Credential("password"), known: l.Known, tokens: l.Tokens,
	}, nil
}

// forgerock manages clients in the realm's configuration. Their ids are chosen by us.
type forgerock struct {
	connector.TokenEndpoint

	base     string // of the server
	realm    string // of its configuration API
	cookie   string
	user     string
	password rollover.Credential
	known    *rollover.Memory
	tokens   *wire.Tokens // which keep the administrator's session
}

const (
	amClient = "com.forgerock.openam.oauth2provider." // before most members of a client
	noParent = "Parent service does not exist"        // a realm without clients refuses the first one at its own address
)

// Register implements Connector.
func (f *forgerock) Register(ctx context.Context, r connector.Registration) (connector.Registered, error) {
	if err := f.mayAsk(ctx, r.Scopes); err != nil {
		return connector.Registered{}, err
	}
	secret := rand.Text() + rand.Text()
	client := map[string]any{
		"userpassword": []string{secret}, amClient + "clientType": []string{"Confidential"},
		amClient + "scopes": numbered(r.Scopes), amClient + "name": numbered([]string{r.Name}),
	}
	maps.Copy(client, places(r))
	if r.Console { // without, ID tokens are signed with the secret
		client[amClient+"idTokenSignedResponseAlg"] = []string{"RS256"}
	}
	put := wire.Call{
		Op: "create the client", Method: http.MethodPut, URL: f.client(r.Name), JSON: client,
		Header: http.Header{"If-None-Match": {"*"}}, Secrets: []string{secret},
	}
	a, err := f.do(ctx, put)
	if err != nil {
		return connector.Registered{}, err
	}
	if a.Status == http.StatusNotFound && strings.Contains(string(a.Body), noParent) {
		client["username"], client["agenttype"] = r.Name, []string{"OAuth2Client"}
		put.Method, put.URL, put.Header = http.MethodPost, f.realm+"/agents?_action=create", nil
		if a, err = f.do(ctx, put); err != nil {
			return connector.Registered{}, err
		}
	}
	if a.Status != http.StatusCreated {
		return connector.Registered{}, put.Failure(a)
	}
	made := connector.Registered{ClientID: r.Name, ClientSecret: secret, Handle: connector.Handle{ClientID: r.Name}}
	// A server that does not know these members makes an empty client without a word.
	got, err := f.Read(ctx, made.Handle)
	switch {
	case err != nil:
		why := fmt.Sprintf("what the server took over could not be read (%v)", err)
		return connector.Registered{}, connector.TakeBack(ctx, f, made, why)
	case got == nil || len(connector.Without(r.Scopes, got.Scopes)) > 0:
		return connector.Registered{}, connector.TakeBack(ctx, f, made, "the server did not take the client's scopes over")
	}
	return made, nil
}

// places are the members that say where people may be sent, and with what: a code (RFC 6749, section 4.1.1). A client for which
// no response type is named has all that there are where it is its realm's first, and none where it is not.
func places(r connector.Registration) map[string]any {
	members := map[string]any{amClient + "redirectionURIs": numbered(r.Callbacks)}
	if len(r.Callbacks) > 0 {
		members[amClient+"responseTypes"] = numbered([]string{"code"})
	}
	if len(r.Farewells) > 0 {
		members[amClient+"postLogoutRedirectURI"] = numbered(r.Farewells)
	}
	return members
}

// numbered writes a list as the configuration API has it: [0]=first, [1]=second.
func numbered(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = fmt.Sprintf("[%d]=%s", i, s)
	}
	return out
}

// unnumbered reads such a list, whose items come in any order. One empty item is how it writes an empty list.
func unnumbered(list []string) []string {
	out := make([]string, len(list))
	for _, s := range list {
		number, value, _ := strings.Cut(strings.TrimPrefix(s, "["), "]=")
		if i, err := strconv.Atoi(number); err == nil && i >= 0 && i < len(out) {
			out[i] = value
		}
	}
	return slices.DeleteFunc(out, func(s string) bool { return s == "" })
}

// Find implements Finder. The name is the client id; the secret is never told.
func (f *forgerock) Find(ctx context.Context, name string) (*connector.Registered, error) {
	found, err := f.Read(ctx, connector.Handle{ClientID: name})
	if err != nil || found == nil {
		return nil, err
	}
	return &connector.Registered{ClientID: name, Handle: connector.Handle{ClientID: name}}, nil
}

// Read implements Reader.
func (f *forgerock) Read(ctx context.Context, h connector.Handle) (*connector.Client, error) {
	if strings.ContainsAny(h.ClientID, `/\`) {
		return nil, nil //nolint:nilnil // no such id can be addressed there, however it is written: 400
	}
	o, err := connector.Look(ctx, f.do, f.client(h.ClientID), gone, "_id", h.ClientID)
	if err != nil || o == nil {
		return nil, err
	}
	list := func(name string) []string { return unnumbered(wire.ListOf(o, amClient+name)) }
	c := &connector.Client{ClientID: h.ClientID, Name: h.ClientID, Callbacks: list("redirectionURIs"), Scopes: list("scopes"), Handle: h}
	if names := list("name"); len(names) > 0 {
		c.Name = names[0]
	}
	return c, nil
}

// Prove implements Prover.
func (f *forgerock) Prove(ctx context.Context, clientID, secret string) error {
	return connector.Prove(ctx, f, clientID, secret)
}

// Token implements Granter, with a scope of the client's own where none is set. That its scopes cannot be read says nothing of
// the secret, so the error is no *wire.Failure.
func (f *forgerock) Token(ctx context.Context, r connector.TokenRequest) (wire.AccessToken, error) {
	if f.Params == nil && len(r.Scopes) == 0 {
		c, err := f.Read(ctx, connector.Handle{ClientID: r.ClientID})
		if err != nil {
			return wire.AccessToken{}, keyward.Errorf(keyward.CodeKeyManagerFailed, "the client's scopes could not be read: %v", err)
		}
		if c != nil && len(c.Scopes) > 0 {
			r.Scopes = c.Scopes[:1]
		}
	}
	return f.TokenEndpoint.Token(ctx, r)
}

// Rotate implements Rotator.
func (f *forgerock) Rotate(ctx context.Context, h connector.Handle) (string, error) {
	secret := rand.Text() + rand.Text()
	err := f.change(ctx, "set a new secret", h, map[string]any{"userpassword": secret}, secret)
	return secret, err
}

// change puts some members of a client. What it leaves out stays as it is.
func (f *forgerock) change(ctx context.Context, op string, h connector.Handle, members map[string]any, secrets ...string) error {
	put := wire.Call{
		Op: op, Method: http.MethodPut, URL: f.client(h.ClientID), Header: http.Header{"If-Match": {"*"}},
		JSON: members, Secrets: secrets,
	}
	a, err := f.do(ctx, put)
	if err == nil && a.Status != http.StatusOK {
		err = put.Failure(a)
	}
	return err
}

// Delete implements Connector.
func (f *forgerock) Delete(ctx context.Context, h connector.Handle) error {
	return connector.Remove(ctx, f.do, f.client(h.ClientID), gone)
}

// gone knows OpenAM's own answer about a client that is not there. While OpenAM itself is not there, as during an upgrade, what
// runs it answers 404 about everything.
func gone(a *wire.Answer) bool {
	o, ok := a.Object()
	return connector.NotFound(a) && ok && string(o["code"]) == "404"
}

func (f *forgerock) client(id string) string {
	return f.realm + "/realm-config/agents/OAuth2Client/" + url.PathEscape(id)
}

// do makes a call with a session of the administrator. One that is refused, because it is over by now, is made anew once.
func (f *forgerock) do(ctx context.Context, k wire.Call) (*wire.Answer, error) {
	for first := true; ; first = false {
		session, err := f.tokens.Session(append([]string{f.base, f.user}, f.password.Values()...), !first, func() (string, error) {
			return f.signIn(ctx)
		})
		if err != nil {
			return nil, err
		}
		k := k
		k.Header = k.Header.Clone()
		if k.Header == nil {
			k.Header = http.Header{}
		}
		k.Header.Set(f.cookie, session)
		k.Header.Set("Accept-API-Version", "protocol=1.0,resource=1.0")
		k.Secrets = append(slices.Clone(k.Secrets), session)
		a, err := f.Caller.Do(ctx, k)
		if err != nil || !first || a.Status != http.StatusUnauthorized {
			return a, err
		}
	}
}

func (f *forgerock) signIn(ctx context.Context) (string, error) {
	post := wire.Call{
		Op: "sign in as the administrator", Method: http.MethodPost, URL: f.base + "/json/authenticate", JSON: struct{}{},
		Secrets: f.password.Values(),
	}
	a, err := f.Caller.WithSecret(ctx, f.known, f.password, func(password string) wire.Call {
		post.Header = http.Header{
			"X-Openam-Username": {f.user}, "X-Openam-Password": {password}, "Accept-Api-Version": {"resource=2.0, protocol=1.0"},
		}
		return post
	}, wire.Unauthorized)
	if err != nil {
		return "", err
	}
	var answer struct {
		TokenID string `json:"tokenId"`
	}
	if a.Status != http.StatusOK || json.Unmarshal(a.Body, &answer) != nil || answer.TokenID == "" {
		return "", post.Failure(a)
	}
	return answer.TokenID, nil
}
