package feed

import (
	"context"
	"fmt"
	"sync"
)

// places bounds how many answers are made at once, each of which holds what it sends: a few in all, and one for each
// gateway, so that one which reads slowly keeps nobody but itself waiting.
type places struct {
	all chan struct{}

	mu  sync.Mutex
	own map[string]*ownPlace // by gateway; those that nobody has or waits for are not kept
}

type ownPlace struct {
	taken chan struct{}
	users int // who has it and who waits for it
}

func newPlaces(n int) *places {
	return &places{all: make(chan struct{}, n), own: map[string]*ownPlace{}}
}

// take waits for the gateway's own place and for one of all, in this order, and gives the function that leaves both.
func (p *places) take(ctx context.Context, gateway string) (leave func(), err error) {
	own := p.join(gateway)
	select {
	case own.taken <- struct{}{}:
	case <-ctx.Done():
		p.part(gateway)
		return nil, fmt.Errorf("wait for this gateway's other answer: %w", ctx.Err())
	}
	select {
	case p.all <- struct{}{}:
	case <-ctx.Done():
		<-own.taken
		p.part(gateway)
		return nil, fmt.Errorf("wait for other gateways' answers: %w", ctx.Err())
	}
	return func() {
		<-p.all
		<-own.taken
		p.part(gateway)
	}, nil
}

func (p *places) join(gateway string) *ownPlace {
	p.mu.Lock()
	defer p.mu.Unlock()
	own := p.own[gateway]
	if own == nil {
		own = &ownPlace{taken: make(chan struct{}, 1)}
		p.own[gateway] = own
	}
	own.users++
	return own
}

func (p *places) part(gateway string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	own := p.own[gateway]
	if own.users--; own.users == 0 {
		delete(p.own, gateway)
	}
}
