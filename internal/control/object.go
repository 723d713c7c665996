package control

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/declare"
	"keyward.dev/keyward/internal/store"
)

// Get gives an object as the principal may see it.
func (c *Control) Get(ctx context.Context, p keyward.Principal, ref keyward.Ref) (*keyward.Object, error) {
	ref = declare.Place(ref)
	self := ref.Kind == keyward.KindUser && ref.Tenant == p.Tenant && ref.Name == p.User
	home := ref.Kind == keyward.KindTenant && ref.Name == p.Tenant
	if !self && !home && !access.To(p, ref.Kind, ref.Tenant).Reads() {
		return nil, access.ForbiddenRead(p, ref.Kind, ref.Tenant)
	}
	var seen *keyward.Object
	err := c.store.Read(ctx, func(tx *store.Tx) error {
		o, err := tx.Meant(ref)
		if err != nil {
			return err
		}
		if self {
			seen = o
			return nil
		}
		seen, err = newReader(p, tx, ref.Tenant).visible(o)
		if err == nil && seen == nil {
			err = unseen(p, ref)
		}
		if err == nil && access.To(p, o.Kind, o.Tenant)&access.ReadAll != 0 {
			seen, err = c.noted(tx, seen)
		}
		seen = access.WithoutReason(p, seen)
		return err
	})
	if err != nil {
		return nil, err
	}
	return seen, nil
}

// unseen is the refusal to show an object that the principal does not see: an API that is not for them is not there.
func unseen(p keyward.Principal, ref keyward.Ref) error {
	if ref.Kind == keyward.KindAPI {
		return keyward.Errorf(keyward.CodeNotFound, "there is no %s", ref)
	}
	return keyward.Errorf(keyward.CodeForbidden, "user %s may not read %s", p.User, ref)
}

// MayExplain refuses developers an explanation that is not about an application of their own, where a token was shown, and
// every one of an API that is not there for them.
func (c *Control) MayExplain(ctx context.Context, p keyward.Principal, tenant, api, application string, token bool) error {
	may := true
	err := c.store.Read(ctx, func(tx *store.Tx) (err error) {
		may = true
		if token {
			if may, err = ownsApplication(p, tx, tenant, application); err != nil || !may {
				return err
			}
		}
		if api != "" {
			may, err = knowsAPI(p, tx, tenant, api, application)
		}
		return err
	})
	if err == nil && !may {
		err = keyward.Errorf(keyward.CodeForbidden, "developers explain only what concerns their own applications, "+
			"and this token is not known to be of one")
	}
	return err
}

// knowsAPI tells whether the principal may be told of an API in what is said of an application of theirs: they see it, or the
// application is subscribed to it. Nobody knows one that is not there.
func knowsAPI(p keyward.Principal, tx *store.Tx, tenant, name, application string) (bool, error) {
	o, err := tx.Get(keyward.KindAPI, tenant, name)
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read API %s: %w", name, err)
	}
	s, err := keyward.SpecOf[*keyward.APISpec](o)
	if err != nil || access.SeesAPI(p, s) {
		return err == nil, err
	}
	if application == "" {
		return false, nil
	}
	subscribed, _, err := tx.List(keyward.KindSubscription, store.Filter{Tenant: tenant, Application: application, API: name, Limit: 1})
	return len(subscribed) > 0, err
}

// Page chooses a part of a listing. The names in it are of the tenant's objects; one that the kind has no relation to is
// refused.
type Page struct {
	After       string // the cursor that the page before gave
	Limit       int    // 1 to MaxPage; 0 = DefaultPage
	Set         string
	Search      string
	Application string       // what belongs to it
	API         string       // subscriptions to it
	Plan        string       // subscriptions under it, APIs that offer it
	KeyManager  string       // OAuth clients in it, APIs that name it
	Connection  string       // key managers that use it; for those who see that
	Owner       string       // a user, or group/NAME; for those who see owners
	Group       string       // users in it; for those who see everything of users
	Held        bool         // what is held now
	Role        keyward.Role // users who have it
	Enabled     bool         // key managers that are
	Context     string       // APIs of this context
	Names       []string     // only those of these names
	Documents   bool         // APIs come with their OpenAPI documents, which a page leaves empty otherwise: nobody can store one that is

	Type keyward.KeyManagerType // key managers and Connections of it
}

