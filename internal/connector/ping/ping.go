// Package ping manages clients of PingFederate through its administrative API. It does not own what connectors have in
// common.
package ping

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/rollover"
	"keyward.dev/keyward/internal/wire"
)

// Type describes PingFederate.
func Type() connector.Type {
	return connector.Type{
		Name:  keyward.TypePing,
		Title: "PingFederate",
		Help: "A PingFederate server: discovery is https://HOST:9031/.well-known/openid-configuration. Clients are created " +
			"through the administrative API, usually at port 9999. Client ids and secrets are Keyward's.",
		Creates: true,
		AdminFields: slices.Concat([]connector.Field{
			{
				Name: "connection.adminUrl", Title: "Administrative API", Type: connector.FieldURL,
				Help: "As in https://ping.example:9999/pf-admin-api/v1. It is never guessed, because a password is sent there.",
			},
		}, connector.Administrator("A local account, or one of the password credential validator of the administrative API, "+
			"with the role Admin."), []connector.Field{
			{
				Name: "connection.accessTokenManager", Title: "Access token manager", Type: connector.FieldString,
				Help: "Id of the one that clients get by default. Left out, the server's default.",
			},
			{
				Name: "connection.exclusiveScopes", Title: "Exclusive scopes", Type: connector.FieldList,
				Help: "Those that clients are given when an API of their subscriptions asks for them. Left out, none.",
			},
		}, connector.IntrospectionFields()),
		DeveloperFields: []connector.Field{
			{
				Name: "accessTokenManager", Title: "Access token manager", Type: connector.FieldString,
				Help: "Id of the one that decides what the client's tokens look like. Left out, the key manager's.",
			},
			{Name: "bypassApprovalPage", Title: "Skip the approval page", Type: connector.FieldBoolean},
			{
				Name: "restrictedResponseTypes", Title: "Response types", Type: connector.FieldList,
				Enum: []string{"code", "token", "id_token", "code token", "code id_token", "token id_token", "code token id_token"},
				Help: "Left out, all are allowed.",
			},
			{Name: "requireProofKeyForCodeExchange", Title: "PKCE is mandatory", Type: connector.FieldBoolean},
			{Name: "description", Title: "Description", Type: connector.FieldString, Help: "Shown to people who are asked for approval."},
			{Name: "logoUrl", Title: "Logo", Type: connector.FieldURL},
		},
		ClientIDClaims: []string{"client_id", "client_id_name"},
		ScopeClaims:    []string{"scope"},
		Scopes:         connector.ScopesAssigned,
		Limits: []string{
			"tokens name their issuer only where the access token manager is told to: set its Issuer Claim Value",
			"subscriptions give exclusive scopes that connection.exclusiveScopes lists, and common ones to clients that --scope " +
				"restricts; without it a client may ask for every common scope, which no subscription's end takes away",
			"a scope that the server has not is never made there; who tokens are for is the access token manager's to say",
			"proven against a contract server written from the vendor's documentation only",
		},
	}
}

// ping manages clients through the administrative API. The client id is chosen by us, so an interrupted registration
// can be found; the secret too, and the server never gives it again.
type ping struct {
	connector.TokenEndpoint

	admin    string
	user     string
	password rollover.Credential
	known    *rollover.Memory
	manager  string   // access token manager; "" = the server's default
	signsOut bool     // it has RP-initiated logout, and so takes where people may go after it: since version 12
	named    []string // exclusive scopes that may be given
}

// Open is the connector.Opener of PingFederate.
func Open(s connector.Server, l connector.Line) (connector.Connector, error) {
	return &ping{
		TokenEndpoint: connector.NewTokenEndpoint(s, l), admin: strings.TrimSuffix(s.Text("adminUrl"), "/"),
		user: s.Text("username"), password: s.Credential("password"), known: l.Known, manager: s.Text("accessTokenManager"),
		named: s.List("exclusiveScopes"), signsOut: s.Status.SignIn != nil && s.Status.SignIn.EndSession != "",
	}, nil
}

