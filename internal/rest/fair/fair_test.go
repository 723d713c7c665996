package fair

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"keyward.dev/keyward"
)

// world is a server whose handlers end when they are let go.
type world struct {
	mux  *http.ServeMux
	free chan struct{}
	done sync.WaitGroup

	mu      sync.Mutex
	answers map[string][]int // statuses, by person
	told    string           // of the last refusal
}

func newWorld(operations ...string) *world {
	w := &world{mux: http.NewServeMux(), free: make(chan struct{}), answers: map[string][]int{}}
	api := humago.New(w.mux, huma.DefaultConfig("a", "1"))
	person := func(ctx huma.Context) string { return ctx.Header("Person") }
	api.UseMiddleware(New(person, func(ctx huma.Context, err error) {
		w.mu.Lock()
		w.told = err.Error()
		w.mu.Unlock()
		ctx.SetStatus(http.StatusTooManyRequests)
	}).Pass)
	for _, operation := range operations {
		huma.Register(api, huma.Operation{OperationID: operation, Method: http.MethodGet, Path: "/" + operation},
			func(context.Context, *struct{}) (*struct{}, error) {
				<-w.free
				return nil, nil
			})
	}
	return w
}

func (w *world) ask(t *testing.T, person, operation string) {
	w.done.Go(func() {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/"+operation, nil)
		req.Header.Set("Person", person)
		answer := httptest.NewRecorder()
		w.mux.ServeHTTP(answer, req)
		w.mu.Lock()
		w.answers[person] = append(w.answers[person], answer.Code)
		w.mu.Unlock()
	})
}

// said gives the answers so far.
func (w *world) said() map[string][]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.answers)
}

// TestNobodyTakesWhatIsForEverybody: who has too many of a kind under way waits and is then refused, for that kind alone;
// others are not kept waiting, and what ends makes room.
func TestNobodyTakesWhatIsForEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("try-api", "list-apis")
		for range 6 {
			w.ask(t, "greedy", "try-api")
		}
		w.ask(t, "greedy", "list-apis")
		w.ask(t, "other", "try-api")
		for range 40 {
			w.ask(t, "", "try-api") // nobody in particular
		}
		synctest.Wait()
		if got := w.said(); len(got) != 0 {
			t.Fatalf("answered while nothing has ended: %v", got)
		}
		time.Sleep(patience + time.Second)
		synctest.Wait()
		want := map[string][]int{"greedy": {http.StatusTooManyRequests, http.StatusTooManyRequests}}
		if got := w.said(); !maps.EqualFunc(got, want, slices.Equal) {
			t.Errorf("refused: %v, want %v", got, want)
		}
		if !strings.Contains(w.told, "4 calls through the gateway of yours are under way") {
			t.Errorf("told: %s", w.told)
		}
		close(w.free)
		w.done.Wait()
		w.ask(t, "greedy", "try-api")
		w.done.Wait()
		for person, refused := range map[string]int{"greedy": 2, "other": 0, "": 0} {
			codes := w.said()[person]
			if n := len(slices.DeleteFunc(slices.Clone(codes), func(code int) bool { return code == http.StatusNoContent })); n != refused {
				t.Errorf("%d of the requests of %q were refused: %v", n, person, codes)
			}
		}
		if got := w.said()["greedy"]; len(got) != 8 {
			t.Errorf("greedy got %v", got)
		}
	})
}

// TestSharesAreOfOperations: each operation that is named is one of the REST API.
func TestSharesAreOfOperations(t *testing.T) {
	document, err := os.ReadFile("../../../docs/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	requests := New(nil, nil)
	if len(requests.shares) == 0 {
		t.Fatal("no operation has a share of its own")
	}
	for operation := range requests.shares {
		if !strings.Contains(string(document), "operationId: "+operation+"\n") {
			t.Errorf("there is no operation %s", operation)
		}
	}
}

func TestEverybodysShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShare(2, 1, "things")
		leave, err := s.enter(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.enter(t.Context(), "b")
		if keyward.CodeOf(err) != keyward.CodeTooManyRequests || !strings.Contains(err.Error(), "of everybody together") {
			t.Errorf("a second one: %v", err)
		}
		leave()
		if _, err := s.enter(t.Context(), "b"); err != nil {
			t.Errorf("after the first: %v", err)
		}
	})
}
