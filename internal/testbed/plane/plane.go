// Package plane gives tests the use cases of a control plane on a database of its own, with objects to declare and an
// authorization server's metadata that count who asks. It has no door: nothing listens but those metadata.
package plane

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
	"keyward.dev/keyward/internal/declare"
	"keyward.dev/keyward/internal/resident"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/blank"
)

// AdminToken is the first administrator's.
const AdminToken = "an-admin-token-of-32-characters-or-more"

// first is a control plane's database after its first start.
var first = blank.Database{Fill: func(ctx context.Context, st *store.Store) error {
	res, err := resident.New(st, resident.Options{PublicURL: publicURL})
	if err != nil {
		return err
	}
	return control.New(st, http.DefaultClient, res, control.Options{}).Bootstrap(ctx, AdminToken)
}}

const publicURL = "http://127.0.0.1:8480"

// Plane is a control plane on a database of its own, and an authorization server that counts who asks.
type Plane struct {
	t       *testing.T
	Store   *store.Store
	Control *control.Control
	server  *httptest.Server
	Asked   atomic.Int64
	Down    atomic.Bool
}

// New sets one up until the test ends.
func New(t *testing.T) *Plane {
	t.Helper()
	return Over(t, first.Options(t))
}

// Over is New over a database that somebody else may use too.
func Over(t *testing.T, o store.Options) *Plane {
	t.Helper()
	h := &Plane{t: t}
	ctx := context.Background()
	st, err := store.Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	h.Store = st
	res, err := resident.New(st, resident.Options{PublicURL: publicURL})
	if err != nil {
		t.Fatal(err)
	}
	h.server = httptest.NewServer(http.HandlerFunc(h.discovery))
	t.Cleanup(h.server.Close)
	h.Control = control.New(st, h.server.Client(), res, control.Options{})
	if err := h.Control.Bootstrap(ctx, AdminToken); err != nil {
		t.Fatal(err)
	}
	return h
}

// discovery serves metadata for every path: /NAME/.well-known/openid-configuration is the issuer /NAME.
func (h *Plane) discovery(w http.ResponseWriter, r *http.Request) {
	h.Asked.Add(1)
	name, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if h.Down.Load() || rest != ".well-known/openid-configuration" {
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

func (h *Plane) issuer(name string) string { return h.server.URL + "/" + name }

// As is a principal of the tenant default.
func As(user string, roles ...keyward.Role) keyward.Principal {
	return keyward.Principal{User: user, Tenant: keyward.DefaultTenant, Roles: roles}
}

// Operator administers the whole installation.
func Operator() keyward.Principal { return As("admin", keyward.RoleAdmin) }

// Objects are manifests as JSON; SERVER in them is the metadata server's address.
func (h *Plane) Objects(texts ...string) []json.RawMessage {
	out := make([]json.RawMessage, len(texts))
	for i, text := range texts {
		out[i] = json.RawMessage(strings.ReplaceAll(text, "SERVER", h.server.URL))
	}
	return out
}

// Apply says what happened to each object, by kind and name.
func (h *Plane) Apply(p keyward.Principal, r declare.Request) (map[string]declare.Action, error) {
	h.t.Helper()
	if r.Tenant == "" {
		r.Tenant = keyward.DefaultTenant
	}
	results, err := h.Control.Apply(context.Background(), p, r)
	if err != nil {
		return nil, err
	}
	out := map[string]declare.Action{}
	for _, res := range results {
		out[string(res.Kind)+" "+res.Name] = res.Action
	}
	return out, nil
}

// MustApply applies manifests as the operator.
func (h *Plane) MustApply(texts ...string) map[string]declare.Action {
	h.t.Helper()
	got, err := h.Apply(Operator(), declare.Request{Objects: h.Objects(texts...)})
	if err != nil {
		h.t.Fatal(err)
	}
	return got
}

// Refusal is what a person is told of one.
type Refusal struct {
	Paths string // of the faulty fields, joined
	Users []keyward.Ref
}

// Refused applies and wants a refusal with the code.
func (h *Plane) Refused(p keyward.Principal, r declare.Request, code keyward.Code) Refusal {
	h.t.Helper()
	_, err := h.Apply(p, r)
	var e *keyward.Error
	if !errors.As(err, &e) || e.Code != code {
		h.t.Fatalf("got %v, want %s", err, code)
	}
	var out []string
	for _, f := range e.Fields {
		out = append(out, f.Path)
	}
	return Refusal{strings.Join(out, " "), e.Users}
}

// Manifest writes one of the tenant that the request names.
func Manifest(kind keyward.Kind, name, spec string) string {
	return fmt.Sprintf(`{"apiVersion":"keyward.dev/v1","kind":%q,"metadata":{"name":%q},"spec":%s}`, kind, name, spec)
}

// The usual objects.
const (
	CorpSpec = `{"type":"oidc","discovery":"SERVER/corp","connection":{"initialAccessToken":"iat"},
		"introspection":{"clientId":"gateway","clientSecret":"hush"}}`
	OrdersSpec = `{"context":"/orders","version":"v1","upstream":{"production":"http://127.0.0.1:9000"},
		"keyManagers":["corp","resident"],"plans":["gold"],"operations":[{"method":"GET","path":"/items","scopes":["orders:read"]}]}`
)

// Usual are the usual objects as manifests.
func Usual() []string {
	return []string{ // in the wrong order on purpose
		Manifest(keyward.KindOAuthClient, "mobile-corp", `{"application":"mobile","keyManager":"corp","clientId":"abc"}`),
		Manifest(keyward.KindSubscription, "mobile-orders", `{"application":"mobile","api":"orders-v1","plan":"gold"}`),
		Manifest(keyward.KindApplication, "mobile", `{"owner":"alice"}`),
		Manifest(keyward.KindAPI, "orders-v1", OrdersSpec),
		Manifest(keyward.KindPlan, "gold", `{"rate":[{"requests":10,"per":"1s"}]}`),
		Manifest(keyward.KindKeyManager, "corp", CorpSpec),
		Manifest(keyward.KindUser, "alice", `{"email":"alice@example.com","password":"long enough","roles":["developer"]}`),
	}
}
