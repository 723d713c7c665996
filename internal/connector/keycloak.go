package connector

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/wire"
)

// openKeycloak chooses the way into the realm: its admin API where there is a service account, else its registration
// endpoint.
func openKeycloak(s Server, c *wire.Caller, tokens *wire.Tokens) (Connector, error) {
	dcr := newOIDC(s, c)
	// A client that asks for scopes by name loses all default scopes of the realm there, and with them its audiences.
	dcr.keepScopes = true
	if s.text("clientId") == "" {
		return dcr, nil
	}
	issuer := s.Spec.Issuer
	if issuer == "" {
		issuer = s.Status.Issuer
	}
	admin := s.text("adminUrl")
	if admin == "" {
		base, realm, ok := strings.Cut(issuer, "/realms/")
		if !ok || realm == "" || strings.Contains(realm, "/") {
			return nil, keyward.Invalid([]keyward.FieldError{fieldError("spec.connection.adminUrl",
				"is required: the issuer %s is not of the form …/realms/NAME", issuer)})
		}
		admin = base + "/admin/realms/" + realm
	}
	return &keycloak{
		prover: dcr.prover, admin: strings.TrimSuffix(admin, "/"), tokens: tokens,
		account: wire.Account{Endpoint: dcr.prover.token, ClientID: s.text("clientId"), Secret: s.secret("clientSecret")},
	}, nil
}

// keycloak manages a realm's clients through its admin API, where a client has an id of the database beside its client
// id. The client id is chosen by us, so an interrupted registration can be found.
type keycloak struct {
	prover
	admin   string
	tokens  *wire.Tokens
	account wire.Account
}

// keycloakClient is the part of Keycloak's ClientRepresentation that we write and read.
type keycloakClient struct {
	ID                   string            `json:"id,omitempty"`
	ClientID             string            `json:"clientId"`
	Name                 string            `json:"name,omitempty"`
	Description          string            `json:"description,omitempty"`
	Protocol             string            `json:"protocol"`
	PublicClient         bool              `json:"publicClient"`
	Authenticator        string            `json:"clientAuthenticatorType"`
	ServiceAccounts      bool              `json:"serviceAccountsEnabled"`
	StandardFlow         bool              `json:"standardFlowEnabled"`
	ImplicitFlow         bool              `json:"implicitFlowEnabled"`
	DirectAccessGrants   bool              `json:"directAccessGrantsEnabled"`
	RedirectURIs         []string          `json:"redirectUris"`
	Attributes           map[string]string `json:"attributes"`
	DefaultClientScopes  []string          `json:"defaultClientScopes,omitempty"`
	OptionalClientScopes []string          `json:"optionalClientScopes,omitempty"`
}

// Register implements Connector.
func (k *keycloak) Register(ctx context.Context, r Registration) (Registered, error) {
	client, err := representation(r)
	if err != nil {
		return Registered{}, err
	}
	if len(r.Scopes) > 0 {
		if client.DefaultClientScopes, client.OptionalClientScopes, err = k.scopes(ctx, r.Scopes); err != nil {
			return Registered{}, err
		}
	}
	post := wire.Call{Op: "create the client", Method: http.MethodPost, URL: k.admin + "/clients", JSON: client}
	a, err := k.do(ctx, post)
	if err != nil {
		return Registered{}, err
	}
	if a.Status != http.StatusCreated {
		return Registered{}, post.Failure(a)
	}
	made, err := k.Find(ctx, r.Name)
	if err == nil && (made == nil || made.ClientSecret == "") {
		err = &wire.Failure{Op: "read the client's secret", Status: http.StatusOK, Sent: true,
			Description: "the client was made, and its secret cannot be read: the service account lacks a role"}
	}
	if err != nil {
		return Registered{}, k.takeBack(ctx, r.Name, err)
	}
	return *made, nil
}

