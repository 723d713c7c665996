package reconcile_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/reconcile"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/keycloak"
)

// What an administrator of the realm does by hand is found, told once, and mended: afterwards a look finds nothing. What
// nobody touched is in step all the while, with scopes that come and go with subscriptions.
func TestDriftAtKeycloak(t *testing.T) {
	ctx := t.Context()
	realm := shared.Realm(t, "reconcile")
	r := newRig(t)
	r.managed(keyward.DefaultTenant, "corp", realm)
	code := keys.Ask{Grants: []string{"authorization_code", "client_credentials"}, Callbacks: []string{"https://app.example"}}
	scoped := keys.Ask{Scopes: keycloak.Scopes()[:1]}
	made := map[string]*keys.Result{}
	for app, ask := range map[string]keys.Ask{
		"early": code, "steady": scoped, "moved": code, "wider": {}, "narrower": scoped, "entitled": {}, "gone": scoped, "off": {},
		"favoured": code,
	} {
		made[app] = r.generate(app, "corp", ask)
	}
	r.put(keyward.KindAPI, "orders", &keyward.APISpec{
		Context: "/orders", Version: "v1", Upstream: keyward.Upstream{Production: "http://127.0.0.1:9"},
		KeyManagers: keyward.KeyManagerSet{All: true}, Audiences: []string{"urn:orders"},
		Operations: []keyward.Operation{{Method: "*", Path: "/**", Scopes: []string{"orders:made"}}},
	})
	r.subscribe("entitled", made["entitled"])
	do(t, realm.Change(ctx, made["early"].ClientID, map[string]any{"redirectUris": []string{"https://evil.example/cb"}}),
		realm.Attach(ctx, made["favoured"].ClientID, keycloak.Scopes()[1], "default"))

	report := r.reconcile("corp")
	want(t, report, "early", reconcile.Changed, "missing https://app.example", "added https://evil.example/cb")
	for app := range made {
		if app != "early" {
			want(t, report, app, reconcile.InStep)
		}
	}

	id := func(app string) string { return made[app].ClientID }
	do(t,
		realm.Change(ctx, id("moved"), map[string]any{
			"name": "Payments", "redirectUris": []string{"https://app.example/"}, "serviceAccountsEnabled": false,
			"implicitFlowEnabled": true,
		}),
		realm.Attach(ctx, id("wider"), keycloak.Scopes()[1], "default"),
		realm.Detach(ctx, id("narrower"), keycloak.Scopes()[0]),
		realm.Detach(ctx, id("entitled"), "orders:made"),
		realm.DeleteClient(ctx, id("gone")),
		realm.Change(ctx, id("off"), map[string]any{"enabled": false}),
		realm.Detach(ctx, id("favoured"), keycloak.Scopes()[1]), realm.Detach(ctx, id("favoured"), "web-origins"),
		realm.Change(ctx, id("favoured"), map[string]any{"redirectUris": []string{"https://evil.example/cb"}}),
	)
	r.subscribe("steady", made["steady"]) // its client gets a scope, which is no drift
	for range 2 {                         // a second look tells nothing anew
		report = r.reconcile("corp")
		want(t, report, "steady", reconcile.InStep)
		want(t, report, "moved", reconcile.Changed, "seen Payments", "missing client_credentials; added implicit",
			"added https://app.example/")
		want(t, report, "wider", reconcile.Changed, keycloak.Scopes()[1])
		want(t, report, "narrower", reconcile.Changed, "missing "+keycloak.Scopes()[0])
		want(t, report, "entitled", reconcile.Changed, "orders:made was given because of a subscription")
		want(t, report, "gone", reconcile.Vanished, id("gone"))
		want(t, report, "off", reconcile.Changed, "switched off")
		want(t, report, "favoured", reconcile.Changed, "missing "+keycloak.Scopes()[1]+", web-origins", "added https://evil.example/cb")
	}
	for app := range made {
		c := r.client(app)
		drifted := app != "steady"
		if (c.Status.State == keyward.ClientDrifted) != drifted || (len(c.Status.Drift) > 0) != drifted || !c.Status.State.InUse() {
			t.Errorf("%s is %s: %q", app, c.Status.State, c.Status.Drift)
		}
		if told := r.audited("key.drifted", c.Name); (told == 1) != drifted {
			t.Errorf("%s was told of %d times", app, told)
		}
	}

	// Who switched the client off is asked by an administrator, not by a developer.
	_, err := r.reconciler.Mend(ctx, alice(), at("off", "corp"), reconcile.MendAsk{})
	wantCode(t, err, keyward.CodeForbidden, "switched off")
	if _, err := r.reconciler.Mend(ctx, admin(), at("off", "corp"), reconcile.MendAsk{}); err != nil {
		t.Error(err)
	}
	// Scopes that she never asked for, and no subscription gives, are given back likewise; the rest is mended.
	_, err = r.reconciler.Mend(ctx, alice(), at("favoured", "corp"), reconcile.MendAsk{})
	wantCode(t, err, keyward.CodeForbidden, keycloak.Scopes()[1]+", web-origins")
	want(t, r.reconcile("corp"), "favoured", reconcile.Changed, "scopes: missing")
	if has, _, err := realm.Carried(ctx, id("favoured")); err != nil || slices.Contains(has, keycloak.Scopes()[1]) ||
		strings.Contains(strings.Join(r.client("favoured").Status.Drift, ";"), "evil") {
		t.Errorf("favoured carries %q (%v) and is drifted: %q", has, err, r.client("favoured").Status.Drift)
	}
	if _, err := r.reconciler.Mend(ctx, admin(), at("favoured", "corp"), reconcile.MendAsk{}); err != nil {
		t.Error(err)
	}
	_, err = r.reconciler.Mend(ctx, alice(), at("steady", "corp"), reconcile.MendAsk{})
	wantCode(t, err, keyward.CodeConflict, "nothing to mend")
	bob := keyward.Principal{User: "bob", Tenant: keyward.DefaultTenant, Roles: []keyward.Role{keyward.RoleDeveloper}}
	_, err = r.reconciler.Mend(ctx, bob, at("moved", "corp"), reconcile.MendAsk{})
	wantCode(t, err, keyward.CodeForbidden, "owners")
	for _, app := range []string{"early", "moved", "wider", "narrower", "entitled"} {
		if result := r.mend(app, "corp"); result.State != keyward.ClientActive || result.ClientID != id(app) || result.ClientSecret != "" {
			t.Errorf("%s was mended into %v, %s", app, result, result.State)
		}
	}
	anew := r.mend("gone", "corp")
	if anew.ClientID == id("gone") || anew.State != keyward.ClientActive {
		t.Errorf("a client that had vanished was made anew as %v, %s", anew, anew.State)
	}
	if _, err := realm.Token(ctx, anew.ClientID, anew.ClientSecret, keycloak.Scopes()[0]); err != nil {
		t.Errorf("the new client: %v", err)
	}
	report = r.reconcile("corp")
	for app := range made {
		want(t, report, app, reconcile.InStep)
		if c := r.client(app); c.Status.State != keyward.ClientActive || len(c.Status.Drift) > 0 {
			t.Errorf("%s is %s after it was mended: %q", app, c.Status.State, c.Status.Drift)
		}
	}
	r.isAsItWas(realm, made)
}

