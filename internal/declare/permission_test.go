package declare_test

import (
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/declare"
	"keyward.dev/keyward/internal/testbed/plane"
)

func TestRolesWriteWhatIsTheirs(t *testing.T) {
	dev, pub, aud := plane.As("alice", keyward.RoleDeveloper), plane.As("pat", keyward.RolePublisher), plane.As("ann", keyward.RoleAuditor)
	blocked := plane.Manifest(keyward.KindSubscription, "mobile-orders",
		`{"application":"mobile","api":"orders-v1","plan":"gold","state":"blocked"}`)
	onHold := plane.Manifest(keyward.KindSubscription, "mobile-orders",
		`{"application":"mobile","api":"orders-v1","plan":"gold","state":"on-hold"}`)
	active := plane.Manifest(keyward.KindSubscription, "mobile-orders", `{"application":"mobile","api":"orders-v1","plan":"gold"}`)
	ceiling := plane.Manifest(keyward.KindSubscription, "mobile-orders",
		`{"application":"mobile","api":"orders-v1","plan":"gold","scopes":["orders:read"]}`)
	wider := plane.Manifest(keyward.KindSubscription, "mobile-orders",
		`{"application":"mobile","api":"orders-v1","plan":"gold","scopes":["orders:read","orders:write"]}`)
	tests := []struct {
		name  string
		p     keyward.Principal
		text  string
		allow bool
		first string
	}{
		{"developer, own application", dev, plane.Manifest(keyward.KindApplication, "mobile",
			`{"owner":"alice","displayName":"M"}`), true, ""},
		{"developer, new own application", dev, plane.Manifest(keyward.KindApplication, "new", `{"owners":["alice","bob"]}`),
			true, ""},
		{"developer, for somebody else", dev, plane.Manifest(keyward.KindApplication, "new", `{"owner":"bob"}`), false, ""},
		{"developer, taking over", dev, plane.Manifest(keyward.KindApplication, "other", `{"owner":"alice"}`), false,
			plane.Manifest(keyward.KindApplication, "other", `{"owner":"bob"}`)},
		{"developer, own subscription", dev, plane.Manifest(keyward.KindSubscription, "mobile-2",
			`{"application":"mobile","api":"two"}`), true,
			plane.Manifest(keyward.KindAPI, "two",
				`{"context":"/two","version":"v1","upstream":{"production":"http://127.0.0.1:9000"},"keyManagers":"all",`+
					`"operations":[{"method":"GET","path":"/a"}]}`)},
		{"developer, another's subscription", dev,
			plane.Manifest(keyward.KindSubscription, "s",
				`{"application":"other","api":"orders-v1",`+
					`"plan":"gold"}`), false, plane.Manifest(keyward.KindApplication, "other", `{"owner":"bob"}`)},
		{"developer, lifting a block", dev, active, false, blocked},
		{"developer, changing what is blocked", dev, plane.Manifest(keyward.KindSubscription, "mobile-orders",
			`{"application":"mobile","api":"orders-v1","plan":"gold","state":"blocked"}`), false,
			plane.Manifest(keyward.KindSubscription, "mobile-orders",
				`{"application":"mobile","api":"orders-v1","plan":"gold","state":"on-hold"}`)},
		{"developer, changing what is on hold and leaving it so", dev, plane.Manifest(keyward.KindSubscription, "mobile-orders",
			`{"application":"mobile","api":"orders-v1","plan":"another","state":"on-hold"}`), false, onHold},
		{"developer, leaving all as it is", dev, onHold, true, onHold},
		{"developer, blocking", dev, blocked, false, ""},
		{"developer, widening a ceiling", dev, wider, false, ceiling},
		{"developer, taking a ceiling away", dev, active, false, ceiling},
		{"developer, leaving a ceiling as it is", dev, ceiling, true, ceiling},
		{"publisher, ceiling", pub, wider, true, ceiling},
		{"developer, client manifest", dev, plane.Manifest(keyward.KindOAuthClient, "c",
			`{"application":"mobile","keyManager":"resident","clientId":"x"}`), false, ""},
		{"developer, plan", dev, plane.Manifest(keyward.KindPlan, "p", `{}`), false, ""},
		{"publisher, plan", pub, plane.Manifest(keyward.KindPlan, "p", `{}`), true, ""},
		{"publisher, API", pub, plane.Manifest(keyward.KindAPI, "orders-v1", plane.OrdersSpec), true, ""},
		{"publisher, state", pub, blocked, true, ""},
		{"publisher, more than state", pub, plane.Manifest(keyward.KindSubscription, "mobile-orders",
			`{"application":"other","api":"orders-v1","plan":"gold","state":"blocked"}`), false,
			plane.Manifest(keyward.KindApplication, "other", `{}`)},
		{"publisher, new subscription", pub, plane.Manifest(keyward.KindSubscription, "s",
			`{"application":"other","api":"orders-v1","plan":"gold"}`), false, plane.Manifest(keyward.KindApplication, "other", `{}`)},
		{"publisher, key manager", pub, plane.Manifest(keyward.KindKeyManager, "corp", plane.CorpSpec), false, ""},
		{"publisher, application", pub, plane.Manifest(keyward.KindApplication, "mobile", `{}`), false, ""},
		{"publisher, user", pub, plane.Manifest(keyward.KindUser, "pat", `{"roles":["admin"]}`), false, ""},
		{"administrator, user", plane.As("ada", keyward.RoleAdmin), plane.Manifest(keyward.KindUser, "pat", `{"roles":["publisher"]}`),
			true, ""},
		{"administrator of another tenant", keyward.Principal{User: "ada", Tenant: "acme",
			Roles: []keyward.Role{keyward.RoleAdmin}}, plane.Manifest(keyward.KindPlan, "p", `{}`), false, ""},
		{"administrator of another tenant, user", keyward.Principal{User: "ada", Tenant: "acme",
			Roles: []keyward.Role{keyward.RoleAdmin}}, plane.Manifest(keyward.KindUser, "pat", `{"roles":["admin"]}`), false, ""},
		{"auditor, plan", aud, plane.Manifest(keyward.KindPlan, "p", `{}`), false, ""},
		{"nobody in particular", plane.As("eve"), plane.Manifest(keyward.KindPlan, "p", `{}`), false, ""},
	}
	shared := plane.New(t) // what is refused changes nothing
	shared.MustApply(plane.Usual()...)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := shared
			if test.allow || test.first != "" {
				h = plane.New(t)
				h.MustApply(plane.Usual()...)
			}
			if test.first != "" {
				h.MustApply(test.first)
			}
			r := declare.Request{Objects: h.Objects(test.text)}
			if !test.allow {
				_, err := h.Apply(test.p, r)
				if keyward.CodeOf(err) != keyward.CodeForbidden {
					t.Errorf("got %v", err)
				}
				return
			}
			if _, err := h.Apply(test.p, r); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestAManifestsTenantIsEnough: whoever may write there needs not say it beside the manifests, and gets no further by it.
func TestAManifestsTenantIsEnough(t *testing.T) {
	h := plane.New(t)
	h.MustApply(plane.Manifest(keyward.KindTenant, "acme", `{}`))
	acme := keyward.Principal{User: "ada", Tenant: "acme", Roles: []keyward.Role{keyward.RoleAdmin}}
	in := func(tenant string) string {
		return `{"apiVersion":"keyward.dev/v1","kind":"Plan","metadata":{"name":"gold"` + tenant + `},"spec":{}}`
	}
	own := in(`,"tenant":"acme"`)
	if got, err := h.Apply(acme, declare.Request{Objects: h.Objects(own), Set: "team"}); err != nil || got["Plan gold"] != declare.Created {
		t.Errorf("the tenant in the manifest: %v, error %v", got, err)
	}
	for what, r := range map[string]declare.Request{
		"a manifest without a tenant beside it": {Objects: h.Objects(own, in(""))},
		"one of another tenant beside it":       {Objects: h.Objects(own, in(`,"tenant":"default"`))},
		"prune in the tenant of the address":    {Objects: h.Objects(own), Set: "team", Prune: true},
		"nothing":                               {},
	} {
		if _, err := h.Apply(acme, r); keyward.CodeOf(err) != keyward.CodeForbidden {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestPruneStaysInItsTenant: where nothing would be deleted, too, an apply to another tenant is refused.
func TestPruneStaysInItsTenant(t *testing.T) {
	h := plane.New(t)
	r := declare.Request{Tenant: "default", Set: "team", Prune: true}
	acme := keyward.Principal{User: "ada", Tenant: "acme", Roles: []keyward.Role{keyward.RoleAdmin}}
	h.Refused(acme, r, keyward.CodeForbidden)
	if _, err := h.Control.Apply(t.Context(), plane.Operator(), r); err != nil {
		t.Errorf("the positive control: %v", err)
	}
}
