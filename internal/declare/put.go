package declare

import (
	"context"
	"errors"
	"fmt"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/declare/etag"
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
func (c *Writer) Put(ctx context.Context, p keyward.Principal, r PutRequest) (*keyward.Object, bool, error) {
	d, faults := manifest.DecodeAs(r.Body, r.Kind)
	m := &d.Manifest.Metadata
	if r.Tenant == "" && keyward.ValidName(m.Tenant) {
		r.Tenant = m.Tenant
	}
	if r.Tenant == "" {
		r.Tenant = keyward.DefaultTenant
	}
	ref := Place(keyward.Ref{Kind: r.Kind, Tenant: r.Tenant, Name: r.Name})
	if err := access.RequireWrite(p, ref); err != nil {
		return nil, false, err
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
	it, more := c.newItem(d, "", r.Tenant, faults)
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
		return access.WithoutReason(p, ch.existing), false, nil
	}
	return access.WithoutReason(p, ch.object), ch.action == Created, nil
}

func twoNames(path, inManifest, inAddress string) keyward.FieldError {
	return keyward.Fault(path, "is %q in the manifest and %q in the address", inManifest, inAddress)
}

// Delete deletes an object, unless others use it: then the error lists them.
func (c *Writer) Delete(ctx context.Context, p keyward.Principal, ref keyward.Ref, ifMatch string) error {
	ref = Place(ref)
	if err := access.RequireWrite(p, ref); err != nil {
		return err
	}
	return c.store.Write(ctx, p.Actor(), func(tx *store.Tx) error {
		w := newWorld(c, tx, &batch{principal: p}, newGathered())
		o, err := w.get(ref)
		if err != nil {
			return err
		}
		if o == nil {
			return w.missing(ref)
		}
		if err := w.mayDelete(o); err != nil {
			return err
		}
		if err := etag.Require(ifMatch, o); err != nil {
			return err
		}
		if err := access.HeldFrom(p, o, c.now()); err != nil {
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
			e := keyward.Errorf(keyward.CodeInUse, "%s", usedBy(ref))
			e.Users = users
			return e
		}
		if err := w.remove(o); err != nil {
			return err
		}
		return w.keepAdministrator(ref, o.Spec, nil)
	})
}

// ErrGenerated is the cause of refusing to delete a generated client: only the keys room can.
var ErrGenerated = errors.New("the client was generated")

// deletable refuses what other ways lead to.
func deletable(o *keyward.Object) error {
	if o.Ref().BuiltIn() {
		if o.Kind == keyward.KindKeyManager {
			return keyward.Errorf(keyward.CodeConflict, "%s is every tenant's own: disable it instead", o.Ref())
		}
		return keyward.Errorf(keyward.CodeConflict, "%s cannot be deleted", o.Ref())
	}
	if o.Kind != keyward.KindOAuthClient {
		return nil
	}
	status, err := o.ClientStatus()
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

// Place puts tenants where they are kept.
func Place(ref keyward.Ref) keyward.Ref {
	if ref.Kind == keyward.KindTenant {
		ref.Tenant = keyward.DefaultTenant
	}
	return ref
}