// filter is the page as the store knows it.
func (p Page) filter(tenant string) store.Filter {
	return store.Filter{
		Tenant: tenant, Offered: true, After: p.After, Limit: cmp.Or(p.Limit, DefaultPage), Set: p.Set, Search: p.Search,
		Application: p.Application, API: p.API, Plan: p.Plan, KeyManager: p.KeyManager, Connection: p.Connection,
		Owner: p.Owner, Group: p.Group, Held: p.Held, Role: p.Role, Enabled: p.Enabled, Context: p.Context, Type: p.Type, Names: p.Names,
		Brief: !p.Documents,
	}
}

// Sizes of pages.
const (
	DefaultPage = 100
	MaxPage     = 500
)

// List gives a page of the objects of a kind that the principal may see, by name, and the cursor of the next page.
func (c *Control) List(ctx context.Context, p keyward.Principal, kind keyward.Kind, tenant string, page Page) (
	[]*keyward.Object, string, error,
) {
	filter, err := listed(p, kind, tenant, page)
	if err != nil {
		return nil, "", err
	}
	var out []*keyward.Object
	var next string
	err = c.store.Read(ctx, func(tx *store.Tx) error {
		r := newReader(p, tx, filter.Tenant)
		if err := tenantExists(tx, filter.Tenant); err != nil {
			return err
		}
		if kind == keyward.KindKeyManager && filter.API != "" {
			some, err := r.takenBy(&filter)
			if err != nil || !some {
				return err
			}
		}
		var err error
		out, next, err = r.page(kind, filter)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return out, next, nil
}

// listed is the page as the store knows it, of those of the kind that the principal may see; who may see none is refused.
func listed(p keyward.Principal, kind keyward.Kind, tenant string, page Page) (store.Filter, error) {
	if kind == keyward.KindTenant {
		tenant = keyward.DefaultTenant
	}
	a := access.To(p, kind, tenant)
	if !a.Reads() || kind == keyward.KindTenant && a&access.ReadAll == 0 {
		return store.Filter{}, access.ForbiddenRead(p, kind, tenant)
	}
	hidden := page.Owner != "" || page.Connection != "" || page.Group != "" || page.Set != ""
	if hidden && a&access.ReadAll == 0 && a&access.ReadPublic != 0 {
		return store.Filter{}, access.ForbiddenRead(p, kind, tenant) // it would tell what they are not shown
	}
	filter := page.filter(tenant)
	if a&(access.ReadAll|access.ReadPublic) == 0 {
		filter.Owners = access.Owners(p)
	}
	return filter, nil
}

// takenBy puts the names of the key managers whose tokens the filter's API takes into its place. It tells whether there are any:
// an API that the principal does not see takes none.
func (r *reader) takenBy(filter *store.Filter) (some bool, err error) {
	o, err := r.tx.Get(keyward.KindAPI, filter.Tenant, filter.API)
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		return false, nil
	}
	if err == nil {
		o, err = r.visible(o)
	}
	if err != nil || o == nil {
		return false, err
	}
	spec, err := keyward.SpecOf[*keyward.APISpec](o)
	if err != nil {
		return false, err
	}
	filter.API = ""
	if spec.KeyManagers.All {
		return true, nil
	}
	asked := filter.Names
	filter.Names = nil
	for _, use := range spec.KeyManagers.List {
		if len(asked) == 0 || slices.Contains(asked, use.Name) {
			filter.Names = append(filter.Names, use.Name)
		}
	}
	return len(filter.Names) > 0, nil
}

// reader shows stored objects to a principal.
type reader struct {
	principal    keyward.Principal
	tx           *store.Tx
	tenant       string                       // where they look
	applications map[keyward.Ref]keyward.Spec // read already; nil for what is not there
}

func newReader(p keyward.Principal, tx *store.Tx, tenant string) *reader {
	return &reader{principal: p, tx: tx, tenant: tenant, applications: map[keyward.Ref]keyward.Spec{}}
}

// page gives the first objects after the filter's cursor that the principal sees, and the cursor of the next page. There is one
// only where something follows that they see: it would tell of what is not there for them, and with a search of what it
// is called.
func (r *reader) page(kind keyward.Kind, filter store.Filter) (page []*keyward.Object, next string, err error) {
	size := filter.Limit
	filter.Limit = size + 1
	for {
		objects, after, err := r.tx.List(kind, filter)
		if err != nil {
			return nil, "", err
		}
		for _, o := range objects {
			seen, err := r.visible(o)
			switch {
			case err != nil:
				return nil, "", err
			case seen == nil || !chosen(seen, filter):
			case len(page) == size:
				return page, store.Cursor(filter.Tenant, page[size-1].Name), nil
			default:
				page = append(page, access.WithoutReason(r.principal, seen))
			}
		}
		if after == "" {
			return page, "", nil
		}
		filter.After, filter.Limit = after, max(size+1, DefaultPage)
	}
}

// chosen tells whether an object is what the filter leaves to its reader to find out.
func chosen(o *keyward.Object, f store.Filter) bool {
	return (f.Role == "" || hasRole(o, f.Role)) && (!f.Enabled || isEnabled(o)) && (f.Type == "" || typeOf(o) == f.Type)
}

// hasRole tells whether an object is a user with the role.
func hasRole(o *keyward.Object, role keyward.Role) bool {
	user, ok := o.Spec.(*keyward.UserSpec)
	return ok && slices.Contains(user.Roles, role)
}

// isEnabled tells whether an object is a key manager that is enabled.
func isEnabled(o *keyward.Object) bool {
	km, ok := o.Spec.(*keyward.KeyManagerSpec)
	return ok && km.IsEnabled()
}

// typeOf is the type of a key manager or Connection; empty for anything else.
func typeOf(o *keyward.Object) keyward.KeyManagerType {
	switch s := o.Spec.(type) {
	case *keyward.KeyManagerSpec:
		return s.Type
	case *keyward.ConnectionSpec:
		return s.Type
	}
	return ""
}

// visible gives the object as the principal may see it; nil for one that is not theirs.
func (r *reader) visible(o *keyward.Object) (*keyward.Object, error) {
	p := r.principal
	a := access.To(p, o.Kind, o.Tenant)
	if s, ok := o.Spec.(*keyward.APISpec); ok && !access.SeesAPI(p, s) {
		return nil, nil
	}
	switch {
	case a&access.ReadAll != 0, o.Kind == keyward.KindTenant && o.Name == p.Tenant:
		return o, nil
	case a&access.ReadOwn != 0 && o.Kind != keyward.KindTenant:
		owns, err := r.owns(o.Spec, o.Tenant)
		if err != nil {
			return nil, err
		}
		if owns {
			return o, nil
		}
	}
	public := a&access.ReadPublic != 0 || access.OfferedTo(p, o, r.tenant)
	if !public || !access.Permitted(p, o) {
		return nil, nil
	}
	return access.Public(o), nil
}

func (r *reader) owns(spec keyward.Spec, tenant string) (bool, error) {
	return access.Owns(r.principal, spec, func(name string) (keyward.Spec, error) {
		ref := keyward.Ref{Kind: keyward.KindApplication, Tenant: tenant, Name: name}
		if s, known := r.applications[ref]; known {
			return s, nil
		}
		o, err := r.tx.Get(ref.Kind, ref.Tenant, ref.Name)
		if keyward.CodeOf(err) == keyward.CodeNotFound {
			r.applications[ref] = nil
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", ref, err)
		}
		r.applications[ref] = o.Spec
		return o.Spec, nil
	})
}

// ownsApplication tells whether an application of the tenant is the principal's own.
func ownsApplication(p keyward.Principal, tx *store.Tx, tenant, name string) (bool, error) {
	if p.Tenant != tenant || name == "" {
		return false, nil
	}
	o, err := tx.Get(keyward.KindApplication, tenant, name)
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	s, err := keyward.SpecOf[*keyward.ApplicationSpec](o)
	return err == nil && s.OwnedBy(p.User, p.Groups), err
}

// foreign explains why a name that means a global key manager is not found among the tenant's own.
func foreign(tx *store.Tx, ref keyward.Ref, err error) error {
	if ref.Kind != keyward.KindKeyManager || keyward.CodeOf(err) != keyward.CodeNotFound {
		return err
	}
	if global, lookErr := tx.KeyManagerFor(ref.Tenant, ref.Name); lookErr == nil {
		return access.ForeignGlobal(global.Ref())
	}
	return err
}