// takeBack deletes a client that was made and whose secret could not be read.
func (k *keycloak) takeBack(ctx context.Context, name string, cause error) error {
	failure := &wire.Failure{Op: "create the client", Status: http.StatusBadRequest, Sent: true, Err: cause, Description: cause.Error()}
	if err := k.Delete(ctx, Handle{ClientID: name}); err != nil {
		failure.Status = http.StatusCreated
		failure.Description += "; and it could not be deleted again"
	}
	return failure
}

// representation writes the wanted grants as Keycloak's switches.
func representation(r Registration) (keycloakClient, error) {
	c := keycloakClient{
		ClientID: r.Name, Name: r.Name, Protocol: "openid-connect", Authenticator: "client-secret",
		Description:  "Made by Keyward for an application; it is deleted with the application's keys.",
		RedirectURIs: append([]string{}, r.Callbacks...),
		Attributes:   map[string]string{"use.refresh.tokens": "false"},
	}
	for i, grant := range r.Grants {
		switch grant {
		case "client_credentials":
			c.ServiceAccounts = true
		case "authorization_code":
			c.StandardFlow = true
		case "implicit":
			c.ImplicitFlow = true
		case "password":
			c.DirectAccessGrants = true
		case "refresh_token":
			c.Attributes["use.refresh.tokens"] = "true"
		case "urn:ietf:params:oauth:grant-type:device_code":
			c.Attributes["oauth2.device.authorization.grant.enabled"] = "true"
		case "urn:openid:params:grant-type:ciba":
			c.Attributes["oidc.ciba.grant.enabled"] = "true"
		case "urn:ietf:params:oauth:grant-type:token-exchange":
			c.Attributes["standard.token.exchange.enabled"] = "true"
		default:
			return c, keyward.Invalid([]keyward.FieldError{fieldError(fmt.Sprintf("grants[%d]", i),
				"a client of Keycloak cannot be given the grant %s", grant)})
		}
	}
	return c, nil
}

// scopes gives the realm's default scopes, which stay, and of the asked ones those that are not among them.
func (k *keycloak) scopes(ctx context.Context, asked []string) (defaults, optional []string, err error) {
	all, err := k.scopeNames(ctx, "/client-scopes")
	if err != nil {
		return nil, nil, err
	}
	if unknown := without(asked, append(all, "openid")); len(unknown) > 0 {
		return nil, nil, keyward.Invalid([]keyward.FieldError{fieldError("scopes", "the realm has no scope %s",
			strings.Join(unknown, ", "))})
	}
	defaults, err = k.scopeNames(ctx, "/default-default-client-scopes")
	if err != nil {
		return nil, nil, err
	}
	return defaults, slices.DeleteFunc(without(asked, defaults), func(s string) bool { return s == "openid" }), nil
}

func (k *keycloak) scopeNames(ctx context.Context, path string) ([]string, error) {
	get := wire.Call{Op: "read the realm's client scopes", Method: http.MethodGet, URL: k.admin + path}
	a, err := k.do(ctx, get)
	if err != nil {
		return nil, wire.Harmless(err)
	}
	var scopes []struct {
		Name     string `json:"name"`
		Protocol string `json:"protocol"`
	}
	if a.Status != http.StatusOK || json.Unmarshal(a.Body, &scopes) != nil {
		return nil, wire.Harmless(get.Failure(a))
	}
	names := []string{}
	for _, s := range scopes {
		if s.Protocol == "openid-connect" || s.Protocol == "" {
			names = append(names, s.Name)
		}
	}
	return names, nil
}

// Find implements Finder. The name is the client id.
func (k *keycloak) Find(ctx context.Context, name string) (*Registered, error) {
	id, err := k.internalID(ctx, name)
	if err != nil || id == "" {
		return nil, err
	}
	get := wire.Call{Op: "read the client's secret", Method: http.MethodGet, URL: k.client(id) + "/client-secret"}
	secret, err := k.secret(ctx, get)
	if err != nil {
		return nil, err
	}
	return &Registered{ClientID: name, ClientSecret: secret, Handle: Handle{ClientID: name}}, nil
}

// internalID gives the database's id of a client, or "".
func (k *keycloak) internalID(ctx context.Context, clientID string) (string, error) {
	c, err := k.lookup(ctx, clientID)
	if err != nil || c == nil {
		return "", err
	}
	return c.ID, nil
}

