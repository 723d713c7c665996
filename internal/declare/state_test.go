package declare_test

import (
	"context"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/declare"
	"keyward.dev/keyward/internal/testbed/plane"
)

// TestSubscriptionsFollowTheStateOfTheirAPI: what exists stays in every state; new ones are taken by a published API, and of
// administrators by a draft; an export of any state goes into an empty house.
func TestSubscriptionsFollowTheStateOfTheirAPI(t *testing.T) {
	h := plane.New(t)
	h.MustApply(plane.Usual()...)
	h.MustApply(plane.Manifest(keyward.KindApplication, "web", `{"owner":"alice"}`))
	alice := plane.As("alice", keyward.RoleDeveloper)
	api := func(state keyward.APIState) string {
		return plane.Manifest(keyward.KindAPI, "orders-v1", strings.Replace(plane.OrdersSpec, "{", `{"state":"`+string(state)+`",`, 1))
	}
	const spec = `{"application":"web","api":"orders-v1","plan":"gold"}`
	sub := plane.Manifest(keyward.KindSubscription, "web-orders", spec)
	old := plane.Manifest(keyward.KindSubscription, "mobile-orders", `{"application":"mobile","api":"orders-v1","plan":"gold"}`)
	drop := func(name string) {
		t.Helper()
		ref := keyward.Ref{Kind: keyward.KindSubscription, Tenant: keyward.DefaultTenant, Name: name}
		if err := h.Control.Delete(context.Background(), plane.Operator(), ref, ""); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		state            keyward.APIState
		admin, developer bool
	}{
		{keyward.APIDraft, true, false}, {keyward.APIPublished, true, true}, {keyward.APIDeprecated, false, false},
		{keyward.APIRetired, false, false}, {keyward.APIPublished, true, true},
	} {
		h.MustApply(api(c.state))
		for _, who := range []struct {
			p    keyward.Principal
			take bool
		}{{plane.Operator(), c.admin}, {alice, c.developer}} {
			if _, err := h.Apply(who.p, declare.Request{Objects: h.Objects(old)}); err != nil {
				t.Errorf("%s: the old subscription, by %s: %v", c.state, who.p.User, err)
			}
			request := declare.Request{Objects: h.Objects(sub)}
			if !who.take {
				code := keyward.CodeConflict
				if c.state == keyward.APIDraft { // developers see no draft
					code = keyward.CodeInvalidInput
				}
				if e := h.Refused(who.p, request, code); e.Paths != "objects[0].spec.api" {
					t.Errorf("%s: faults at %q", c.state, e.Paths)
				}
				continue
			}
			if _, err := h.Apply(who.p, request); err != nil {
				t.Errorf("%s: a new subscription by %s: %v", c.state, who.p.User, err)
			}
			drop("web-orders")
		}
		// Another subscription that moves to the API is as new as one.
		h.MustApply(plane.Manifest(keyward.KindAPI, "other", strings.Replace(plane.OrdersSpec, "/orders", "/other", 1)),
			plane.Manifest(keyward.KindSubscription, "web-other", strings.Replace(spec, "orders-v1", "other", 1)))
		moved := declare.Request{Objects: h.Objects(plane.Manifest(keyward.KindSubscription, "web-other", spec))}
		if !c.admin {
			h.Refused(plane.Operator(), moved, keyward.CodeConflict)
		} else if _, err := h.Apply(plane.Operator(), moved); err != nil {
			t.Errorf("%s: a subscription that moves: %v", c.state, err)
		}
		drop("web-other")
	}
	texts := plane.Usual()
	texts[3] = api(keyward.APIRetired)
	if got := plane.New(t).MustApply(texts...); got["Subscription mobile-orders"] != declare.Created {
		t.Errorf("into an empty house: %v", got)
	}
	h.Refused(plane.Operator(), declare.Request{Objects: h.Objects(api("gone"))}, keyward.CodeInvalidInput)
}
