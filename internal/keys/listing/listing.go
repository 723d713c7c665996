// Package listing owns what people are shown of applications' clients, and of those that await an approval: who sees which,
// and how they stand. It does not own what becomes of a client, asks no server, and shows no secret but one that it is handed
// for whoever may have it.
package listing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/store"
)

// Lister reads clients as they are stored. Its methods may be called at once.
type Lister struct {
	Store   *store.Store
	Openers *connector.Openers // they say what can be done at a server, and are used for nothing else
	Now     func() time.Time
	// Entitlement tells how far a client has what subscriptions give; nil = nobody gives anything.
	Entitlement func(tx *store.Tx, clientID string) (*keyward.ClientEntitlement, error)
}

// Listed is one client in a listing.
type Listed struct {
	Name        string               `json:"name"`
	Application string               `json:"application"`
	KeyManager  string               `json:"keyManager"`
	Environment keyward.Environment  `json:"environment"`
	ClientID    string               `json:"clientId,omitempty"`
	Match       *keyward.ClientMatch `json:"match,omitempty"`
	scene.Way
	scene.Rotation
	Status *keyward.OAuthClientStatus `json:"status"`

	CreatedAt           time.Time  `json:"createdAt" doc:"When it was asked for or mapped"`
	SecretUntil         *time.Time `json:"secretUntil,omitempty" doc:"Until then who asks can have its secret once more (reveal)"`
	LastUsedAt          *time.Time `json:"lastUsedAt,omitempty" doc:"When a gateway let a call with a token of the client pass"`
	SecretLastUsedAt    *time.Time `json:"secretLastUsedAt,omitempty" doc:"When the key manager took its secret; of the resident one"`
	OldSecretLastUsedAt *time.Time `json:"oldSecretLastUsedAt,omitempty" doc:"The same of the secret before it, while that is taken too"`
}

