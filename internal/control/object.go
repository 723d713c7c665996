package control

import (
	"context"
	"errors"
	"fmt"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/manifest"
	"keyward.dev/keyward/internal/store"
)

// PutRequest writes one object.
type PutRequest struct {
	Kind    keyward.Kind
	Tenant  string // empty: the manifest's, else the default one
	Name    string // empty: the manifest's
	Body    []byte // the manifest as JSON; kind, apiVersion and names may be left out where they are said here
	Create  bool   // refuse when the object exists
	IfMatch string // the ETag that the stored object must have; empty = any

	// IfNoneMatch are ETags that the stored object must not have, as the header field lists them; * = there must be none.
	IfNoneMatch string
}

// Put creates the object or replaces it as a whole, and tells whether it was created.
func (c *Control) Put(ctx context.Context, p keyward.Principal, r PutRequest) (*keyward.Object, bool, error) {
	d, faults := manifest.DecodeAs(r.Body, r.Kind)
	m := &d.Manifest.Metadata
	if r.Tenant == "" && keyward.ValidName(m.Tenant) {
		r.Tenant = m.Tenant
	}
	if r.Tenant == "" {
		r.Tenant = keyward.DefaultTenant
	}
	ref := place(keyward.Ref{Kind: r.Kind, Tenant: r.Tenant, Name: r.Name})
	if !accessTo(p, ref.Kind, ref.Tenant).writes() {
		return nil, false, forbiddenWrite(p, ref)
	}
	if r.Name != "" {
		if m.Name != "" && m.Name != r.Name {
			faults = append(faults, twoNames("metadata.name", m.Name, r.Name))
		}
		m.Name = r.Name
	}
	if !keyward.ValidName(m.Name) && (r.Name != "" || m.Name == "") {
		faults = append(faults, badName("metadata.name", m.Name))
	}
	if r.Kind != keyward.KindTenant && m.Tenant != "" && m.Tenant != r.Tenant {
		faults = append(faults, twoNames("metadata.tenant", m.Tenant, r.Tenant))
		m.Tenant = r.Tenant
	}
	d.Manifest.Kind = r.Kind
	it, more := newItem(d, "", r.Tenant, faults)
	faults = append(faults, more...)
	it.sound = it.sound && len(more) == 0
	b := &batch{principal: p, items: []*item{it}, create: r.Create, ifMatch: r.IfMatch,
		ifNoneMatch: r.IfNoneMatch}
	changes, err := c.run(ctx, b, faults)
	if err != nil {
		return nil, false, err
	}
	if len(changes) != 1 {
		return nil, false, fmt.Errorf("writing one object changed %d", len(changes))
	}
	ch := changes[0]
	if ch.action == Unchanged {
		return withoutReason(p, ch.existing), false, nil
	}
	return withoutReason(p, ch.object), ch.action == Created, nil
}

func twoNames(path, inManifest, inAddress string) keyward.FieldError {
	return invalid(path, "is %q in the manifest and %q in the address", inManifest, inAddress)
}

// Delete deletes an object, unless others use it: then the error lists them.
func (c *Control) Delete(ctx context.Context, p keyward.Principal, ref keyward.Ref, ifMatch string) error {
	ref = place(ref)
	if !accessTo(p, ref.Kind, ref.Tenant).writes() {
		return forbiddenWrite(p, ref)
	}
	return c.store.Write(ctx, actor(p), func(tx *store.Tx) error {
		w := newWorld(c, tx, &batch{principal: p}, newGathered())
		o, err := w.get(ref)
		if err != nil {
			return err
		}
		if o == nil {
			return notFound(ref)
		}
		if err := w.mayDelete(o); err != nil {
			return err
		}
		if ifMatch != "" && ifMatch != "*" && ifMatch != ETag(o) {
			return keyward.Errorf(keyward.CodePreconditionFailed, "%s is not the version that If-Match names", ref)
		}
		if err := heldFrom(p, o, c.now()); err != nil {
			return err
		}
		if err := deletable(o); err != nil {
			return err
		}
		users, err := w.lastUsers(o)
		if err != nil {
			return err
		}
		if len(users) > 0 {
			e := keyward.Errorf(keyward.CodeInUse, "%s is used by others", ref)
			e.Users = users
			return e
		}
		return w.remove(o)
	})
}

// ErrGenerated is the cause of refusing to delete a generated client: only the keys room can.
var ErrGenerated = errors.New("the client was generated")

// deletable refuses what other ways lead to.
func deletable(o *keyward.Object) error {
	if builtIn(o.Ref()) {
		if o.Kind == keyward.KindKeyManager {
			return keyward.Errorf(keyward.CodeConflict, "%s is every tenant's own: disable it instead", o.Ref())
		}
		return keyward.Errorf(keyward.CodeConflict, "%s cannot be deleted", o.Ref())
	}
	if o.Kind != keyward.KindOAuthClient {
		return nil
	}
	status, err := clientStatus(o)
	if err != nil {
		return err
	}
	if status.Mode == keyward.ClientGenerated {
		return &keyward.Error{
			Code:    keyward.CodeConflict,
			Message: fmt.Sprintf("%s was generated: delete it through keys, which deletes it at the key manager too", o.Ref()),
			Err:     ErrGenerated,
		}
	}
	return nil
}

