package keycloak

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/wire"
)

// scope is the part of Keycloak's ClientScopeRepresentation that we write and read.
type scope struct {
	ID          string            `json:"id,omitempty"`
	Name        string            `json:"name"`
	Description string            `json:"description,omitempty"`
	Protocol    string            `json:"protocol"`
	Attributes  map[string]string `json:"attributes,omitempty"`
}

// mapper is Keycloak's ProtocolMapperRepresentation.
type mapper struct {
	ID       string            `json:"id,omitempty"`
	Name     string            `json:"name"`
	Protocol string            `json:"protocol"`
	Mapper   string            `json:"protocolMapper"`
	Config   map[string]string `json:"config"`
}

const (
	audienceMapper = "oidc-audience-mapper"
	ourMapper      = "keyward audience " // begins the names of mappers that are ours
)

func (m mapper) adds(audience string) bool {
	return m.Mapper == audienceMapper &&
		(m.Config["included.custom.audience"] == audience || m.Config["included.client.audience"] == audience)
}

// Entitled implements connector.Entitler. A scope counts where every token of the client carries it: an optional one has
// to be asked for.
func (k *keycloak) Entitled(
	ctx context.Context, h connector.Handle, list []connector.Entitlement,
) ([]connector.Entitlement, error) {
	c, err := k.must(ctx, h)
	if err != nil {
		return nil, wire.Harmless(err)
	}
	return slices.DeleteFunc(slices.Clone(list), func(e connector.Entitlement) bool {
		if e.Scope != "" {
			return !slices.Contains(c.DefaultClientScopes, e.Scope)
		}
		return !slices.ContainsFunc(c.ProtocolMappers, func(m mapper) bool { return m.adds(e.Audience) })
	}), nil
}

// must looks a client up that has to be there.
func (k *keycloak) must(ctx context.Context, h connector.Handle) (*client, error) {
	c, err := k.lookup(ctx, h.ClientID)
	if err == nil && c == nil {
		err = &wire.Failure{Op: "find the client", Status: http.StatusNotFound, Sent: true,
			Description: "the realm has no client " + h.ClientID}
	}
	return c, err
}

// Entitle implements connector.Entitler: scopes become client scopes that every token of the client carries, audiences
// mappers of the client's own. A scope that the realm has not is made there, and stays when nobody has it any more.
func (k *keycloak) Entitle(
	ctx context.Context, h connector.Handle, give, take []connector.Entitlement,
) ([]connector.Entitlement, error) {
	c, err := k.must(ctx, h)
	if err != nil {
		return nil, err
	}
	known, err := k.scopeIDs(ctx, "/client-scopes")
	if err != nil {
		return nil, err
	}
	var lacking []connector.Entitlement
	for _, e := range give {
		manages := false
		if e.Scope == "" {
			err = k.addAudience(ctx, c, e.Audience)
		} else if manages, err = k.manages(ctx, known[e.Scope]); err == nil && !manages {
			err = k.addScope(ctx, c, e.Scope, known)
		}
		if err != nil {
			return nil, err
		}
		if manages {
			lacking = append(lacking, e)
		}
	}
	for _, e := range take {
		if e.Scope == "" {
			err = k.dropAudience(ctx, c, e.Audience)
		} else {
			err = k.dropScope(ctx, c, e.Scope, known)
		}
		if err != nil {
			return nil, err
		}
	}
	return lacking, nil
}

// manages tells whether tokens with a client scope may manage the realm, when somebody who does signs in to the client: its
// role scope mappings let roles of the realm's management client through, directly or in composite roles. A scope that the
// realm lacks does not.
func (k *keycloak) manages(ctx context.Context, scopeID string) (bool, error) {
	if scopeID == "" {
		return false, nil
	}
	name := "realm-management"
	if strings.HasSuffix(k.admin, "/realms/master") {
		name = "master-realm"
	}
	management, err := k.lookup(ctx, name)
	if err != nil || management == nil {
		return false, err
	}
	get := wire.Call{
		Op: "read the roles of a client scope", Method: http.MethodGet,
		URL: k.admin + "/client-scopes/" + url.PathEscape(scopeID) + "/scope-mappings/clients/" +
			url.PathEscape(management.ID) + "/composite",
	}
	a, err := k.manage.Do(ctx, get)
	if err != nil {
		return false, wire.Harmless(err)
	}
	var roles []struct {
		Name string `json:"name"`
	}
	if a.Status != http.StatusOK || json.Unmarshal(a.Body, &roles) != nil {
		return false, wire.Harmless(get.Failure(a))
	}
	return len(roles) > 0, nil
}

// mayName refuses a scope by name that manages the realm; known are the realm's, with their ids.
func (k *keycloak) mayName(ctx context.Context, name string, known map[string]string) error {
	manages, err := k.manages(ctx, known[name])
	if err == nil && manages {
		err = connector.Refused("scopes", "%s lets roles through that manage the realm: no client of an application is given it", name)
	}
	return err
}

