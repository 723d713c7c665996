package throttle

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Which place was not to be had.
var (
	ErrOwn = errors.New("all of one's own places are taken") // those of the key
	ErrAll = errors.New("all places are taken")              // those of everybody together
)

// Places bound how many do something at once: some in all, and a few of one key, so that who is slow keeps nobody but
// themselves waiting. Their methods may be called at once.
type Places struct {
	all  chan struct{} // nil: only those of a key are bounded
	each int

	mu  sync.Mutex
	own map[string]*ownPlaces // by key; those that nobody has or waits for are not kept
}

type ownPlaces struct {
	taken chan struct{}
	users int // who has one and who waits for one
}

// NewPlaces gives places for so many in all, 0 for any number, and for each of one key.
func NewPlaces(all, each int) *Places {
	p := &Places{each: each, own: map[string]*ownPlaces{}}
	if all > 0 {
		p.all = make(chan struct{}, all)
	}
	return p
}

// Take waits for one of the key's own places and for one of all, in this order, and gives the function that leaves both. Its
// error is ErrOwn or ErrAll with that of ctx; a place that is free is given however ctx is.
func (p *Places) Take(ctx context.Context, key string) (leave func(), err error) {
	own := p.join(key)
	if err := enter(ctx, own.taken); err != nil {
		p.part(key)
		return nil, fmt.Errorf("%w: %w", ErrOwn, err)
	}
	if p.all != nil {
		if err := enter(ctx, p.all); err != nil {
			<-own.taken
			p.part(key)
			return nil, fmt.Errorf("%w: %w", ErrAll, err)
		}
	}
	return func() {
		if p.all != nil {
			<-p.all
		}
		<-own.taken
		p.part(key)
	}, nil
}

func enter(ctx context.Context, places chan<- struct{}) error {
	select {
	case places <- struct{}{}:
		return nil
	default:
	}
	select {
	case places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Places) join(key string) *ownPlaces {
	p.mu.Lock()
	defer p.mu.Unlock()
	own := p.own[key]
	if own == nil {
		own = &ownPlaces{taken: make(chan struct{}, p.each)}
		p.own[key] = own
	}
	own.users++
	return own
}

func (p *Places) part(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	own := p.own[key]
	if own.users--; own.users == 0 {
		delete(p.own, key)
	}
}
