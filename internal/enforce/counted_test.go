package enforce

import (
	"fmt"
	"slices"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/testbed/issuer"
)

// What is counted of a decision: by key manager and API once the key manager is known, by client once the token is found
// good, and nothing for what is only explained.
func TestWhatADecisionCountsFor(t *testing.T) {
	w := newWorld(t)
	counted := func() (list []string) {
		u := w.engine.o.Tally.Next()
		if u == nil {
			return nil
		}
		for _, c := range u.Calls {
			list = append(list, fmt.Sprintf("%s %s %s %d", c.KeyManager, c.API, c.Code, c.Calls))
		}
		for _, c := range u.Clients {
			list = append(list, fmt.Sprintf("%s%s %d %d", c.Client, c.KeyManager, c.Passed, c.Refused))
		}
		w.engine.o.Tally.Answered(u.Sequence)
		slices.Sort(list)
		return list
	}
	good := w.claims(nil)
	forged := w.mint(issuer.Token{Key: newKey(t, "k1", "ES256")})
	other := w.mint(issuer.Token{Claims: map[string]any{"iss": "https://unknown.example"}})
	write := items(good)
	write.Method = "POST"
	for _, c := range []struct {
		name string
		r    Request
		want []string
	}{
		{"a call that passes", items(good), []string{"c-corp 1 0", "km-corp api-orders  1"}},
		{"one without the scope", write, []string{
			"c-corp 0 1", "km-corp api-orders insufficient_scope 1",
		}},
		{"a client that nobody has", items(w.claims(map[string]any{"client_id": "nobody"})), []string{
			"km-corp 0 1", "km-corp api-orders no_subscription 1",
		}},
		{"the same where none is needed", get("/open/v1/any", w.claims(map[string]any{"client_id": "nobody"})), []string{
			"km-corp 1 0", "km-corp api-open  1",
		}},
		{"a forged token", items(forged), []string{"km-corp api-orders " + string(keyward.CodeInvalidToken) + " 1"}},
		{"a token without a client", items(w.claims(map[string]any{"client_id": 7})), []string{
			"km-corp api-orders invalid_token 1",
		}},
		{"an expired token", items(w.claims(map[string]any{"exp": 1})), []string{"km-corp api-orders token_expired 1"}},
		{"an issuer that nobody has", items(other), nil},
		{"no token", items(""), nil},
		{"an operation without security", get("/orders/v1/ping", good), nil},
	} {
		w.engine.Explain(t.Context(), w.view, c.r)
		if got := counted(); got != nil {
			t.Errorf("%s, explained: %v", c.name, got)
		}
		w.engine.Decide(t.Context(), w.view, c.r)
		if got := counted(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	w.engine.o.Tally = nil
	if _, ref := w.engine.Decide(t.Context(), w.view, items(good)); ref != nil {
		t.Errorf("without a tally: %+v", ref)
	}
}
