package declare_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/control"
	"keyward.dev/keyward/internal/declare"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/plane"
)

// The plane's metadata stand at SERVER/NAME, which is an Okta authorization server where NAME is oauth2.
const (
	organization = `{"type":"okta","displayName":"Acme","connection":{"orgUrl":"SERVER","apiToken":"hush-token"}}`
	ordersServer = `{"type":"okta","issuer":"SERVER/oauth2/orders","keys":{"jwks":"SERVER/k"},"endpoints":{"token":"SERVER/t"},` +
		`"connection":{"ref":"acme","proofScope":"ping"}}`
	master = `{"type":"keycloak","connection":{"realmUrl":"https://sso.example/realms/master","clientId":"keyward",` +
		`"clientSecret":"hush-secret"}}`
	realmCorp = `{"type":"keycloak","issuer":"https://sso.example/realms/corp","keys":{"jwks":"https://sso.example/k"},` +
		`"connection":{"ref":"acme"}}`
)

func connectionAnd(connection, keyManager string) []string {
	return []string{ // the user first, on purpose
		plane.Manifest(keyward.KindKeyManager, "orders", keyManager), plane.Manifest(keyward.KindConnection, "acme", connection),
	}
}

// TestAConnectionAndItsUsersComeInAnyOrder, are taken back as exported, and the connection stays while it is used.
func TestAConnectionAndItsUsersComeInAnyOrder(t *testing.T) {
	for name, pair := range map[string][2]string{"okta": {organization, ordersServer}, "keycloak": {master, realmCorp}} {
		t.Run(name, func(t *testing.T) {
			h := plane.New(t)
			h.MustApply(connectionAnd(pair[0], pair[1])...)
			ref := keyward.Ref{Kind: keyward.KindConnection, Tenant: keyward.DefaultTenant, Name: "acme"}
			o, err := h.Control.Get(t.Context(), plane.Operator(), ref)
			if err != nil {
				t.Fatal(err)
			}
			m, err := o.Manifest()
			if err != nil || strings.Contains(string(m.Spec), "hush") || !strings.Contains(string(m.Spec), `{"stored":true}`) {
				t.Errorf("read back: %s (%v)", m.Spec, err)
			}
			if got := h.MustApply(connectionAnd(string(m.Spec), pair[1])...); got["Connection acme"] != declare.Unchanged ||
				got["KeyManager orders"] != declare.Unchanged {
				t.Errorf("taken back: %v", got)
			}
			err = h.Control.Delete(t.Context(), plane.Operator(), ref, "")
			var e *keyward.Error
			if keyward.CodeOf(err) != keyward.CodeInUse || !errors.As(err, &e) || len(e.Users) != 1 || e.Users[0].Name != "orders" {
				t.Errorf("delete while it is used: %v", err)
			}
			if err := h.Control.Delete(t.Context(), plane.Operator(), keyward.Ref{Kind: keyward.KindKeyManager,
				Tenant: keyward.DefaultTenant, Name: "orders"}, ""); err != nil {
				t.Fatal(err)
			}
			if err := h.Control.Delete(t.Context(), plane.Operator(), ref, ""); err != nil {
				t.Errorf("delete when nobody uses it: %v", err)
			}
		})
	}
}

