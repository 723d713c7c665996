package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/control"
	"keyward.dev/keyward/internal/entitle"
	"keyward.dev/keyward/internal/health"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/keys/turn"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/ownclient"
	"keyward.dev/keyward/internal/probe"
	"keyward.dev/keyward/internal/reconcile"
	"keyward.dev/keyward/internal/resident"
	"keyward.dev/keyward/internal/rest"
	"keyward.dev/keyward/internal/rollover"
	"keyward.dev/keyward/internal/session"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/blank"
	"keyward.dev/keyward/internal/tryout"
)

const adminToken = "an-admin-token-of-32-characters-or-more"

// house is the REST API over a control plane on a database of its own.
type house struct {
	t       *testing.T
	rest    *rest.Server
	control *control.Control
	store   *store.Store
	own     *ownclient.Clients
	server  *httptest.Server
	tokens  map[string]string // by user
	ids     map[string]string // of the tokens, by user
	front   atomic.Int32      // which of the control planes answers
}

// explainer tells that every request with a token is of the application mobile, and of the tenant that the address leads
// to once it is decoded, as gateways decode it. At /held/ID, two steps failed because the application of that id is held.
type explainer struct{}

func (explainer) Explain(_ context.Context, q rest.Question) (*rest.Explanation, error) {
	path, err := url.PathUnescape(q.Target)
	if err != nil {
		return nil, err
	}
	tenant := keyward.DefaultTenant
	if rest, other := strings.CutPrefix(path, "/t/"); other {
		tenant, _, _ = strings.Cut(rest, "/")
	}
	e := &rest.Explanation{Status: 401, Code: keyward.CodeMissingCredentials, Tenant: tenant}
	if len(q.Authorization) > 0 {
		e = &rest.Explanation{Status: 200, Application: "mobile", Detail: q.Target, Tenant: tenant}
	}
	if id, held := strings.CutPrefix(path, "/held/"); held {
		row := keyward.HeldRow{Kind: keyward.KindApplication, ID: id}
		e.Held = []keyward.HeldRow{row, row}
		e.Steps = []rest.Step{{Result: "pass", Seen: "a"}, {Result: "fail", Seen: "b"}, {Result: "fail", Seen: "c"}}
	}
	return e, nil
}

// judge takes every token.
type judge struct{}

func (judge) Judge(_ context.Context, s probe.Subject) (*probe.Judgement, error) {
	return &probe.Judgement{KeyManager: s.Row.Name, Status: http.StatusOK, Steps: []probe.JudgeStep{}}, nil
}

// empty is the database that each house begins with. The resident key manager has its key, which takes a while to make.
var empty = blank.Database{Fill: func(ctx context.Context, st *store.Store) error {
	res, err := resident.New(st, resident.Options{PublicURL: "http://127.0.0.1"})
	if err != nil {
		return err
	}
	return control.New(st, http.DefaultClient, res, control.Options{}).Bootstrap(ctx, adminToken)
}}

func newHouse(t *testing.T) *house {
	t.Helper()
	return newHouseOver(t, empty.Options(t))
}

// newHouseOver is newHouse with one control plane for each of the stores, at one address: front says which of them answers.
func newHouseOver(t *testing.T, stores ...store.Options) *house {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	publicURL := "http://" + server.Listener.Addr().String()
	h := &house{t: t, server: server, ids: map[string]string{}, tokens: map[string]string{"admin": adminToken}}
	var planes []http.Handler
	for i := len(stores) - 1; i >= 0; i-- { // the first is what the house itself works with
		planes = slices.Insert(planes, 0, h.open(stores[i], publicURL))
	}
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		planes[h.front.Load()].ServeHTTP(w, r)
	})
	server.Start()
	t.Cleanup(server.Close)
	return h
}

