package token

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/secret"
)

// asked is one question as the endpoint saw it.
type asked struct {
	form           url.Values
	user, password string
	basic          bool
	method         string
}

type askServer struct {
	*httptest.Server
	count atomic.Int32
	last  atomic.Pointer[asked]

	mu     sync.Mutex
	answer http.HandlerFunc
}

func newAskServer(t *testing.T, answer http.HandlerFunc) *askServer {
	t.Helper()
	s := &askServer{answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.count.Add(1)
		_ = r.ParseForm()
		a := asked{form: r.PostForm, method: r.Method}
		a.user, a.password, a.basic = r.BasicAuth()
		s.last.Store(&a)
		s.mu.Lock()
		answer := s.answer
		s.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *askServer) handle(h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = h
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

func newIntrospector(t *testing.T) (*Introspector, *clock) {
	t.Helper()
	c := &clock{}
	client := outbound.NewClient(outbound.Rules{}, outbound.Options{})
	t.Cleanup(client.CloseIdleConnections)
	i, err := NewIntrospector(client, Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return i, c
}

func (s *askServer) question(token string) Question {
	return Question{
		KeyManagerID: "km", Digest: "d", Endpoint: s.URL, ClientID: "gateway", Secret: secret.New("secret"),
		Method: "basic", Cache: 30 * time.Second, Token: token,
	}
}

func TestIntrospectAsksAsTheStandardsSay(t *testing.T) {
	server := newAskServer(t, says(`{"active":true,"client_id":"c","scope":"a b","exp":4000000000}`))
	i, _ := newIntrospector(t)
	q := server.question("opaque-1")
	q.ClientID, q.Secret = "gate:way é", secret.New("p%ss w+rd:é")
	a, err := i.Introspect(context.Background(), q)
	if err != nil || !a.Active || a.Cached {
		t.Fatalf("%+v, %v", a, err)
	}
	if scope, _ := a.Claims.Get("scope"); scope.Raw() != `"a b"` {
		t.Errorf("scope %s", scope.Raw())
	}
	got := server.last.Load()
	if !got.basic || got.user != url.QueryEscape(q.ClientID) || got.password != url.QueryEscape(q.Secret.Reveal()) {
		t.Errorf("RFC 6749 wants both halves form-encoded: %+v", got)
	}
	if got.method != http.MethodPost || got.form.Get("token") != "opaque-1" || got.form.Get("token_type_hint") != "access_token" ||
		got.form.Has("client_secret") {
		t.Errorf("form %v", got.form)
	}
	q.Method, q.Token = "post", "opaque-2"
	if _, err := i.Introspect(context.Background(), q); err != nil {
		t.Fatal(err)
	}
	got = server.last.Load()
	if got.basic || got.form.Get("client_id") != q.ClientID || got.form.Get("client_secret") != q.Secret.Reveal() {
		t.Errorf("post: %+v", got)
	}
}

func TestIntrospectCaches(t *testing.T) {
	server := newAskServer(t, says(`{"active":true}`))
	i, clock := newIntrospector(t)
	ask := func(change func(*Question)) int32 {
		t.Helper()
		q := server.question("t")
		if change != nil {
			change(&q)
		}
		before := server.count.Load()
		if _, err := i.Introspect(context.Background(), q); err != nil {
			t.Fatal(err)
		}
		return server.count.Load() - before
	}
	same := func(*Question) {}
	for _, step := range []struct {
		name   string
		change func(*Question)
		asks   int32
	}{
		{"first", same, 1}, {"again", same, 0},
		{"another token", func(q *Question) { q.Token = "t2" }, 1},
		{"another key manager", func(q *Question) { q.KeyManagerID = "km2" }, 1},
		{"other settings", func(q *Question) { q.Digest = "d2" }, 1},
		{"no cache", func(q *Question) { q.Cache = 0 }, 1},
		{"still there", same, 0},
		{"older than this question takes", func(q *Question) { q.Cache = time.Nanosecond; clock.advance(time.Second) }, 1},
		{"kept anew", same, 1},
	} {
		if n := ask(step.change); n != step.asks {
			t.Errorf("%s: asked %d times, want %d", step.name, n, step.asks)
		}
	}
	if a, err := i.Introspect(context.Background(), server.question("t")); err != nil || !a.Cached {
		t.Errorf("%+v, %v", a, err)
	}
	clock.advance(31 * time.Second)
	if ask(same) != 1 {
		t.Error("after its time an answer must be asked for again")
	}
	exp := clock.now().Add(10 * time.Second).Unix()
	server.handle(says(fmt.Sprintf(`{"active":true,"exp":%d}`, exp)))
	short := func(q *Question) { q.Token = "short" }
	ask(short)
	if ask(short) != 0 {
		t.Error("until exp the answer is kept")
	}
	clock.advance(11 * time.Second)
	if first, second := ask(short), ask(short); first != 1 || second != 1 {
		t.Error("past exp no answer is kept")
	}
	server.handle(says(`{"active":true,"exp":"soon"}`))
	odd := func(q *Question) { q.Token = "odd" }
	if first, second := ask(odd), ask(odd); first != 1 || second != 1 {
		t.Error("an answer whose exp cannot be read is not kept")
	}
}

func TestIntrospectInactive(t *testing.T) {
	server := newAskServer(t, says(`{"active":false}`))
	i, _ := newIntrospector(t)
	a, err := i.Introspect(context.Background(), server.question("t"))
	if err != nil || a.Active {
		t.Fatalf("%+v, %v", a, err)
	}
}

func TestIntrospectFaults(t *testing.T) {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = io.WriteString(w, `{"active":true}`)
		}
	}
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		asks   int32
	}{
		"401": {status(401), 1},
		"400": {status(400), 1},
		"429": {status(429), 1},
		"201": {status(201), 1},
		"204": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, 1},
		"500": {status(500), 2},
		"503": {status(503), 2},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, 1},
		"active a string":  {says(`{"active":"true"}`), 1},
		"active a number":  {says(`{"active":1}`), 1},
		"active null":      {says(`{"active":null}`), 1},
		"active missing":   {says(`{"scope":"a"}`), 1},
		"active in a list": {says(`[{"active":true}]`), 1},
		"active twice":     {says(`{"active":false,"active":true}`), 1},
		"active folded":    {says(`{"active":true,"Active":false}`), 1},
		"empty":            {says(``), 1},
		"not JSON":         {says(`active`), 1},
		"truncated":        {says(`{"active":true`), 1},
		"too large":        {says(`{"active":true,"x":"` + strings.Repeat("x", askLimit) + `"}`), 2},
		"HTML": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, `{"active":true}`)
		}, 1},
		"a signed response": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/token-introspection+jwt")
			_, _ = io.WriteString(w, `{"active":true}`)
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			server := newAskServer(t, tt.answer)
			i, _ := newIntrospector(t)
			a, err := i.Introspect(context.Background(), server.question("the-token-itself"))
			if a != nil {
				t.Fatalf("answer %+v", a)
			}
			wantUnavailable(t, err)
			if strings.Contains(fmt.Sprintf("%v %+v", err, err), "the-token-itself") {
				t.Errorf("the token is in the error: %v", err)
			}
			if n := server.count.Load(); n != tt.asks {
				t.Errorf("asked %d times, want %d", n, tt.asks)
			}
			server.handle(says(`{"active":true}`))
			if a, err := i.Introspect(context.Background(), server.question("the-token-itself")); err != nil || !a.Active {
				t.Errorf("positive control, nothing of a failure is kept: %+v, %v", a, err)
			}
		})
	}
}

