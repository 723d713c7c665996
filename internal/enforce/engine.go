package enforce

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/past"
	"keyward.dev/keyward/internal/quota"
	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/tally"
	"keyward.dev/keyward/internal/token"
	"keyward.dev/keyward/internal/view"
)

// Options of an Engine.
type Options struct {
	// Issuer is the gateway's public URL: the iss of backend JWTs.
	Issuer string
	// OpenSealed opens a sealed field of a row, as registry.Registry does. Without it, no opaque token can be judged.
	OpenSealed func(ctx context.Context, sealed keyward.Sealed, context []byte) (string, error)
	// Now is the clock; time.Now when nil.
	Now func() time.Time
	// Registerer takes the engine's metrics; nil keeps them to itself.
	Registerer prometheus.Registerer
	// Exchanges tells that the engine judges subject tokens of token exchange too.
	Exchanges bool
	// CacheBytes bounds, about, what verified tokens and backend JWTs take; 64 MiB when zero.
	CacheBytes int
	// Counts are shared with other engines of the process, so that one explains what another counts; nil makes own ones.
	Counts *quota.Counts
	// Tally counts what is decided; nil counts nothing.
	Tally *tally.Tally
	// Past keeps what was decided lately; nil keeps nothing.
	Past *past.Ring
}

// Engine decides. Its methods are safe for concurrent use; it holds caches of facts and the counters of plans, and
// nothing that a view says.
type Engine struct {
	keySets      *token.KeySets
	introspector *token.Introspector
	minter       *token.Minter
	o            Options
	caches       *caches
	counts       *quota.Counts
	blind        bool // it explains only, and nobody's counts are known to it
	metrics      *metrics

	// followed are the key sets of the view that Follow saw last, so that no request has to look them up.
	followed atomic.Pointer[map[*keyward.IssuerRow]*token.KeySet]
}

// NewEngine makes an engine. minter may be nil where decisions are only explained: APIs that want a backend JWT are
// then refused by Decide.
func NewEngine(
	keySets *token.KeySets, introspector *token.Introspector, minter *token.Minter, o Options,
) (*Engine, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 64 << 20
	}
	c, err := newCaches(o.CacheBytes)
	if err != nil {
		return nil, err
	}
	blind := minter == nil && o.Counts == nil
	if o.Counts == nil {
		o.Counts = quota.New()
	}
	return &Engine{
		keySets: keySets, introspector: introspector, minter: minter, o: o,
		caches: c, counts: o.Counts, blind: blind, metrics: newMetrics(o.Registerer),
	}, nil
}

func (e *Engine) now() time.Time { return e.o.Now() }

// Follow must be told of every new view: it makes the live key sets exactly those of the view's enabled key managers,
// so that new ones are fetched before the first token comes (token.KeySets.Run does that) and those of removed and
// disabled ones are forgotten.
func (e *Engine) Follow(v *view.View) {
	sets := map[*keyward.IssuerRow]*token.KeySet{}
	for _, km := range v.KeyManagers() {
		if !e.follows(v, km) {
			continue
		}
		way := e.way(v, km)
		for i := range km.Issuers {
			sets[&km.Issuers[i]] = e.keySets.For(km.ID, km.Issuers[i], way)
		}
	}
	e.keySets.Retain(maps.Values(sets))
	e.followed.Store(&sets)
}

// follows tells whether the key manager's keys are wanted here. A gateway that serves no API which takes it may lack what
// its server is reached with.
func (e *Engine) follows(v *view.View, km *view.KeyManager) bool {
	return (km.Usable() || e.o.Exchanges && km.Exchangeable()) && v.Reaches(km)
}

// keySet gives the keys of one issuer of one key manager.
func (e *Engine) keySet(v *view.View, km *view.KeyManager, issuer *keyward.IssuerRow) *token.KeySet {
	if sets := e.followed.Load(); sets != nil {
		if set := (*sets)[issuer]; set != nil {
			return set
		}
	}
	return e.keySets.For(km.ID, *issuer, e.way(v, km))
}

// open opens the introspection secret of a row, and the one that comes after it.
func (e *Engine) open(ctx context.Context, row *keyward.IntrospectionRow) (c secret.Credential, err error) {
	if e.o.OpenSealed == nil {
		return c, errors.New("open the introspection secret: nothing to open it with")
	}
	value, err := e.o.OpenSealed(ctx, row.Secret, seal.RowContext(keyward.RowIntrospection, row.ID, "secret"))
	if err != nil {
		return c, err
	}
	c.Current = secret.New(value)
	if row.Next != nil {
		value, err = e.o.OpenSealed(ctx, *row.Next, seal.RowContext(keyward.RowIntrospection, row.ID, "next"))
		c.Next = secret.New(value)
	}
	return c, err
}

// way says how the key manager's server is reached, for its key sets. Its digest is that of the policy and of what is secret
// of it: a changed one counts at once, and secrets that are only sealed anew throw no keys away.
func (e *Engine) way(v *view.View, km *view.KeyManager) token.Way {
	if km.Outbound == nil {
		return token.Way{Asked: km.KeysAsked}
	}
	secrets, known := v.OutboundSecrets(km.ID), ""
	if secrets != nil {
		known = secrets.Digest
	}
	text, err := json.Marshal([]any{km.Outbound, known})
	sum := sha256.Sum256(text)
	return token.Way{
		Digest: hex.EncodeToString(sum[:]), Asked: km.KeysAsked,
		Policy: func(ctx context.Context) (outbound.Policy, error) {
			if err != nil {
				return outbound.Policy{}, fmt.Errorf("read the outbound policy: %w", err)
			}
			return e.policy(ctx, km.Outbound, secrets)
		},
	}
}

// policy opens what is secret of an outbound policy. Without it there is no way at all: not one past the proxy, nor one
// without the certificate.
func (e *Engine) policy(ctx context.Context, row *keyward.OutboundRow, sealed *keyward.OutboundSecretsRow) (outbound.Policy, error) {
	if row == nil {
		return outbound.Policy{}, nil
	}
	opened := map[string]string{}
	for _, path := range row.Secrets {
		if sealed == nil || sealed.Secrets[path].Text == "" || e.o.OpenSealed == nil {
			return outbound.Policy{}, errors.New("this gateway was not given the secrets of the key manager's outbound policy")
		}
		secret, err := e.o.OpenSealed(ctx, sealed.Secrets[path], seal.RowContext(keyward.RowOutbound, sealed.ID, path))
		if err != nil {
			return outbound.Policy{}, fmt.Errorf("open a secret of the outbound policy: %w", err)
		}
		opened[path] = secret
	}
	return outbound.PolicyOf(row, opened), nil
}