// scopeIDs gives client scopes by name, with their ids.
func (k *keycloak) scopeIDs(ctx context.Context, path string) (map[string]string, error) {
	get := wire.Call{Op: "read the realm's client scopes", Method: http.MethodGet, URL: k.admin + path}
	a, err := k.manage.Do(ctx, get)
	if err != nil {
		return nil, wire.Harmless(err)
	}
	var scopes []scope
	if a.Status != http.StatusOK || json.Unmarshal(a.Body, &scopes) != nil {
		return nil, wire.Harmless(get.Failure(a))
	}
	ids := map[string]string{}
	for _, s := range scopes {
		if s.Protocol == protocol || s.Protocol == "" {
			ids[s.Name] = s.ID
		}
	}
	return ids, nil
}

// addScope makes a scope one that every token of the client carries. Keycloak passes over a scope that the client has as
// an optional one, so it is taken out there first.
func (k *keycloak) addScope(ctx context.Context, c *client, name string, known map[string]string) error {
	if known[name] == "" {
		if err := k.makeScope(ctx, name, known); err != nil {
			return err
		}
	}
	if slices.Contains(c.OptionalClientScopes, name) {
		if err := k.attach(ctx, http.MethodDelete, c, "optional", known[name]); err != nil {
			return err
		}
	}
	return k.attach(ctx, http.MethodPut, c, "default", known[name])
}

// makeScope makes a client scope; one that somebody else made meanwhile is as good.
func (k *keycloak) makeScope(ctx context.Context, name string, known map[string]string) error {
	post := wire.Call{Op: "make the client scope " + name, Method: http.MethodPost, URL: k.admin + "/client-scopes", JSON: scope{
		Name: name, Protocol: protocol, Description: "Made by Keyward for an API.",
		Attributes: map[string]string{"include.in.token.scope": "true", "display.on.consent.screen": "true"},
	}}
	a, err := k.manage.Do(ctx, post)
	if err != nil {
		return err
	}
	if a.Status != http.StatusCreated && a.Status != http.StatusConflict {
		return post.Failure(a)
	}
	all, err := k.scopeIDs(ctx, "/client-scopes")
	if err != nil {
		return err
	}
	if all[name] == "" {
		return &wire.Failure{Op: post.Op, Status: http.StatusOK, Sent: true, Description: "the realm does not list it afterwards"}
	}
	known[name] = all[name]
	return nil
}

// dropScope takes a scope out of every token of the client. Where the realm offers it to all clients as an optional one,
// it becomes that again.
func (k *keycloak) dropScope(ctx context.Context, c *client, name string, known map[string]string) error {
	if known[name] == "" || !slices.Contains(c.DefaultClientScopes, name) {
		return nil // the realm has it no more, or somebody took it out
	}
	if err := k.attach(ctx, http.MethodDelete, c, "default", known[name]); err != nil {
		return err
	}
	optional, err := k.scopeIDs(ctx, "/default-optional-client-scopes")
	if err != nil || optional[name] == "" {
		return err
	}
	return k.attach(ctx, http.MethodPut, c, "optional", known[name])
}

// attach changes one of the client's two lists of scopes.
func (k *keycloak) attach(ctx context.Context, method string, c *client, list, scopeID string) error {
	call := wire.Call{
		Op: "change the client's scopes", Method: method, URL: k.client(c.ID) + "/" + list + "-client-scopes/" + url.PathEscape(scopeID),
	}
	a, err := k.manage.Do(ctx, call)
	if err == nil && a.Status != http.StatusNoContent && (method != http.MethodDelete || a.Status != http.StatusNotFound) {
		err = call.Failure(a)
	}
	return err
}

func (k *keycloak) addAudience(ctx context.Context, c *client, audience string) error {
	post := wire.Call{
		Op: "add the audience " + audience, Method: http.MethodPost, URL: k.client(c.ID) + "/protocol-mappers/models",
		JSON: mapper{Name: ourMapper + audience, Protocol: protocol, Mapper: audienceMapper, Config: map[string]string{
			"included.custom.audience": audience, "access.token.claim": "true", "introspection.token.claim": "true",
			"id.token.claim": "false",
		}},
	}
	a, err := k.manage.Do(ctx, post)
	if err == nil && a.Status != http.StatusCreated && a.Status != http.StatusConflict {
		err = post.Failure(a)
	}
	return err
}

// dropAudience removes the mapper that is ours; one that an administrator made stays.
func (k *keycloak) dropAudience(ctx context.Context, c *client, audience string) error {
	for _, m := range c.ProtocolMappers {
		if !m.adds(audience) || !strings.HasPrefix(m.Name, ourMapper) {
			continue
		}
		del := wire.Call{
			Op: "remove the audience " + audience, Method: http.MethodDelete,
			URL: k.client(c.ID) + "/protocol-mappers/models/" + url.PathEscape(m.ID),
		}
		a, err := k.manage.Do(ctx, del)
		if err == nil && a.Status != http.StatusNoContent && a.Status != http.StatusNotFound {
			err = del.Failure(a)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