// TestASharedCredentialGoesNowhereElse: what names a connection must be at the connection's own address, and must not
// bring fields that say where its credentials go.
func TestASharedCredentialGoesNowhereElse(t *testing.T) {
	h := plane.New(t)
	h.MustApply(connectionAnd(organization, ordersServer)...) // the positive control
	h.MustApply(plane.Manifest(keyward.KindConnection, "kc", master),
		plane.Manifest(keyward.KindKeyManager, "corp", strings.Replace(realmCorp, "acme", "kc", 1)))
	kc := func(old, with string) string {
		return plane.Manifest(keyward.KindKeyManager, "corp", strings.NewReplacer("acme", "kc", old, with).Replace(realmCorp))
	}
	okta := func(old, with string) string {
		return plane.Manifest(keyward.KindKeyManager, "orders", strings.Replace(ordersServer, old, with, 1))
	}
	for name, c := range map[string]struct{ manifest, path string }{
		"no such connection":       {okta("acme", "nobody"), "spec.connection.ref"},
		"no name":                  {okta(`"acme"`, `{"name":"acme"}`), "spec.connection.ref"},
		"another type":             {okta("acme", "kc"), "spec.connection.ref"},
		"a foreign organization":   {okta("SERVER/oauth2", "https://evil.example/oauth2"), "spec.issuer"},
		"an address beside ref":    {okta(`"ref"`, `"orgUrl":"https://evil.example","ref"`), "spec.connection.orgUrl"},
		"a secret beside ref":      {okta(`"ref"`, `"apiToken":"own","ref"`), "spec.connection.apiToken"},
		"an unknown field":         {okta(`"ref"`, `"x":"y","ref"`), "spec.connection.x"},
		"a foreign realm":          {kc("https://sso.example/realms", "https://evil.example/realms"), "spec.issuer"},
		"a host that begins alike": {kc("https://sso.example/realms", "https://sso.example.evil/realms"), "spec.issuer"},
		"another path":             {kc("/realms/corp", "/x/realms/corp"), "spec.issuer"},
		"no realm":                 {kc("/realms/corp", "/realms/.."), "spec.issuer"},
		"an escaped climb":         {kc("/realms/corp", "/realms/%2e%2e"), "spec.issuer"},
		"an admin address":         {kc(`"ref"`, `"adminUrl":"https://evil.example","ref"`), "spec.connection.adminUrl"},
		"a service app beside an API token": {
			plane.Manifest(keyward.KindConnection, "acme", strings.Replace(organization, `"apiToken"`, `"clientId":"c","apiToken"`, 1)),
			"spec.connection.clientKey",
		},
		"no credential": {
			plane.Manifest(keyward.KindConnection, "acme", strings.Replace(organization, `,"apiToken":"hush-token"`, "", 1)),
			"spec.connection.apiToken",
		},
		"a type that shares nothing": {
			plane.Manifest(keyward.KindKeyManager, "x", `{"type":"oidc","discovery":"SERVER/x","connection":{"ref":"acme"}}`),
			"spec.connection.ref",
		},
		"a connection of it": {
			plane.Manifest(keyward.KindConnection, "x", `{"type":"oidc","connection":{"initialAccessToken":"x"}}`), "spec.type",
		},
		"no realm's address": {
			plane.Manifest(keyward.KindConnection, "kc", strings.Replace(master, "/realms/master", "", 1)), "spec.connection.realmUrl",
		},
		"a field that is missing": {
			plane.Manifest(keyward.KindConnection, "kc", strings.Replace(master, `"clientId":"keyward",`, "", 1)),
			"spec.connection.clientId",
		},
	} {
		e := h.Refused(plane.Operator(), declare.Request{Objects: h.Objects(c.manifest)}, keyward.CodeInvalidInput)
		if !strings.Contains(e.Paths, c.path) {
			t.Errorf("%s: faults at %s, want %s", name, e.Paths, c.path)
		}
	}
}

// TestAConnectionMovesWithItsUsers: it cannot leave a key manager behind at another address, nor take a stored secret to
// a new one; both at once, with the secret given again, may move.
func TestAConnectionMovesWithItsUsers(t *testing.T) {
	h := plane.New(t)
	h.MustApply(connectionAnd(master, realmCorp)...)
	moved := strings.NewReplacer("sso.example", "new.example").Replace
	e := h.Refused(plane.Operator(), declare.Request{Objects: h.Objects(plane.Manifest(keyward.KindConnection, "acme", moved(master)))},
		keyward.CodeInUse)
	if !strings.Contains(e.Paths, "spec.connection") {
		t.Errorf("faults at %s", e.Paths)
	}
	kept := strings.Replace(moved(master), `"hush-secret"`, `{"stored":true}`, 1)
	e = h.Refused(plane.Operator(), declare.Request{Objects: h.Objects(connectionAnd(kept, moved(realmCorp))...)}, keyward.CodeInvalidInput)
	if !strings.Contains(e.Paths, "spec.connection.clientSecret") {
		t.Errorf("a stored secret at a new address: faults at %s", e.Paths)
	}
	if got := h.MustApply(connectionAnd(moved(master), moved(realmCorp))...); got["Connection acme"] != declare.Updated {
		t.Errorf("together, with the secret: %v", got)
	}
	same := strings.Replace(moved(master), `"hush-secret"`, `{"stored":true}`, 1)
	same = strings.Replace(same, `"type"`, `"displayName":"SSO","type"`, 1)
	if got := h.MustApply(plane.Manifest(keyward.KindConnection, "acme", same)); got["Connection acme"] != declare.Updated {
		t.Errorf("a stored secret that stays: %v", got)
	}
	if got := storedSecret(t, h); got != "hush-secret" {
		t.Errorf("the stored secret is %q", got)
	}
}

