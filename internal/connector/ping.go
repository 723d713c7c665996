package connector

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/wire"
)

func pingType() Type {
	return Type{
		Name:  keyward.TypePing,
		Title: "PingFederate",
		Help: "A PingFederate server: discovery is https://HOST:9031/.well-known/openid-configuration. Clients are created " +
			"through the administrative API, usually at port 9999. Client ids and secrets are Keyward's.",
		Creates: true,
		AdminFields: append([]Field{
			{
				Name: "connection.adminUrl", Title: "Administrative API", Type: FieldURL,
				Help: "As in https://ping.example:9999/pf-admin-api/v1. It is never guessed, because a password is sent there.",
			},
			{
				Name: "connection.username", Title: "Administrator's user name", Type: FieldString,
				Help: "A local account, or one of the password credential validator of the administrative API, with the role Admin.",
			},
			{
				Name: "connection.password", Title: "Administrator's password", Type: FieldString, Secret: true,
				Help: "Needed with username.",
			},
			{
				Name: "connection.accessTokenManager", Title: "Access token manager", Type: FieldString,
				Help: "Id of the one that clients get by default. Left out, the server's default.",
			},
		}, introspectionFields()...),
		DeveloperFields: []Field{
			{
				Name: "accessTokenManager", Title: "Access token manager", Type: FieldString,
				Help: "Id of the one that decides what the client's tokens look like. Left out, the key manager's.",
			},
			{Name: "bypassApprovalPage", Title: "Skip the approval page", Type: FieldBoolean},
			{
				Name: "restrictedResponseTypes", Title: "Response types", Type: FieldList,
				Enum: []string{"code", "token", "id_token", "code token", "code id_token", "token id_token", "code token id_token"},
				Help: "Left out, all are allowed.",
			},
			{Name: "requireProofKeyForCodeExchange", Title: "PKCE is mandatory", Type: FieldBoolean},
			{Name: "description", Title: "Description", Type: FieldString, Help: "Shown to people who are asked for approval."},
			{Name: "logoUrl", Title: "Logo", Type: FieldURL},
		},
		ClientIDClaims: []string{"client_id", "client_id_name"},
		ScopeClaims:    []string{"scope"},
		Limits: []string{
			"tokens name their issuer only where the access token manager is told to: set its Issuer Claim Value",
			"scopes are given from the common ones; exclusive scopes are an administrator's to give",
			"whether the old secret lives on after a new one is the server's Client Secret Retention Period to say",
			"proven against a contract server written from the vendor's documentation only",
		},
	}
}

// ping manages clients through the administrative API. The client id is chosen by us, so an interrupted registration
// can be found; the secret too, and the server never gives it again.
type ping struct {
	prover
	admin    string
	user     string
	password string
	manager  string // access token manager; "" = the server's default
}

func openPing(s Server, c *wire.Caller) (Connector, error) {
	return &ping{
		prover: newProver(s, c), admin: strings.TrimSuffix(s.text("adminUrl"), "/"), user: s.text("username"),
		password: s.secret("password"), manager: s.text("accessTokenManager"),
	}, nil
}

// pingGrants are PingFederate's names of the grant types (RFC 7591, section 2).
func pingGrants() map[string]string {
	return map[string]string{
		"authorization_code": "AUTHORIZATION_CODE", "implicit": "IMPLICIT", "refresh_token": "REFRESH_TOKEN",
		"client_credentials": "CLIENT_CREDENTIALS", "password": "RESOURCE_OWNER_CREDENTIALS",
		"urn:ietf:params:oauth:grant-type:device_code":    "DEVICE_CODE",
		"urn:openid:params:grant-type:ciba":               "CIBA",
		"urn:ietf:params:oauth:grant-type:token-exchange": "TOKEN_EXCHANGE",
		"urn:ietf:params:oauth:grant-type:jwt-bearer":     "EXTENSION",
		"urn:ietf:params:oauth:grant-type:saml2-bearer":   "EXTENSION",
	}
}

// Register implements Connector.
func (p *ping) Register(ctx context.Context, r Registration) (Registered, error) {
	secret := rand.Text() + rand.Text()
	body, err := p.representation(r, secret)
	if err != nil {
		return Registered{}, err
	}
	post := wire.Call{
		Op: "create the client", Method: http.MethodPost, URL: p.admin + "/oauth/clients", JSON: body, Secrets: []string{secret},
	}
	a, err := p.do(ctx, post)
	if err != nil {
		return Registered{}, err
	}
	members, ok := a.Object()
	if a.Status != http.StatusCreated || !ok || wire.Member(members, "clientId") != r.Name {
		return Registered{}, post.Failure(a)
	}
	return Registered{ClientID: r.Name, ClientSecret: secret, Handle: Handle{ClientID: r.Name}}, nil
}