// List gives a page of an application's clients, failed attempts too, and the cursor of the next one, from the database alone: no
// server is asked. Who may read it: the application's owners, administrators and auditors of the tenant.
func (l *Lister) List(ctx context.Context, p keyward.Principal, tenant, application string, choice Choice) ([]Listed, string, error) {
	tenant, listed, next := cmp.Or(tenant, keyward.DefaultTenant), []Listed{}, ""
	err := l.Store.Read(ctx, func(tx *store.Tx) error {
		app, err := tx.Get(keyward.KindApplication, tenant, application)
		if err != nil {
			return scene.HideFrom(p, tenant, err)
		}
		if err := mayList(p, app); err != nil {
			return err
		}
		known := managers{}
		clients, after, err := l.page(tx, p, app, choice, known)
		if err != nil {
			return err
		}
		objects := make([]*keyward.Object, len(clients))
		for i, c := range clients {
			objects[i] = c.Object
		}
		uses, err := tx.ClientUses(objects)
		if err != nil {
			return fmt.Errorf("read when the clients of %s were used: %w", app.Ref(), err)
		}
		reveals, err := tx.RevealsUntil(store.IDs(objects), scene.Requester(p, tenant), l.Now())
		if err != nil {
			return fmt.Errorf("read which secrets of %s wait: %w", app.Ref(), err)
		}
		listed, next = listed[:0], after
		for _, c := range clients {
			o := c.Object
			km, err := known.of(tx, tenant, c.Spec.KeyManager)
			if err != nil {
				return err
			}
			status, err := l.shownStatus(tx, p, o, c.Status)
			if err != nil {
				return err
			}
			shown := Listed{
				Name: o.Name, Application: application, KeyManager: c.Spec.KeyManager,
				Environment: c.Spec.EnvironmentOrDefault(), ClientID: c.Spec.ClientID, Match: c.Spec.Match,
				Way: scene.WayOf(km.server.Spec, km.server.Status, c.Status.Fields), Rotation: km.rotation(l.Openers, c),
				Status: status, CreatedAt: o.CreatedAt, LastUsedAt: uses[o.ID].LastUsedAt,
				SecretLastUsedAt: uses[o.ID].SecretAt(scene.SecretPath), OldSecretLastUsedAt: uses[o.ID].SecretAt(scene.BeforePath),
			}
			if until, waits := reveals[o.ID]; waits {
				shown.SecretUntil = &until
			}
			listed = append(listed, shown)
		}
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	return listed, next, nil
}

// page gives the first clients after the cursor that are wanted, and the cursor of the next page. There is one only where more of
// them follow.
func (l *Lister) page(
	tx *store.Tx, p keyward.Principal, app *keyward.Object, choice Choice, known managers,
) (page []*scene.Client, next string, err error) {
	wanted, err := choice.wants(tx, p, app.Tenant, known)
	if err != nil || wanted == nil {
		return nil, "", err
	}
	filter := store.Filter{
		Tenant: app.Tenant, Application: app.Name, KeyManager: choice.KeyManager, Environment: choice.Environment, After: choice.After,
	}
	if choice.Limit > 0 {
		filter.Limit = choice.Limit + 1
	}
	for {
		objects, after, err := tx.List(keyward.KindOAuthClient, filter)
		if err != nil {
			return nil, "", fmt.Errorf("list the clients of %s: %w", app.Ref(), err)
		}
		for _, o := range objects {
			c, err := scene.ReadClient(o)
			if err != nil {
				return nil, "", err
			}
			switch is, err := wanted(c); {
			case err != nil:
				return nil, "", err
			case !is:
			case choice.Limit > 0 && len(page) == choice.Limit:
				return page, store.Cursor(app.Tenant, page[len(page)-1].Object.Name), nil
			default:
				page = append(page, c)
			}
		}
		if after == "" {
			return page, "", nil
		}
		filter.After = after
	}
}

// wants tells of a client of the tenant whether it is chosen beyond what the store looks at; nil = none is.
func (c Choice) wants(
	tx *store.Tx, p keyward.Principal, tenant string, known managers,
) (wanted func(*scene.Client) (bool, error), err error) {
	var taking []api
	if c.API != "" {
		o, err := tx.Get(keyward.KindAPI, tenant, c.API)
		if keyward.CodeOf(err) == keyward.CodeNotFound {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read API %s: %w", c.API, err)
		}
		spec, err := keyward.SpecOf[*keyward.APISpec](o)
		if err != nil || !access.SeesAPI(p, spec) {
			return nil, err
		}
		taking = []api{{name: o.Name, spec: spec}}
	}
	return func(client *scene.Client) (bool, error) {
		if c.Usable && client.Status.State != keyward.ClientActive && client.Status.State != keyward.ClientDrifted {
			return false, nil
		}
		if taking == nil && c.Search == "" {
			return true, nil
		}
		km, err := known.of(tx, tenant, client.Spec.KeyManager)
		if err != nil {
			return false, err
		}
		at := scene.Place{KeyManager: client.Spec.KeyManager, Environment: client.Spec.EnvironmentOrDefault()}
		in := place{Scene: &scene.Scene{Place: at, KeyManager: km.object, Spec: km.server.Spec}}
		return c.holds(in) && (taking == nil || len(takenBy(taking, in.Scene)) > 0), nil
	}, nil
}

// mayList refuses to list an application's clients to those who neither own it nor look after its tenant.
func mayList(p keyward.Principal, app *keyward.Object) error {
	if p.Has(keyward.RoleAuditor) && (p.Tenant == app.Tenant || p.Tenant == keyward.DefaultTenant) {
		return nil
	}
	return scene.MayUse(p, app)
}

// shownStatus is the status with what is kept elsewhere, and without what is over.
func (l *Lister) shownStatus(
	tx *store.Tx, p keyward.Principal, o *keyward.Object, status keyward.OAuthClientStatus,
) (*keyward.OAuthClientStatus, error) {
	status.Hold, status.Set = scene.SeenHold(p, o, l.Now()), o.Set
	if a := status.Approval; a != nil && a.SecretUntil != nil && !l.Now().Before(*a.SecretUntil) {
		past := *a
		past.SecretUntil, status.Approval = nil, &past
	}
	if l.Entitlement != nil && status.State != keyward.ClientAwaiting {
		var err error
		if status.Entitlement, err = l.Entitlement(tx, o.ID); err != nil {
			return nil, fmt.Errorf("read what %s is entitled to: %w", o.Ref(), err)
		}
		status.LackingScopes = scene.LackingScopes(status)
	}
	return &status, nil
}

// manager is a client's key manager, and how its server is reached.
type manager struct {
	object *keyward.Object
	server connector.Server
	fault  error // why it cannot be reached as it is declared; nil = it can
}

// managers are those that were read, by name.
type managers map[string]manager

func (m managers) of(tx *store.Tx, tenant, name string) (manager, error) {
	if found, known := m[name]; known {
		return found, nil
	}
	object, err := tx.KeyManagerFor(tenant, name)
	if err != nil {
		return manager{}, err
	}
	return m.reached(tx, object)
}

// reached is of with what is stored of the key manager at hand.
func (m managers) reached(tx *store.Tx, object *keyward.Object) (manager, error) {
	if found, known := m[object.Name]; known {
		return found, nil
	}
	found, err := managerOf(tx, object)
	if err == nil {
		m[object.Name] = found
	}
	return found, err
}

func managerOf(tx *store.Tx, object *keyward.Object) (found manager, err error) {
	found.object = object
	if found.server, err = keymanager.ServerAlone(tx, found.object); err != nil {
		return manager{}, err
	}
	whole, err := keymanager.Connect(tx, found.server)
	if told, is := errors.AsType[*keyward.Error](err); is {
		found.fault = told
		return found, nil
	}
	found.server = whole
	return found, err
}

// rotation says whether the secret of one of its clients can be replaced; without one, of any that is made there.
func (m manager) rotation(openers *connector.Openers, c *scene.Client) scene.Rotation {
	if m.fault != nil {
		return scene.Rotation{Obstacle: scene.Told(m.object.Name, m.fault).Words()}
	}
	at := scene.Scene{KeyManager: m.object, Spec: m.server.Spec, Server: m.server}
	return at.RotationOf(openers, c)
}
