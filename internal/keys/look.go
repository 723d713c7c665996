package keys

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/store"
)

// scene is what is known about a place in one transaction.
type scene struct {
	place   Place
	app     *keyward.Object
	km      *keyward.Object
	kmSpec  *keyward.KeyManagerSpec
	server  connector.Server
	clients []*client // every client of the place, failed ones too
}

// client is a stored OAuth client with its parts read.
type client struct {
	object *keyward.Object
	spec   *keyward.OAuthClientSpec
	status keyward.OAuthClientStatus
}

// taking gives the client that takes the place, or nil.
func (s *scene) taking() *client {
	for _, c := range s.clients {
		if c.status.State != keyward.ClientFailed && c.status.State != keyward.ClientRevoked {
			return c
		}
	}
	return nil
}

// tokenEndpoint is what developers are shown.
func tokenEndpoint(spec *keyward.KeyManagerSpec, status keyward.KeyManagerStatus) string {
	switch {
	case spec.Display["token"] != "":
		return spec.Display["token"]
	case spec.Endpoints.Token != "":
		return spec.Endpoints.Token
	default:
		return status.Endpoints.Token
	}
}

func (s *scene) result(clientID, secret, name string, status keyward.OAuthClientStatus) *Result {
	return &Result{
		Name: name, Application: s.place.Application, KeyManager: s.place.KeyManager, Environment: s.place.Environment,
		ClientID: clientID, ClientSecret: secret, TokenEndpoint: tokenEndpoint(s.kmSpec, s.server.Status),
		Grants: status.Grants, Scopes: status.Scopes, LackingGrants: status.LackingGrants,
		LackingScopes: lackingScopes(status), LackingFields: status.LackingFields, SecretExpiresAt: status.SecretExpiresAt,
		State: status.State, OldSecretUntil: status.OldSecretUntil, Entitlement: status.Entitlement,
	}
}

// lackingScopes are those that the developer asked for and those that subscriptions call for, as far as the client lacks
// them.
func lackingScopes(status keyward.OAuthClientStatus) []string {
	if status.Entitlement == nil {
		return status.LackingScopes
	}
	return append(slices.Clone(status.LackingScopes), without(status.Entitlement.LackingScopes, status.LackingScopes)...)
}

// at writes about a place as it is, with nothing settled there before.
func (k *Keys) at(ctx context.Context, p keyward.Principal, place Place, do func(*store.Tx, *scene) error) error {
	place, faults := place.complete()
	if len(faults) > 0 {
		return keyward.Invalid(faults)
	}
	return k.store.Write(ctx, requester(p, place.Tenant), func(tx *store.Tx) error {
		s, err := k.look(tx, p, place)
		if err != nil {
			return err
		}
		return do(tx, s)
	})
}

// complete checks that a place is whole and fills in what has a default.
func (p Place) complete() (Place, []keyward.FieldError) {
	var faults []keyward.FieldError
	if p.Tenant == "" {
		p.Tenant = keyward.DefaultTenant
	}
	if p.Environment == "" {
		p.Environment = keyward.Production
	}
	if p.Application == "" {
		faults = append(faults, fault("application", "is required"))
	}
	if p.KeyManager == "" {
		faults = append(faults, fault("keyManager", "is required"))
	}
	if p.Environment != keyward.Production && p.Environment != keyward.Sandbox {
		faults = append(faults, fault("environment", "%q is none of production, sandbox", p.Environment))
	}
	return p, faults
}

func fault(path, format string, args ...any) keyward.FieldError {
	return keyward.FieldError{Path: path, Code: keyward.CodeInvalidInput, Message: fmt.Sprintf(format, args...)}
}

// look reads a place, after the principal's right to act for its application.
func (k *Keys) look(tx *store.Tx, p keyward.Principal, place Place) (*scene, error) {
	app, err := tx.Get(keyward.KindApplication, place.Tenant, place.Application)
	if err != nil {
		return nil, hideFrom(p, place.Tenant, err)
	}
	if err := mayUse(p, app); err != nil {
		return nil, err
	}
	km, err := tx.KeyManagerFor(place.Tenant, place.KeyManager)
	if err != nil {
		return nil, err
	}
	return k.sceneOf(tx, place, app, km)
}

