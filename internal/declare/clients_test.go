package declare_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/declare"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/plane"
)

const externalCorp = `{"type":"external","issuer":"SERVER/corp","keys":{"jwks":"https://keys.example/"}}`

// TestTypeChanges: a key manager may become one of another type, which reads the metadata again, as long as no client
// in it was made in the way of the old one.
func TestTypeChanges(t *testing.T) {
	h := plane.New(t)
	h.MustApply(plane.Usual()...)
	h.MustApply(plane.Manifest(keyward.KindKeyManager, "corp", externalCorp))
	asked := h.Asked.Load()
	if got := h.MustApply(plane.Manifest(keyward.KindKeyManager, "corp", plane.CorpSpec))["KeyManager corp"]; got != declare.Updated {
		t.Errorf("the key manager is %s, want updated", got)
	}
	if h.Asked.Load() == asked {
		t.Error("the metadata were not read again although the type changed")
	}

	status, err := json.Marshal(keyward.OAuthClientStatus{Mode: keyward.ClientGenerated, State: keyward.ClientActive})
	if err != nil {
		t.Fatal(err)
	}
	err = h.Store.Write(context.Background(), "test", func(tx *store.Tx) error {
		return tx.Put(&keyward.Object{
			ID: store.NewID(), Kind: keyward.KindOAuthClient, Tenant: keyward.DefaultTenant, Name: "made", Status: status,
			Spec: &keyward.OAuthClientSpec{
				Application: "mobile", KeyManager: "corp", Environment: keyward.Sandbox, ClientID: "made-there",
			},
		}, store.Extra{})
	})
	if err != nil {
		t.Fatal(err)
	}
	refused := h.Refused(plane.Operator(), declare.Request{
		Objects: h.Objects(plane.Manifest(keyward.KindKeyManager, "corp", externalCorp)),
	}, keyward.CodeInUse)
	if !strings.Contains(refused.Paths, "spec.type") {
		t.Errorf("faults at %s, want spec.type", refused.Paths)
	}
}

// TestOwnClientIsNoApplications: a client that an application has cannot become the key manager's own.
func TestOwnClientIsNoApplications(t *testing.T) {
	h := plane.New(t)
	h.MustApply(plane.Usual()...)
	own := strings.Replace(plane.CorpSpec, `"gateway"`, `"ABC"`, 1) // abc is mapped; in some servers case does not count
	refused := h.Refused(plane.Operator(), declare.Request{
		Objects: h.Objects(plane.Manifest(keyward.KindKeyManager, "corp", own)),
	}, keyward.CodeInUse)
	if !strings.Contains(refused.Paths, "spec.introspection.clientId") {
		t.Errorf("faults at %s, want spec.introspection.clientId", refused.Paths)
	}
	h.MustApply(plane.Manifest(keyward.KindKeyManager, "corp", strings.Replace(plane.CorpSpec, `"gateway"`, `"other"`, 1)))
}

// TestPruneLeavesTheAdministrator: whoever prunes would lose the token that the settings give.
func TestPruneLeavesTheAdministrator(t *testing.T) {
	h := plane.New(t)
	plan := plane.Manifest(keyward.KindPlan, "p", `{}`)
	if _, err := h.Apply(plane.Operator(), declare.Request{Set: "all", Objects: h.Objects(plan,
		plane.Manifest(keyward.KindUser, "admin", `{"roles":["admin"]}`), plane.Manifest(keyward.KindUser, "bob", `{}`))}); err != nil {
		t.Fatal(err)
	}
	got, err := h.Apply(plane.Operator(), declare.Request{Set: "all", Prune: true, Objects: h.Objects(plan)})
	if err != nil {
		t.Fatal(err)
	}
	if _, gone := got["User admin"]; gone || got["User bob"] != declare.Deleted {
		t.Errorf("results %v, want bob deleted and the administrator left alone", got)
	}
}