// TestTheConnectionsOwnClientIsNoApplications.
func TestTheConnectionsOwnClientIsNoApplications(t *testing.T) {
	h := plane.New(t)
	h.MustApply(append(connectionAnd(master, realmCorp), plane.Manifest(keyward.KindApplication, "mobile", `{}`))...)
	client := func(id string) string {
		return plane.Manifest(keyward.KindOAuthClient, "c", `{"application":"mobile","keyManager":"orders","clientId":"`+id+`"}`)
	}
	h.Refused(plane.Operator(), declare.Request{Objects: h.Objects(client("KEYWARD"))}, keyward.CodeInvalidInput)
	h.MustApply(client("abc")) // the positive control
	e := h.Refused(plane.Operator(), declare.Request{Objects: h.Objects(
		plane.Manifest(keyward.KindConnection, "acme", strings.Replace(master, `"keyward"`, `"abc"`, 1)))}, keyward.CodeInUse)
	if !strings.Contains(e.Paths, "spec.connection.clientId") {
		t.Errorf("faults at %s", e.Paths)
	}
}

// TestConnectionsAreForAdministrators, and for auditors to read; prune takes one with its users.
func TestConnectionsAreForAdministrators(t *testing.T) {
	h := plane.New(t)
	set := func(prune bool, texts ...string) map[string]declare.Action {
		t.Helper()
		got, err := h.Apply(plane.Operator(), declare.Request{Set: "team", Prune: prune, Objects: h.Objects(texts...)})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	set(false, connectionAnd(master, realmCorp)...)
	for _, role := range []keyward.Role{keyward.RolePublisher, keyward.RoleDeveloper, keyward.RoleAuditor} {
		h.Refused(plane.As("x", role), declare.Request{Objects: h.Objects(plane.Manifest(keyward.KindConnection, "acme", master))},
			keyward.CodeForbidden)
		_, _, err := h.Control.List(t.Context(), plane.As("x", role), keyward.KindConnection, keyward.DefaultTenant, control.Page{})
		if reads := role == keyward.RoleAuditor; (err == nil) != reads {
			t.Errorf("%s lists connections: %v", role, err)
		}
	}
	if got := set(true); got["Connection acme"] != declare.Deleted || got["KeyManager orders"] != declare.Deleted {
		t.Errorf("prune: %v", got)
	}
}

func storedSecret(t *testing.T, h *plane.Plane) string {
	t.Helper()
	var secrets map[string]string
	err := h.Store.Read(context.Background(), func(tx *store.Tx) error {
		o, err := tx.Get(keyward.KindConnection, keyward.DefaultTenant, "acme")
		if err != nil {
			return err
		}
		secrets, err = tx.Secrets(o)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return secrets["connection.clientSecret"]
}

// TestAStartTellsGatewaysOfAConnectionsClient where an earlier build stored the row without it, and changes nothing else.
func TestAStartTellsGatewaysOfAConnectionsClient(t *testing.T) {
	h := plane.New(t)
	h.MustApply(connectionAnd(master, realmCorp)...)
	h.MustApply(plane.Manifest(keyward.KindKeyManager, "corp", plane.CorpSpec))
	read := func(change func(tx *store.Tx, km *keyward.Object, row *keyward.KeyManagerRow) error) (own []string, version int64) {
		t.Helper()
		err := h.Store.Write(t.Context(), "test", func(tx *store.Tx) error {
			km, err := tx.Get(keyward.KindKeyManager, keyward.DefaultTenant, "orders")
			if err != nil {
				return err
			}
			row, err := tx.KeyManagerRow(km)
			if err != nil {
				return err
			}
			own, version = row.OwnClients, km.Version
			return change(tx, km, row)
		})
		if err != nil {
			t.Fatal(err)
		}
		return own, version
	}
	nothing := func(*store.Tx, *keyward.Object, *keyward.KeyManagerRow) error { return nil }
	start := func() {
		t.Helper()
		if err := h.Control.Bootstrap(t.Context(), plane.AdminToken); err != nil {
			t.Fatal(err)
		}
	}
	read(func(tx *store.Tx, km *keyward.Object, row *keyward.KeyManagerRow) error { // as an earlier build left it
		row.OwnClients = row.OwnClients[1:]
		text, err := json.Marshal(row)
		if err != nil {
			return err
		}
		return tx.Put(km, store.Extra{Row: text})
	})
	if own, _ := read(nothing); slices.Contains(own, "keyward") {
		t.Fatalf("the row knows its client: %q", own)
	}
	start()
	own, version := read(nothing)
	if !slices.Contains(own, "keyward") {
		t.Errorf("after a start gateways are told of %q", own)
	}
	start()
	if _, again := read(nothing); again != version {
		t.Errorf("another start wrote version %d over %d", again, version)
	}
}
