package declare_test

import (
	"errors"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/declare"
	"keyward.dev/keyward/internal/testbed/plane"
)

// An application keeps its last owner, whichever way somebody tries to take them away: a user of the same name who came later
// would own it, and have its keys.
func TestTheLastOwnerStays(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := plane.New(t)
	elsewhere := `{"apiVersion":"keyward.dev/v1","kind":"User","metadata":{"name":"alice","tenant":"acme"},"spec":{}}`
	h.MustApply(plane.Manifest(keyward.KindTenant, "acme", `{}`), elsewhere,
		plane.Manifest(keyward.KindUser, "alice", `{"roles":["developer"]}`),
		plane.Manifest(keyward.KindUser, "bob", `{"roles":["developer"],"groups":["payments"]}`),
		plane.Manifest(keyward.KindApplication, "alone", `{"owner":"alice"}`),
		plane.Manifest(keyward.KindApplication, "both", `{"owners":["alice","bob"]}`),
		plane.Manifest(keyward.KindApplication, "grouped", `{"owners":["bob","group/payments"]}`))
	user := func(tenant, name string) keyward.Ref {
		return keyward.Ref{Kind: keyward.KindUser, Tenant: tenant, Name: name}
	}
	alone := keyward.Ref{Kind: keyward.KindApplication, Tenant: "default", Name: "alone"}
	del := func(ref keyward.Ref) error { return h.Control.Delete(ctx, plane.Operator(), ref, "") }

	var e *keyward.Error
	if err := del(user("default", "alice")); !errors.As(err, &e) || e.Code != keyward.CodeInUse || len(e.Users) != 1 ||
		e.Users[0] != alone || !strings.Contains(e.Message, "last owner") {
		t.Errorf("deleting the only owner: %+v", e)
	}
	for _, ref := range []keyward.Ref{user("acme", "alice"), user("default", "bob")} { // of nothing alone
		if err := del(ref); err != nil {
			t.Errorf("deleting %s: %v", ref, err)
		}
	}
	if err := del(user("default", "alice")); !errors.As(err, &e) || len(e.Users) != 2 { // bob is only a name by now
		t.Errorf("deleting the last of two: %+v", e)
	}

	// A prune is as careful, and knows what it gives to others, or deletes, in the same apply.
	eve := plane.Manifest(keyward.KindUser, "eve", `{"roles":["developer"]}`)
	apply := func(prune bool, owner string) declare.Request {
		objects := []string{plane.Manifest(keyward.KindApplication, "eves", `{"owner":"`+owner+`"}`)}
		if !prune {
			objects = append(objects, eve)
		}
		return declare.Request{Objects: h.Objects(objects...), Set: "eve", Prune: prune}
	}
	if _, err := h.Apply(plane.Operator(), apply(false, "eve")); err != nil {
		t.Fatal(err)
	}
	h.Refused(plane.Operator(), apply(true, "eve"), keyward.CodeInUse)
	if got, err := h.Apply(plane.Operator(), apply(true, "alice")); err != nil || got["User eve"] != declare.Deleted {
		t.Errorf("with the application given to alice: %v, error %v", got, err)
	}
	if _, err := h.Apply(plane.Operator(), apply(false, "eve")); err != nil {
		t.Fatal(err)
	}
	got, err := h.Apply(plane.Operator(), declare.Request{Set: "eve", Prune: true})
	if err != nil || got["User eve"] != declare.Deleted || got["Application eves"] != declare.Deleted {
		t.Errorf("with the application pruned too: %v, error %v", got, err)
	}
}

// Whoever owns an application and would own it no more is told what to keep; whoever never did is told nothing.
func TestWhoWouldOwnNothingIsToldWhatToKeep(t *testing.T) {
	t.Parallel()
	h := plane.New(t)
	h.MustApply(plane.Manifest(keyward.KindApplication, "both", `{"owners":["alice","bob"]}`))
	for owners, said := range map[string]string{
		`{"owners":["bob"]}`: "user alice has to be in spec.owners", `{}`: "user alice has to be in spec.owners",
	} {
		give := declare.Request{Objects: h.Objects(plane.Manifest(keyward.KindApplication, "both", owners))}
		if _, err := h.Apply(plane.As("alice", keyward.RoleDeveloper), give); err == nil || !strings.Contains(err.Error(), said) {
			t.Errorf("%s: %v", owners, err)
		}
	}
	take := declare.Request{Objects: h.Objects(plane.Manifest(keyward.KindApplication, "both", `{"owners":["eve"]}`))}
	_, err := h.Apply(plane.As("eve", keyward.RoleDeveloper), take)
	if err == nil || !strings.Contains(err.Error(), "user eve may not write") {
		t.Errorf("taking over: %v", err)
	}
}

// The first administrator is not shut out where nobody else could let them in again.
func TestTheLastAdministratorStays(t *testing.T) {
	t.Parallel()
	h := plane.New(t)
	off := declare.Request{Objects: h.Objects(plane.Manifest(keyward.KindUser, "admin", `{"enabled":false,"roles":["admin"]}`))}
	other := func(spec string) { h.MustApply(plane.Manifest(keyward.KindUser, "other", spec)) }
	h.Refused(plane.Operator(), off, keyward.CodeConflict)
	less := declare.Request{Objects: h.Objects(plane.Manifest(keyward.KindUser, "admin", `{"roles":["auditor"]}`))}
	h.Refused(plane.Operator(), less, keyward.CodeConflict)
	other(`{"enabled":false,"roles":["admin"]}`)
	h.Refused(plane.Operator(), off, keyward.CodeConflict)
	other(`{"roles":["admin"]}`)
	if _, err := h.Apply(plane.Operator(), off); err != nil {
		t.Errorf("beside another administrator: %v", err)
	}
	// The other one is the last now, however it would go.
	h.Refused(plane.Operator(), declare.Request{Objects: h.Objects(plane.Manifest(keyward.KindUser, "other", `{}`))}, keyward.CodeConflict)
	ref := keyward.Ref{Kind: keyward.KindUser, Tenant: "default", Name: "other"}
	if err := h.Control.Delete(t.Context(), plane.Operator(), ref, ""); keyward.CodeOf(err) != keyward.CodeConflict {
		t.Errorf("deleting the last administrator: %v", err)
	}
	swap := declare.Request{Objects: h.Objects(plane.Manifest(keyward.KindUser, "other", `{}`),
		plane.Manifest(keyward.KindUser, "third", `{"roles":["admin"]}`))}
	if _, err := h.Apply(plane.Operator(), swap); err != nil {
		t.Errorf("for a third one in the same apply: %v", err)
	}
}
