package rest_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/past"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/issuer"
)

// visit is how one operation of the document is called.
type visit struct {
	path  string // with every parameter filled in
	body  string
	right string // who may; admin when empty
	wrong string // who may not, in the same tenant; eve, who has no role, when empty
	open  bool   // every user of every tenant may
	// public says that nobody needs to say who they are.
	public bool
	setup  func(h *house) // what must be there first
}

const (
	walkAPI = `{"context":"/orders","version":"v1","upstream":{"production":"http://127.0.0.1:9000"},"keyManagers":"all",` +
		`"operations":[{"method":"GET","path":"/a"}]}`
	nowhere        = `{"type":"external","issuer":"https://e.example","keys":{"jwks":"http://127.0.0.1:9/k"}}`
	place          = `{"keyManager":"resident"}`
	walkConnection = `{"type":"okta","connection":{"orgUrl":"https://acme.okta.com","apiToken":"hush"}}`
)

func generate(h *house) { h.must("alice", http.MethodPost, "/api/v1/applications/mobile/keys", place) }

// failedAttempt leaves a client whose registration ended nobody knows how.
func failedAttempt(h *house) {
	h.t.Helper()
	attempt(h, keyward.ClientFailed)
}

// pendingAttempt leaves one whose registration is under way.
func pendingAttempt(h *house) {
	h.t.Helper()
	attempt(h, keyward.ClientPending)
}

