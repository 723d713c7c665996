package auth0

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/wire"
)

// clientGrant is what a client may ask for in its own name at one API.
type clientGrant struct {
	ID       string   `json:"id"`
	ClientID string   `json:"client_id"`
	Audience string   `json:"audience"`
	Scopes   []string `json:"scope"`
	All      bool     `json:"allow_all_scopes"`
	Subject  string   `json:"subject_type"`
}

// resourceServer is an API of the tenant's.
type resourceServer struct {
	Scopes []map[string]any `json:"scopes"`    // value, description
	System bool             `json:"is_system"` // Auth0's own, which manages the tenant
	Policy struct {
		User struct {
			Policy string `json:"policy"`
		} `json:"user"`
	} `json:"subject_type_authorization"`
}

func (s *resourceServer) defines(scope string) bool {
	return slices.ContainsFunc(s.Scopes, func(m map[string]any) bool { return m["value"] == scope })
}

// openToPeople tells that any application may call the API for its users, with whatever scopes they consent to.
func (s *resourceServer) openToPeople() bool {
	return s.Policy.User.Policy == "" || s.Policy.User.Policy == "allow_all"
}

// rights are what the management application needs for what subscriptions give.
const rights = "the permissions read:, create:, update: and delete:client_grants and read:resource_servers"

// barred tells a missing permission from other failures.
func barred(err error) error {
	if forbidden(err) {
		return &connector.Barred{Ask: rights, Err: err}
	}
	return err
}

// barredAt is barred where so many of the client's grants were changed before.
func barredAt(changes int, err error) error {
	if changes > 0 {
		return err
	}
	return barred(err)
}

func forbidden(err error) bool {
	f, ok := errors.AsType[*wire.Failure](err)
	return ok && f.Status == http.StatusForbidden
}

// look reads the client, which must be there, and its grants by audience.
func (a *auth0) look(ctx context.Context, h connector.Handle) (*connector.Client, map[string]clientGrant, error) {
	c, err := a.Read(ctx, h)
	if err == nil && c == nil {
		err = gone("read the client", h)
	}
	if err != nil {
		return nil, nil, err
	}
	grants, err := a.grants(ctx, h.ClientID)
	return c, grants, err
}

func gone(op string, h connector.Handle) error {
	return &wire.Failure{
		Op: op, Status: http.StatusNotFound, Sent: true, Harmless: true, Description: "the tenant has no client " + h.ClientID,
	}
}

func (a *auth0) grants(ctx context.Context, clientID string) (map[string]clientGrant, error) {
	grants := map[string]clientGrant{}
	err := each(ctx, a, "read the client's grants", "client-grants", url.Values{"client_id": {clientID}}, func(g clientGrant) bool {
		if g.ClientID == clientID && (g.Subject == "" || g.Subject == "client") {
			grants[g.Audience] = g
		}
		return false
	})
	return grants, err
}

func (a *auth0) server(audience string) string {
	return a.api + "/resource-servers/" + url.PathEscape(audience)
}

// lookAt reads an API; nil without an error where the tenant has none of this identifier that clients are given. Auth0's
// own are none: their scopes open the tenant itself.
func (a *auth0) lookAt(ctx context.Context, audience string) (*resourceServer, error) {
	get := wire.Call{Op: "read the API " + audience, Method: http.MethodGet, URL: a.server(audience)}
	answer, err := a.manage.Do(ctx, get)
	if err != nil {
		return nil, wire.Harmless(err)
	}
	var s resourceServer
	switch {
	case connector.NotFound(answer):
		return nil, nil
	case answer.Status != http.StatusOK || json.Unmarshal(answer.Body, &s) != nil:
		return nil, wire.Harmless(get.Failure(answer))
	case s.System:
		return nil, nil
	default:
		return &s, nil
	}
}

// mayName refuses an API that a developer names and the tenant has not, or has to manage itself.
func (a *auth0) mayName(ctx context.Context, audience string) error {
	if audience == "" || audience == a.audience {
		return nil
	}
	s, err := a.lookAt(ctx, audience)
	if err == nil && s == nil {
		err = connector.Refused("fields.audience", "%s is not an API of the tenant's that clients are authorized for", audience)
	}
	return err
}

