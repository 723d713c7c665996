package feed_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/feed"
	"keyward.dev/keyward/internal/registry"
	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/stream"
	"keyward.dev/keyward/internal/testbed/blank"
	"keyward.dev/keyward/internal/view"
)

// patience is how long something may take that should be done in a moment.
const patience = 30 * time.Second

// empty is the database that every world begins with.
var empty blank.Database

// world is one control plane on a database of its own, with the gateways that follow it.
type world struct {
	dir     string
	key     seal.Key
	control *control // nil while it is down
	mu      sync.Mutex
	turned  chan struct{} // closed when control changes
}

// control is one life of the control plane's process.
type control struct {
	store *store.Store
	hub   *stream.Hub
	feed  *feed.Feed
	ctx   context.Context
	stop  context.CancelFunc
	done  chan error
	relay context.CancelFunc // ends what the feed runs, and nothing else
}

func newWorld(dir string, key seal.Key) *world {
	return &world{dir: dir, key: key, turned: make(chan struct{})}
}

// start begins a life of the control plane.
func (w *world) start() error {
	st, err := store.Open(context.Background(), store.Options{DataDir: w.dir, Key: w.key})
	if err != nil {
		return err
	}
	hub, err := stream.OpenHub(stream.HubOptions{Authenticate: feed.Login(st)})
	if err != nil {
		return errors.Join(err, st.Close())
	}
	f, err := feed.New(context.Background(), st, hub, feed.Options{})
	if err != nil {
		hub.Close()
		return errors.Join(err, st.Close())
	}
	c := &control{store: st, hub: hub, feed: f, done: make(chan error, 1)}
	c.ctx, c.stop = context.WithCancel(context.Background())
	ctx, cancel := context.WithCancel(c.ctx)
	c.relay = cancel
	go func() { c.done <- f.Run(ctx) }()
	w.turn(c)
	return nil
}

// stop ends the control plane, its database and its hub.
func (w *world) stop() error {
	c := w.now()
	if c == nil {
		return nil
	}
	w.turn(nil)
	c.stop()
	err := <-c.done
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	c.hub.Close()
	return errors.Join(err, c.store.Close())
}

func (w *world) turn(c *control) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.control = c
	close(w.turned)
	w.turned = make(chan struct{})
}

func (w *world) now() *control {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.control
}

// life gives the control plane that runs now, and a channel that is closed when that changes.
func (w *world) life() (*control, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.control, w.turned
}

