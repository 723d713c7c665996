package daemon

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// check is one part's answer to whether it can do its work.
type check struct {
	name string
	// ready gives what a person should know even when all is well, or the reason why not.
	ready func(ctx context.Context) (note string, err error)
}

// opsHandler serves /healthz, /readyz and /metrics.
func opsHandler(registry *prometheus.Registry, checks []check) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
		defer cancel()
		answerReady(ctx, w, checks)
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return mux
}

// answerReady lists every part; one that is not ready makes the answer 503.
func answerReady(ctx context.Context, w http.ResponseWriter, checks []check) {
	type part struct {
		Part  string `json:"part"`
		Ready bool   `json:"ready"`
		Note  string `json:"note,omitempty"`
	}
	status := http.StatusOK
	parts := make([]part, len(checks))
	for i, c := range checks {
		note, err := c.ready(ctx)
		parts[i] = part{Part: c.name, Ready: err == nil, Note: note}
		if err != nil {
			parts[i].Note = err.Error()
			status = http.StatusServiceUnavailable
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"ready": status == http.StatusOK, "parts": parts})
}