// open gives the door of a control plane.
func (h *house) open(o store.Options, publicURL string) http.Handler {
	t, ctx := h.t, context.Background()
	t.Helper()
	st, err := store.Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	res, err := resident.New(st, resident.Options{PublicURL: publicURL})
	if err != nil {
		t.Fatal(err)
	}
	h.store, h.control = st, control.New(st, http.DefaultClient, res, control.Options{Ask: remembered})
	if err := h.control.Bootstrap(ctx, adminToken); err != nil {
		t.Fatal(err)
	}
	openers, turns := catalog.New(http.DefaultClient, res.Open), turn.New()
	k, err := keys.New(st, openers, keys.Options{Sole: true, Turns: turns})
	if err != nil {
		t.Fatal(err)
	}
	entitler, err := entitle.New(st, openers, entitle.Options{Sole: true})
	if err != nil {
		t.Fatal(err)
	}
	reconciler, err := reconcile.New(reconcile.Parts{Store: st, Openers: openers, Keys: k, Entitler: entitler, Turns: turns},
		reconcile.Options{Sole: true})
	if err != nil {
		t.Fatal(err)
	}
	own, err := ownclient.New(st, openers, ownclient.Options{Callback: publicURL + resident.CallbackPath, Sole: true})
	if err != nil {
		t.Fatal(err)
	}
	checks, err := probe.New(st, http.DefaultClient, res.Open, probe.Options{Judge: judge{}})
	if err != nil {
		t.Fatal(err)
	}
	h.own = own
	monitor, err := health.New(st, checks, health.Options{Sole: true})
	if err != nil {
		t.Fatal(err)
	}
	deps := rest.Deps{
		Control: h.control, Keys: k, Reconciler: reconciler, OwnClients: own, Probe: checks, Health: monitor, Explainer: explainer{},
		PasswordLink: res.PasswordLink, Caller: tryout.New(publicURL),
		Sessions: session.New(st, session.Options{
			Callback: publicURL + resident.CallbackPath, Client: catalog.ConsoleClient, Issuer: res.Issuer, Inside: res.Client(),
			Outside: outbound.NewClient(outbound.Rules{}, outbound.Options{}), Known: rollover.New(nil, nil),
			Idle: time.Hour, Lifetime: 12 * time.Hour, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		}),
	}
	h.rest, err = rest.New(deps, rest.Options{Version: "test", PublicURL: publicURL})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", h.rest.Handler())
	for _, pattern := range res.Patterns() {
		mux.Handle(pattern, res.Handler())
	}
	return mux
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) into(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
}

func (a answer) code(t *testing.T) keyward.Code {
	t.Helper()
	var p rest.Problem
	a.into(t, &p)
	return p.Code
}

// call sends a request with the token of the user ("" = none) and headers as name, value, ….
func (h *house) call(user, method, path, body string, headers ...string) answer {
	h.t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(context.Background(), method, h.server.URL+path, reader)
	if err != nil {
		h.t.Fatal(err)
	}
	if user != "" {
		r.Header.Set("Authorization", "Bearer "+h.tokens[user])
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := h.server.Client().Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, bytes.TrimSpace(text)}
}

func (h *house) must(user, method, path, body string) answer {
	h.t.Helper()
	a := h.call(user, method, path, body)
	if a.status >= 300 {
		h.t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
	return a
}

func (h *house) apply(texts ...string) {
	h.t.Helper()
	h.must("admin", http.MethodPost, "/api/v1/apply", `{"objects":[`+strings.Join(texts, ",")+`]}`)
}

// users makes users of a tenant, each with an API token.
func (h *house) users(roles map[string][]keyward.Role, tenant string) {
	h.t.Helper()
	var texts []string
	for name, r := range roles {
		text, err := json.Marshal(r)
		if err != nil {
			h.t.Fatal(err)
		}
		texts = append(texts, fmt.Sprintf(`{"apiVersion":"keyward.dev/v1","kind":"User","metadata":{"name":%q,`+
			`"tenant":%q},"spec":{"roles":%s}}`,
			name, tenant, text))
	}
	h.apply(texts...)
	operator := keyward.Principal{User: "admin", Tenant: keyward.DefaultTenant, Roles: []keyward.Role{keyward.RoleAdmin}}
	for name := range roles {
		token, value, err := h.control.CreateToken(context.Background(), operator, tenant, name)
		if err != nil {
			h.t.Fatal(err)
		}
		h.tokens[name], h.ids[name] = value, token.ID
	}
}

func manifestOf(kind keyward.Kind, name, spec string) string {
	return fmt.Sprintf(`{"apiVersion":"keyward.dev/v1","kind":%q,"metadata":{"name":%q},"spec":%s}`, kind, name, spec)
}