// copyTo copies the data folder; the control plane must be down.
func copyFolder(from, to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			return err
		}
		//nolint:gosec // a copy between the test's own folders
		if err := os.WriteFile(filepath.Join(to, e.Name()), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// restore puts another copy of the data folder in place; the control plane must be down.
func (w *world) restore(from string) error {
	for _, name := range []string{"keyward.db", "keyward.db-wal", "keyward.db-shm"} {
		if err := os.Remove(filepath.Join(w.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return copyFolder(from, w.dir)
}

var errDown = errors.New("the control plane is down")

// flaky is a gateway's source: the control plane of the moment, over a hub that loses, repeats and swaps messages, and
// an API whose answers may break off.
type flaky struct {
	w     *world
	token stream.Token

	mu      sync.Mutex
	random  *rand.Rand
	chaos   int // of 100: how often something goes wrong
	held    [][]byte
	deaf    bool                  // the internal API cannot be reached
	refuse  error                 // what the internal API answers instead of an answer
	mute    bool                  // the answers to reports are lost
	tampers func(*stream.Message) // changes what comes from the hub
	pulled  func(*stream.Message) // changes what the internal API answers
	heard   [][]byte              // everything that came from the hub
	deliver func([]byte)          // to the gateway, past everything
}

func newFlaky(w *world, token stream.Token, seed uint64) *flaky {
	return &flaky{w: w, token: token, random: rand.New(rand.NewPCG(seed, 1))}
}

func (f *flaky) set(chaos int) { f.with(func() { f.chaos = chaos }) }

// with changes how the source behaves.
func (f *flaky) with(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *flaky) unlucky() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.random.IntN(100) < f.chaos
}

func (f *flaky) local() (*feed.Local, error) {
	c := f.w.now()
	f.mu.Lock()
	deaf, refuse := f.deaf, f.refuse
	f.mu.Unlock()
	if refuse != nil {
		return nil, refuse
	}
	if c == nil || deaf || f.unlucky() {
		return nil, errDown
	}
	return c.feed.Local(f.token), nil
}

func (f *flaky) Enrol(ctx context.Context, q stream.EnrolRequest) (*stream.EnrolReply, error) {
	l, err := f.local()
	if err != nil {
		return nil, err
	}
	return l.Enrol(ctx, q)
}

func (f *flaky) GroupKey(ctx context.Context, id string) (*stream.GroupKeyReply, error) {
	l, err := f.local()
	if err != nil {
		return nil, err
	}
	return l.GroupKey(ctx, id)
}

func (f *flaky) Report(ctx context.Context, r stream.Report) (*stream.ReportReply, error) {
	l, err := f.local()
	if err != nil {
		return nil, err
	}
	reply, err := l.Report(ctx, r)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mute {
		return nil, errDown
	}
	return reply, err
}

func (f *flaky) Questions(ctx context.Context, q stream.QuestionsRequest) (*stream.QuestionsReply, error) {
	l, err := f.local()
	if err != nil {
		return nil, err
	}
	return l.Questions(ctx, q)
}

func (f *flaky) Pull(ctx context.Context, q stream.PullRequest, yield func(*stream.Message) error) error {
	l, err := f.local()
	if err != nil {
		return err
	}
	return l.Pull(ctx, q, func(m *stream.Message) error {
		if f.unlucky() {
			return errDown // in the middle of the answer
		}
		data, err := m.Encode()
		if err != nil {
			return err
		}
		again, err := stream.Decode(data)
		if err != nil {
			return err
		}
		f.mu.Lock()
		if f.pulled != nil {
			f.pulled(again)
		}
		f.mu.Unlock()
		return yield(again)
	})
}

func (f *flaky) Follow(ctx context.Context, group string, hub stream.HubAccess, deliver func([]byte)) error {
	for ctx.Err() == nil {
		c, turned := f.w.life()
		if c != nil {
			ctx, cancel := context.WithCancel(ctx)
			stop := context.AfterFunc(c.ctx, cancel) //nolint:contextcheck // the control plane's life, not this call's
			_ = c.feed.Local(f.token).Follow(ctx, group, hub, func(b []byte) { f.pass(b, deliver) })
			stop()
			cancel()
		}
		select {
		case <-ctx.Done():
		case <-turned:
		}
	}
	return ctx.Err()
}

// inject gives the gateway something as if it came from the hub.
func (f *flaky) inject(data []byte) {
	var deliver func([]byte)
	f.with(func() { deliver = f.deliver })
	deliver(data)
}

// pass delivers a message: now, never, twice, or after the next one.
func (f *flaky) pass(data []byte, deliver func([]byte)) {
	f.mu.Lock()
	f.heard, f.deliver = append(f.heard, data), deliver
	out := append([][]byte{data}, f.held...)
	f.held = nil
	if f.random.IntN(100) < f.chaos {
		switch f.random.IntN(3) {
		case 0:
			out = out[1:]
		case 1:
			out = append(out, data)
		case 2:
			f.held, out = [][]byte{data}, out[1:]
		}
	}
	if f.tampers != nil {
		for i := range out {
			out[i] = tampered(out[i], f.tampers)
		}
	}
	if len(f.heard) > 1000 {
		f.heard = f.heard[1:]
	}
	f.mu.Unlock()
	for _, b := range out {
		deliver(b)
	}
}

func tampered(data []byte, how func(*stream.Message)) []byte {
	m, err := stream.Decode(data)
	if err != nil {
		return data
	}
	how(m)
	data, err = m.Encode()
	if err != nil {
		panic(err)
	}
	return data
}

// gateway is one data plane process: its folder outlives its lives.
type gateway struct {
	name     string
	dir      string
	token    stream.Token
	source   *flaky
	registry *registry.Registry
	cancel   context.CancelFunc
	done     chan error
	o        registry.Options
	log      tail
}

// tail keeps the last lines that a gateway logged, to be shown with a failure.
type tail struct {
	mu    sync.Mutex
	lines []string
}

func (l *tail) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(b))
	if len(l.lines) > 60 {
		l.lines = l.lines[1:]
	}
	return len(b), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "")
}