func notFound(ref keyward.Ref) error {
	return keyward.Errorf(keyward.CodeNotFound, "there is no %s", ref)
}

// place puts tenants where they are kept.
func place(ref keyward.Ref) keyward.Ref {
	if ref.Kind == keyward.KindTenant {
		ref.Tenant = keyward.DefaultTenant
	}
	return ref
}

// Get gives an object as the principal may see it.
func (c *Control) Get(ctx context.Context, p keyward.Principal, ref keyward.Ref) (*keyward.Object, error) {
	ref = place(ref)
	self := ref.Kind == keyward.KindUser && ref.Tenant == p.Tenant && ref.Name == p.User
	home := ref.Kind == keyward.KindTenant && ref.Name == p.Tenant
	if !self && !home && !accessTo(p, ref.Kind, ref.Tenant).reads() {
		return nil, forbiddenRead(p, ref.Kind, ref.Tenant)
	}
	var seen *keyward.Object
	err := c.store.Read(ctx, func(tx *store.Tx) error {
		w := newWorld(c, tx, &batch{principal: p}, newGathered())
		o, err := w.get(ref)
		if err != nil {
			return err
		}
		if o == nil {
			return notFound(ref)
		}
		if self {
			seen = o
			return nil
		}
		seen, err = w.visible(o)
		seen = withoutReason(p, seen)
		if err == nil && seen == nil {
			err = forbiddenRead(p, ref.Kind, ref.Tenant)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return seen, nil
}

// Page chooses a part of a listing.
type Page struct {
	After  string // the cursor that the page before gave
	Limit  int    // 1 to MaxPage; 0 = DefaultPage
	Set    string
	Search string
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
	if kind == keyward.KindTenant {
		tenant = keyward.DefaultTenant
	}
	a := accessTo(p, kind, tenant)
	if !a.reads() || kind == keyward.KindTenant && a&readAll == 0 {
		return nil, "", forbiddenRead(p, kind, tenant)
	}
	filter := store.Filter{Tenant: tenant, After: page.After, Limit: page.Limit, Set: page.Set, Search: page.Search}
	if filter.Limit == 0 {
		filter.Limit = DefaultPage
	}
	if a&(readAll|readPublic) == 0 {
		filter.Owners = owners(p)
	}
	var out []*keyward.Object
	var next string
	err := c.store.Read(ctx, func(tx *store.Tx) error {
		w := newWorld(c, tx, &batch{principal: p}, newGathered())
		if err := tenantExists(tx, tenant); err != nil {
			return err
		}
		objects, after, err := tx.List(kind, filter)
		if err != nil {
			return err
		}
		out, next = nil, after
		for _, o := range objects {
			seen, err := w.visible(o)
			if err != nil {
				return err
			}
			if seen != nil {
				out = append(out, withoutReason(p, seen))
			}
		}
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	return out, next, nil
}

// visible gives the object as the principal may see it; nil for one that is not theirs.
func (w *world) visible(o *keyward.Object) (*keyward.Object, error) {
	p := w.b.principal
	a := accessTo(p, o.Kind, o.Tenant)
	switch {
	case a&readAll != 0, o.Kind == keyward.KindTenant && o.Name == p.Tenant:
		return o, nil
	case a&readOwn != 0 && o.Kind != keyward.KindTenant:
		owns, err := w.owns(o.Spec, o.Tenant)
		if err != nil {
			return nil, err
		}
		if owns {
			return o, nil
		}
	}
	if a&readPublic == 0 || !permitted(p, o) {
		return nil, nil
	}
	return public(o), nil
}

// permitted tells whether a key manager's permissions let the principal see it. Publishers see every one: their APIs
// name them.
func permitted(p keyward.Principal, o *keyward.Object) bool {
	s, ok := o.Spec.(*keyward.KeyManagerSpec)
	return !ok || p.Has(keyward.RolePublisher) || s.Permissions.Permits(p)
}

// public leaves out what is not everybody's business: how a key manager is managed, whose an application is.
func public(o *keyward.Object) *keyward.Object {
	seen := *o
	switch s := o.Spec.(type) {
	case *keyward.KeyManagerSpec:
		shown := *s
		shown.Connection, shown.Introspection, shown.Permissions = nil, nil, nil
		seen.Spec = &shown
	case *keyward.ApplicationSpec:
		seen.Spec = &keyward.ApplicationSpec{DisplayName: s.DisplayName}
	}
	return &seen
}
