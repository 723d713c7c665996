package declare_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/declare"
	"keyward.dev/keyward/internal/testbed/plane"
)

func TestApplyResolvesReferencesWhateverTheOrder(t *testing.T) {
	h := plane.New(t)
	got := h.MustApply(plane.Usual()...)
	for object, action := range got {
		if action != declare.Created {
			t.Errorf("%s was %s", object, action)
		}
	}
	if len(got) != 7 {
		t.Errorf("got %v", got)
	}
}

func TestApplyAgainChangesNothingAndAsksNobody(t *testing.T) {
	h := plane.New(t)
	h.MustApply(plane.Usual()...)
	asked := h.Asked.Load()
	h.Down.Store(true)
	for object, action := range h.MustApply(plane.Usual()...) {
		if action != declare.Unchanged {
			t.Errorf("%s was %s", object, action)
		}
	}
	disabled := strings.Replace(plane.CorpSpec, `"type"`, `"enabled":false,"type"`, 1)
	if got := h.MustApply(plane.Manifest(keyward.KindKeyManager, "corp", disabled))["KeyManager corp"]; got != declare.Updated {
		t.Errorf("disabling a key manager whose server is down: %s", got)
	}
	if h.Asked.Load() != asked {
		t.Error("the server was asked although nothing that discovery depends on changed")
	}
	other := strings.Replace(plane.CorpSpec, "SERVER/corp", "SERVER/other", 1)
	h.Refused(plane.Operator(), declare.Request{Objects: h.Objects(plane.Manifest(keyward.KindKeyManager, "corp", other))},
		keyward.CodeInvalidInput)
	if h.Asked.Load() == asked {
		t.Error("the positive control failed: another discovery address was not read")
	}
}

func TestExportIsTakenBackUnchanged(t *testing.T) {
	h := plane.New(t)
	h.MustApply(plane.Usual()...)
	h.MustApply(plane.Manifest(keyward.KindKeyManager, "resident", `{"type":"resident","displayName":"Ours"}`),
		plane.Manifest(keyward.KindTenant, "acme", `{"displayName":"Acme"}`))
	exported, err := h.Control.Export(context.Background(), plane.Operator(), keyward.DefaultTenant, "")
	if err != nil {
		t.Fatal(err)
	}
	var objects []json.RawMessage
	for _, m := range exported {
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "hush") || strings.Contains(string(text), "argon2") {
			t.Errorf("a secret is in %s", text)
		}
		objects = append(objects, text)
	}
	got, err := h.Apply(plane.Operator(), declare.Request{Objects: objects})
	if err != nil {
		t.Fatal(err)
	}
	for object, action := range got {
		if action != declare.Unchanged {
			t.Errorf("%s was %s", object, action)
		}
	}
	for _, want := range []string{"KeyManager resident", "Tenant acme", "User admin", "OAuthClient mobile-corp"} {
		if got[want] == "" {
			t.Errorf("%s is not exported: %v", want, got)
		}
	}
	if _, found := got["Tenant default"]; found {
		t.Error("what is built in and unchanged is exported")
	}
	// Into an empty house the markers mean nothing.
	e := plane.New(t).Refused(plane.Operator(), declare.Request{Objects: objects}, keyward.CodeInvalidInput)
	if p := e.Paths; !strings.Contains(p, "spec.introspection.clientSecret") || !strings.Contains(p, "spec.password") {
		t.Errorf("got faults at %s", p)
	}
}

func TestApplyReportsEveryFaultOfEveryManifestAndChangesNothing(t *testing.T) {
	h := plane.New(t)
	e := h.Refused(plane.Operator(), declare.Request{Objects: h.Objects(
		plane.Manifest(keyward.KindPlan, "gold", `{"rate":[{"requests":0,"per":"1s"}]}`),
		plane.Manifest(keyward.KindApplication, "mobile", `{"ownr":"alice"}`),
		plane.Manifest(keyward.KindSubscription, "s", `{"application":"nobody","api":"nothing"}`),
		plane.Manifest(keyward.KindPlan, "gold", `{}`),
		plane.Manifest(keyward.KindKeyManager, "ext", `{"type":"external"}`),
		plane.Manifest(keyward.KindApplication, "fine", `{}`),
		plane.Manifest(keyward.KindSubscription, "t", `{"application":"nobody","api":"nothing","stat":"active"}`),
	)}, keyward.CodeInvalidInput)
	got := e.Paths
	for _, want := range []string{
		"objects[0].spec.rate[0].requests", "objects[1].spec.ownr", "objects[2].spec.application", "objects[2].spec.api",
		"objects[3].metadata.name", "objects[4].spec.issuer", "objects[4].spec.keys",
		"objects[6].spec.stat", "objects[6].spec.application", "objects[6].spec.api",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no fault at %s in %s", want, got)
		}
	}
	if _, err := h.Control.Get(context.Background(), plane.Operator(),
		keyward.Ref{Kind: keyward.KindApplication, Tenant: "default",
			Name: "fine"}); keyward.CodeOf(err) != keyward.CodeNotFound {
		t.Errorf("an object of a refused apply is there: %v", err)
	}
}