// isAsItWas asks the realm itself.
func (r *rig) isAsItWas(realm *keycloak.Realm, made map[string]*keys.Result) {
	r.t.Helper()
	for app, scope := range map[string]string{
		"narrower": keycloak.Scopes()[0], "entitled": "orders:made", "wider": "-" + keycloak.Scopes()[1],
		"favoured": keycloak.Scopes()[1],
	} {
		has, _, err := realm.Carried(r.t.Context(), made[app].ClientID)
		taken := strings.HasPrefix(scope, "-")
		if err != nil || slices.Contains(has, strings.TrimPrefix(scope, "-")) == taken {
			r.t.Errorf("%s carries %q (%v), want %s", app, has, err, scope)
		}
	}
	if _, err := realm.Token(r.t.Context(), made["moved"].ClientID, made["moved"].ClientSecret, ""); err != nil {
		r.t.Errorf("a grant that was taken away is not back: %v", err)
	}
}

// subscribe gives an application the API's scope, at its client too.
func (r *rig) subscribe(application string, made *keys.Result) {
	r.t.Helper()
	r.put(keyward.KindSubscription, application+"-orders", &keyward.SubscriptionSpec{Application: application, API: "orders"})
	if e := r.entitler.Now(r.t.Context(), r.object(application)); e == nil || e.State != keyward.EntitlementGiven {
		r.t.Fatalf("%s was given nothing: %+v", made.ClientID, e)
	}
}

