package listing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/keys/standing"
	"keyward.dev/keyward/internal/store"
)

// Option is one place at which an application may have keys.
type Option struct {
	KeyManager  string                 `json:"keyManager"`
	DisplayName string                 `json:"displayName,omitempty"`
	Type        keyward.KeyManagerType `json:"type"`
	Environment keyward.Environment    `json:"environment"`
	APIs        []string               `json:"apis" doc:"Which of those that the application is subscribed to take its tokens"`
	Awaiting    []string               `json:"awaiting,omitempty" doc:"Of these, those whose subscription awaits an approval"`
	ClientID    string                 `json:"clientId,omitempty" doc:"Of the client that is there already"`
	State       keyward.ClientState    `json:"state,omitempty" doc:"Likewise"`
	Generate    bool                   `json:"generate" doc:"Keys can be generated there now"`
	Map         bool                   `json:"map" doc:"A client that exists there can be mapped now"`
	Approval    bool                   `json:"approval" doc:"What is generated awaits an administrator's approval"`
	Why         string                 `json:"why,omitempty" doc:"Why none are generated there"`
	Hold        *keyward.Hold          `json:"hold,omitempty" doc:"Of the key manager, while it is held"`
	scene.Rotation
}

// Choice is which places are wanted, and which page of them.
type Choice struct {
	KeyManager  string // only in this one
	Environment string // only in this one
	Search      string // part of the key manager's name or display name; case does not count
	API         string // of clients: only those whose tokens it takes, in their environment; one that is not seen takes none
	Usable      bool   // of clients: only those that tokens are got with
	After       string // the cursor that the page before gave
	Limit       int    // at most so many; 0 = all
}

// place is a scene with what of it decides on the order of places.
type place struct {
	*scene.Scene
	apis []api // that take its tokens
	made bool  // keys are made there, unless something of the moment stands against it
}

// cursor names a place.
func (p place) cursor() string { return p.KeyManager.Name + "." + string(p.Place.Environment) }

func (c Choice) holds(p place) bool {
	return (c.KeyManager == "" || p.KeyManager.Name == c.KeyManager) &&
		(c.Environment == "" || string(p.Place.Environment) == c.Environment) &&
		strings.Contains(strings.ToLower(p.KeyManager.Name+" "+p.Spec.DisplayName), strings.ToLower(c.Search))
}

// page is what follows the cursor, and whether that is everything. A place that is gone meanwhile is an invalid_input error.
func (c Choice) page(places []place) (page []place, last bool, err error) {
	if c.After != "" {
		i := slices.IndexFunc(places, func(p place) bool { return p.cursor() == c.After })
		if i < 0 {
			return nil, false, keyward.Invalid([]keyward.FieldError{keyward.Fault("cursor", "is not one that this list gave")})
		}
		places = places[i+1:]
	}
	if c.Limit == 0 || len(places) <= c.Limit {
		return places, true, nil
	}
	return places[:c.Limit], false, nil
}

// Options gives a page of the places in the application's reach, and the cursor of the next one: those first where it has a
// client, then those whose tokens most of its APIs take, and of these those where keys are made. Who may read it: the
// application's owners and administrators of the tenant; owners see the key managers that let them have keys.
func (l *Lister) Options(
	ctx context.Context, p keyward.Principal, tenant, application string, which Choice,
) (options []Option, next string, err error) {
	if tenant == "" {
		tenant = keyward.DefaultTenant
	}
	err = l.Store.Read(ctx, func(tx *store.Tx) error {
		app, err := tx.Get(keyward.KindApplication, tenant, application)
		if err != nil {
			return scene.HideFrom(p, tenant, err)
		}
		if err := scene.MayUse(p, app); err != nil {
			return err
		}
		places, err := inReach(tx, p, app, which)
		if err != nil {
			return err
		}
		page, last, err := which.page(places)
		if err != nil {
			return err
		}
		options, next = []Option{}, ""
		known := managers{}
		for _, at := range page {
			o, err := l.option(tx, p, known, at)
			if err != nil {
				return err
			}
			options = append(options, o)
		}
		if !last {
			next = page[len(page)-1].cursor()
		}
		return nil
	})
	return options, next, err
}

// inReach gives the places that are chosen and open to the principal, in order. What can be done there is not looked at yet.
func inReach(tx *store.Tx, p keyward.Principal, app *keyward.Object, which Choice) ([]place, error) {
	subscribed, err := subscribedTo(tx, app.Tenant, app.Name)
	if err != nil {
		return nil, err
	}
	scenes, err := placesOf(tx, app, which.KeyManager)
	if err != nil {
		return nil, err
	}
	var places []place
	for _, s := range scenes {
		if at := (place{s, takenBy(subscribed, s), s.Creatable() == nil}); which.holds(at) && s.Permit(p) == nil {
			places = append(places, at)
		}
	}
	slices.SortStableFunc(places, func(a, b place) int {
		return cmp.Or(first(a.Taking() != nil, b.Taking() != nil), len(b.apis)-len(a.apis), first(a.made, b.made))
	})
	return places, nil
}

