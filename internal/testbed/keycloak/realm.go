package keycloak

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
)

// Who the gateway and the control plane are in every realm.
const (
	IntrospectionClient = "gateway-introspector"
	IntrospectionSecret = "gateway-introspector-secret"
	ManagerClient       = "keyward-manager" // a service account that may manage clients
	ManagerSecret       = "keyward-manager-secret"
)

// Realm is a realm with optional scopes, an initial access token, a client that may introspect every token of the
// realm, and a service account that may manage its clients.
type Realm struct {
	Server             *Server
	Name               string
	Issuer             string
	SecureIssuer       string // the same realm by https
	InitialAccessToken string
}

// Scopes are the realm's optional scopes, which a registered client may have.
func Scopes() []string { return []string{"orders:read", "orders:write", "orders:files"} }

// NewRealm makes a realm of its own for a test. Where several test processes share the server, its name ends with the
// process's id.
func (s *Server) NewRealm(ctx context.Context, name string) (*Realm, error) {
	if s.child == nil {
		name = fmt.Sprintf("%s-%d", name, os.Getpid())
	}
	r := &Realm{Server: s, Name: name, Issuer: s.URL + "/realms/" + name, SecureIssuer: s.Secure + "/realms/" + name}
	keys, err := components()
	if err != nil {
		return nil, err
	}
	err = s.admin(ctx, http.MethodPost, "", map[string]any{
		"realm": name, "enabled": true, "accessTokenLifespan": 600, "components": keys,
	}, nil)
	if err != nil {
		return nil, err
	}
	for _, client := range []map[string]any{
		{"clientId": IntrospectionClient, "secret": IntrospectionSecret},
		{"clientId": ManagerClient, "secret": ManagerSecret},
	} {
		client["publicClient"] = false
		client["serviceAccountsEnabled"] = true
		client["standardFlowEnabled"] = false
		if err := r.admin(ctx, http.MethodPost, "/clients", client, nil); err != nil {
			return nil, err
		}
	}
	if err := r.grantTo(ctx, ManagerClient, "realm-management"); err != nil {
		return nil, err
	}
	for _, scope := range Scopes() {
		if err := r.addScope(ctx, scope, true, nil); err != nil {
			return nil, err
		}
	}
	// Keycloak answers "active" only to a client that the token's aud names, so every token names the gateway's.
	mapper := map[string]any{
		"name": "gateway", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
		"config": map[string]string{
			"included.client.audience": IntrospectionClient, "access.token.claim": "true",
			"introspection.token.claim": "true",
		},
	}
	if err := r.addScope(ctx, "gateway-audience", false, []any{mapper}); err != nil {
		return nil, err
	}
	var made struct{ Token string }
	err = r.admin(ctx, http.MethodPost, "/clients-initial-access", map[string]any{"expiration": 7200, "count": 500}, &made)
	if err != nil {
		return nil, err
	}
	r.InitialAccessToken = made.Token
	return r, nil
}

// Discovery is the address of the realm's metadata.
func (r *Realm) Discovery() string { return r.Issuer + "/.well-known/openid-configuration" }

// Registration is the realm's client registration endpoint (RFC 7591).
func (r *Realm) Registration() string { return r.Issuer + "/clients-registrations/openid-connect" }

func (r *Realm) admin(ctx context.Context, method, path string, body, into any) error {
	return r.Server.admin(ctx, method, "/"+url.PathEscape(r.Name)+path, body, into)
}

// addScope makes a client scope and gives it to every later client, as an optional or a default one.
func (r *Realm) addScope(ctx context.Context, name string, optional bool, mappers []any) error {
	shown, list := "false", "default"
	if optional {
		shown, list = "true", "optional"
	}
	err := r.admin(ctx, http.MethodPost, "/client-scopes", map[string]any{
		"name": name, "protocol": "openid-connect", "protocolMappers": mappers,
		"attributes": map[string]string{"include.in.token.scope": shown},
	}, nil)
	if err != nil {
		return err
	}
	id, err := r.scopeID(ctx, name)
	if err != nil {
		return err
	}
	return r.admin(ctx, http.MethodPut, "/default-"+list+"-client-scopes/"+id, nil, nil)
}

func (r *Realm) scopeID(ctx context.Context, name string) (string, error) {
	var all []struct{ ID, Name string }
	if err := r.admin(ctx, http.MethodGet, "/client-scopes", nil, &all); err != nil {
		return "", err
	}
	for _, s := range all {
		if s.Name == name {
			return s.ID, nil
		}
	}
	return "", fmt.Errorf("the realm has no client scope %s", name)
}

// Appoint lets the service account of a client manage the realm's clients, as an administrator does by hand.
func (r *Realm) Appoint(ctx context.Context, client string) error {
	return r.grantTo(ctx, client, "realm-management")
}

// grantTo lets the service account of a client manage the clients of the realm that the roles of management are about.
func (r *Realm) grantTo(ctx context.Context, client, management string) error {
	manager, err := r.clientID(ctx, client)
	if err != nil {
		return err
	}
	management, err = r.clientID(ctx, management)
	if err != nil {
		return err
	}
	var account struct{ ID string }
	if err := r.admin(ctx, http.MethodGet, "/clients/"+manager+"/service-account-user", nil, &account); err != nil {
		return err
	}
	var roles []map[string]any
	for _, name := range []string{"manage-clients", "view-clients", "query-clients", "create-client", "view-realm"} {
		var role map[string]any
		if err := r.admin(ctx, http.MethodGet, "/clients/"+management+"/roles/"+name, nil, &role); err != nil {
			return err
		}
		roles = append(roles, role)
	}
	return r.admin(ctx, http.MethodPost, "/users/"+account.ID+"/role-mappings/clients/"+management, roles, nil)
}

// clientID gives the internal id, which Keycloak's admin API wants in its addresses, of a client id.
func (r *Realm) clientID(ctx context.Context, client string) (string, error) {
	var found []struct{ ID string }
	path := "/clients?clientId=" + url.QueryEscape(client)
	if err := r.admin(ctx, http.MethodGet, path, nil, &found); err != nil {
		return "", err
	}
	if len(found) != 1 {
		return "", fmt.Errorf("realm %s has %d clients %s, not one", r.Name, len(found), client)
	}
	return found[0].ID, nil
}
