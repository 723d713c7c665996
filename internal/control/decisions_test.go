package control_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/control"
	"keyward.dev/keyward/internal/past"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/plane"
)

// TestDevelopersWithoutApplicationsAskNoGateway: there is nothing that they may know.
func TestDevelopersWithoutApplicationsAskNoGateway(t *testing.T) {
	h, ctx := plane.New(t), context.Background()
	h.MustApply(plane.Usual()...)
	edge := connected(t, h)
	asked, id := 0, past.New(edge.ID).Name("x")
	c := control.New(h.Store, nil, nil, control.Options{Ask: func(context.Context, string, past.Query) ([]past.Record, error) {
		asked++
		return []past.Record{{ID: id, At: time.Now(), Tenant: keyward.DefaultTenant, Application: "mobile"}}, nil
	}})
	for user, want := range map[string]int{"alice": 1, "nora": 0} {
		p := plane.As(user, keyward.RoleDeveloper)
		asked = 0
		list, err := c.Decisions(ctx, p, keyward.DefaultTenant, control.DecisionFilter{})
		if err != nil || len(list.Items) != want || asked != want {
			t.Errorf("%s lists %+v, %v, for which %d gateways were asked", user, list, err, asked)
		}
		asked = 0
		if _, err := c.Decision(ctx, p, keyward.DefaultTenant, id); asked != want || (err == nil) != (want == 1) ||
			err != nil && keyward.CodeOf(err) != keyward.CodeNotFound {
			t.Errorf("%s reads one: %v, for which %d gateways were asked", user, err, asked)
		}
	}
}

// TestDecisionsOfAnotherApplicationOfThatName: gateways know applications by their names, and whoever makes one that is called as a
// deleted one was is not told what that one called.
func TestDecisionsOfAnotherApplicationOfThatName(t *testing.T) {
	h, ctx := plane.New(t), context.Background()
	ring := past.New(connected(t, h).ID)
	c := control.New(h.Store, nil, nil, control.Options{Ask: func(_ context.Context, _ string, q past.Query) ([]past.Record, error) {
		return ring.Find(q), nil
	}})
	called := func(name string) string {
		id := ring.Name(name)
		ring.Keep(&past.Record{ID: id, At: time.Now(), Tenant: keyward.DefaultTenant, Application: "mobile"})
		return id
	}
	sees := func(user string, want ...string) {
		t.Helper()
		p := plane.As(user, keyward.RoleDeveloper)
		list, err := c.Decisions(ctx, p, keyward.DefaultTenant, control.DecisionFilter{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range list.Items {
			got = append(got, d.ID)
			if _, err := c.Decision(ctx, p, keyward.DefaultTenant, d.ID); err != nil {
				t.Errorf("%s reads one that is listed: %v", user, err)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s sees %v, want %v", user, got, want)
		}
	}
	h.MustApply(plane.Manifest(keyward.KindApplication, "mobile", `{"owner":"otto"}`))
	his := called("his")
	sees("otto", his)
	mobile := keyward.Ref{Kind: keyward.KindApplication, Tenant: keyward.DefaultTenant, Name: "mobile"}
	if err := h.Control.Delete(ctx, plane.Operator(), mobile, ""); err != nil {
		t.Fatal(err)
	}
	h.MustApply(plane.Manifest(keyward.KindApplication, "mobile", `{"owner":"alice"}`))
	hers := called("hers")
	sees("alice", hers)
	_, err := c.Decision(ctx, plane.As("alice", keyward.RoleDeveloper), keyward.DefaultTenant, his)
	if keyward.CodeOf(err) != keyward.CodeNotFound {
		t.Errorf("alice reads his: %v", err)
	}
}

// TestWhoMayNotListGatewaysIsToldHowManyAreSilent: decisions may be missing from what they read; which gateways they are is not theirs.
func TestWhoMayNotListGatewaysIsToldHowManyAreSilent(t *testing.T) {
	h, ctx := plane.New(t), context.Background()
	h.MustApply(plane.Usual()...)
	connected(t, h)
	var answer error
	c := control.New(h.Store, nil, nil, control.Options{Ask: func(context.Context, string, past.Query) ([]past.Record, error) {
		return nil, answer
	}})
	for _, answer = range []error{nil, errors.New("the gateway is away")} {
		for user, role := range map[string]keyward.Role{
			"ann": keyward.RoleAuditor, "pat": keyward.RolePublisher, "alice": keyward.RoleDeveloper, "nora": keyward.RoleDeveloper,
		} {
			list, err := c.Decisions(ctx, plane.As(user, role), keyward.DefaultTenant, control.DecisionFilter{})
			if err != nil {
				t.Fatal(err)
			}
			silent, away := 1, ""
			if answer == nil || user == "nora" { // who has no application misses nothing
				silent = 0
			}
			if answer != nil && role == keyward.RoleAuditor {
				away = "edge"
			}
			if list.Silent != silent || strings.Join(list.Away, ",") != away {
				t.Errorf("%s is told of %d silent gateways, %v, where one answers %v", user, list.Silent, list.Away, answer)
			}
		}
	}
}

// connected gives a gateway that reported just now, so that it is asked.
func connected(t *testing.T, h *plane.Plane) keyward.Gateway {
	t.Helper()
	edge, _, err := h.Control.CreateGateway(t.Context(), plane.Operator(), "edge", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Store.Write(t.Context(), "test", func(tx *store.Tx) error {
		return tx.ReportGateway(edge.ID, store.GatewayReport{At: time.Now()})
	}); err != nil {
		t.Fatal(err)
	}
	return edge
}

// TestPublishersSeeWhatBecomesOfCalls: all that were made to an API of their tenant, with their steps; calls to no API at all, and the
// gateways, are for administrators and auditors.
func TestPublishersSeeWhatBecomesOfCalls(t *testing.T) {
	h, ctx := plane.New(t), context.Background()
	h.MustApply(plane.Usual()...)
	edge := connected(t, h)
	c := control.New(h.Store, nil, nil, control.Options{Ask: func(context.Context, string, past.Query) ([]past.Record, error) {
		return []past.Record{
			{ID: "a", Tenant: keyward.DefaultTenant, API: "orders-v1", Application: "mobile", Steps: []past.Step{{Step: "backend"}}},
			{ID: "b", Tenant: ""}, {ID: "c", Tenant: "acme"},
		}, nil
	}})
	for role, want := range map[keyward.Role]string{keyward.RolePublisher: "a at ", keyward.RoleAuditor: "a at edge, b at edge"} {
		list, err := c.Decisions(ctx, plane.As("pat", role), keyward.DefaultTenant, control.DecisionFilter{})
		if err != nil {
			t.Fatal(err)
		}
		var seen []string
		for _, d := range list.Items {
			seen = append(seen, d.ID+" at "+d.Gateway)
		}
		if got := strings.Join(seen, ", "); got != want {
			t.Errorf("%s sees %q, want %q", role, got, want)
		}
		d, err := c.Decision(ctx, plane.As("pat", role), keyward.DefaultTenant, past.New(edge.ID).Name("a"))
		if err != nil || len(d.Steps) != 1 {
			t.Errorf("%s reads %+v, %v", role, d, err)
		}
	}
	_, err := c.Decisions(ctx, plane.As("pat", keyward.RolePublisher), "acme", control.DecisionFilter{})
	if keyward.CodeOf(err) != keyward.CodeForbidden {
		t.Errorf("a publisher reads of another tenant: %v", err)
	}
}