// grantNames are PingFederate's names of the grant types (RFC 7591, section 2).
func grantNames() map[string]string {
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
func (p *ping) Register(ctx context.Context, r connector.Registration) (connector.Registered, error) {
	secret := rand.Text() + rand.Text()
	body, err := p.representation(r)
	if err != nil {
		return connector.Registered{}, err
	}
	body["clientId"], body["name"] = r.Name, r.Name
	body["clientAuth"] = map[string]any{"type": "SECRET", "secret": secret}
	post := wire.Call{
		Op: "create the client", Method: http.MethodPost, URL: p.admin + "/oauth/clients", JSON: body, Secrets: []string{secret},
	}
	a, err := p.do(ctx, post)
	if err != nil {
		return connector.Registered{}, err
	}
	members, ok := a.Object()
	if a.Status != http.StatusCreated || !ok || wire.Member(members, "clientId") != r.Name {
		return connector.Registered{}, post.Failure(a)
	}
	return connector.Registered{ClientID: r.Name, ClientSecret: secret, Handle: connector.Handle{ClientID: r.Name}}, nil
}

// representation is what can be chosen of a client, as the administrative API writes it.
func (p *ping) representation(r connector.Registration) (map[string]any, error) {
	grants := []string{}
	for i, grant := range r.Grants {
		name, ok := grantNames()[grant]
		if !ok {
			return nil, connector.Refused(fmt.Sprintf("grants[%d]", i),
				"a client of PingFederate cannot be given the grant %s", grant)
		}
		if !slices.Contains(grants, name) {
			grants = append(grants, name)
		}
	}
	body := map[string]any{"grantTypes": grants, "redirectUris": append([]string{}, r.Callbacks...)}
	if len(r.Scopes) > 0 {
		body["restrictScopes"], body["restrictedScopes"] = true, r.Scopes
	}
	policy := map[string]any{}
	if r.Logout != "" {
		policy["logoutMode"], policy["backChannelLogoutUri"] = "OIDC_BACK_CHANNEL", r.Logout
	}
	if p.signsOut && len(r.Farewells) > 0 {
		policy["postLogoutRedirectUris"] = r.Farewells
	}
	if len(policy) > 0 {
		body["oidcPolicy"] = policy
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
func (p *ping) Find(ctx context.Context, name string) (*connector.Registered, error) {
	c, err := p.Read(ctx, connector.Handle{ClientID: name})
	if err != nil || c == nil {
		return nil, err
	}
	return &connector.Registered{ClientID: name, Handle: c.Handle}, nil
}

// Read implements Reader.
func (p *ping) Read(ctx context.Context, h connector.Handle) (*connector.Client, error) {
	get := wire.Call{Op: "read the client", Method: http.MethodGet, URL: p.client(h)}
	a, err := p.do(ctx, get)
	if err != nil || connector.NotFound(a) {
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
		for _, ours := range slices.Sorted(maps.Keys(grantNames())) {
			if grantNames()[ours] == vendors {
				grants = append(grants, ours)
			}
		}
	}
	return &connector.Client{
		ClientID: id, Name: wire.Member(members, "name"), Grants: grants, Callbacks: wire.ListOf(members, "redirectUris"),
		Scopes: wire.ListOf(members, "restrictedScopes"), Disabled: string(members["enabled"]) == "false", Handle: h,
	}, nil
}

// Delete implements Connector.
func (p *ping) Delete(ctx context.Context, h connector.Handle) error {
	return connector.Remove(ctx, p.do, p.client(h), connector.NotFound)
}

func (p *ping) client(h connector.Handle) string {
	return p.admin + "/oauth/clients/" + url.PathEscape(h.ClientID)
}

// do makes a call to the administrative API, which wants a field of its own against forged requests.
func (p *ping) do(ctx context.Context, c wire.Call) (*wire.Answer, error) {
	if p.admin == "" || p.user == "" {
		return nil, keyward.Errorf(keyward.CodeCreationDisabled, "the key manager has no way into the administrative API: set "+
			"spec.connection.adminUrl and spec.connection.username, or map a client that exists")
	}
	return p.Caller.WithSecret(ctx, p.known, p.password, func(password string) wire.Call {
		k := connector.AsAdministrator(c, p.user, password)
		k.Header.Set("X-Xsrf-Header", "PingFederate")
		return k
	}, wire.Unauthorized)
}
