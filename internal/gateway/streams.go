package gateway

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/enforce"
	"keyward.dev/keyward/internal/view"
)

// streams are the exchanges that are under way.
type streams struct {
	mu   sync.Mutex
	live map[*stream]struct{}
}

// stream is one of them, with the ground that its decision stands on.
type stream struct {
	request  enforce.Request
	decision *enforce.Decision
	ground   ground
	cut      func(*enforce.Refusal)
}

// ground is what of a view a decision used. The parts of two views are identical when nothing changed them.
type ground struct {
	keyManager   *view.KeyManager
	origin       *view.KeyManager
	api          *view.API
	client       *keyward.ClientRow
	application  *keyward.ApplicationRow
	subscription *keyward.SubscriptionRow
}

func groundOf(v *view.View, d *enforce.Decision) ground {
	g := ground{keyManager: v.KeyManager(d.KeyManagerID), origin: v.KeyManager(d.OriginID), api: v.API(d.APIID)}
	if d.ClientID == "" || g.keyManager == nil || g.api == nil {
		return g
	}
	if g.client = v.Client(g.api.Tenant, g.keyManager, d.ClientID); g.client != nil {
		g.application = v.Application(g.client.ApplicationID)
		g.subscription = v.Subscription(g.client.ApplicationID, d.APIID)
	}
	return g
}

// follow holds an exchange among those that may be cut, until the function that it gives is called.
func (g *Gateway) follow(ctx context.Context, x *exchange, cut func(*enforce.Refusal)) (end func()) {
	s := &stream{request: x.request, decision: x.decision, ground: groundOf(x.view, x.decision), cut: cut}
	g.streams.mu.Lock()
	g.streams.live[s] = struct{}{}
	g.streams.mu.Unlock()
	g.metrics.streams.Inc()
	if now := g.deps.View(); now != x.view && groundOf(now, x.decision) != groundOf(x.view, x.decision) {
		if refusal := g.judgeAnew(ctx, now, s); refusal != nil { // it changed between decision and here
			g.drop(s, refusal)
		}
	}
	return func() {
		g.streams.mu.Lock()
		delete(g.streams.live, s)
		g.streams.mu.Unlock()
		g.metrics.streams.Dec()
	}
}

func (s *streams) all() []*stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*stream, 0, len(s.live))
	for one := range s.live {
		list = append(list, one)
	}
	return list
}

// stands notes on what ground a stream was last found in order, so that it is not judged twice.
func (s *streams) stands(one *stream, on ground) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one.ground = on
}

func (s *streams) groundOf(one *stream) ground {
	s.mu.Lock()
	defer s.mu.Unlock()
	return one.ground
}

func (s *streams) cutAll(why *enforce.Refusal) {
	for _, one := range s.all() {
		one.cut(why)
	}
}

func (g *Gateway) drop(s *stream, why *enforce.Refusal) {
	g.metrics.cut.Inc()
	g.log.Info("an exchange under way was cut", "decision", s.decision.ID, "key_manager", s.decision.KeyManager,
		"api", s.decision.API, "code", why.Code)
	s.cut(why)
}

// dropGone cuts what is under way and whose key manager is deleted, disabled or unusable in the view, or the one whose
// token it was exchanged for.
func (g *Gateway) dropGone(v *view.View) {
	for _, s := range g.streams.all() {
		if !hasKeyManager(v, s) {
			g.drop(s, noMore())
		}
	}
}

// hasKeyManager tells whether the view still has the key manager of the stream's token, if it has one.
func hasKeyManager(v *view.View, s *stream) bool {
	if s.decision.KeyManagerID == "" {
		return true
	}
	now := time.Now()
	if id := s.decision.OriginID; id != "" {
		if origin := v.KeyManager(id); origin == nil || !origin.Exchanges(now) {
			return false
		}
	}
	km := v.KeyManager(s.decision.KeyManagerID)
	return km != nil && km.Believed(now)
}

// settleDoubts decides again about what stands on changed ground. A key or an introspection may be needed for that,
// which takes time: nothing else waits for it.
func (g *Gateway) settleDoubts(ctx context.Context, doubts <-chan struct{}) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-doubts:
		}
		g.settle(ctx, g.deps.View())
	}
}

func (g *Gateway) settle(ctx context.Context, known *view.View) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var workers errgroup.Group
	workers.SetLimit(8)
	for _, s := range g.streams.all() {
		now := groundOf(known, s.decision)
		if now == g.streams.groundOf(s) {
			continue
		}
		workers.Go(func() error {
			if refusal := g.judgeAnew(ctx, known, s); refusal != nil {
				g.drop(s, refusal)
			} else {
				g.streams.stands(s, now)
			}
			return nil
		})
	}
	_ = workers.Wait() // the workers return no errors
}

// judgeAnew decides the stream's request again, without taking anything from its plan, and gives why it must end. That
// its token ran out meanwhile, that its plan did, or that its key manager is out of reach ends no stream: each was in
// order when it began.
func (g *Gateway) judgeAnew(ctx context.Context, v *view.View, s *stream) *enforce.Refusal {
	if !hasKeyManager(v, s) {
		return noMore()
	}
	explained := g.deps.Engine.Explain(ctx, v, s.request)
	switch explained.Code {
	case keyward.CodeTokenExpired, keyward.CodePlanExhausted, keyward.CodeKeyManagerUnavailable:
		return nil
	}
	return explained.Refusal
}

// noMore is why something ends whose key manager is gone.
func noMore() *enforce.Refusal {
	return &enforce.Refusal{Code: keyward.CodeUnknownIssuer, Detail: "The access token is from an issuer that is accepted no more."}
}