// of gives the API that an entitlement belongs to: without one, the key manager's.
func (a *auth0) of(e connector.Entitlement) string {
	if e.Audience != "" {
		return e.Audience
	}
	return a.audience
}

// Entitled implements connector.Entitler. A client that calls in its own name has what its grants say; another one may
// ask its users for whatever an API defines.
func (a *auth0) Entitled(
	ctx context.Context, h connector.Handle, list []connector.Entitlement,
) ([]connector.Entitlement, error) {
	c, grants, err := a.look(ctx, h)
	if err != nil {
		return nil, barred(wire.Harmless(err))
	}
	servers := map[string]*resourceServer{}
	var has []connector.Entitlement
	for _, e := range list {
		audience := a.of(e)
		if audience == "" {
			continue
		}
		grant, granted := grants[audience]
		forItself := slices.Contains(c.Grants, machine)
		if forItself && (!granted || !grant.All || e.Scope == "") {
			if granted && (e.Scope == "" || slices.Contains(grant.Scopes, e.Scope)) {
				has = append(has, e)
			}
			continue
		}
		s, known := servers[audience]
		if !known {
			if s, err = a.lookAt(ctx, audience); err != nil {
				return nil, barred(err)
			}
			servers[audience] = s
		}
		if s != nil && (forItself || s.openToPeople()) && (e.Scope == "" || s.defines(e.Scope)) {
			has = append(has, e)
		}
	}
	return has, nil
}

// turn is what changes for a client at one API.
type turn struct {
	give, take []connector.Entitlement
}

func scopesOf(list []connector.Entitlement) []string {
	var names []string
	for _, e := range list {
		if e.Scope != "" {
			names = append(names, e.Scope)
		}
	}
	return names
}

// Entitle implements connector.Entitler: a scope that an API does not define is added to it, where the management
// application may, and stays there; the client's grant for the API gets what is given and loses what is taken away. What
// it held otherwise stays. The grant goes when its audience is taken away and no scope is left in it.
func (a *auth0) Entitle(
	ctx context.Context, h connector.Handle, give, take []connector.Entitlement,
) (lacking []connector.Entitlement, err error) {
	c, grants, err := a.look(ctx, h)
	if err != nil {
		return nil, barred(wire.Harmless(err))
	}
	turns := map[string]*turn{}
	at := func(e connector.Entitlement) *turn {
		if turns[a.of(e)] == nil {
			turns[a.of(e)] = &turn{}
		}
		return turns[a.of(e)]
	}
	for _, e := range give {
		at(e).give = append(at(e).give, e)
	}
	for _, e := range take {
		at(e).take = append(at(e).take, e)
	}
	changes := 0
	for _, audience := range slices.Sorted(maps.Keys(turns)) {
		t := turns[audience]
		missing, err := a.prepare(ctx, c, audience, t.give)
		if err != nil {
			return nil, barredAt(changes, err)
		}
		lacking = append(lacking, missing...)
		t.give = slices.DeleteFunc(t.give, func(e connector.Entitlement) bool { return slices.Contains(missing, e) })
		if !slices.Contains(c.Grants, machine) {
			t.give = nil // its users give it what the API defines; what it had before it may only lose
		}
		if audience == "" {
			continue
		}
		grant, granted := grants[audience]
		if !granted {
			grant = clientGrant{Audience: audience}
		}
		changed, err := a.change(ctx, h.ClientID, grant, *t)
		if err != nil {
			return nil, barredAt(changes, err)
		}
		if changed {
			changes++
		}
	}
	return lacking, nil
}