// lookup searches by client id; the answer is compared exactly, because a search may be lenient.
func (k *keycloak) lookup(ctx context.Context, clientID string) (*keycloakClient, error) {
	get := wire.Call{
		Op: "find the client", Method: http.MethodGet, URL: k.admin + "/clients?" + url.Values{"clientId": {clientID}}.Encode(),
	}
	a, err := k.do(ctx, get)
	if err != nil {
		return nil, err
	}
	var found []keycloakClient
	if a.Status != http.StatusOK || json.Unmarshal(a.Body, &found) != nil {
		return nil, get.Failure(a)
	}
	for _, c := range found {
		if c.ClientID == clientID && c.ID != "" {
			return &c, nil
		}
	}
	return nil, nil
}

// Read implements Reader.
func (k *keycloak) Read(ctx context.Context, h Handle) (*Client, error) {
	c, err := k.lookup(ctx, h.ClientID)
	if err != nil || c == nil {
		return nil, wire.Harmless(err)
	}
	grants := []string{}
	for _, g := range []struct {
		on   bool
		name string
	}{
		{c.ServiceAccounts, "client_credentials"}, {c.StandardFlow, "authorization_code"}, {c.ImplicitFlow, "implicit"},
		{c.DirectAccessGrants, "password"}, {c.Attributes["use.refresh.tokens"] == "true", "refresh_token"},
		{c.Attributes["oauth2.device.authorization.grant.enabled"] == "true", "urn:ietf:params:oauth:grant-type:device_code"},
		{c.Attributes["oidc.ciba.grant.enabled"] == "true", "urn:openid:params:grant-type:ciba"},
		{c.Attributes["standard.token.exchange.enabled"] == "true", "urn:ietf:params:oauth:grant-type:token-exchange"},
	} {
		if g.on {
			grants = append(grants, g.name)
		}
	}
	return &Client{
		ClientID: c.ClientID, Name: c.Name, Grants: grants, Callbacks: c.RedirectURIs,
		Scopes: append(c.DefaultClientScopes, c.OptionalClientScopes...), Handle: h,
	}, nil
}

func (k *keycloak) secret(ctx context.Context, c wire.Call) (string, error) {
	a, err := k.do(ctx, c)
	if err != nil {
		return "", err
	}
	o, ok := a.Object()
	if a.Status != http.StatusOK || !ok || wire.Member(o, "value") == "" {
		return "", c.Failure(a)
	}
	return wire.Member(o, "value"), nil
}

// Rotate implements Rotator.
func (k *keycloak) Rotate(ctx context.Context, h Handle) (string, error) {
	id, err := k.internalID(ctx, h.ClientID)
	if err != nil {
		return "", err
	}
	if id == "" {
		return "", &wire.Failure{Op: "make a new secret", Status: http.StatusNotFound, Sent: true,
			Description: "the realm has no client " + h.ClientID}
	}
	return k.secret(ctx, wire.Call{
		Op: "make a new secret", Method: http.MethodPost, URL: k.client(id) + "/client-secret", JSON: struct{}{},
	})
}

// Delete implements Connector.
func (k *keycloak) Delete(ctx context.Context, h Handle) error {
	id, err := k.internalID(ctx, h.ClientID)
	if err != nil {
		return err
	}
	if id == "" {
		return nil
	}
	del := wire.Call{Op: "delete the client", Method: http.MethodDelete, URL: k.client(id)}
	a, err := k.do(ctx, del)
	if err != nil {
		return err
	}
	switch a.Status {
	case http.StatusNoContent, http.StatusOK, http.StatusNotFound:
		return nil
	default:
		return del.Failure(a)
	}
}

func (k *keycloak) client(id string) string { return k.admin + "/clients/" + url.PathEscape(id) }

// do makes a call to the admin API with a token of the service account.
func (k *keycloak) do(ctx context.Context, c wire.Call) (*wire.Answer, error) {
	return k.tokens.Do(ctx, k.caller, k.account, c, nil)
}
