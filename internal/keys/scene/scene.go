package scene

import (
	"cmp"
	"fmt"
	"slices"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/keys/wish"
	"keyward.dev/keyward/internal/store"
)

// Scene is what is known about a place in one transaction.
type Scene struct {
	Place      Place
	App        *keyward.Object
	KeyManager *keyward.Object
	Spec       *keyward.KeyManagerSpec // the key manager's
	Server     connector.Server
	Clients    []*Client // every client of the place, failed ones too
}

// Look reads a place, after the principal's right to act for its application.
func Look(tx *store.Tx, p keyward.Principal, place Place) (*Scene, error) {
	app, err := tx.Get(keyward.KindApplication, place.Tenant, place.Application)
	if err != nil {
		return nil, HideFrom(p, place.Tenant, err)
	}
	if err := MayUse(p, app); err != nil {
		return nil, err
	}
	km, err := tx.KeyManagerFor(place.Tenant, place.KeyManager)
	if err != nil {
		return nil, err
	}
	return Of(tx, place, app, km)
}

// Of reads the place of an application and a key manager that are known already.
func Of(tx *store.Tx, place Place, app, km *keyward.Object) (*Scene, error) {
	server, err := keymanager.ServerOf(tx, km)
	if err != nil {
		return nil, err
	}
	clients, err := clientsAt(tx, place)
	if err != nil {
		return nil, err
	}
	return &Scene{Place: place, App: app, KeyManager: km, Spec: server.Spec, Server: server, Clients: clients}, nil
}

func clientsAt(tx *store.Tx, place Place) ([]*Client, error) {
	objects, _, err := tx.List(keyward.KindOAuthClient, store.Filter{
		Tenant: place.Tenant, Application: place.Application, KeyManager: place.KeyManager,
	})
	if err != nil {
		return nil, fmt.Errorf("list the clients of a place: %w", err)
	}
	var clients []*Client
	for _, o := range objects {
		c, err := ReadClient(o)
		if err != nil {
			return nil, err
		}
		if c.Spec.EnvironmentOrDefault() == place.Environment {
			clients = append(clients, c)
		}
	}
	return clients, nil
}

// Taking gives the client that takes the place, or nil.
func (s *Scene) Taking() *Client {
	for _, c := range s.Clients {
		if c.Status.State != keyward.ClientFailed && c.Status.State != keyward.ClientRevoked {
			return c
		}
	}
	return nil
}

// Last gives the client that takes the place, or else the one that took it until it was revoked.
func (s *Scene) Last() *Client {
	if c := s.Taking(); c != nil {
		return c
	}
	for _, c := range s.Clients {
		if c.Status.State == keyward.ClientRevoked {
			return c
		}
	}
	return nil
}

// ToDelete gives the client of this id, or without one the last of the place.
func (s *Scene) ToDelete(id *string) (*Client, error) {
	if id == nil {
		if c := s.Last(); c != nil {
			return c, nil
		}
	} else {
		for _, c := range s.Clients {
			if c.Object.ID == *id {
				return c, nil
			}
		}
	}
	return nil, s.Nothing()
}

// Registration is what a server is asked to make.
func (s *Scene) Registration(c *Client, want wish.Checked) connector.Registration {
	return connector.Registration{
		Name: c.Status.VendorName, ObjectID: c.Object.ID, Tenant: s.Place.Tenant, KeyManagerID: s.KeyManager.ID,
		ApplicationID: s.App.ID, Environment: string(s.Place.Environment),
		Grants: want.Ask.Grants, Callbacks: want.Ask.Callbacks, Scopes: want.Ask.Scopes, Fields: want.Ask.Fields,
	}
}

// Way is how a client gets tokens at its key manager, as developers are shown it.
type Way struct {
	TokenEndpoint         string `json:"tokenEndpoint,omitempty"`
	AuthorizationEndpoint string `json:"authorizationEndpoint,omitempty" doc:"Where people sign in for the client"`
	Authentication        string `json:"authentication" doc:"At the token endpoint (RFC 7591, section 2); a guess for a mapped client"`
	AssertionAudience     string `json:"assertionAudience,omitempty" doc:"aud of its assertions, where it signs them (RFC 7523, section 3)"`
}

// WayOf gives that of a client with the fields that it was made with. What is to be displayed stands before what is declared,
// and that before what the server says.
func WayOf(spec *keyward.KeyManagerSpec, status keyward.KeyManagerStatus, fields map[string]any) Way {
	way := Way{
		TokenEndpoint:         cmp.Or(spec.Display["token"], spec.Endpoints.Token, status.Endpoints.Token),
		AuthorizationEndpoint: cmp.Or(spec.Display["authorization"], spec.Endpoints.Authorization, status.Endpoints.Authorization),
	}
	way.Authentication, _ = fields[connector.AuthenticationField].(string)
	if way.Authentication == "" {
		way.Authentication = likeliest(status.AuthMethods)
	}
	way.AssertionAudience = cmp.Or(status.Issuer, spec.Issuer, way.TokenEndpoint)
	if kind, _ := catalog.TypeOf(spec.Type); kind.ToEndpoint {
		way.AssertionAudience = way.TokenEndpoint
	}
	return way
}

// likeliest is how a client authenticates of which nothing is known, at a server that offers these ways; none = it says nothing.
func likeliest(offered []string) string {
	for _, method := range []string{"client_secret_basic", "client_secret_post", connector.ByAssertion} {
		if slices.Contains(offered, method) {
			return method
		}
	}
	return "client_secret_basic"
}

// LackingScopes are those that the developer asked for and those that subscriptions call for, as far as the client lacks
// them.
func LackingScopes(status keyward.OAuthClientStatus) []string {
	if status.Entitlement == nil {
		return status.LackingScopes
	}
	return append(slices.Clone(status.LackingScopes), Without(status.Entitlement.LackingScopes, status.LackingScopes)...)
}