// Clients that nobody knows are found by their names. Only those of this installation are deleted, by their exact names;
// those of others are left alone, whoever asks.
func TestOrphansAtKeycloak(t *testing.T) {
	ctx := t.Context()
	realm := shared.Realm(t, "orphans")
	r := newRig(t)
	r.managed(keyward.DefaultTenant, "corp", realm)
	r.put(keyward.KindTenant, "acme", &keyward.TenantSpec{})
	r.managed("acme", "again", realm)
	r.generate("mobile", "corp", keys.Ask{})
	orphan := scene.VendorName(r.store.Installation(), "nobody")
	foreign, old := scene.VendorName("otherhouse", store.NewID()), "keyward-"+store.NewID()
	for _, name := range []string{orphan, foreign, old, "not-" + orphan, "keyward-portal"} {
		do(t, realm.AddClient(ctx, name, "secret"))
	}
	known := r.client("mobile").ClientID
	mapped := scene.VendorName(r.store.Installation(), store.NewID())
	do(t, realm.AddClient(ctx, mapped, "secret"))
	_, err := r.keys.Map(ctx, admin(), keys.Place{
		Application: "mobile", KeyManager: "corp", Environment: keyward.Sandbox,
	}, mapped, "")
	do(t, err)
	report := r.reconcile("corp")
	want(t, report, "mobile", reconcile.InStep)
	want(t, report, orphan, reconcile.Orphan)
	want(t, report, foreign, reconcile.Foreign)
	want(t, report, old, reconcile.Foreign)
	if len(report.Lines) != 4 || report.SearchedAt == nil || report.Note != "" {
		t.Errorf("the report: %+v", report)
	}
	// Another key manager at the same server knows whose the client is.
	if report := r.reconcileIn("acme", "again"); len(report.Lines) != 3 {
		t.Errorf("the other key manager's: %+v", report.Lines)
	}

	for name, code := range map[string]keyward.Code{
		foreign: keyward.CodeInvalidInput, old: keyward.CodeInvalidInput, "not-" + orphan: keyward.CodeInvalidInput,
		known: keyward.CodeConflict, mapped: keyward.CodeConflict, orphan[:len(orphan)-1]: "",
	} {
		err := r.reconciler.DeleteOrphan(ctx, admin(), keyward.DefaultTenant, "corp", name)
		if err != nil && keyward.CodeOf(err) != code || err == nil && code != "" {
			t.Errorf("delete %s: %v, want %q", name, err, code)
		}
	}
	wantCode(t, r.reconciler.DeleteOrphan(ctx, alice(), keyward.DefaultTenant, "corp", orphan), keyward.CodeForbidden, "alice")
	// That the server cannot be searched anew afterwards says nothing of the deletion.
	r.road.mu.Lock()
	r.road.last = http.MethodDelete
	r.road.mu.Unlock()
	do(t, r.reconciler.DeleteOrphan(ctx, admin(), keyward.DefaultTenant, "corp", orphan))
	if met := r.road.close("", 0, ""); met == 0 {
		t.Error("the server was not searched anew")
	}
	left := map[string]bool{}
	clients, err := realm.Clients(ctx)
	do(t, err)
	for _, c := range clients {
		left[c.ClientID] = true
	}
	if left[orphan] || !left[foreign] || !left[old] || !left["not-"+orphan] || !left[known] || !left[mapped] {
		t.Errorf("left at the realm: %v", left)
	}
	if report := r.reconcile("corp"); len(report.Lines) != 3 {
		t.Errorf("afterwards: %+v", report.Lines)
	}
}

