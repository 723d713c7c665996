package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/stream"
	"keyward.dev/keyward/internal/view"
)

// Source is where a gateway's changes come from: the internal API with the hub, or the control plane in the same
// process. Nothing that it gives is believed before its signature was checked. Any call may return a
// *stream.WithdrawnError, or an error that wraps stream.ErrRefused.
type Source interface {
	// Enrol presents the gateway and its public key, and learns its group and the hub.
	Enrol(ctx context.Context, q stream.EnrolRequest) (*stream.EnrolReply, error)
	// Pull yields signed changes and then a heartbeat, or the rows of a snapshot and then their signed end.
	Pull(ctx context.Context, q stream.PullRequest, yield func(*stream.Message) error) error
	// GroupKey gives a group key, sealed for this gateway's credential.
	GroupKey(ctx context.Context, id string) (*stream.GroupKeyReply, error)
	// Report tells where the gateway stands.
	Report(ctx context.Context, r stream.Report) (*stream.ReportReply, error)
	// Questions gives answers, and waits a little for the next questions.
	Questions(ctx context.Context, q stream.QuestionsRequest) (*stream.QuestionsReply, error)
	// Follow delivers the hub's messages of the group, one call after the other, until ctx ends; nil, when the connection
	// to the hub was lost.
	Follow(ctx context.Context, group string, hub stream.HubAccess, deliver func([]byte)) error
}

// Options of a Registry.
type Options struct {
	Token      stream.Token          // the gateway's credential; names the signing key that counts
	Dir        string                // the gateway's own folder, made with mode 0700
	MaxStale   time.Duration         // without a heartbeat for so long, nothing is served; 0 = no limit
	Build      string                // version and commit, for the control plane's list
	Now        func() time.Time      // nil = time.Now
	Log        *slog.Logger          // nil = silent
	Registerer prometheus.Registerer // nil = no metrics
	Usage      Usage                 // nil = nothing is counted

	// Answer answers the control plane's questions; nil = none are asked for.
	Answer func(question json.RawMessage) json.RawMessage
}

// Usage is what the gateway counts of its calls, as tally.Tally does. No decision depends on it.
type Usage interface {
	// Next gives what is to be told now, nil for nothing: the same again, until it is answered.
	Next() *stream.Usage
	// Answered ends what was told under that number, and tells whether more waits.
	Answered(sequence uint64) (more bool)
}

// Registry keeps what a gateway knows current: in memory as a View, and on disk for a start without the control plane.
type Registry struct {
	source Source
	o      Options
	disk   *disk
	key    *SigningKey
	keys   *groupKeys
	m      *metrics

	view      atomic.Pointer[view.View] // nil until there was a snapshot
	link      atomic.Pointer[link]      // nil until enrolled
	withdrawn atomic.Bool
	gone      chan struct{} // closed with withdrawn
	leaving   sync.Mutex    // of who stops it

	mu      sync.Mutex
	pulse   pulse
	watches map[chan struct{}]struct{}
	status  status

	bare  bool      // runReports only: the next report leaves out what was counted
	sync  syncState // Run's sync goroutine only, once New has returned
	inbox chan *stream.Message
	lost  chan struct{} // the connection to the hub was lost
	hub   chan stream.HubAccess
}

// link is what enrolment settled: whose messages count, and which.
type link struct {
	verifier *stream.Verifier
	public   string // the signing key that counts
	group    string
}

// status is what reports and readiness need.
type status struct {
	servingSince time.Time // when there first was a view in this process
	keyPublished bool      // every gateway that was heard from had this gateway's key
	keyRevision  uint64    // at which that key entered the view; 0 = it is not in it
	head         uint64    // the newest revision heard of
}