func TestFaultsOfTheTypeAreReportedWithAllOthers(t *testing.T) {
	h := plane.New(t)
	e := h.Refused(plane.Operator(), declare.Request{Objects: h.Objects(
		plane.Manifest(keyward.KindKeyManager, "one", `{"type":"oidc","discovery":"SERVER/corp","displayNam":"x",`+
			`"connection":{"initialAccesToken":"iat"}}`),
		plane.Manifest(keyward.KindKeyManager, "two", `{"type":"keycloak","issuer":5,"connection":{"clientId":"c","color":"red"}}`),
		plane.Manifest(keyward.KindKeyManager, "three", `{"type":"oidc","discovery":"SERVER/corp",`+
			`"connection":{"initialAccesToken":"iat"}}`),
	)}, keyward.CodeInvalidInput)
	want := "objects[0].spec.displayNam objects[0].spec.connection.initialAccesToken objects[1].spec.issuer " +
		"objects[1].spec.connection.color objects[1].spec.connection.clientSecret objects[1].spec.keys " +
		"objects[2].spec.connection.initialAccesToken"
	got := strings.Fields(e.Paths)
	slices.Sort(got)
	if wanted := strings.Fields(want); !slices.Equal(got, slices.Sorted(slices.Values(wanted))) {
		t.Errorf("got faults at %q", got)
	}
}

func TestSetsAndPrune(t *testing.T) {
	h := plane.New(t)
	apply := func(set string, prune bool, texts ...string) map[string]declare.Action {
		t.Helper()
		got, err := h.Apply(plane.Operator(), declare.Request{Objects: h.Objects(texts...), Set: set, Prune: prune})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	apply("shop", false, plane.Usual()...)
	gold := plane.Manifest(keyward.KindPlan, "gold", `{"rate":[{"requests":10,"per":"1s"}]}`)
	h.Refused(plane.Operator(), declare.Request{Objects: h.Objects(gold), Set: "other"}, keyward.CodeOtherSet)
	if got := apply("", false, gold); got["Plan gold"] != declare.Unchanged {
		t.Errorf("an apply without a set: %v", got)
	}
	// Something outside the set uses the API: the whole apply is refused with the list.
	apply("", false, plane.Manifest(keyward.KindApplication, "web", `{}`),
		plane.Manifest(keyward.KindSubscription, "web-orders", `{"application":"web","api":"orders-v1","plan":"gold"}`))
	e := h.Refused(plane.Operator(), declare.Request{Set: "shop", Prune: true}, keyward.CodeInUse)
	user := keyward.Ref{Kind: keyward.KindSubscription, Tenant: "default", Name: "web-orders"}
	if !slices.Contains(e.Users, user) {
		t.Errorf("users %v lack %v", e.Users, user)
	}
	if err := h.Control.Delete(context.Background(), plane.Operator(), user, ""); err != nil {
		t.Fatal(err)
	}
	got := apply("shop", true, plane.Manifest(keyward.KindUser, "alice",
		`{"email":"alice@example.com","password":"long enough","roles":["developer"]}`))
	if got["API orders-v1"] != declare.Deleted || got["KeyManager corp"] != declare.Deleted ||
		got["User alice"] != declare.Unchanged {
		t.Errorf("got %v", got)
	}
	if _, touched := got["KeyManager resident"]; touched {
		t.Error("prune touched the resident key manager")
	}
}

func TestPruneMakesRoomForASuccessor(t *testing.T) {
	h := plane.New(t)
	texts := plane.Usual()
	if _, err := h.Apply(plane.Operator(), declare.Request{Objects: h.Objects(texts...), Set: "shop"}); err != nil {
		t.Fatal(err)
	}
	texts[1] = plane.Manifest(keyward.KindSubscription, "renamed", `{"application":"mobile","api":"orders-v1","plan":"gold"}`)
	got, err := h.Apply(plane.Operator(), declare.Request{Objects: h.Objects(texts...), Set: "shop", Prune: true})
	if err != nil {
		t.Fatal(err)
	}
	if got["Subscription renamed"] != declare.Created || got["Subscription mobile-orders"] != declare.Deleted {
		t.Errorf("got %v", got)
	}
}

func TestDryRunSaysWhatWouldHappen(t *testing.T) {
	h := plane.New(t)
	h.MustApply(plane.Manifest(keyward.KindPlan, "gold", `{"rate":[{"requests":10,"per":"60s"}]}`))
	results, err := h.Control.Apply(context.Background(), plane.Operator(), declare.Request{
		Tenant: "default", DryRun: true,
		Objects: h.Objects(plane.Manifest(keyward.KindPlan, "gold", `{"rate":[{"requests":20,"per":"1m"}]}`)),
	})
	if err != nil || len(results) != 1 || results[0].Action != declare.Updated {
		t.Fatalf("got %v, %v", results, err)
	}
	if len(results[0].Changes) != 1 || results[0].Changes[0].Path != "spec.rate[0].requests" {
		t.Errorf("changes %v", results[0].Changes)
	}
	if got := h.MustApply(plane.Manifest(keyward.KindPlan, "gold",
		`{"rate":[{"requests":10,"per":"1m"}]}`)); got["Plan gold"] != declare.Unchanged {
		t.Errorf("the dry run changed something: %v", got)
	}
}

func TestTheDefaultVersionMovesInOneApply(t *testing.T) {
	h := plane.New(t)
	api := func(version, isDefault string) string {
		return plane.Manifest(keyward.KindAPI, "orders-"+version,
			`{"context":"/orders","version":"`+version+`","default":`+isDefault+
				`,"upstream":{"production":"http://127.0.0.1:9000"},"keyManagers":"all","operations":[{"method":"GET",`+
				`"path":"/a"}]}`)
	}
	h.MustApply(api("v1", "true"), api("v2", "false"))
	h.Refused(plane.Operator(), declare.Request{Objects: h.Objects(api("v2", "true"))}, keyward.CodeConflict)
	if got := h.MustApply(api("v2", "true"), api("v1", "false")); got["API orders-v2"] != declare.Updated {
		t.Errorf("got %v", got)
	}
}
