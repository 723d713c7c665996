package control_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/control"
	"keyward.dev/keyward/internal/resident"
	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/store"
)

const adminToken = "an-admin-token-of-32-characters-or-more"

// house is a control plane on a database of its own, and an authorization server that counts who asks.
type house struct {
	t       *testing.T
	store   *store.Store
	control *control.Control
	server  *httptest.Server
	asked   atomic.Int64
	down    atomic.Bool
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t}
	ctx := context.Background()
	st, err := store.Open(ctx, store.Options{DataDir: t.TempDir(), Key: seal.NewKey()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	h.store = st
	res, err := resident.New(st, resident.Options{PublicURL: "http://127.0.0.1:8480"})
	if err != nil {
		t.Fatal(err)
	}
	h.server = httptest.NewServer(http.HandlerFunc(h.discovery))
	t.Cleanup(h.server.Close)
	h.control = control.New(st, h.server.Client(), res, control.Options{})
	if err := h.control.Bootstrap(ctx, adminToken); err != nil {
		t.Fatal(err)
	}
	return h
}

// discovery serves metadata for every path: /NAME/.well-known/openid-configuration is the issuer /NAME.
func (h *house) discovery(w http.ResponseWriter, r *http.Request) {
	h.asked.Add(1)
	name, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if h.down.Load() || rest != ".well-known/openid-configuration" {
		http.Error(w, "no", http.StatusNotFound)
		return
	}
	issuer := h.issuer(name)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"issuer": issuer, "jwks_uri": issuer + "/jwks", "token_endpoint": issuer + "/token",
		"registration_endpoint": issuer + "/register", "introspection_endpoint": issuer + "/introspect",
		"authorization_endpoint": issuer + "/authorize", "response_types_supported": []string{"code"},
		"subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256"},
	})
}

func (h *house) issuer(name string) string { return h.server.URL + "/" + name }

// as is a principal of the tenant default.
func as(user string, roles ...keyward.Role) keyward.Principal {
	return keyward.Principal{User: user, Tenant: keyward.DefaultTenant, Roles: roles}
}

var operator = as("admin", keyward.RoleAdmin)

// manifests are JSON objects; %s in them is filled with the server's address.
func (h *house) objects(texts ...string) []json.RawMessage {
	out := make([]json.RawMessage, len(texts))
	for i, text := range texts {
		out[i] = json.RawMessage(strings.ReplaceAll(text, "SERVER", h.server.URL))
	}
	return out
}

func (h *house) apply(p keyward.Principal, r control.ApplyRequest) (map[string]control.Action, error) {
	h.t.Helper()
	if r.Tenant == "" {
		r.Tenant = keyward.DefaultTenant
	}
	results, err := h.control.Apply(context.Background(), p, r)
	if err != nil {
		return nil, err
	}
	out := map[string]control.Action{}
	for _, res := range results {
		out[string(res.Kind)+" "+res.Name] = res.Action
	}
	return out, nil
}

func (h *house) mustApply(texts ...string) map[string]control.Action {
	h.t.Helper()
	got, err := h.apply(operator, control.ApplyRequest{Objects: h.objects(texts...)})
	if err != nil {
		h.t.Fatal(err)
	}
	return got
}

// refusal is what a person is told of one.
type refusal struct {
	paths string // of the faulty fields, joined
	users []keyward.Ref
}

func (h *house) refused(p keyward.Principal, r control.ApplyRequest, code keyward.Code) refusal {
	h.t.Helper()
	_, err := h.apply(p, r)
	var e *keyward.Error
	if !errors.As(err, &e) || e.Code != code {
		h.t.Fatalf("got %v, want %s", err, code)
	}
	var out []string
	for _, f := range e.Fields {
		out = append(out, f.Path)
	}
	return refusal{strings.Join(out, " "), e.Users}
}

func manifestOf(kind keyward.Kind, name, spec string) string {
	return fmt.Sprintf(`{"apiVersion":"keyward.dev/v1","kind":%q,"metadata":{"name":%q},"spec":%s}`, kind, name, spec)
}

// The usual objects.
const (
	corpSpec = `{"type":"oidc","discovery":"SERVER/corp","connection":{"initialAccessToken":"iat"},
		"introspection":{"clientId":"gateway","clientSecret":"hush"}}`
	ordersSpec = `{"context":"/orders","version":"v1","upstream":{"production":"http://127.0.0.1:9000"},
		"keyManagers":["corp","resident"],"plans":["gold"],"operations":[{"method":"GET","path":"/items","scopes":["orders:read"]}]}`
)

func usual() []string {
	return []string{ // in the wrong order on purpose
		manifestOf(keyward.KindOAuthClient, "mobile-corp", `{"application":"mobile","keyManager":"corp","clientId":"abc"}`),
		manifestOf(keyward.KindSubscription, "mobile-orders", `{"application":"mobile","api":"orders-v1","plan":"gold"}`),
		manifestOf(keyward.KindApplication, "mobile", `{"owner":"alice"}`),
		manifestOf(keyward.KindAPI, "orders-v1", ordersSpec),
		manifestOf(keyward.KindPlan, "gold", `{"rate":[{"requests":10,"per":"1s"}]}`),
		manifestOf(keyward.KindKeyManager, "corp", corpSpec),
		manifestOf(keyward.KindUser, "alice", `{"email":"alice@example.com","password":"long enough","roles":["developer"]}`),
	}
}
