package control_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/control"
	"keyward.dev/keyward/internal/store"
)

const externalCorp = `{"type":"external","issuer":"SERVER/corp","keys":{"jwks":"https://keys.example/"}}`

// TestTypeChanges: a key manager may become one of another type, which reads the metadata again, as long as no client
// in it was made in the way of the old one.
func TestTypeChanges(t *testing.T) {
	h := newHouse(t)
	h.mustApply(usual()...)
	h.mustApply(manifestOf(keyward.KindKeyManager, "corp", externalCorp))
	asked := h.asked.Load()
	if got := h.mustApply(manifestOf(keyward.KindKeyManager, "corp", corpSpec))["KeyManager corp"]; got != control.Updated {
		t.Errorf("the key manager is %s, want updated", got)
	}
	if h.asked.Load() == asked {
		t.Error("the metadata were not read again although the type changed")
	}

	status, err := json.Marshal(keyward.OAuthClientStatus{Mode: keyward.ClientGenerated, State: keyward.ClientActive})
	if err != nil {
		t.Fatal(err)
	}
	err = h.store.Write(context.Background(), "test", func(tx *store.Tx) error {
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
	refused := h.refused(operator, control.ApplyRequest{
		Objects: h.objects(manifestOf(keyward.KindKeyManager, "corp", externalCorp)),
	}, keyward.CodeInUse)
	if !strings.Contains(refused.paths, "spec.type") {
		t.Errorf("faults at %s, want spec.type", refused.paths)
	}
}

// TestOwnClientIsNoApplications: a client that an application has cannot become the key manager's own.
func TestOwnClientIsNoApplications(t *testing.T) {
	h := newHouse(t)
	h.mustApply(usual()...)
	own := strings.Replace(corpSpec, `"gateway"`, `"ABC"`, 1) // abc is mapped; in some servers case does not count
	refused := h.refused(operator, control.ApplyRequest{
		Objects: h.objects(manifestOf(keyward.KindKeyManager, "corp", own)),
	}, keyward.CodeInUse)
	if !strings.Contains(refused.paths, "spec.introspection.clientId") {
		t.Errorf("faults at %s, want spec.introspection.clientId", refused.paths)
	}
	h.mustApply(manifestOf(keyward.KindKeyManager, "corp", strings.Replace(corpSpec, `"gateway"`, `"other"`, 1)))
}

// TestPruneLeavesTheAdministrator: whoever prunes would lose the token that the settings give.
func TestPruneLeavesTheAdministrator(t *testing.T) {
	h := newHouse(t)
	plan := manifestOf(keyward.KindPlan, "p", `{}`)
	if _, err := h.apply(operator, control.ApplyRequest{Set: "all", Objects: h.objects(plan,
		manifestOf(keyward.KindUser, "admin", `{"roles":["admin"]}`), manifestOf(keyward.KindUser, "bob", `{}`))}); err != nil {
		t.Fatal(err)
	}
	got, err := h.apply(operator, control.ApplyRequest{Set: "all", Prune: true, Objects: h.objects(plan)})
	if err != nil {
		t.Fatal(err)
	}
	if _, gone := got["User admin"]; gone || got["User bob"] != control.Deleted {
		t.Errorf("results %v, want bob deleted and the administrator left alone", got)
	}
}