func attempt(h *house, state keyward.ClientState) {
	h.t.Helper()
	status, err := json.Marshal(keyward.OAuthClientStatus{
		Mode: keyward.ClientGenerated, State: state, VendorName: "keyward-x", Orphan: state == keyward.ClientFailed, Requester: "alice",
		Approval: &keyward.ClientApproval{Since: time.Now()},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	err = h.store.Write(context.Background(), "test", func(tx *store.Tx) error {
		return tx.Put(&keyward.Object{
			Kind: keyward.KindOAuthClient, Tenant: "default", Name: "lost", Status: status,
			Spec: &keyward.OAuthClientSpec{Application: "mobile", KeyManager: "resident", Environment: keyward.Production},
		}, store.Extra{})
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// sessionOf leaves a session of a user's.
func sessionOf(h *house, user string) {
	h.t.Helper()
	err := h.store.Write(context.Background(), "test", func(tx *store.Tx) error {
		o, err := tx.Get(keyward.KindUser, "default", user)
		if err != nil {
			return err
		}
		now := time.Now()
		return tx.PutSession(store.Session{
			ID: "one", Hash: []byte("one"), Tenant: "default", UserID: o.ID, Since: now, Seen: now, Expires: now.Add(time.Hour),
		})
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// ownClient leaves a client of the console's own in a state.
func ownClient(h *house, state keyward.ClientState) {
	h.t.Helper()
	err := h.store.Write(context.Background(), "test", func(tx *store.Tx) error {
		return tx.PutOwnClient(&store.OwnClient{
			ID: "one", KeyManagerID: "gone", Tenant: "default", KeyManager: "ext", State: state,
			Body: json.RawMessage(`{"name":"keyward-one"}`),
		})
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// visits has a case for every operation of the document, by its id.
func visits() map[string]visit {
	all := map[string]visit{
		"apply": {path: "/api/v1/apply",
			body: `{"objects":[` + manifestOf(keyward.KindPlan, "p", `{}`) + `]}`, wrong: "dora"},
		"export": {path: "/api/v1/export", right: "ann", wrong: "dora"},
		"explain": {path: "/api/v1/explain", body: `{"path":"/orders/v1/a","token":"t"}`, right: "alice",
			wrong: "dora"},
		"try-api":           {path: "/api/v1/apis/orders-v1/try", body: `{"path":"/items"}`, right: "dora", wrong: "ann"},
		"import-openapi":    {path: "/api/v1/openapi/import", body: `{"url":"SELF/openapi.json"}`, right: "pat", wrong: "dora"},
		"search":            {path: "/api/v1/search?text=mobile", right: "dora"},
		"list-operations":   {path: "/api/v1/apis/orders-v1/operations", right: "dora"},
		"list-decisions":    {path: "/api/v1/decisions", right: "pat"},
		"get-decision":      {path: "/api/v1/decisions/DECISION", right: "pat"},
		"check-key-manager": {path: "/api/v1/key-managers/resident/check", body: `{}`, wrong: "ann"},
		"check-unsaved-key-manager": {path: "/api/v1/key-managers/check", wrong: "pat",
			body: `{"manifest":` + manifestOf(keyward.KindKeyManager, "x", nowhere) + `}`},
		"check-token": {path: "/api/v1/key-managers/resident/check-token", body: `{"token":"t"}`, wrong: "ann"},
		"check-token-unsaved": {path: "/api/v1/key-managers/check-token", wrong: "pat",
			body: `{"token":"t","manifest":` + manifestOf(keyward.KindKeyManager, "x", nowhere) + `}`},
		"discover-key-manager":       {path: "/api/v1/key-managers/discover", body: `{"url":"METADATA"}`, wrong: "ann"},
		"api-usages":                 {path: "/api/v1/apis/orders-v1/usages", right: "pat", wrong: "dora"},
		"key-manager-usages":         {path: "/api/v1/key-managers/ext/usages", right: "ann", wrong: "dora"},
		"key-manager-traffic":        {path: "/api/v1/key-managers/ext/traffic", right: "ann", wrong: "dora"},
		"list-key-manager-health":    {path: "/api/v1/key-manager-health", right: "dora"},
		"key-manager-health":         {path: "/api/v1/key-managers/ext/health", right: "dora"},
		"key-manager-health-history": {path: "/api/v1/key-managers/ext/health/history", right: "ann", wrong: "dora"},
		"refresh-keys":               {path: "/api/v1/key-managers/ext/refresh-keys", wrong: "ann"},
		"key-manager-reconciliation": {path: "/api/v1/key-managers/ext/reconciliation", right: "ann", wrong: "dora"},
		"delete-orphan": {path: "/api/v1/key-managers/resident/reconciliation/delete", wrong: "ann",
			body: `{"name":"keyward-INSTALLATION-gone"}`},
		"reconcile-key-manager":  {path: "/api/v1/key-managers/ext/reconciliation", wrong: "ann"},
		"list-audit":             {path: "/api/v1/audit", right: "ann", wrong: "dora"},
		"list-key-manager-types": {path: "/api/v1/key-manager-types", open: true},
		"create-token":           {path: "/api/v1/tokens", body: `{"user":"alice"}`, wrong: "dora"},
		"list-tokens":            {path: "/api/v1/tokens", right: "ann", wrong: "dora"},
		"end-session":            {path: "/api/v1/session", open: true},
		"get-session":            {path: "/api/v1/session", open: true},
		"list-session-ways":      {path: "/api/v1/session/ways", open: true, public: true},
		"reset-password":         {path: "/api/v1/users/alice/password-reset", wrong: "dora"},
		"revoke-token":           {path: "/api/v1/tokens/TOKEN", wrong: "dora"},
		"create-gateway":         {path: "/api/v1/gateways", body: `{"name":"edge"}`, wrong: "ann"},
		"list-gateways":          {path: "/api/v1/gateways", right: "ann", wrong: "dora"},
		"list-changes":           {path: "/api/v1/changes", right: "ann", wrong: "dora"},
		"get-gateway": {path: "/api/v1/gateways/edge", right: "ann", wrong: "dora", setup: func(h *house) {
			h.must("admin", http.MethodPost, "/api/v1/gateways", `{"name":"edge"}`)
		}},
		"revoke-gateway": {path: "/api/v1/gateways/edge/revoke", wrong: "ann", setup: func(h *house) {
			h.must("admin", http.MethodPost, "/api/v1/gateways", `{"name":"edge"}`)
		}},
	}
	all["list-sessions"] = visit{path: "/api/v1/sessions?user=alice&tenant=default", right: "alice", wrong: "dora"}
	all["get-group"] = visit{path: "/api/v1/groups/payments", right: "ann", wrong: "dora"}
	all["end-one-session"] = visit{path: "/api/v1/sessions/one", right: "alice", wrong: "dora"}
	all["end-sessions"] = visit{path: "/api/v1/sessions/end", body: `{"user":"alice"}`, right: "alice", wrong: "dora"}
	own := func(state keyward.ClientState) func(h *house) {
		return func(h *house) { ownClient(h, state) }
	}
	all["list-console-clients"] = visit{path: "/api/v1/console-clients", right: "ann", wrong: "pat"}
	all["retry-console-client"] = visit{path: "/api/v1/console-clients/one/retry", wrong: "ann", setup: own(keyward.ClientFailed)}
	all["rotate-console-client"] = visit{path: "/api/v1/console-clients/one/rotate", wrong: "ann", setup: own(keyward.ClientActive)}
	all["dismiss-console-client"] = visit{path: "/api/v1/console-clients/one/dismiss", wrong: "ann", setup: own(keyward.ClientFailed)}
	keys := "/api/v1/applications/mobile/keys"
	for id, v := range map[string]visit{
		"list-keys":        {path: keys},
		"list-key-options": {path: "/api/v1/applications/mobile/key-options"},
		"generate-keys":    {path: keys, body: place},
		"rotate-keys":      {path: keys + "/rotate", body: place, setup: generate},
		"update-keys":      {path: keys + "/update", body: place, setup: generate},
		"reveal-keys":      {path: keys + "/reveal", body: place, setup: generate},
		"token-keys":       {path: keys + "/token", body: place, setup: generate},
		"revoke-keys":      {path: keys + "/revoke", body: place, setup: generate},
		"delete-keys":      {path: keys + "/delete", body: place, setup: generate},
		"dismiss-keys":     {path: keys + "/dismiss", body: place, setup: failedAttempt},
		"retry-keys":       {path: keys + "/retry", body: place, setup: failedAttempt},
		"cancel-keys":      {path: keys + "/cancel", body: place, setup: pendingAttempt},
	} {
		v.right, v.wrong = "alice", "dora"
		all[id] = v
	}
	awaiting := func(h *house) { attempt(h, keyward.ClientAwaiting) }
	all["list-key-requests"] = visit{path: "/api/v1/key-requests", right: "alice", wrong: "pat", setup: awaiting}
	all["approve-keys"] = visit{path: keys + "/approve", body: place, wrong: "alice", setup: awaiting}
	all["reject-keys"] = visit{path: keys + "/reject", body: `{"keyManager":"resident","reason":"no"}`, wrong: "alice", setup: awaiting}
	all["make-api-default"] = visit{path: "/api/v1/apis/orders-v1/default", right: "pat", wrong: "alice"}
	requested := func(h *house) {
		h.apply(manifestOf(keyward.KindPlan, "manual", `{"approval":"manual"}`),
			manifestOf(keyward.KindAPI, "planned", strings.Replace(walkAPI, `"/orders"`, `"/planned","plans":["manual"]`, 1)))
		h.must("alice", http.MethodPut, "/api/v1/subscriptions/asked", `{"spec":{"application":"bare","api":"planned","plan":"manual"}}`)
	}
	asked := "/api/v1/subscriptions/asked"
	all["list-subscription-requests"] = visit{path: "/api/v1/subscription-requests", right: "alice", wrong: "eve", setup: requested}
	all["count-requests"] = visit{path: "/api/v1/waiting", right: "pat", wrong: "alice", setup: requested}
	all["approve-subscription"] = visit{path: asked + "/approve", body: `{}`, right: "pat", wrong: "alice", setup: requested}
	all["reject-subscription"] = visit{path: asked + "/reject", body: `{"reason":"no"}`, right: "pat", wrong: "ann", setup: requested}
	all["ask-again-subscription"] = visit{path: asked + "/ask-again", body: `{}`, right: "alice", wrong: "ann", setup: func(h *house) {
		requested(h)
		h.must("pat", http.MethodPost, asked+"/reject", `{"reason":"no"}`)
	}}
	all["mend-keys"] = visit{path: keys + "/mend", body: place, setup: failedAttempt, right: "alice", wrong: "dora"}
	all["map-keys"] = visit{path: keys + "/map", body: `{"keyManager":"ext","clientId":"other"}`, wrong: "dora"}
	for _, o := range []struct {
		kind              keyward.Kind
		name, spec, fresh string // an object that is there, and how to make another
		reads, readsNot   string
		writes, writesNot string
		lists, listsNot   string
		deletable         string
	}{
		{kind: keyward.KindTenant, name: "third", spec: `{"displayName":"T"}`, fresh: `{}`, readsNot: "eve",
			writesNot: "pat", listsNot: "dora", deletable: "third"},
		{kind: keyward.KindUser, name: "alice", spec: `{"roles":["developer"]}`, fresh: `{}`, reads: "alice",
			readsNot: "dora", writesNot: "dora", lists: "ann", listsNot: "dora", deletable: "dora"},
		{kind: keyward.KindConnection, name: "org", spec: walkConnection, fresh: walkConnection, reads: "ann", readsNot: "pat",
			writesNot: "ann", lists: "ann", listsNot: "dora", deletable: "org"},
		{kind: keyward.KindKeyManager, name: "ext",
			spec: `{"type":"external","issuer":"https://e.example","keys":{"jwks":"https://e.example/k"}}`,
			fresh: `{"type":"external","issuer":"https://f.example",` +
				`"keys":{"jwks":"https://f.example/k"}}`, reads: "dora", writesNot: "pat", lists: "dora", deletable: "spare"},
		{kind: keyward.KindPlan, name: "gold", spec: `{}`, fresh: `{}`, reads: "dora", writes: "pat", writesNot: "dora",
			lists: "dora", deletable: "gold"},
		{kind: keyward.KindAPI, name: "orders-v1", spec: walkAPI, fresh: strings.Replace(walkAPI, "/orders", "/new", 1),
			reads: "dora", writes: "pat", writesNot: "dora", lists: "dora", deletable: "spare"},
		{kind: keyward.KindApplication, name: "mobile", spec: `{"owner":"alice"}`, fresh: `{"owner":"alice"}`,
			reads: "alice", readsNot: "dora", writes: "alice", writesNot: "dora", lists: "pat", deletable: "bare"},
		{kind: keyward.KindSubscription, name: "mobile-orders", spec: `{"application":"mobile","api":"orders-v1"}`,
			fresh: `{"application":"mobile","api":"spare"}`,
			reads: "alice", readsNot: "dora", writes: "alice", writesNot: "dora", lists: "pat", deletable: "mobile-orders"},
		{kind: keyward.KindOAuthClient, name: "mobile-ext",
			spec: `{"application":"mobile","keyManager":"ext","environment":"sandbox","clientId":"abc"}`,
			fresh: `{"application":"bare","keyManager":"ext",` +
				`"clientId":"def"}`, reads: "alice", readsNot: "dora", writesNot: "alice", lists: "ann",
			listsNot: "pat", deletable: "mobile-ext"},
	} {
		plural := o.kind.Plural()
		one := strings.TrimSuffix(plural, "s")
		base := "/api/v1/" + plural
		all["list-"+plural] = visit{path: base, right: o.lists, wrong: o.listsNot}
		all["get-"+one] = visit{path: base + "/" + o.name, right: o.reads, wrong: o.readsNot}
		all["create-"+one] = visit{path: base, body: manifestOf(o.kind, "fresh", o.fresh), right: o.writes, wrong: o.writesNot}
		all["put-"+one] = visit{path: base + "/" + o.name, body: manifestOf(o.kind, o.name, o.spec), right: o.writes,
			wrong: o.writesNot}
		all["delete-"+one] = visit{path: base + "/" + o.deletable, right: o.writes, wrong: o.writesNot}
		if o.kind.Holdable() {
			all["hold-"+one] = visit{path: base + "/" + o.name + "/hold", body: `{"reason":"leaked"}`, wrong: "alice"}
			all["unhold-"+one] = visit{path: base + "/" + o.name + "/unhold", wrong: "ann"}
		}
	}
	return all
}

// furnish makes an object of every kind and a user of every role.
func furnish(t *testing.T) *house {
	h := newHouse(t)
	h.apply(manifestOf(keyward.KindTenant, "acme", `{}`), manifestOf(keyward.KindTenant, "third", `{}`),
		manifestOf(keyward.KindPlan, "gold", `{}`), manifestOf(keyward.KindAPI, "orders-v1", walkAPI),
		manifestOf(keyward.KindAPI, "spare", strings.Replace(walkAPI, "/orders", "/spare", 1)),
		manifestOf(keyward.KindConnection, "org", walkConnection),
		manifestOf(keyward.KindKeyManager, "ext",
			`{"type":"external","issuer":"https://e.example","keys":{"jwks":"https://e.example/k"}}`),
		manifestOf(keyward.KindKeyManager, "spare",
			`{"type":"external","issuer":"https://s.example","keys":{"jwks":"https://s.example/k"}}`),
		manifestOf(keyward.KindApplication, "mobile", `{"owners":["group/payments"]}`), manifestOf(keyward.KindApplication, "bare",
			`{"owner":"alice"}`),
		manifestOf(keyward.KindSubscription, "mobile-orders", `{"application":"mobile","api":"orders-v1"}`),
		manifestOf(keyward.KindOAuthClient, "mobile-ext",
			`{"application":"mobile","keyManager":"ext","environment":"sandbox","clientId":"abc"}`))
	h.users(map[string][]keyward.Role{
		"alice": {keyward.RoleDeveloper}, "dora": {keyward.RoleDeveloper}, "pat": {keyward.RolePublisher},
		"ann": {keyward.RoleAuditor}, "eve": {},
	}, "default")
	// alice owns mobile through a group: what its members may do, they may do by name and by request alike.
	h.apply(manifestOf(keyward.KindUser, "alice", `{"roles":["developer"],"groups":["payments"]}`),
		manifestOf(keyward.KindUser, "dora", `{"roles":["developer"],"groups":["sales"]}`))
	h.users(map[string][]keyward.Role{
		"zoe": {keyward.RoleAdmin, keyward.RolePublisher, keyward.RoleDeveloper, keyward.RoleAuditor},
	}, "acme")
	decidedLately(h)
	sessionOf(h, "alice")
	return h
}

// TestEveryOperationIsForThoseWhoMay reads the document and calls each operation as nobody, as the wrong role, as
// another tenant's administrator, and once as somebody who may, on an object that exists.
func TestEveryOperationIsForThoseWhoMay(t *testing.T) {
	var document struct {
		Paths map[string]map[string]struct{ OperationID string }
	}
	shared := furnish(t)
	shared.must("", http.MethodGet, "/openapi.json", "").into(t, &document)
	cases := visits()
	seen := 0
	for path, operations := range document.Paths {
		for method, op := range operations {
			seen++
			v, ok := cases[op.OperationID]
			if !ok {
				t.Errorf("%s %s (%s) has no case", method, path, op.OperationID)
				continue
			}
			delete(cases, op.OperationID)
			t.Run(op.OperationID, func(t *testing.T) {
				t.Parallel()
				walk(t, shared, v, strings.ToUpper(method))
			})
		}
	}
	if seen < 50 {
		t.Errorf("the document has only %d operations", seen)
	}
	for id := range cases {
		t.Errorf("the case %s has no operation", id)
	}
}

// walk calls an operation as those who may not, and with a query that would be read in part, in a house that nobody changes, and as
// somebody who may: in a house of its own when that changes something.
func walk(t *testing.T, shared *house, v visit, method string) {
	a := shared.call("", method, shared.fill(v.path), shared.metadata(v.body))
	if nobody := a.status == http.StatusUnauthorized && a.code(t) == keyward.CodeUnauthenticated; nobody == v.public {
		t.Errorf("as nobody: %d %s", a.status, a.body)
	}
	wrong, right := v.wrong, v.right
	if wrong == "" {
		wrong = "eve"
	}
	if right == "" {
		right = "admin"
	}
	if !v.open {
		for _, user := range []string{wrong, "zoe"} {
			a := shared.call(user, method, shared.fill(v.path), shared.metadata(v.body))
			if a.status != http.StatusForbidden || a.code(t) != keyward.CodeForbidden {
				t.Errorf("as %s: %d %s", user, a.status, a.body)
			}
		}
	}
	separator := "?"
	if strings.Contains(v.path, "?") {
		separator = "&"
	}
	unknown := shared.call(right, method, shared.fill(v.path)+separator+"zzz=1", v.body)
	if unknown.status != http.StatusBadRequest || !strings.Contains(string(unknown.body), `"path":"zzz"`) {
		t.Errorf("with a parameter that it does not have: %d %s", unknown.status, unknown.body)
	}
	h := shared
	if method != http.MethodGet {
		h = furnish(t)
	}
	if v.setup != nil {
		v.setup(h)
	}
	if a := h.call(right, method, h.fill(v.path), h.metadata(v.body)); a.status < 200 || a.status > 204 {
		t.Errorf("as %s: %d %s", right, a.status, a.body)
	}
}

// fill puts the id of alice's API token where an address asks for one.
func (h *house) fill(path string) string {
	return strings.NewReplacer("TOKEN", h.ids["alice"], "DECISION", h.ids["decision"]).Replace(path)
}

// decidedLately has a gateway that remembers one decision.
func decidedLately(h *house) {
	h.must("admin", http.MethodPost, "/api/v1/gateways", `{"name":"thoughtful"}`)
	var id string
	err := h.store.Read(context.Background(), func(tx *store.Tx) error {
		gateways, err := tx.Gateways()
		for _, g := range gateways {
			if g.Name == "thoughtful" {
				id = g.ID
			}
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.ids["decision"] = past.New(id).Name("only")
	if err := h.store.Write(context.Background(), "test", func(tx *store.Tx) error {
		return tx.ReportGateway(id, store.GatewayReport{At: time.Now()})
	}); err != nil {
		h.t.Fatal(err)
	}
}

// remembered is what any gateway answers that is asked.
func remembered(_ context.Context, gateway string, q past.Query) ([]past.Record, error) {
	ring := past.New(gateway)
	ring.Keep(&past.Record{ID: ring.Name("only"), At: time.Now(), Tenant: keyward.DefaultTenant})
	return ring.Find(q), nil
}

// metadata puts the address of a server's metadata or of this one, or the installation's name, where a body asks for one.
func (h *house) metadata(body string) string {
	body = strings.NewReplacer("INSTALLATION", h.store.Installation(), "SELF", h.server.URL).Replace(body)
	if !strings.Contains(body, "METADATA") {
		return body
	}
	return strings.Replace(body, "METADATA", issuer.Start(h.t, "k", "ES256").URL, 1)
}
