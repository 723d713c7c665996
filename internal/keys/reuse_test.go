package keys_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/oktaserver"
)

// atServer counts the clients that were made there, and tells how many of them were deleted.
func atServer(s *contract.Server) (made, deleted int) {
	for _, q := range s.Seen() {
		switch {
		case q.Method == http.MethodPost && q.URI == "/oauth2/v1/clients" && q.Status == http.StatusCreated:
			made++
		case q.Method == http.MethodDelete && strings.HasPrefix(q.URI, "/oauth2/v1/clients/") && q.Status == http.StatusNoContent:
			deleted++
		}
	}
	return made, deleted
}

// TestReuse: one client of an organization is a client of two key managers. One of them owns it.
func TestReuse(t *testing.T) {
	ctx := t.Context()
	r := newRig(t)
	s := r.okta()
	r.subscribe()
	ask := keys.Ask{Scopes: []string{oktaserver.Scope}}
	own, err := r.keys.Generate(ctx, alice(), at("orders"), ask)
	if err != nil {
		t.Fatal(err)
	}
	reuse := func() *keys.Result {
		t.Helper()
		got, err := r.keys.Reuse(ctx, alice(), at("billing"), "orders", keys.Ask{})
		if err != nil {
			t.Fatal(err)
		}
		if got.ClientID != own.ClientID || got.ClientSecret != "" || got.State != keyward.ClientActive {
			t.Errorf("reused: %+v with state %s", got, got.State)
		}
		return got
	}
	listed := func(keyManager string) *keyward.OAuthClientStatus {
		t.Helper()
		for _, l := range r.list() {
			if l.KeyManager == keyManager {
				return l.Status
			}
		}
		return nil
	}
	reuse()
	if made, _ := atServer(s); made != 1 {
		t.Errorf("%d clients were made", made)
	}
	if st := listed("billing"); st == nil || st.Reuses == nil || st.Reuses.KeyManager != "orders" || listed("orders").Reuses != nil {
		t.Errorf("the list does not say who owns it: %+v", st)
	}
	_, err = r.keys.Reuse(ctx, alice(), at("billing"), "orders", keys.Ask{})
	wantCode(t, err, keyward.CodeKeysExist)

	_, err = r.keys.Rotate(ctx, alice(), at("billing"), keys.RotateAsk{})
	wantCode(t, err, keyward.CodeRotationUnsupported, "that of key manager orders")
	_, err = r.keys.Update(ctx, alice(), at("billing"), ask)
	wantCode(t, err, keyward.CodeUpdateUnsupported, "that of key manager orders")
	_, err = r.keys.Update(ctx, alice(), at("orders"), ask)
	wantCode(t, err, keyward.CodeInUse, "reused in other key managers")
	if _, err = r.keys.Rotate(ctx, alice(), at("orders"), keys.RotateAsk{}); err != nil {
		t.Errorf("the owner's secret is everybody's, and is rotated: %v", err)
	}
	if _, err := r.keys.Reveal(ctx, alice(), at("billing")); keyward.CodeOf(err) != keyward.CodeNotFound {
		t.Errorf("a reused client's secret is not here to reveal: %v", err)
	}
	err = r.keys.Delete(ctx, alice(), at("orders"))
	wantCode(t, err, keyward.CodeInUse)
	var e *keyward.Error
	if !errors.As(err, &e) || len(e.Users) != 1 || !strings.Contains(e.Users[0].Name, "billing") {
		t.Errorf("who reuses it: %v", err)
	}
	if err := r.keys.Delete(ctx, alice(), at("billing")); err != nil {
		t.Fatal(err)
	}
	if _, deleted := atServer(s); deleted != 0 || listed("billing") != nil || !r.onGateways(own.ClientID) {
		t.Error("the client went with its use")
	}

	// The secret has leaked: it is out of use everywhere at once.
	reuse()
	if _, err := r.keys.Revoke(ctx, alice(), at("orders")); err != nil {
		t.Fatal(err)
	}
	if st := listed("billing").State; r.onGateways(own.ClientID) || st != keyward.ClientRevoking {
		t.Errorf("the use of a revoked client is %s, on gateways: %v", st, r.onGateways(own.ClientID))
	}
	if err := r.keys.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if st := listed("billing").State; st != keyward.ClientRevoked {
		t.Errorf("after a sweep it is %s", st)
	}
	own, err = r.keys.Generate(ctx, alice(), at("orders"), ask)
	if err != nil {
		t.Fatal(err)
	}
	reuse()
	if made, deleted := atServer(s); made != 2 || deleted != 1 {
		t.Errorf("%d made, %d deleted", made, deleted)
	}
}