func (k *Keys) sceneOf(tx *store.Tx, place Place, app, km *keyward.Object) (*scene, error) {
	server, err := keymanager.ServerOf(tx, km)
	if err != nil {
		return nil, err
	}
	s := &scene{place: place, app: app, km: km, kmSpec: server.Spec, server: server}
	objects, _, err := tx.List(keyward.KindOAuthClient, store.Filter{
		Tenant: place.Tenant, Application: place.Application, KeyManager: place.KeyManager,
	})
	if err != nil {
		return nil, fmt.Errorf("list the clients of a place: %w", err)
	}
	for _, o := range objects {
		c, err := readClient(o)
		if err != nil {
			return nil, err
		}
		if c.spec.EnvironmentOrDefault() == place.Environment {
			s.clients = append(s.clients, c)
		}
	}
	return s, nil
}

func readClient(o *keyward.Object) (*client, error) {
	spec, ok := o.Spec.(*keyward.OAuthClientSpec)
	if !ok {
		return nil, fmt.Errorf("%s has a spec of another kind", o.Ref())
	}
	c := &client{object: o, spec: spec, status: keyward.OAuthClientStatus{Mode: keyward.ClientMapped, State: keyward.ClientActive}}
	if len(o.Status) > 0 {
		if err := json.Unmarshal(o.Status, &c.status); err != nil {
			return nil, fmt.Errorf("read the status of %s: %w", o.Ref(), err)
		}
	}
	return c, nil
}

// mayUse lets an administrator of the tenant act for every application, and a developer for those they own.
func mayUse(p keyward.Principal, app *keyward.Object) error {
	if isAdmin(p, app.Tenant) {
		return nil
	}
	spec, ok := app.Spec.(*keyward.ApplicationSpec)
	if ok && p.Tenant == app.Tenant && p.Has(keyward.RoleDeveloper) && spec.OwnedBy(p.User, p.Groups) {
		return nil
	}
	return keyward.Errorf(keyward.CodeForbidden, "only owners of %s and administrators may do this with its keys", app.Ref())
}

func isAdmin(p keyward.Principal, tenant string) bool {
	return p.IsOperator() || p.Tenant == tenant && p.Has(keyward.RoleAdmin)
}

// hideFrom keeps what exists in a tenant from people of other tenants.
func hideFrom(p keyward.Principal, tenant string, err error) error {
	if p.IsOperator() || p.Tenant == tenant || keyward.CodeOf(err) != keyward.CodeNotFound {
		return err
	}
	return keyward.Errorf(keyward.CodeForbidden, "user %s may not read tenant %s", p.User, tenant)
}

// requester names who asked, so that users of the same name in two tenants are two.
func requester(p keyward.Principal, tenant string) string {
	if p.Tenant == tenant {
		return p.User
	}
	return p.Tenant + "/" + p.User
}

// put stores the client with its status; extra says what else changes.
func (c *client) put(tx *store.Tx, extra store.Extra) error {
	status, err := json.Marshal(c.status)
	if err != nil {
		return fmt.Errorf("encode the status of %s: %w", c.object.Ref(), err)
	}
	c.object.Spec, c.object.Status = c.spec, status
	return tx.Put(c.object, extra)
}

// noRow takes a client off every gateway.
func noRow() json.RawMessage { return json.RawMessage("null") }

// gatewayRow is what gateways are told; the store fills in identities.
func (c *client) gatewayRow() (json.RawMessage, error) {
	row, err := json.Marshal(keyward.ClientRow{ClientID: c.spec.ClientID, Environment: c.spec.EnvironmentOrDefault()})
	if err != nil {
		return nil, fmt.Errorf("encode the row of %s: %w", c.object.Ref(), err)
	}
	return row, nil
}

func (k *Keys) audit(tx *store.Tx, o *keyward.Object, action, detail string) error {
	return tx.Audit(keyward.AuditEntry{
		Tenant: o.Tenant, Action: action, Kind: string(keyward.KindOAuthClient), Name: o.Name, Detail: detail,
	})
}
