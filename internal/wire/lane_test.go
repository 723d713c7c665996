package wire_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/wire"
)

// road is a transport that says how each server answers by its host: 0 = not at all.
type road struct {
	mu     sync.Mutex
	status map[string]int
	seen   map[string]int
	hold   chan struct{} // each request to the host slow waits for it
}

func newRoad() *road {
	return &road{status: map[string]int{}, seen: map[string]int{}, hold: make(chan struct{})}
}

func (r *road) RoundTrip(req *http.Request) (*http.Response, error) {
	host := req.URL.Hostname()
	r.mu.Lock()
	r.seen[host]++
	status, said := r.status[host]
	r.mu.Unlock()
	if host == "slow" {
		select {
		case <-r.hold:
		case <-req.Context().Done():
			return nil, req.Context().Err()
		}
	}
	switch {
	case req.Context().Err() != nil:
		return nil, req.Context().Err()
	case !said:
		status = http.StatusOK
	case status == 0:
		return nil, errors.New("connection refused")
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}")), Request: req}, nil
}

func (r *road) count(host string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen[host]
}

func (r *road) answers(host string, status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status[host] = status
}

func to(method, host string) wire.Call {
	return wire.Call{Op: "try", Method: method, URL: "http://" + host + "/x"}
}

// A server that fails again and again is left alone, is asked by one call after a while, and is used again when that was
// answered. What becomes of one key manager's calls is nothing to another's.
func TestABrokenServerIsLeftAlone(t *testing.T) {
	for _, status := range []int{0, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout} {
		synctest.Test(t, func(t *testing.T) {
			r := newRoad()
			reg := prometheus.NewRegistry()
			lanes := wire.NewLanes(reg)
			client := &http.Client{Transport: r}
			broken, other := lanes.Caller("km-broken", client), lanes.Caller("km-other", client)
			r.answers("shared", status)
			for range 6 {
				if _, err := broken.Do(t.Context(), to(http.MethodPost, "shared")); errors.Is(err, wire.ErrLeftAlone) {
					t.Fatalf("it is left alone too soon: %v", err)
				}
			}
			_, err := lanes.Caller("km-broken", client).Do(t.Context(), to(http.MethodPost, "shared"))
			f, ok := errors.AsType[*wire.Failure](err)
			if !ok || f.Uncertain() || !errors.Is(err, wire.ErrLeftAlone) || !strings.Contains(err.Error(), "left alone") ||
				r.count("shared") != 6 {
				t.Fatalf("%d requests, error %v", r.count("shared"), err)
			}
			if left := gauge(t, reg, "keyward_key_managers_left_alone"); left != 1 {
				t.Errorf("%v key managers are left alone", left)
			}
			r.answers("shared", http.StatusOK)
			if _, err := other.Do(t.Context(), to(http.MethodPost, "shared")); err != nil {
				t.Errorf("the other key manager: %v", err)
			}
			if _, err := wire.New(client).Do(t.Context(), to(http.MethodPost, "shared")); err != nil {
				t.Errorf("without a lane: %v", err)
			}
			if _, err := broken.Do(t.Context(), to(http.MethodPost, "shared")); !errors.Is(err, wire.ErrLeftAlone) {
				t.Errorf("still to be left alone: %v", err)
			}
			time.Sleep(6 * time.Second) // of the test's own clock
			for range 3 {
				if _, err := broken.Do(t.Context(), to(http.MethodPost, "shared")); err != nil {
					t.Errorf("back again: %v", err)
				}
			}
			if left := gauge(t, reg, "keyward_key_managers_left_alone"); left != 0 {
				t.Errorf("%v key managers are left alone", left)
			}
		})
	}
}

// Refusals, and callers that go away, say nothing about the server's health.
func TestRefusalsAreNoFailures(t *testing.T) {
	r := newRoad()
	caller := wire.NewLanes(nil).Caller("km", &http.Client{Transport: r})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, status := range []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusInternalServerError} {
		r.answers("server", status)
		for range 10 {
			if a, err := caller.Do(t.Context(), to(http.MethodPost, "server")); err != nil || a.Status != status {
				t.Fatalf("%d: %v", status, err)
			}
			if _, err := caller.Do(gone, to(http.MethodPost, "server")); !errors.Is(err, context.Canceled) {
				t.Fatalf("gone: %v", err)
			}
		}
	}
}