// representation is the client as the administrative API writes it.
func (p *ping) representation(r Registration, secret string) (map[string]any, error) {
	grants := []string{}
	for i, grant := range r.Grants {
		name, ok := pingGrants()[grant]
		if !ok {
			return nil, keyward.Invalid([]keyward.FieldError{fieldError(fmt.Sprintf("grants[%d]", i),
				"a client of PingFederate cannot be given the grant %s", grant)})
		}
		if !slices.Contains(grants, name) {
			grants = append(grants, name)
		}
	}
	body := map[string]any{
		"clientId": r.Name, "name": r.Name, "grantTypes": grants, "redirectUris": append([]string{}, r.Callbacks...),
		"clientAuth": map[string]any{"type": "SECRET", "secret": secret},
	}
	if len(r.Scopes) > 0 {
		body["restrictScopes"], body["restrictedScopes"] = true, r.Scopes
	}
	manager := p.manager
	for name, value := range r.Fields {
		if name == "accessTokenManager" {
			manager = fmt.Sprint(value)
			continue
		}
		body[name] = value
	}
	if manager != "" {
		body["defaultAccessTokenManagerRef"] = map[string]any{"id": manager}
	}
	return body, nil
}

// Find implements Finder. The name is the client id; the secret cannot be read again.
func (p *ping) Find(ctx context.Context, name string) (*Registered, error) {
	c, err := p.Read(ctx, Handle{ClientID: name})
	if err != nil || c == nil {
		return nil, err
	}
	return &Registered{ClientID: name, Handle: c.Handle}, nil
}

// Read implements Reader.
func (p *ping) Read(ctx context.Context, h Handle) (*Client, error) {
	get := wire.Call{Op: "read the client", Method: http.MethodGet, URL: p.client(h)}
	a, err := p.do(ctx, get)
	if err != nil || a.Status == http.StatusNotFound {
		return nil, wire.Harmless(err)
	}
	members, ok := a.Object()
	id := wire.Member(members, "clientId")
	if a.Status != http.StatusOK || !ok || id == "" {
		return nil, wire.Harmless(get.Failure(a))
	}
	if id != h.ClientID {
		return nil, nil //nolint:nilnil // another client, whose id differs in case
	}
	grants := []string{}
	for _, vendors := range wire.ListOf(members, "grantTypes") {
		for _, ours := range slices.Sorted(maps.Keys(pingGrants())) {
			if pingGrants()[ours] == vendors {
				grants = append(grants, ours)
			}
		}
	}
	return &Client{
		ClientID: id, Name: wire.Member(members, "name"), Grants: grants, Callbacks: wire.ListOf(members, "redirectUris"),
		Scopes: wire.ListOf(members, "restrictedScopes"), Handle: h,
	}, nil
}

// Rotate implements Rotator.
func (p *ping) Rotate(ctx context.Context, h Handle) (string, error) {
	secret := rand.Text() + rand.Text()
	put := wire.Call{
		Op: "set a new secret", Method: http.MethodPut, URL: p.client(h) + "/clientAuth/clientSecret",
		JSON: map[string]any{"secret": secret}, Secrets: []string{secret},
	}
	a, err := p.do(ctx, put)
	if err != nil {
		return "", err
	}
	if a.Status != http.StatusOK {
		return "", put.Failure(a)
	}
	return secret, nil
}

// Delete implements Connector.
func (p *ping) Delete(ctx context.Context, h Handle) error {
	return remove(ctx, p.do, p.client(h), notFound)
}

func (p *ping) client(h Handle) string {
	return p.admin + "/oauth/clients/" + url.PathEscape(h.ClientID)
}

// do makes a call to the administrative API, which wants a field of its own against forged requests. The password goes
// out as it is (RFC 7617): it is no client's.
func (p *ping) do(ctx context.Context, c wire.Call) (*wire.Answer, error) {
	if p.admin == "" || p.user == "" {
		return nil, keyward.Errorf(keyward.CodeCreationDisabled, "the key manager has no way into the administrative API: set "+
			"spec.connection.adminUrl and spec.connection.username, or map a client that exists")
	}
	credential := base64.StdEncoding.EncodeToString([]byte(p.user + ":" + p.password))
	c.Header = http.Header{"Authorization": {"Basic " + credential}, "X-Xsrf-Header": {"PingFederate"}}
	c.Secrets = append(c.Secrets, p.password, credential)
	return p.caller.Do(ctx, c)
}
