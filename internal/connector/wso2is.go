package connector

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/wire"
)

func wso2isType() Type {
	return Type{
		Name:  keyward.TypeWSO2IS,
		Title: "WSO2 Identity Server 7, Asgardeo",
		Help: "An organization of WSO2 Identity Server 7: discovery is https://HOST:9443/oauth2/token, for a tenant " +
			"https://HOST:9443/t/TENANT/oauth2/token, and for Asgardeo https://api.asgardeo.io/t/ORGANIZATION/oauth2/token. " +
			"Clients are created through its registration API; secrets are rotated through its application API.",
		Creates: true,
		AdminFields: append([]Field{
			{
				Name: "connection.clientId", Title: "Management application's client id", Type: FieldString,
				Help: "A machine-to-machine application that is authorized for the APIs \"Dynamic Client Registration\" and " +
					"\"Application Management\". The only way into Asgardeo.",
			},
			{
				Name: "connection.clientSecret", Title: "Management application's client secret", Type: FieldString, Secret: true,
				Help: "Needed with clientId.",
			},
			{
				Name: "connection.username", Title: "Administrator's user name", Type: FieldString,
				Help: "In place of a management application.",
			},
			{
				Name: "connection.password", Title: "Administrator's password", Type: FieldString, Secret: true,
				Help: "Needed with username.",
			},
			{
				Name: "connection.adminUrl", Title: "Address of the organization", Type: FieldURL,
				Help: "What stands before /api/identity/oauth2/dcr. Derived from the issuer when left out.",
			},
		}, introspectionFields()...),
		DeveloperFields: []Field{
			{
				Name: "token_type_extension", Title: "Access token format", Type: FieldString, Enum: []string{"JWT", "Default"},
				Default: "JWT", Help: "Default is an opaque token, which gateways have to ask about.",
			},
			{Name: "ext_application_token_lifetime", Title: "Application tokens' lifetime", Type: FieldInteger, Help: "Seconds."},
			{Name: "ext_user_token_lifetime", Title: "User tokens' lifetime", Type: FieldInteger, Help: "Seconds."},
			{Name: "ext_refresh_token_lifetime", Title: "Refresh tokens' lifetime", Type: FieldInteger, Help: "Seconds."},
			{Name: "ext_pkce_mandatory", Title: "PKCE is mandatory", Type: FieldBoolean},
		},
		ClientIDClaims: []string{"client_id", "azp"},
		ScopeClaims:    []string{"scope"},
		OwnClients:     []string{"CONSOLE", "MY_ACCOUNT"},
		Limits: []string{
			"scopes cannot be given at registration: an administrator authorizes the client for an API resource",
			"a new secret ends the old one at once",
			"an administrator's password opens WSO2 Identity Server only; Asgardeo wants a management application",
			"proven against a contract server written from the vendor's documentation only",
		},
	}
}

// What a management application asks for; the server leaves out what it is not authorized for.
const wso2isScopes = "internal_dcr_create internal_dcr_view internal_dcr_delete " +
	"internal_application_mgt_view internal_application_mgt_create internal_application_mgt_update"

// wso2is manages clients through Dynamic Client Registration 1.1 of WSO2 Identity Server, where the administrator's
// credential opens every client, so that the client's own registration token is never needed.
type wso2is struct {
	prover
	base     string // what stands before /oauth2/token and /api
	register string // endpoint
	tokens   *wire.Tokens
	account  wire.Account // when it has a client id
	user     string
	password string
}

func openWSO2IS(s Server, c *wire.Caller, tokens *wire.Tokens) (Connector, error) {
	base := strings.TrimSuffix(s.text("adminUrl"), "/")
	if base == "" {
		at, _, _ := strings.Cut(s.declared(), wellKnown)
		before, ok := strings.CutSuffix(at, "/oauth2/token")
		if !ok || URLFault(before) != "" {
			return nil, keyward.Invalid([]keyward.FieldError{fieldError("spec.connection.adminUrl",
				"is required: %s does not end in /oauth2/token", at)})
		}
		base = before
	}
	w := &wso2is{
		prover: newProver(s, c), base: base, register: s.Spec.Endpoints.Registration, tokens: tokens,
		user: s.text("username"), password: s.secret("password"),
	}
	if w.register == "" {
		w.register = base + "/api/identity/oauth2/dcr/v1.1/register"
	}
	if id := s.text("clientId"); id != "" {
		w.account = wire.Account{
			Endpoint: base + "/oauth2/token", ClientID: id, Secret: s.secret("clientSecret"), Params: url.Values{"scope": {wso2isScopes}},
		}
	}
	return w, nil
}

// Register implements Connector.
func (w *wso2is) Register(ctx context.Context, r Registration) (Registered, error) {
	if len(r.Scopes) > 0 {
		return Registered{}, keyward.Invalid([]keyward.FieldError{fieldError("scopes", "cannot be given to a client of WSO2 "+
			"Identity Server when it is registered: leave them out, and let an administrator there authorize the client for "+
			"the API resource whose scopes they are")})
	}
	body := map[string]any{
		"client_name": r.Name, "grant_types": r.Grants, "redirect_uris": append([]string{}, r.Callbacks...),
		"token_type_extension": "JWT",
	}
	for name, value := range r.Fields {
		body[name] = value
	}
	post := wire.Call{Op: "register the client", Method: http.MethodPost, URL: w.register, JSON: body}
	a, err := w.do(ctx, post)
	if err != nil {
		return Registered{}, err
	}
	made, ok := readWSO2IS(a)
	switch {
	case a.Status != http.StatusCreated || !ok:
		return Registered{}, post.Failure(a)
	case made.ClientSecret == "":
		return Registered{}, takeBack(ctx, w, made, "the server gave the client no secret")
	}
	return made, nil
}

