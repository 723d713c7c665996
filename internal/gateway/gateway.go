package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/enforce"
	"keyward.dev/keyward/internal/onepath"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/view"
)

// Deps are what a gateway needs of other rooms. View, Serving and Watch are a registry.Registry's methods.
type Deps struct {
	View    func() *view.View                          // what is in force now
	Serving func() error                               // why nothing may be served, nil when it may
	Watch   func() (wake <-chan struct{}, stop func()) // tells of new views
	Engine  *enforce.Engine
	Rules   outbound.Rules // for backends
}

// Options of a Gateway. The zero value works.
type Options struct {
	TrustedPeers    []netip.Prefix // networks whose Forwarded and X-Forwarded-* fields are believed
	ResponseTimeout time.Duration  // until a backend's answer begins; default 60 s
	Transport       http.RoundTripper
	Now             func() time.Time
	Log             *slog.Logger
	Registerer      prometheus.Registerer
}

// Gateway is the door. Run must run beside it for streams to be cut.
type Gateway struct {
	deps      Deps
	trusted   []netip.Prefix
	transport http.RoundTripper
	patience  time.Duration // with a backend, until its answer begins
	buffers   bufferPool
	streams   streams
	now       func() time.Time
	log       *slog.Logger
	metrics   *metrics
}

// New makes a gateway.
func New(deps Deps, o Options) (*Gateway, error) {
	if deps.View == nil || deps.Serving == nil || deps.Watch == nil || deps.Engine == nil {
		return nil, errors.New("a gateway needs a view, its watch and an engine")
	}
	if o.ResponseTimeout <= 0 {
		o.ResponseTimeout = 60 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Transport == nil {
		o.Transport = newTransport(deps.Rules, o.ResponseTimeout)
	}
	return &Gateway{
		deps: deps, trusted: o.TrustedPeers, transport: o.Transport, patience: o.ResponseTimeout, now: o.Now, log: o.Log,
		metrics: newMetrics(o.Registerer), streams: streams{live: map[*stream]struct{}{}},
	}, nil
}

// Handler serves everything below /: the APIs and /.well-known/jwks.json.
func (g *Gateway) Handler() http.Handler { return http.HandlerFunc(g.serve) }

// Run tells the engine of every new view and cuts what is under way when its key manager is gone, disabled or takes the
// token no more, and everything when nothing may be served any longer. It ends with ctx and leaves what is under way to
// Close: a process that is told to end lets its callers have their answers.
func (g *Gateway) Run(ctx context.Context) error {
	wake, stop := g.deps.Watch()
	defer stop()
	g.deps.Engine.Follow(g.deps.View())
	doubts := make(chan struct{}, 1)
	workers, ctx := errgroup.WithContext(ctx)
	workers.Go(func() error { return g.watch(ctx, wake, doubts) })
	workers.Go(func() error { return g.settleDoubts(ctx, doubts) })
	return workers.Wait()
}

// Close cuts what is still under way when the server is shut down, which knows nothing of upgraded connections.
func (g *Gateway) Close() {
	g.streams.cutAll(&enforce.Refusal{Code: keyward.CodeGatewayStale, Detail: "This gateway ends.", RetryAfter: 1})
}

// notServing refuses a call because of what Serving says.
func notServing(err error) *enforce.Refusal {
	return &enforce.Refusal{ID: newID(), Code: keyward.CodeGatewayStale, Detail: sentence(err), RetryAfter: 1}
}

// watch does what must not wait: the keys of new key managers, the end of those that are gone.
func (g *Gateway) watch(ctx context.Context, wake <-chan struct{}, doubts chan<- struct{}) error {
	tick := time.NewTicker(500 * time.Millisecond) // withdrawal and age make no new view
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
			now := g.deps.View()
			g.deps.Engine.Follow(now)
			g.dropGone(now)
			select {
			case doubts <- struct{}{}:
			default:
			}
		case <-tick.C:
			if err := g.deps.Serving(); err != nil {
				g.streams.cutAll(notServing(err))
			}
		}
	}
}

// serve answers one request.
func (g *Gateway) serve(w http.ResponseWriter, r *http.Request) {
	x := &exchange{gateway: g, w: w, r: r, start: g.now()}
	defer x.finish(r.Context())
	if x.framedTwice() {
		return
	}
	if err := g.deps.Serving(); err != nil {
		x.refuse(notServing(err))
		return
	}
	if isKeySet(r.RequestURI) {
		x.jwks()
		return
	}
	x.request = enforce.Request{Method: r.Method, Target: r.RequestURI, Authorization: r.Header["Authorization"]}
	x.view = g.deps.View()
	decision, refusal := g.deps.Engine.Decide(r.Context(), x.view, x.request)
	if refusal != nil {
		x.refuse(refusal)
		return
	}
	x.decision = decision
	x.pass(r.Context())
}

// framedTwice refuses a request that says its length in two ways, and one of HTTP/1.0 that says it in a way which that
// version does not know. Where it is only suspected, the connection ends with the answer, as RFC 9112, sections 6.1 and
// 6.3, want it: whatever was hidden in it is never read.
func (x *exchange) framedTwice() bool {
	f := framingOf(x.r)
	if f == nil {
		return false
	}
	if f.spent.Load() {
		panic(http.ErrAbortHandler) // what net/http takes for a request is a piece of the last one's body
	}
	old, chunked := !x.r.ProtoAtLeast(1, 1), f.chunked.Swap(false)
	var detail string
	switch {
	case old && chunked:
		detail = "The request has Transfer-Encoding, which HTTP/1.0 does not know."
	case f.suspected.Load() && f.first.Swap(false):
		detail = "The request has both Content-Length and Transfer-Encoding."
	}
	x.last = x.last || f.suspected.Load() || old
	if detail == "" {
		return false
	}
	x.refuse(&enforce.Refusal{ID: newID(), Code: keyward.CodeInvalidRequest, Detail: detail})
	return true
}

// keySetPath is where the group's public keys are.
const keySetPath = "/.well-known/jwks.json"

// isKeySet tells whether the target is the key set's, in any spelling that has this canonical form.
func isKeySet(target string) bool {
	path, _, _ := strings.Cut(target, "?")
	if strings.HasPrefix(path, "/") && strings.IndexByte(path, '%') < 0 {
		return path == keySetPath
	}
	canonical, _, fault := onepath.Canonical(target)
	return fault == "" && canonical == keySetPath
}

// newID names an answer that no decision was made for. Nobody can guess it.
func newID() string { return rand.Text() }

// sentence gives the text that a person may read, and hides any other.
func sentence(err error) string {
	var known *keyward.Error
	if errors.As(err, &known) {
		return known.Message
	}
	return "this gateway cannot serve the call at the moment"
}