func TestIntrospectJoinsEqualQuestions(t *testing.T) {
	proceed := make(chan struct{})
	server := newAskServer(t, func(w http.ResponseWriter, _ *http.Request) {
		<-proceed
		_, _ = io.WriteString(w, `{"active":true}`)
	})
	i, _ := newIntrospector(t)
	ctx, cancel := context.WithCancel(context.Background())
	first := make(chan error, 1)
	go func() {
		_, err := i.Introspect(ctx, server.question("t"))
		first <- err
	}()
	poll(t, "the first question", func() bool { return server.count.Load() == 1 })
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if a, err := i.Introspect(context.Background(), server.question("t")); err != nil || !a.Active {
				t.Errorf("%+v, %v", a, err)
			}
		})
	}
	cancel() // that the first caller leaves must not break it for the others
	wantUnavailable(t, <-first)
	close(proceed)
	wg.Wait()
	if n := server.count.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestSlowKeyManagerHoldsUpNoOther(t *testing.T) {
	hang := make(chan struct{})
	slow := newAskServer(t, func(http.ResponseWriter, *http.Request) { <-hang })
	quick := newAskServer(t, says(`{"active":true}`))
	i, _ := newIntrospector(t)
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	for n := range 3 * askAtOnce {
		wg.Go(func() { _, _ = i.Introspect(ctx, slow.question(fmt.Sprint(n))) })
	}
	poll(t, "a full lane", func() bool { return slow.count.Load() == askAtOnce })
	_, err := i.Introspect(ctx, slow.question("one more"))
	wantUnavailable(t, err)
	q := quick.question("t")
	q.KeyManagerID = "other"
	if a, err := i.Introspect(context.Background(), q); err != nil || !a.Active {
		t.Errorf("%+v, %v", a, err)
	}
	if n := slow.count.Load(); n != askAtOnce {
		t.Errorf("%d questions at once, want at most %d", n, askAtOnce)
	}
	cancel()
	close(hang)
	wg.Wait()
}

