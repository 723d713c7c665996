package declare

import (
	"context"
	"fmt"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/declare/etag"
	"keyward.dev/keyward/internal/manifest"
	"keyward.dev/keyward/internal/store"
)

// MakeDefault makes an API the default version of its context. The version that was the default before is none any more in the
// same transaction, so that gateways never know of none or of two; both stay in their manifest sets. Errors for people:
// forbidden, not_found, conflict where gateways do not serve the API, precondition_failed.
func (c *Writer) MakeDefault(ctx context.Context, p keyward.Principal, ref keyward.Ref, ifMatch string) (*keyward.Object, error) {
	if err := access.RequireWrite(p, ref); err != nil {
		return nil, err
	}
	b := &batch{principal: p, further: func(w *world) ([]*item, error) { return w.takeDefault(ref, ifMatch) }}
	changes, err := c.run(ctx, b, nil)
	if err != nil {
		return nil, err
	}
	for _, ch := range changes {
		switch {
		case ch.ref != ref:
		case ch.action == Unchanged:
			return ch.existing, nil
		default:
			return ch.object, nil
		}
	}
	return nil, fmt.Errorf("making %s the default wrote something else", ref)
}

// takeDefault gives the API as the default of its context, and as none the one that is it now.
func (w *world) takeDefault(ref keyward.Ref, ifMatch string) ([]*item, error) {
	o, err := w.get(ref)
	if err != nil {
		return nil, err
	}
	if o == nil {
		return nil, w.missing(ref)
	}
	if err := etag.Require(ifMatch, o); err != nil {
		return nil, err
	}
	api, err := keyward.SpecOf[*keyward.APISpec](o)
	if err != nil {
		return nil, err
	}
	if !api.Served() {
		return nil, keyward.Errorf(keyward.CodeConflict, "%s is %s: publish it before it becomes the default version", ref,
			api.StateOrDefault())
	}
	it, err := w.asDefault(o, api, true)
	if err != nil {
		return nil, err
	}
	items := []*item{it}
	versions, err := w.list(ref.Kind, store.Filter{Tenant: ref.Tenant, Context: api.Context, Brief: true}, api.Context)
	if err != nil {
		return nil, err
	}
	for _, listed := range versions { // without its OpenAPI document
		other, ok := listed.Spec.(*keyward.APISpec)
		if !ok || !other.Default || listed.Name == ref.Name {
			continue
		}
		whole, err := w.get(listed.Ref())
		if err != nil {
			return nil, err
		}
		if other, err = keyward.SpecOf[*keyward.APISpec](whole); err != nil {
			return nil, err
		}
		if it, err = w.asDefault(whole, other, false); err != nil {
			return nil, err
		}
		items = append(items, it)
	}
	return items, nil
}

// asDefault is a stored API, as the default version of its context or not, and otherwise as it is.
func (w *world) asDefault(o *keyward.Object, api *keyward.APISpec, is bool) (*item, error) {
	spec := *api
	spec.Default = is
	m := keyward.Manifest{Kind: o.Kind, Metadata: keyward.Metadata{Tenant: o.Tenant, Name: o.Name}}
	it, faults := w.c.newItem(manifest.Decoded{Manifest: m, Spec: &spec}, "", o.Tenant, nil)
	return it, refused(faults)
}