// A call that only reads is made again; one that may change something is not.
func TestReadsAreRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoad()
		reg := prometheus.NewRegistry()
		caller := wire.NewLanes(reg).Caller("km", &http.Client{Transport: r})
		for host, c := range map[string]struct {
			method         string
			status, called int
		}{
			"read-broken": {http.MethodGet, http.StatusBadGateway, 3}, "read-refused": {http.MethodGet, http.StatusNotFound, 1},
			"read-fault": {http.MethodGet, http.StatusInternalServerError, 1}, "write-broken": {http.MethodPost, http.StatusBadGateway, 1},
			"delete-broken": {http.MethodDelete, http.StatusServiceUnavailable, 1},
		} {
			r.answers(host, c.status)
			a, err := caller.Do(t.Context(), to(c.method, host))
			if err != nil || a.Status != c.status || r.count(host) != c.called {
				t.Errorf("%s: %d requests, error %v, want %d", host, r.count(host), err, c.called)
			}
			if _, err := caller.Do(t.Context(), to(http.MethodGet, "sound")); err != nil {
				t.Error(err)
			}
		}
		once := to(http.MethodGet, "read-once")
		once.Once = true
		r.answers("read-once", http.StatusBadGateway)
		if a, err := caller.Do(t.Context(), once); err != nil || a.Status != http.StatusBadGateway || r.count("read-once") != 1 {
			t.Errorf("once: %d requests, error %v", r.count("read-once"), err)
		}
		r.answers("dead", 0)
		if _, err := caller.Do(t.Context(), to(http.MethodGet, "dead")); err == nil || r.count("dead") != 3 {
			t.Errorf("no answer: %d requests, error %v", r.count("dead"), err)
		}
		if n := gauge(t, reg, "keyward_key_manager_repeats_total"); n != 4 {
			t.Errorf("%v repeats are counted", n)
		}
	})
	// What the operator's rules forbid is asked for once.
	asked := 0
	client := outbound.NewClient(outbound.Rules{}, outbound.Options{})
	client.Transport = counting{client.Transport, &asked}
	_, err := wire.New(client).Do(t.Context(), wire.Call{Op: "try", Method: http.MethodGet, URL: "http://169.254.169.254/"})
	if !errors.Is(err, outbound.ErrForbidden) || asked != 1 {
		t.Errorf("forbidden: %d requests, %v", asked, err)
	}
}

type counting struct {
	http.RoundTripper
	n *int
}

func (c counting) RoundTrip(req *http.Request) (*http.Response, error) {
	*c.n++
	return c.RoundTripper.RoundTrip(req)
}

// A slow server takes a bounded number of calls at once; one more waits for a while and is told. Another key manager's
// calls pass meanwhile, and the places come back.
func TestCallsUnderWayAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoad()
		lanes := wire.NewLanes(nil)
		client := &http.Client{Transport: r}
		slow := lanes.Caller("km-slow", client)
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				if _, err := slow.Do(t.Context(), to(http.MethodPost, "slow")); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		_, err := slow.Do(t.Context(), to(http.MethodPost, "slow"))
		f, ok := errors.AsType[*wire.Failure](err)
		if !ok || f.Uncertain() || !errors.Is(err, wire.ErrBusy) || r.count("slow") != 16 {
			t.Errorf("%d requests, error %v", r.count("slow"), err)
		}
		if _, err := lanes.Caller("km-other", client).Do(t.Context(), to(http.MethodPost, "other")); err != nil {
			t.Errorf("another key manager's: %v", err)
		}
		close(r.hold)
		all.Wait()
		if _, err := slow.Do(t.Context(), to(http.MethodPost, "slow")); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// gauge reads the one value of a metric.
func gauge(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue() + f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}