func TestBreakerOpensAndCloses(t *testing.T) {
	server := newAskServer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	i, _ := newIntrospector(t)
	for n := range 50 {
		_, err := i.Introspect(context.Background(), server.question(fmt.Sprint(n)))
		wantUnavailable(t, err)
	}
	if n := server.count.Load(); n >= 50 {
		t.Errorf("a server that refuses us was asked %d times", n)
	}
	server.handle(says(`{"active":true}`))
	poll(t, "recovery", func() bool {
		a, err := i.Introspect(context.Background(), server.question("t"))
		return err == nil && a.Active
	})
}

// TestOddTokensShutNobodyOut: a server that answers 400 or nonsense about some tokens works, and others' tokens pass.
func TestOddTokensShutNobodyOut(t *testing.T) {
	t.Parallel()
	server := newAskServer(t, func(w http.ResponseWriter, r *http.Request) {
		switch token := r.FormValue("token"); {
		case strings.HasPrefix(token, "odd1"):
			says(`{"active":"perhaps"}`)(w, r)
			return
		case strings.HasPrefix(token, "odd"):
			http.Error(w, `{"error":"invalid_request"}`, http.StatusBadRequest)
			return
		}
		says(`{"active":true}`)(w, r)
	})
	i, _ := newIntrospector(t)
	for n := range 30 {
		_, err := i.Introspect(t.Context(), server.question(fmt.Sprint("odd", n)))
		wantUnavailable(t, err)
	}
	if n := server.count.Load(); n != 30 {
		t.Errorf("the server was asked %d times about 30 tokens", n)
	}
	if a, err := i.Introspect(t.Context(), server.question("honest")); err != nil || !a.Active {
		t.Errorf("%+v, %v", a, err)
	}
}

// TestAPolicysTimeoutCounts in the place of the introspector's own, where it is the client's as well as the question's.
func TestAPolicysTimeoutCounts(t *testing.T) {
	t.Parallel()
	slow := newAskServer(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(askTimeout + 200*time.Millisecond):
			says(`{"active":true}`)(w, r)
		case <-r.Context().Done():
		}
	})
	way := outbound.Policy{Timeout: 40 * time.Second}
	client, err := outbound.Under(outbound.NewClient(outbound.Rules{}, outbound.Options{}), "", way)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	checking, err := NewIntrospector(client, Options{})
	if err != nil {
		t.Fatal(err)
	}
	asking, _ := newIntrospector(t)
	own := slow.question("t")
	own.Way = way
	var wg sync.WaitGroup
	for what, ask := range map[string]func() (*Answer, error){
		"of the client":   func() (*Answer, error) { return checking.Introspect(t.Context(), slow.question("t")) },
		"of the question": func() (*Answer, error) { return asking.Introspect(t.Context(), own) },
	} {
		wg.Go(func() {
			if a, err := ask(); err != nil || !a.Active {
				t.Errorf("%s: %+v, %v", what, a, err)
			}
		})
	}
	wg.Wait()
}