func readWSO2IS(a *wire.Answer) (Registered, bool) {
	o, ok := a.Object()
	id := wire.Member(o, "client_id")
	return Registered{
		ClientID: id, ClientSecret: wire.Member(o, "client_secret"), Handle: Handle{ClientID: id},
		Grants: wire.ListOf(o, "grant_types"), SecretExpiresAt: expiry(o),
	}, ok && id != ""
}

// Find implements Finder; names are unique there.
func (w *wso2is) Find(ctx context.Context, name string) (*Registered, error) {
	get := wire.Call{
		Op: "find the client", Method: http.MethodGet, URL: w.register + "?" + url.Values{"client_name": {name}}.Encode(),
	}
	a, err := w.do(ctx, get)
	if err != nil || unknownToWSO2IS(a) {
		return nil, err
	}
	found, ok := readWSO2IS(a)
	o, _ := a.Object() // readWSO2IS has said whether it is one
	if a.Status != http.StatusOK || !ok {
		return nil, get.Failure(a)
	}
	if wire.Member(o, "client_name") != name {
		return nil, nil //nolint:nilnil // Finder says so
	}
	return &found, nil
}

// Read implements Reader.
func (w *wso2is) Read(ctx context.Context, h Handle) (*Client, error) {
	get := wire.Call{Op: "read the client", Method: http.MethodGet, URL: w.client(h)}
	a, err := w.do(ctx, get)
	if err != nil || unknownToWSO2IS(a) {
		return nil, err
	}
	o, ok := a.Object()
	if a.Status != http.StatusOK || !ok || wire.Member(o, "client_id") != h.ClientID {
		return nil, get.Failure(a)
	}
	return &Client{
		ClientID: h.ClientID, Name: wire.Member(o, "client_name"), Grants: wire.ListOf(o, "grant_types"),
		Callbacks: wire.ListOf(o, "redirect_uris"), Handle: h,
	}, nil
}

// Rotate implements Rotator, through the application API: registration has no way to make a new secret.
func (w *wso2is) Rotate(ctx context.Context, h Handle) (string, error) {
	applications := w.base + "/api/server/v1/applications"
	list := wire.Call{
		Op: "find the application", Method: http.MethodGet,
		URL: applications + "?" + url.Values{"filter": {"clientId eq " + h.ClientID}}.Encode(),
	}
	a, err := w.do(ctx, list)
	if err != nil {
		return "", err
	}
	var found struct {
		Applications []struct {
			ID string `json:"id"`
		} `json:"applications"`
	}
	if a.Status != http.StatusOK || json.Unmarshal(a.Body, &found) != nil {
		return "", list.Failure(a)
	}
	for _, app := range found.Applications {
		protocol := applications + "/" + url.PathEscape(app.ID) + "/inbound-protocols/oidc"
		id, _, err := w.protocol(ctx, wire.Call{Op: "read the application", Method: http.MethodGet, URL: protocol})
		if err != nil {
			return "", err
		}
		if id != h.ClientID {
			continue
		}
		post := wire.Call{Op: "make a new secret", Method: http.MethodPost, URL: protocol + "/regenerate-secret"}
		_, secret, err := w.protocol(ctx, post)
		if err == nil && secret == "" {
			err = &wire.Failure{Op: post.Op, Status: http.StatusOK, Sent: true, Description: "the answer holds no secret"}
		}
		return secret, err
	}
	return "", &wire.Failure{
		Op: "make a new secret", Status: http.StatusNotFound, Sent: true, Description: "the server has no client " + h.ClientID,
	}
}

// protocol reads an application's client id and secret from the answer to a call.
func (w *wso2is) protocol(ctx context.Context, k wire.Call) (id, secret string, err error) {
	a, err := w.do(ctx, k)
	if err != nil {
		return "", "", err
	}
	o, ok := a.Object()
	if a.Status != http.StatusOK || !ok || wire.Member(o, "clientId") == "" {
		return "", "", k.Failure(a)
	}
	return wire.Member(o, "clientId"), wire.Member(o, "clientSecret"), nil
}

// Delete implements Connector.
func (w *wso2is) Delete(ctx context.Context, h Handle) error {
	return remove(ctx, w.do, w.client(h), unknownToWSO2IS)
}

func (w *wso2is) client(h Handle) string { return w.register + "/" + url.PathEscape(h.ClientID) }

// unknownToWSO2IS tells that there is no such client: 404, or in most versions a 401 that, unlike the refusal of a
// credential, has neither a challenge nor a body.
func unknownToWSO2IS(a *wire.Answer) bool {
	bare := len(bytes.TrimSpace(a.Body)) == 0 && a.Header.Get("WWW-Authenticate") == ""
	return a.Status == http.StatusNotFound || a.Status == http.StatusUnauthorized && bare
}

// do makes a call with the administrator's credential. The password goes out as it is (RFC 7617), not form-encoded as
// client credentials are: it is no client's.
func (w *wso2is) do(ctx context.Context, c wire.Call) (*wire.Answer, error) {
	if w.account.ClientID == "" {
		if w.user == "" {
			return nil, keyward.Errorf(keyward.CodeCreationDisabled, "the key manager has neither a management application nor an "+
				"administrator: set spec.connection.clientId or spec.connection.username, or map a client that exists")
		}
		credential := base64.StdEncoding.EncodeToString([]byte(w.user + ":" + w.password))
		c.Header = http.Header{"Authorization": {"Basic " + credential}}
		c.Secrets = slices.Concat(c.Secrets, []string{w.password, credential})
		return w.caller.Do(ctx, c)
	}
	return w.tokens.Do(ctx, w.caller, w.account, c, unknownToWSO2IS)
}