func (w *world) newGateway(name string, seed uint64) (*gateway, error) {
	_, token, err := w.now().feed.CreateGateway(context.Background(), "test", name, "")
	if err != nil {
		return nil, err
	}
	g := &gateway{name: name, dir: filepath.Join(w.dir, "gateway-"+name), token: token, source: newFlaky(w, token, seed)}
	g.o = registry.Options{
		Token: token, Dir: g.dir,
		Log: slog.New(slog.NewTextHandler(&g.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	return g, g.start()
}

func (g *gateway) start() error {
	r, err := registry.New(g.source, g.o)
	if err != nil {
		return err
	}
	g.registry = r
	ctx, cancel := context.WithCancel(context.Background())
	g.cancel, g.done = cancel, make(chan error, 1)
	go func() { g.done <- r.Run(ctx) }()
	return nil
}

func (g *gateway) stop() error {
	if g.cancel == nil {
		return nil
	}
	g.cancel()
	g.cancel = nil
	return <-g.done
}

// truth is what the database says a gateway of the default group should hold: from the log replayed from its first
// record, when the log still has it, which must then agree with the snapshot.
func (c *control) truth() (keyward.Position, []keyward.Change, error) {
	var head keyward.Position
	var snapshot, log []keyward.Change
	whole := false
	err := c.store.Read(context.Background(), func(tx *store.Tx) error {
		var err error
		if head, err = tx.Head(keyward.DefaultGroup); err != nil {
			return err
		}
		snapshot, log = nil, nil
		if _, whole, err = tx.ChainAt(keyward.DefaultGroup, 0); err != nil {
			return err
		}
		records, err := tx.Records(keyward.DefaultGroup, 0, 1_000_000)
		if err != nil {
			return err
		}
		for _, r := range records {
			log = append(log, mustChange(r.Bytes))
		}
		return tx.Snapshot(keyward.DefaultGroup, func(record []byte) error {
			snapshot = append(snapshot, mustChange(record))
			return nil
		})
	})
	if err != nil {
		return head, nil, err
	}
	want, err := rowsOf(snapshot)
	if err != nil || !whole {
		return head, want, err
	}
	replayed, err := rowsOf(log)
	if err != nil {
		return head, nil, err
	}
	if d := differ(want, replayed); d != "" {
		return head, nil, fmt.Errorf("the snapshot is not the log replayed: %s", d)
	}
	return head, want, nil
}

func mustChange(record []byte) keyward.Change {
	var c keyward.Change
	if err := json.Unmarshal(record, &c); err != nil {
		panic(err)
	}
	return c
}

func rowsOf(changes []keyward.Change) ([]keyward.Change, error) {
	known, err := view.EmptyView().Apply(changes)
	if err != nil {
		return nil, err
	}
	return known.Rows()
}

// differ names the first difference of two lists of rows.
func differ(want, got []keyward.Change) string {
	index := func(list []keyward.Change) map[string]string {
		m := map[string]string{}
		for _, c := range list {
			m[string(c.Kind)+" "+c.ID] = string(c.Row) + strings.Join(c.Needs, ",")
		}
		return m
	}
	a, b := index(want), index(got)
	for _, key := range slices.Sorted(maps.Keys(a)) {
		if b[key] != a[key] {
			return fmt.Sprintf("%s: want %s, got %s", key, a[key], b[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(b)) {
		if _, ok := a[key]; !ok {
			return fmt.Sprintf("%s: want none, got %s", key, b[key])
		}
	}
	return ""
}

// agrees tells why a gateway does not hold what the database says, or "".
func (w *world) agrees(g *gateway) string {
	head, want, err := w.now().truth()
	if err != nil {
		return err.Error()
	}
	known := g.registry.View()
	if known.Position() != head {
		return fmt.Sprintf("it is at %d %.8s, the log at %d %.8s",
			known.Position().Revision, known.Position().Chain, head.Revision, head.Chain)
	}
	got, err := known.Rows()
	if err != nil {
		return err.Error()
	}
	return differ(want, got)
}

// until asks again and again until there is nothing to complain about, and gives the last complaint.
func until(complaint func() string) string {
	deadline := time.Now().Add(patience)
	for {
		c := complaint()
		if c == "" || time.Now().After(deadline) {
			return c
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	if c := until(func() string {
		if ok() {
			return ""
		}
		return what
	}); c != "" {
		t.Fatalf("never came true: %s", c)
	}
}
