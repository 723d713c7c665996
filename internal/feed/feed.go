package feed

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/stream"
	"keyward.dev/keyward/internal/throttle"
)

// Options of a Feed.
type Options struct {
	Shared     bool                  // other control planes are on the same database
	Keep       int                   // how many records of each group's log are kept for gateways that fell behind; 0 = 20,000
	Now        func() time.Time      // nil = time.Now
	Log        *slog.Logger          // nil = silent
	Registerer prometheus.Registerer // nil = no metrics
}

// Feed serves gateways out of the store.
type Feed struct {
	store     *store.Store
	hub       *stream.Hub
	signer    *stream.Signer
	o         Options
	m         *metrics
	holder    string           // this process, in the lease
	pulls     *throttle.Places // where answers are made: each holds what it sends
	questions counters
}

const (
	keepRecords     = 20_000
	concurrentPulls = 4
)

// New reads the signing key and gives a feed that publishes on hub.
func New(ctx context.Context, st *store.Store, hub *stream.Hub, o Options) (*Feed, error) {
	if o.Keep <= 0 {
		o.Keep = keepRecords
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	f := &Feed{
		store: st, hub: hub, o: o, m: newMetrics(o.Registerer), holder: rand.Text(),
		pulls: throttle.NewPlaces(concurrentPulls, 1),
	}
	err := st.Read(ctx, func(tx *store.Tx) (err error) {
		f.signer, err = signerOf(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// signerOf reads the control plane's signing key.
func signerOf(tx *store.Tx) (*stream.Signer, error) {
	key, err := tx.SigningKey()
	if err != nil {
		return nil, fmt.Errorf("read the signing key: %w", err)
	}
	return stream.NewSigner(key)
}

// Run relays changes and heartbeats, and keeps the log short, until ctx ends. Of several control planes on one
// database one does so at a time.
func (f *Feed) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	r := newRelay(f)
	g.Go(func() error { return r.run(ctx) })
	g.Go(func() error { return f.runUpkeep(ctx, r) })
	if f.o.Shared {
		g.Go(func() error { return f.runLeft(ctx) })
	}
	return g.Wait()
}

// Authenticate gives the gateway whose credential raw is. Errors: *keyward.Error unauthenticated;
// *stream.WithdrawnError, signed, when it was withdrawn.
func (f *Feed) Authenticate(ctx context.Context, raw string) (*keyward.Gateway, stream.Token, error) {
	token, err := stream.ParseToken(raw)
	if err != nil {
		return nil, stream.Token{}, keyward.Errorf(keyward.CodeUnauthenticated, "present a gateway credential: %w", err)
	}
	g, err := gatewayOf(ctx, f.store, token)
	if err != nil {
		return nil, stream.Token{}, err
	}
	if g.RevokedAt != nil {
		return nil, stream.Token{}, f.withdrawal(g)
	}
	return g, token, nil
}

func gatewayOf(ctx context.Context, st *store.Store, token stream.Token) (*keyward.Gateway, error) {
	var g *keyward.Gateway
	err := st.Read(ctx, func(tx *store.Tx) (err error) {
		g, err = tx.GatewayByTokenHash(token.Hash())
		return err
	})
	switch {
	case keyward.CodeOf(err) == keyward.CodeNotFound:
		return nil, keyward.Errorf(keyward.CodeUnauthenticated, "this gateway credential is not known here")
	case err != nil:
		return nil, fmt.Errorf("look up a gateway's credential: %w", err)
	case g.ID != token.ID():
		return nil, keyward.Errorf(keyward.CodeUnauthenticated, "this gateway credential is not known here")
	}
	return g, nil
}

// withdrawal is the signed statement that stops a gateway.
func (f *Feed) withdrawal(g *keyward.Gateway) *stream.WithdrawnError {
	return &stream.WithdrawnError{
		PublicKey: stream.EncodePublicKey(f.signer.Public()),
		Statement: f.signer.Sign(&stream.Message{
			Type: stream.TypeWithdrawal, Group: g.Group, Gateway: g.ID, Time: f.o.Now().UTC(),
		}),
	}
}

// loginTimeout bounds how long a connection to the hub waits for the database.
const loginTimeout = 2 * time.Second

// Login gives the check of connections to the embedded hub: user is the gateway's id, password its credential. The
// hub is opened before the feed, so this needs the store alone.
func Login(st *store.Store) func(user, password string) (group string, ok bool) {
	return func(user, password string) (string, bool) {
		token, err := stream.ParseToken(password)
		if err != nil || token.ID() != user {
			return "", false
		}
		ctx, cancel := context.WithTimeout(context.Background(), loginTimeout)
		defer cancel()
		g, err := gatewayOf(ctx, st, token)
		if err != nil || g.RevokedAt != nil {
			return "", false
		}
		return g.Group, true
	}
}
