package keycloak

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
)

// RotateKeys publishes a new RSA key, with which the realm signs from then on. The old one stays published.
func (r *Realm) RotateKeys(ctx context.Context, name string) error {
	return r.addKey(ctx, name, "rsa-generated", map[string][]string{"priority": {"200"}, "keySize": {"2048"}})
}

// UseAlgorithm gives the realm a key for the algorithm (PS256, ES384, EdDSA, …) and signs access tokens with it.
func (r *Realm) UseAlgorithm(ctx context.Context, algorithm string) error {
	provider, config := "rsa-generated", map[string][]string{"priority": {"300"}, "algorithm": {algorithm}}
	switch algorithm {
	case "ES256", "ES384", "ES512":
		curves := map[string]string{"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
		provider, config = "ecdsa-generated", map[string][]string{
			"priority": {"300"}, "ecdsaEllipticCurveKey": {curves[algorithm]},
		}
	case "EdDSA":
		provider, config = "eddsa-generated", map[string][]string{"priority": {"300"}, "eddsaEllipticCurveKey": {"Ed25519"}}
	}
	if err := r.addKey(ctx, "key-"+algorithm, provider, config); err != nil {
		return err
	}
	return r.admin(ctx, http.MethodPut, "", map[string]any{"realm": r.Name, "defaultSignatureAlgorithm": algorithm}, nil)
}

func (r *Realm) addKey(ctx context.Context, name, provider string, config map[string][]string) error {
	var realm struct{ ID string }
	if err := r.admin(ctx, http.MethodGet, "", nil, &realm); err != nil {
		return err
	}
	config["active"] = []string{"true"}
	config["enabled"] = []string{"true"}
	return r.admin(ctx, http.MethodPost, "/components", map[string]any{
		"name": name, "providerId": provider, "providerType": "org.keycloak.keys.KeyProvider",
		"parentId": realm.ID, "config": config,
	}, nil)
}

// SetEnabled turns the realm on or off. Its metadata and keys stay readable when it is off.
func (r *Realm) SetEnabled(ctx context.Context, on bool) error {
	return r.admin(ctx, http.MethodPut, "", map[string]any{"realm": r.Name, "enabled": on}, nil)
}

// AddClient makes a confidential client with a service account, as an administrator of the realm would by hand. It has
// the realm's default scopes and may ask for its optional ones.
func (r *Realm) AddClient(ctx context.Context, id, secret string) error {
	return r.admin(ctx, http.MethodPost, "/clients", map[string]any{
		"clientId": id, "secret": secret, "publicClient": false, "serviceAccountsEnabled": true,
		"standardFlowEnabled": false,
	}, nil)
}

// AddManager makes a client whose service account may manage the realm's clients, and which proves itself by assertions
// that a key of this JWK set verifies (RFC 7523, section 2.2).
func (r *Realm) AddManager(ctx context.Context, id, jwks string) error {
	err := r.admin(ctx, http.MethodPost, "/clients", map[string]any{
		"clientId": id, "publicClient": false, "serviceAccountsEnabled": true, "standardFlowEnabled": false,
		"clientAuthenticatorType": "client-jwt", "attributes": map[string]string{"use.jwks.string": "true", "jwks.string": jwks},
	}, nil)
	if err != nil {
		return err
	}
	return r.grantTo(ctx, id, "realm-management")
}

// AddCertified makes a client whose service account may manage the realm's clients, and which proves itself by a certificate
// with this subject (RFC 8705, section 2.1).
func (r *Realm) AddCertified(ctx context.Context, id, subject string) error {
	err := r.admin(ctx, http.MethodPost, "/clients", map[string]any{
		"clientId": id, "publicClient": false, "serviceAccountsEnabled": true, "standardFlowEnabled": false,
		"clientAuthenticatorType": "client-x509", "attributes": map[string]string{
			"x509.subjectdn": subject, "x509.allow.regex.pattern.comparison": "false",
		},
	}, nil)
	if err != nil {
		return err
	}
	return r.grantTo(ctx, id, "realm-management")
}

// AddClients makes many clients, in one request.
func (r *Realm) AddClients(ctx context.Context, count int, id func(int) string) error {
	clients := make([]map[string]any, count)
	for i := range clients {
		clients[i] = map[string]any{"clientId": id(i), "publicClient": false}
	}
	return r.admin(ctx, http.MethodPost, "/partialImport", map[string]any{"ifResourceExists": "FAIL", "clients": clients}, nil)
}

// SetClaim puts a claim of this fixed value into every access token of the client.
func (r *Realm) SetClaim(ctx context.Context, client, claim, value, jsonType string) error {
	id, err := r.clientID(ctx, client)
	if err != nil {
		return err
	}
	return r.admin(ctx, http.MethodPost, "/clients/"+id+"/protocol-mappers/models", map[string]any{
		"name": "fixed " + claim, "protocol": "openid-connect", "protocolMapper": "oidc-hardcoded-claim-mapper",
		"config": map[string]string{
			"claim.name": claim, "claim.value": value, "jsonType.label": jsonType, "access.token.claim": "true",
			"introspection.token.claim": "true",
		},
	}, nil)
}

// DeleteClient removes a client, as an administrator of the realm would by hand.
func (r *Realm) DeleteClient(ctx context.Context, client string) error {
	id, err := r.clientID(ctx, client)
	if err != nil {
		return err
	}
	return r.admin(ctx, http.MethodDelete, "/clients/"+id, nil, nil)
}

// Client is a client of the realm as its administrator sees it.
type Client struct {
	ID       string `json:"id"`
	ClientID string `json:"clientId"`
	Name     string `json:"name"`
}

// Clients lists the realm's clients.
func (r *Realm) Clients(ctx context.Context) ([]Client, error) {
	var all []Client
	if err := r.admin(ctx, http.MethodGet, "/clients?max=1000", nil, &all); err != nil {
		return nil, fmt.Errorf("list the clients of realm %s: %w", r.Name, err)
	}
	return all, nil
}

// Carried is what every token of a client carries: the names of its default client scopes, and the audiences that mappers
// of its own add.
func (r *Realm) Carried(ctx context.Context, client string) (scopes, audiences []string, err error) {
	var found []struct {
		ClientID            string   `json:"clientId"`
		DefaultClientScopes []string `json:"defaultClientScopes"`
		ProtocolMappers     []struct {
			Config map[string]string `json:"config"`
		} `json:"protocolMappers"`
	}
	if err := r.admin(ctx, http.MethodGet, "/clients?clientId="+url.QueryEscape(client), nil, &found); err != nil {
		return nil, nil, err
	}
	for _, c := range found {
		for _, m := range c.ProtocolMappers {
			if audience := m.Config["included.custom.audience"]; audience != "" {
				audiences = append(audiences, audience)
			}
		}
		scopes = c.DefaultClientScopes
	}
	return scopes, audiences, nil
}

// Attach gives a client a scope of the realm's, as an administrator does by hand: default or optional.
func (r *Realm) Attach(ctx context.Context, client, scope, list string) error {
	id, err := r.clientID(ctx, client)
	if err != nil {
		return err
	}
	scopeID, err := r.scopeID(ctx, scope)
	if err != nil {
		return err
	}
	for _, other := range []string{"default", "optional"} { // Keycloak passes over a scope that is in the other list
		if err := r.admin(ctx, http.MethodDelete, "/clients/"+id+"/"+other+"-client-scopes/"+scopeID, nil, nil); err != nil {
			return err
		}
	}
	return r.admin(ctx, http.MethodPut, "/clients/"+id+"/"+list+"-client-scopes/"+scopeID, nil, nil)
}

// AddScope adds a client scope that every later client may ask for.
func (r *Realm) AddScope(ctx context.Context, name string) error {
	return r.addScope(ctx, name, true, nil)
}

// AddManagingScope adds a client scope that lets a role through with which users manage the realm's users.
func (r *Realm) AddManagingScope(ctx context.Context, name string) error {
	if err := r.addScope(ctx, name, true, nil); err != nil {
		return err
	}
	scope, err := r.scopeID(ctx, name)
	if err != nil {
		return err
	}
	management, err := r.clientID(ctx, "realm-management")
	if err != nil {
		return err
	}
	var role map[string]any
	if err := r.admin(ctx, http.MethodGet, "/clients/"+management+"/roles/manage-users", nil, &role); err != nil {
		return err
	}
	return r.admin(ctx, http.MethodPost, "/client-scopes/"+scope+"/scope-mappings/clients/"+management, []map[string]any{role}, nil)
}

// Detach takes a scope out of both lists of a client, as an administrator does by hand.
func (r *Realm) Detach(ctx context.Context, client, scope string) error {
	id, err := r.clientID(ctx, client)
	if err != nil {
		return err
	}
	scopeID, err := r.scopeID(ctx, scope)
	if err != nil {
		return err
	}
	for _, list := range []string{"default", "optional"} {
		if err := r.admin(ctx, http.MethodDelete, "/clients/"+id+"/"+list+"-client-scopes/"+scopeID, nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// Change sets members of a client's representation, as an administrator does by hand.
func (r *Realm) Change(ctx context.Context, client string, members map[string]any) error {
	id, err := r.clientID(ctx, client)
	if err != nil {
		return err
	}
	var stored map[string]any
	if err := r.admin(ctx, http.MethodGet, "/clients/"+id, nil, &stored); err != nil {
		return err
	}
	maps.Copy(stored, members)
	return r.admin(ctx, http.MethodPut, "/clients/"+id, stored, nil)
}