// New opens the registry and loads what is on disk, so that View may already have something to serve. It returns an
// error when the folder cannot be used.
func New(source Source, o Options) (*Registry, error) {
	if o.Token.IsZero() {
		return nil, errors.New("a gateway needs its credential")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d, err := openDisk(o.Dir, o.Token)
	if err != nil {
		return nil, err
	}
	r := &Registry{
		source: source, o: o, disk: d, keys: newGroupKeys(),
		gone: make(chan struct{}), watches: make(map[chan struct{}]struct{}),
		inbox: make(chan *stream.Message, 4096), lost: make(chan struct{}, 1), hub: make(chan stream.HubAccess, 1),
	}
	r.m = newMetrics(o.Registerer, func() float64 { return r.age().Seconds() })
	if err := r.load(); err != nil {
		return nil, err
	}
	r.sync.wantSnapshot = r.view.Load() == nil
	return r, nil
}

// Run keeps the view current until ctx ends. The control plane, its database and the hub may all be away.
func (r *Registry) Run(ctx context.Context) error {
	if !r.Withdrawn() {
		if err := r.run(ctx); err != nil && ctx.Err() == nil && !r.Withdrawn() {
			return err
		}
	}
	<-ctx.Done()
	return errors.Join(r.rememberPulse(true), r.disk.close())
}

func (r *Registry) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.runSync(ctx) })
	g.Go(func() error { return r.runHub(ctx) })
	g.Go(func() error { return r.runReports(ctx) })
	g.Go(func() error { return r.runGroupKeys(ctx) })
	if r.o.Answer != nil {
		g.Go(func() error { return r.runQuestions(ctx) })
	}
	g.Go(func() error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.gone:
			return errWithdrawn
		}
	})
	return g.Wait()
}

var errWithdrawn = errors.New("this gateway's credential is withdrawn")

// View gives what is in force now: the empty view, at position zero, when there never was a snapshot.
func (r *Registry) View() *view.View {
	if v := r.view.Load(); v != nil {
		return v
	}
	return view.EmptyView()
}

// Serving tells whether requests may be decided at all: nil, or an error of code gateway_stale because there never was
// a snapshot, the credential is withdrawn, or MaxStale has passed. It is cheap: ask it for every request.
func (r *Registry) Serving() error {
	switch {
	case r.withdrawn.Load():
		return keyward.Errorf(keyward.CodeGatewayStale, "this gateway was withdrawn")
	case r.view.Load() == nil:
		return keyward.Errorf(keyward.CodeGatewayStale, "this gateway has not heard from its control plane yet")
	case r.o.MaxStale > 0 && r.age() > r.o.MaxStale:
		if ahead := r.ClockAhead(); ahead > 0 {
			return keyward.Errorf(keyward.CodeGatewayStale, "this gateway's clock is %s ahead of its control plane's, so that "+
				"all it hears seems old: set both by NTP", ahead.Round(time.Second))
		}
		return keyward.Errorf(keyward.CodeGatewayStale, "this gateway has not heard from its control plane for too long")
	default:
		return nil
	}
}

// Ready is nil when the gateway can decide and others can verify what it signs: its own key is published on every
// gateway heard from, or five seconds have passed.
func (r *Registry) Ready() error {
	if err := r.Serving(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.status.keyPublished || r.o.Now().Sub(r.status.servingSince) >= keyPatience {
		return nil
	}
	return errors.New("this gateway's signing key is not published yet")
}

// keyPatience is how long a gateway waits for the others to have its key.
const keyPatience = 5 * time.Second

// Stale tells whether the control plane has been silent, and for how long: since the last heartbeat that counted, in
// this process or a former one.
func (r *Registry) Stale() (stale bool, age time.Duration) {
	r.mu.Lock()
	heard := r.pulse.live
	r.mu.Unlock()
	age = r.age()
	return !heard || age > silenceMarked, age
}

// silenceMarked is the silence after which a gateway calls itself stale.
const silenceMarked = 10 * time.Second

// Withdrawn tells whether the control plane has withdrawn this gateway, by a statement that it signed.
func (r *Registry) Withdrawn() bool { return r.withdrawn.Load() }

// Watch gives a channel that gets a value after the view was swapped (several swaps may give one), and a function that
// ends the watch.
func (r *Registry) Watch() (wake <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	r.mu.Lock()
	r.watches[c] = struct{}{}
	r.mu.Unlock()
	return c, func() {
		r.mu.Lock()
		delete(r.watches, c)
		r.mu.Unlock()
	}
}

// SigningKey gives the gateway's own backend JWT key.
func (r *Registry) SigningKey() *SigningKey { return r.key }

// OpenSealed opens a value that is sealed in a row. A group key that is not known yet is fetched, which may take as
// long as ctx allows. place is seal.RowContext of the row and field.
func (r *Registry) OpenSealed(ctx context.Context, sealed keyward.Sealed, place []byte) (string, error) {
	key, err := r.groupKey(ctx, sealed.Key)
	if err != nil {
		return "", err
	}
	plain, err := key.Open(sealed.Text, place)
	if err != nil {
		return "", fmt.Errorf("open a sealed value of a row: %w", err)
	}
	return string(plain), nil
}