// TestAReleaseGoesOnAfterAFailure: while the server fails, the use is off every gateway and stays listed; the sweep ends it,
// and never deletes the client.
func TestAReleaseGoesOnAfterAFailure(t *testing.T) {
	ctx := t.Context()
	r := newRig(t)
	s := r.okta()
	if _, err := r.keys.Generate(ctx, alice(), at("orders"), keys.Ask{Scopes: []string{oktaserver.Scope}}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.keys.Reuse(ctx, alice(), at("billing"), "orders", keys.Ask{}); err != nil {
		t.Fatal(err)
	}
	s.Order(contract.Trouble{Method: http.MethodGet, Part: "/policies", Status: http.StatusInternalServerError})
	if err := r.keys.Delete(ctx, alice(), at("billing")); keyward.CodeOf(err) != keyward.CodeKeyManagerFailed {
		t.Errorf("deleted while the server fails: %v", err)
	}
	if l := r.list(); len(l) != 2 {
		t.Errorf("%d clients are listed", len(l))
	}
	s.Mend()
	r.later(time.Hour)
	if err := r.start().Sweep(ctx); err != nil { // another process, after the end of this one
		t.Fatal(err)
	}
	if _, deleted := atServer(s); deleted != 0 || r.one(keyward.ClientActive).KeyManager != "orders" {
		t.Errorf("%d clients were deleted", deleted)
	}
}

// TestReuseIsRefused where there is nothing in common, or the requester may not.
func TestReuseIsRefused(t *testing.T) {
	ctx := t.Context()
	r := newRig(t)
	s := r.okta()
	if _, err := r.keys.Generate(ctx, alice(), at("orders"), keys.Ask{Scopes: []string{oktaserver.Scope}}); err != nil {
		t.Fatal(err)
	}
	r.connection("other", strings.ReplaceAll(oktaConnection, "ORIGIN", s.URL), apiToken(oktaserver.APIToken))
	r.keyManager("apart", `{"type":"okta","issuer":"`+s.URL+`/oauth2/`+oktaserver.EmptyServer+`","connection":{"ref":"other"}}`,
		map[string]string{})
	r.keyManager("corp", `{"type":"external","issuer":"https://e.example","keys":{"jwks":"https://e.example/k"}}`, map[string]string{})
	sandbox := at("billing")
	sandbox.Environment = keyward.Sandbox
	for _, c := range []struct {
		what  string
		who   keyward.Principal
		place keys.Place
		of    string
		ask   keys.Ask
		code  keyward.Code
		words string
	}{
		{"a wish", alice(), at("billing"), "orders", keys.Ask{Scopes: []string{"x"}}, keyward.CodeInvalidInput, "leave it out"},
		{"its own", alice(), at("orders"), "orders", keys.Ask{}, keyward.CodeInvalidInput, "itself"},
		{"another Connection", alice(), at("apart"), "orders", keys.Ask{}, keyward.CodeInvalidInput, "do not name one Connection"},
		{"a type without", alice(), at("corp"), "orders", keys.Ask{}, keyward.CodeInvalidInput, "belongs to one key manager"},
		{"nobody's", alice(), at("billing"), "nowhere", keys.Ask{}, keyward.CodeNotFound, "nowhere"},
		{"the other environment's", alice(), sandbox, "orders", keys.Ask{}, keyward.CodeNotFound, "sandbox"},
		{"another application's", bob(), at("billing"), "orders", keys.Ask{}, keyward.CodeForbidden, "owners"},
		{"sound", alice(), at("billing"), "orders", keys.Ask{}, "", ""},
	} {
		_, err := r.keys.Reuse(ctx, c.who, c.place, c.of, c.ask)
		if keyward.CodeOf(err) != c.code || err != nil && !strings.Contains(err.Error()+strings.Join(fieldWords(err), " "), c.words) {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	r.change("apart", func(spec *keyward.KeyManagerSpec) { spec.Connection = map[string]any{"ref": "acme"} })
	_, err := r.keys.Reuse(ctx, alice(), at("apart"), "billing", keys.Ask{})
	wantCode(t, err, keyward.CodeInvalidInput, "name orders")
	if made, _ := atServer(s); made != 1 {
		t.Errorf("%d clients were made", made)
	}
}

func fieldWords(err error) []string {
	var e *keyward.Error
	var words []string
	if errors.As(err, &e) {
		for _, f := range e.Fields {
			words = append(words, f.Message)
		}
	}
	return words
}