// placesOf are an application's in every key manager of its tenant and every global one, or in the one that is named, without the
// servers' secrets.
func placesOf(tx *store.Tx, app *keyward.Object, manager string) ([]*scene.Scene, error) {
	which := store.Filter{Tenant: app.Tenant, Offered: true}
	if manager != "" {
		which.Names = []string{manager}
	}
	managers, _, err := tx.List(keyward.KindKeyManager, which)
	if err != nil {
		return nil, fmt.Errorf("list key managers: %w", err)
	}
	objects, _, err := tx.List(keyward.KindOAuthClient, store.Filter{Tenant: app.Tenant, Application: app.Name})
	if err != nil {
		return nil, fmt.Errorf("list the clients of %s: %w", app.Ref(), err)
	}
	clients := map[scene.Place][]*scene.Client{}
	for _, o := range objects {
		c, err := scene.ReadClient(o)
		if err != nil {
			return nil, err
		}
		at := scene.Place{
			Tenant: app.Tenant, Application: app.Name, KeyManager: c.Spec.KeyManager, Environment: c.Spec.EnvironmentOrDefault(),
		}
		clients[at] = append(clients[at], c)
	}
	var places []*scene.Scene
	for _, km := range managers {
		spec, err := keyward.SpecOf[*keyward.KeyManagerSpec](km)
		if err != nil {
			return nil, err
		}
		for _, environment := range spec.EnvironmentsOrDefault() {
			at := scene.Place{Tenant: app.Tenant, Application: app.Name, KeyManager: km.Name, Environment: environment}
			places = append(places, &scene.Scene{Place: at, App: app, KeyManager: km, Spec: spec, Clients: clients[at]})
		}
	}
	return places, nil
}

// first puts that of two for which something holds before the other.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// option says what can be done at a place.
func (l *Lister) option(tx *store.Tx, p keyward.Principal, known managers, s place) (Option, error) {
	o := Option{
		KeyManager: s.KeyManager.Name, DisplayName: s.Spec.DisplayName, Type: s.Spec.Type,
		Environment: s.Place.Environment, APIs: []string{},
	}
	for _, a := range s.apis {
		o.APIs = append(o.APIs, a.name)
		if a.awaits {
			o.Awaiting = append(o.Awaiting, a.name)
		}
	}
	free := s.Held(nil, l.Now())
	if free == nil {
		free = scene.Alive(s.App)
	}
	if c := s.Taking(); c != nil {
		o.ClientID, o.State = c.Spec.ClientID, c.Status.State
		free = s.Taken(c)
	}
	why := free
	if why == nil {
		why = s.Creatable()
	}
	if told, ok := errors.AsType[*keyward.Error](why); ok {
		o.Why = told.Message
	}
	o.Generate, o.Map = why == nil, free == nil && scene.Mappable(s.KeyManager, s.Spec) == nil
	o.Hold = scene.SeenHold(p, s.KeyManager, l.Now())
	km, err := known.reached(tx, s.KeyManager)
	if err != nil {
		return Option{}, err
	}
	o.Rotation = km.rotation(l.Openers, s.Taking())
	o.Approval, err = s.Awaits(tx, p)
	return o, err
}

// api is one that an application is subscribed to.
type api struct {
	name   string
	spec   *keyward.APISpec
	awaits bool // its subscription awaits an approval
}

// subscribedTo gives the served APIs that an application is subscribed to, by name, whether that is approved already or not.
func subscribedTo(tx *store.Tx, tenant, application string) ([]api, error) {
	objects, _, err := tx.List(keyward.KindSubscription, store.Filter{Tenant: tenant, Application: application})
	if err != nil {
		return nil, fmt.Errorf("list the subscriptions of %s: %w", application, err)
	}
	var all []api
	for _, o := range objects {
		subscription, err := keyward.SpecOf[*keyward.SubscriptionSpec](o)
		if err != nil {
			return nil, err
		}
		object, err := tx.Get(keyward.KindAPI, tenant, subscription.API)
		if err != nil {
			return nil, fmt.Errorf("look up the API %s: %w", subscription.API, err)
		}
		spec, err := keyward.SpecOf[*keyward.APISpec](object)
		if err != nil {
			return nil, err
		}
		approval, err := keyward.ApprovalOf(o)
		if err != nil {
			return nil, err
		}
		rejected := subscription.StateOrDefault() == keyward.SubscriptionRejected ||
			approval != nil && approval.State == keyward.ApprovalRejected
		if spec.Served() && !rejected {
			all = append(all, api{object.Name, spec, approval != nil && approval.State == keyward.ApprovalPending})
		}
	}
	slices.SortFunc(all, func(a, b api) int { return strings.Compare(a.name, b.name) })
	return all, nil
}

// takenBy gives the APIs that take the tokens of a place: they take its key manager, and have something behind them in its
// environment.
func takenBy(subscribed []api, s *scene.Scene) (taken []api) {
	if !s.Spec.Tokens.Use.Direct() {
		return nil
	}
	for _, a := range subscribed {
		upstream := a.spec.Upstream.Production
		if s.Place.Environment == keyward.Sandbox {
			upstream = a.spec.Upstream.Sandbox
		}
		listed := slices.ContainsFunc(a.spec.KeyManagers.List, func(u keyward.KeyManagerUse) bool { return u.Name == s.KeyManager.Name })
		if (listed || a.spec.KeyManagers.All) && upstream != "" {
			taken = append(taken, a)
		}
	}
	return taken
}

// Table shows options to people, a row each below the titles.
func Table(options []Option) [][]string {
	rows := [][]string{{"KEY MANAGER", "ENVIRONMENT", "TYPE", "APIS THAT TAKE IT", "CLIENT", "GENERATE", "MAP", "ROTATES"}}
	for _, o := range options {
		generate, mapping := "no: "+o.Why, "no"
		switch {
		case o.Generate && o.Approval:
			generate = "after an approval"
		case o.Generate:
			generate = "yes"
		case o.State != "":
			generate = "no" // the column before it says why
		}
		if o.Map {
			mapping = "yes"
		}
		client := strings.TrimSpace(o.ClientID + " " + string(o.State))
		rows = append(rows, []string{
			o.KeyManager, string(o.Environment), string(o.Type), strings.Join(o.APIs, ", "), client, generate, mapping,
			standing.Rotates(o.Rotation),
		})
	}
	return rows
}
