package connector

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/wire"
)

func forgerockType() Type {
	return Type{
		Name:  keyward.TypeForgeRock,
		Title: "ForgeRock, OpenAM",
		Help: "A realm of OpenAM or another descendant of ForgeRock's AM: discovery is https://HOST/am/oauth2/realms/root/realms/" +
			"REALM. With an administrator clients are managed through the realm's configuration, which can also rotate secrets " +
			"and be searched; without, through the registration endpoint, from which nothing can be deleted.",
		Creates: true,
		AdminFields: append([]Field{
			{
				Name: "connection.username", Title: "Administrator's user name", Type: FieldString,
				Help: "As in amadmin; one of the root realm who may change the realm's OAuth 2.0 clients.",
			},
			{
				Name: "connection.password", Title: "Administrator's password", Type: FieldString, Secret: true,
				Help: "Needed with username.",
			},
			{
				Name: "connection.cookieName", Title: "Session cookie", Type: FieldString, Default: "iPlanetDirectoryPro",
				Help: "The name under which the server takes a session; some installations change it.",
			},
			{
				Name: "connection.clientId", Title: "Registering client's id", Type: FieldString,
				Help: "Where registration is closed and there is no administrator: a client of the realm whose token opens it.",
			},
			{
				Name: "connection.clientSecret", Title: "Registering client's secret", Type: FieldString, Secret: true,
				Help: "Needed with clientId.",
			},
			{
				Name: "connection.proofScope", Title: "Scope for checking secrets", Type: FieldString,
				Help: "A scope that clients may ask for: the server gives no token without one. With an administrator, the client's " +
					"own first scope when left out. The registering client asks for it too.",
			},
		}, introspectionFields()...),
		DeveloperFields: []Field{},
		ClientIDClaims:  []string{"client_id", "azp", "aud"},
		ScopeClaims:     []string{"scope"},
		OwnClients:      []string{"amadmin"},
		Limits: []string{
			"a token's client is its aud: OpenAM writes no client_id and no azp",
			"OpenAM answers introspection only to the client that has the token: its opaque tokens are refused",
			"without an administrator: no search, no new secrets, no deletion, no look at mapped clients",
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

// openForgeRock chooses the way into the realm: its configuration where there is an administrator, else registration.
func openForgeRock(s Server, c *wire.Caller, tokens *wire.Tokens) (Connector, error) {
	at, _, _ := strings.Cut(s.declared(), wellKnown)
	issuer := strings.TrimSuffix(at, "/")
	base, realm, ok := strings.Cut(issuer+"/", "/oauth2/")
	if !ok || URLFault(base) != "" {
		return nil, keyward.Invalid([]keyward.FieldError{fieldError("spec.issuer",
			"%s is not of the form …/oauth2 or …/oauth2/realms/root/realms/NAME", at)})
	}
	dcr := newOIDC(s, c)
	dcr.registration = issuer + "/connect/register"
	if s.Spec.Endpoints.Token == "" && !sameOrigin(dcr.prover.token, issuer) { // secrets go there: discovery's word is not enough
		dcr.prover.token = issuer + "/access_token"
	}
	if scope := s.text("proofScope"); scope != "" {
		dcr.params = url.Values{"scope": {scope}}
	}
	if s.text("username") == "" {
		return &forgerockDCR{oidc: dcr, tokens: tokens, account: wire.Account{
			Endpoint: dcr.prover.token, ClientID: s.text("clientId"), Secret: s.secret("clientSecret"), Params: dcr.params,
		}}, nil
	}
	if realm = strings.Trim(realm, "/"); realm == "" {
		realm = "realms/root"
	}
	cookie := s.text("cookieName")
	if cookie == "" {
		cookie = "iPlanetDirectoryPro"
	}
	return &forgerock{
		prover: dcr.prover, base: base, realm: base + "/json/" + realm, cookie: cookie, user: s.text("username"),
		password: s.secret("password"),
	}, nil
}

// forgerockDCR registers as OpenAM understands it: RFC 7591's scope and grant_types are passed over there, an array named
// scopes counts, and the management address that it gives for a sub-realm is wrong.
type forgerockDCR struct {
	*oidc
	tokens  *wire.Tokens
	account wire.Account
}

// Register implements Connector.
func (f *forgerockDCR) Register(ctx context.Context, r Registration) (Registered, error) {
	metadata := f.metadata(r)
	delete(metadata, "scope")
	delete(metadata, "grant_types")
	metadata["scopes"] = append([]string{}, r.Scopes...)
	post := wire.Call{Op: "register the client", Method: http.MethodPost, URL: f.registration, JSON: metadata}
	if f.account.ClientID != "" {
		// Not from the cache: expires_in counts milliseconds there, and an old token is refused with 400.
		token, err := f.tokens.Get(ctx, f.caller, f.account, true)
		if err != nil {
			return Registered{}, err
		}
		post.Bearer = token
	}
	a, err := f.caller.Do(ctx, post)
	if err != nil {
		return Registered{}, err
	}
	if a.Status != http.StatusCreated {
		return Registered{}, post.Failure(a)
	}
	out, err := f.registered(ctx, r, post, a)
	if err != nil {
		return Registered{}, err
	}
	out.Handle.URI = f.registration + "?" + url.Values{"client_id": {out.ClientID}}.Encode()
	if out.Handle.AccessToken == post.Bearer {
		out.Handle.AccessToken = "" // it opens every registration, and this client's no better
	}
	return out, nil
}

// forgerock manages clients in the realm's configuration. Their ids are chosen by us.
type forgerock struct {
	prover
	base     string // of the server
	realm    string // of its configuration API
	cookie   string
	user     string
	password string
	session  string
}

const (
	amClient = "com.forgerock.openam.oauth2provider." // before most members of a client
	noParent = "Parent service does not exist"        // a realm without clients refuses the first one at its own address
)

// Register implements Connector.
func (f *forgerock) Register(ctx context.Context, r Registration) (Registered, error) {
	secret := rand.Text() + rand.Text()
	client := map[string]any{
		"userpassword": []string{secret}, amClient + "clientType": []string{"Confidential"},
		amClient + "scopes": numbered(r.Scopes), amClient + "redirectionURIs": numbered(r.Callbacks),
		amClient + "name": numbered([]string{r.Name}),
	}
	put := wire.Call{
		Op: "create the client", Method: http.MethodPut, URL: f.client(r.Name), JSON: client,
		Header: http.Header{"If-None-Match": {"*"}}, Secrets: []string{secret},
	}
	a, err := f.do(ctx, put)
	if err != nil {
		return Registered{}, err
	}
	if a.Status == http.StatusNotFound && strings.Contains(string(a.Body), noParent) {
		client["username"], client["agenttype"] = r.Name, []string{"OAuth2Client"}
		put.Method, put.URL, put.Header = http.MethodPost, f.realm+"/agents?_action=create", nil
		if a, err = f.do(ctx, put); err != nil {
			return Registered{}, err
		}
	}
	if a.Status != http.StatusCreated {
		return Registered{}, put.Failure(a)
	}
	made := Registered{ClientID: r.Name, ClientSecret: secret, Handle: Handle{ClientID: r.Name}}
	// A server that does not know these members makes an empty client without a word.
	got, err := f.Read(ctx, made.Handle)
	if err != nil || got == nil || len(without(r.Scopes, got.Scopes)) > 0 {
		return Registered{}, takeBack(ctx, f, made, "the server did not take the client's scopes over")
	}
	return made, nil
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
func (f *forgerock) Find(ctx context.Context, name string) (*Registered, error) {
	found, err := f.Read(ctx, Handle{ClientID: name})
	if err != nil || found == nil {
		return nil, err
	}
	return &Registered{ClientID: name, Handle: Handle{ClientID: name}}, nil
}

// Read implements Reader.
func (f *forgerock) Read(ctx context.Context, h Handle) (*Client, error) {
	get := wire.Call{Op: "read the client", Method: http.MethodGet, URL: f.client(h.ClientID)}
	a, err := f.do(ctx, get)
	if err != nil || a.Status == http.StatusNotFound {
		return nil, err
	}
	o, ok := a.Object()
	if a.Status != http.StatusOK || !ok || wire.Member(o, "_id") != h.ClientID {
		return nil, get.Failure(a)
	}
	list := func(name string) []string { return unnumbered(wire.ListOf(o, amClient+name)) }
	c := &Client{ClientID: h.ClientID, Name: h.ClientID, Callbacks: list("redirectionURIs"), Scopes: list("scopes"), Handle: h}
	if names := list("name"); len(names) > 0 {
		c.Name = names[0]
	}
	return c, nil
}

// Prove implements Prover.
func (f *forgerock) Prove(ctx context.Context, clientID, secret string) error {
	return prove(ctx, f, clientID, secret)
}

// Token implements Granter, with a scope of the client's own where none is set.
func (f *forgerock) Token(ctx context.Context, r TokenRequest) (wire.AccessToken, error) {
	if f.params == nil && len(r.Scopes) == 0 {
		c, err := f.Read(ctx, Handle{ClientID: r.ClientID})
		if err != nil {
			return wire.AccessToken{}, err
		}
		if c != nil && len(c.Scopes) > 0 {
			r.Scopes = c.Scopes[:1]
		}
	}
	return f.prover.Token(ctx, r)
}

// Rotate implements Rotator. What a change leaves out stays as it is.
func (f *forgerock) Rotate(ctx context.Context, h Handle) (string, error) {
	secret := rand.Text() + rand.Text()
	put := wire.Call{
		Op: "set a new secret", Method: http.MethodPut, URL: f.client(h.ClientID), Header: http.Header{"If-Match": {"*"}},
		JSON: map[string]any{"userpassword": secret}, Secrets: []string{secret},
	}
	a, err := f.do(ctx, put)
	if err == nil && a.Status != http.StatusOK {
		err = put.Failure(a)
	}
	return secret, err
}

// Delete implements Connector.
func (f *forgerock) Delete(ctx context.Context, h Handle) error {
	del := wire.Call{Op: "delete the client", Method: http.MethodDelete, URL: f.client(h.ClientID)}
	a, err := f.do(ctx, del)
	if err == nil && a.Status != http.StatusOK && a.Status != http.StatusNotFound {
		err = del.Failure(a)
	}
	return err
}

func (f *forgerock) client(id string) string {
	return f.realm + "/realm-config/agents/OAuth2Client/" + url.PathEscape(id)
}

// do makes a call with a session of the administrator, which is kept for one turn of work. A session that is refused is
// made anew once.
func (f *forgerock) do(ctx context.Context, k wire.Call) (*wire.Answer, error) {
	for first := true; ; first = false {
		if f.session == "" {
			session, err := f.signIn(ctx)
			if err != nil {
				return nil, wire.Harmless(err)
			}
			f.session = session
		}
		k := k
		k.Header = k.Header.Clone()
		if k.Header == nil {
			k.Header = http.Header{}
		}
		k.Header.Set(f.cookie, f.session)
		k.Header.Set("Accept-API-Version", "protocol=1.0,resource=1.0")
		k.Secrets = append(k.Secrets, f.session)
		a, err := f.caller.Do(ctx, k)
		if err != nil || !first || a.Status != http.StatusUnauthorized {
			return a, err
		}
		f.session = ""
	}
}

func (f *forgerock) signIn(ctx context.Context) (string, error) {
	post := wire.Call{
		Op: "sign in as the administrator", Method: http.MethodPost, URL: f.base + "/json/authenticate", JSON: struct{}{},
		Header: http.Header{
			"X-Openam-Username": {f.user}, "X-Openam-Password": {f.password}, "Accept-Api-Version": {"resource=2.0, protocol=1.0"},
		},
		Secrets: []string{f.password},
	}
	a, err := f.caller.Do(ctx, post)
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
