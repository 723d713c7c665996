package keycloak

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

// AddConsole makes a confidential client for people to sign in by: the code flow with PKCE, one redirect URI, and the
// groups of people in their ID tokens.
func (r *Realm) AddConsole(ctx context.Context, id, secret, callback string) error {
	return r.admin(ctx, http.MethodPost, "/clients", map[string]any{
		"clientId": id, "secret": secret, "publicClient": false, "standardFlowEnabled": true, "redirectUris": []string{callback},
		"attributes": map[string]string{"pkce.code.challenge.method": "S256", "post.logout.redirect.uris": "+"},
		"protocolMappers": []any{map[string]any{
			"name": "groups", "protocol": "openid-connect", "protocolMapper": "oidc-group-membership-mapper",
			"config": map[string]string{"claim.name": "groups", "full.path": "false", "id.token.claim": "true"},
		}},
	}, nil)
}

// TellGroups has every later client's tokens tell the groups of people, as docs/connectors/keycloak.md says: in the ID token, or
// at the userinfo endpoint alone.
func (r *Realm) TellGroups(ctx context.Context, inIDToken bool) error {
	return r.addScope(ctx, "groups", false, []any{map[string]any{
		"name": "groups", "protocol": "openid-connect", "protocolMapper": "oidc-group-membership-mapper",
		"config": map[string]string{
			"claim.name": "groups", "full.path": "false", "id.token.claim": strconv.FormatBool(inIDToken), "userinfo.token.claim": "true",
		},
	}})
}

// AddPerson makes a user with a password, in groups that are made where they are not there.
func (r *Realm) AddPerson(ctx context.Context, name, password string, groups ...string) error {
	for _, group := range groups {
		if err := r.addGroup(ctx, group); err != nil {
			return err
		}
	}
	return r.admin(ctx, http.MethodPost, "/users", map[string]any{
		"username": name, "enabled": true, "groups": groups, "firstName": "Ann", "lastName": "Lee", "email": name + "@example.com",
		"emailVerified": true, "credentials": []any{map[string]any{"type": "password", "value": password, "temporary": false}},
	}, nil)
}

func (r *Realm) addGroup(ctx context.Context, name string) error {
	var found []struct{ Name string }
	if err := r.admin(ctx, http.MethodGet, "/groups?exact=true&search="+url.QueryEscape(name), nil, &found); err != nil {
		return err
	}
	if len(found) > 0 {
		return nil
	}
	return r.admin(ctx, http.MethodPost, "/groups", map[string]any{"name": name}, nil)
}

// PersonID gives the id of a user, which is sub.
func (r *Realm) PersonID(ctx context.Context, name string) (string, error) {
	var found []struct{ ID string }
	if err := r.admin(ctx, http.MethodGet, "/users?exact=true&username="+url.QueryEscape(name), nil, &found); err != nil {
		return "", err
	}
	if len(found) != 1 {
		return "", fmt.Errorf("realm %s has %d users %s, not one", r.Name, len(found), name)
	}
	return found[0].ID, nil
}

// SignOut ends every session of a user in the realm, as an administrator does.
func (r *Realm) SignOut(ctx context.Context, name string) error {
	id, err := r.PersonID(ctx, name)
	if err != nil {
		return err
	}
	return r.admin(ctx, http.MethodPost, "/users/"+id+"/logout", nil, nil)
}