// prepare makes an API define what is to be given, and gives what it cannot.
func (a *auth0) prepare(
	ctx context.Context, c *connector.Client, audience string, give []connector.Entitlement,
) (missing []connector.Entitlement, err error) {
	if audience == "" || len(give) == 0 {
		return give, nil
	}
	s, err := a.lookAt(ctx, audience)
	if err != nil {
		return nil, err
	}
	if s == nil || !slices.Contains(c.Grants, machine) && !s.openToPeople() {
		return slices.Clone(give), nil
	}
	undefined := slices.DeleteFunc(scopesOf(give), s.defines)
	if len(undefined) == 0 {
		return nil, nil
	}
	err = a.alone.With(ctx, a.server(audience), func() error { return a.define(ctx, audience, undefined) })
	if forbidden(err) { // without update:resource_servers
		for _, e := range give {
			if slices.Contains(undefined, e.Scope) {
				missing = append(missing, e)
			}
		}
		return missing, nil
	}
	return nil, err
}

// define adds scopes to an API, whose list is written whole.
func (a *auth0) define(ctx context.Context, audience string, scopes []string) error {
	s, err := a.lookAt(ctx, audience)
	if err != nil || s == nil {
		return err
	}
	list := append([]map[string]any{}, s.Scopes...)
	for _, scope := range scopes {
		if !s.defines(scope) {
			list = append(list, map[string]any{"value": scope, "description": "Made by Keyward for an API."})
		}
	}
	if len(list) == len(s.Scopes) {
		return nil
	}
	patch := wire.Call{
		Op: "add scopes to the API " + audience, Method: http.MethodPatch, URL: a.server(audience), JSON: map[string]any{"scopes": list},
	}
	answer, err := a.manage.Do(ctx, patch)
	if err == nil && answer.Status != http.StatusOK {
		err = patch.Failure(answer)
	}
	return err
}

// change writes a client's grant for one API, unless it is right already, and tells whether it did.
func (a *auth0) change(ctx context.Context, clientID string, g clientGrant, t turn) (changed bool, err error) {
	takes := scopesOf(t.take)
	scopes := slices.DeleteFunc(slices.Clone(g.Scopes), func(s string) bool { return slices.Contains(takes, s) })
	scopes = append(scopes, connector.Without(scopesOf(t.give), scopes)...)
	ends := slices.ContainsFunc(t.take, func(e connector.Entitlement) bool { return e.Scope == "" })
	switch {
	case g.ID == "" && len(t.give) == 0:
		return false, nil
	case g.ID == "":
		return true, a.grant(ctx, clientID, g.Audience, scopes)
	case ends && len(scopes) == 0 && !g.All:
		return true, a.removeGrant(ctx, g)
	case g.All || strings.Join(scopes, " ") == strings.Join(g.Scopes, " "):
		return false, nil
	}
	patch := wire.Call{
		Op: "change the client's grant", Method: http.MethodPatch, URL: a.clientGrant(g),
		JSON: map[string]any{"scope": append([]string{}, scopes...)},
	}
	answer, err := a.manage.Do(ctx, patch)
	if err == nil && answer.Status != http.StatusOK {
		err = patch.Failure(answer)
	}
	return true, err
}

func (a *auth0) clientGrant(g clientGrant) string {
	return a.api + "/client-grants/" + url.PathEscape(g.ID)
}

// grant authorizes a client for an API with these scopes, which may be none.
func (a *auth0) grant(ctx context.Context, id, audience string, scopes []string) error {
	post := wire.Call{
		Op: "authorize the client for the API", Method: http.MethodPost, URL: a.api + "/client-grants",
		JSON: map[string]any{"client_id": id, "audience": audience, "scope": append([]string{}, scopes...)},
	}
	answer, err := a.manage.Do(ctx, post)
	if err != nil {
		return err
	}
	if answer.Status != http.StatusCreated {
		return post.Failure(answer)
	}
	return nil
}

func (a *auth0) removeGrant(ctx context.Context, g clientGrant) error {
	del := wire.Call{Op: "remove the client's grant", Method: http.MethodDelete, URL: a.clientGrant(g)}
	answer, err := a.manage.Do(ctx, del)
	if err == nil && answer.Status != http.StatusNoContent && !connector.NotFound(answer) {
		err = del.Failure(answer)
	}
	return err
}