// A key manager that is given a service account in the place of its initial access token, and loses it again: what a
// client has is told by each in its own way, and what one said is not held against the other's words.
func TestAnotherWayIntoTheRealm(t *testing.T) {
	ctx := t.Context()
	realm := shared.Realm(t, "ways")
	r := newRig(t)
	r.registered("corp", realm)
	optional, inEvery, unknown := keycloak.Scopes()[0], "gateway-audience", "orders:made"
	made := map[string]*keys.Result{}
	for app, scope := range map[string]string{"offered": optional, "anyway": inEvery, "without": unknown} {
		r.put(keyward.KindAPI, app, &keyward.APISpec{
			Context: "/" + app, Version: "v1", Upstream: keyward.Upstream{Production: "http://127.0.0.1:9"},
			KeyManagers: keyward.KeyManagerSet{All: true},
			Operations:  []keyward.Operation{{Method: "*", Path: "/**", Scopes: []string{scope}}},
		})
		made[app] = r.generate(app, "corp", keys.Ask{})
		r.put(keyward.KindSubscription, app+"-api", &keyward.SubscriptionSpec{Application: app, API: app})
	}
	stands := func(state map[string]keyward.EntitlementState) {
		t.Helper()
		for app, want := range state {
			if e := r.entitler.Now(ctx, r.object(app)); e == nil || e.State != want {
				t.Errorf("%s stands as %+v, want %s", app, e, want)
			}
		}
		report := r.reconcile("corp")
		for app := range state {
			want(t, report, app, reconcile.InStep)
		}
	}
	// Through registration the realm names the optional scopes of a client only.
	stands(map[string]keyward.EntitlementState{
		"offered": keyward.EntitlementGiven, "anyway": keyward.EntitlementLacking, "without": keyward.EntitlementLacking,
	})

	r.managed(keyward.DefaultTenant, "corp", realm)
	report := r.reconcile("corp") // before anybody was told anything in the new way
	for app := range made {
		want(t, report, app, reconcile.InStep)
	}
	stands(map[string]keyward.EntitlementState{
		"offered": keyward.EntitlementGiven, "anyway": keyward.EntitlementGiven, "without": keyward.EntitlementGiven,
	})
	for app, scope := range map[string]string{"offered": optional, "anyway": inEvery, "without": unknown} {
		if has, _, err := realm.Carried(ctx, made[app].ClientID); err != nil || !slices.Contains(has, scope) {
			t.Errorf("%s carries %q (%v), want %s", app, has, err, scope)
		}
	}
	// What is really taken away is missing all the same.
	do(t, realm.Detach(ctx, made["offered"].ClientID, optional))
	report = r.reconcile("corp")
	want(t, report, "offered", reconcile.Changed, optional+" was given because of a subscription, and is missing")
	want(t, report, "anyway", reconcile.InStep)
	r.mend("offered", "corp")
	if has, _, err := realm.Carried(ctx, made["offered"].ClientID); err != nil || !slices.Contains(has, optional) {
		t.Errorf("mended, the client carries %q (%v)", has, err)
	}

	r.registered("corp", realm)
	stands(map[string]keyward.EntitlementState{ // what Keyward gave, it gave
		"offered": keyward.EntitlementGiven, "anyway": keyward.EntitlementLacking, "without": keyward.EntitlementGiven,
	})
}
