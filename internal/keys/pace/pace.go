// Package pace owns when what failed is tried again. It does not own what is tried.
package pace

import (
	"sync"
	"time"
)

// Pace keeps what fails again and again from being tried too often. It is forgotten with the process. Its methods may be
// called at once.
type Pace struct {
	first time.Duration
	mu    sync.Mutex
	of    map[string]try
}

type try struct {
	failures int
	next     time.Time
}

const (
	quickTries = 2 // so many failures cost no pause
	longest    = 10 * time.Minute
)

// New gives a pace whose first pause is of that length; each further one is twice the one before, up to 10 minutes.
func New(first time.Duration) *Pace { return &Pace{first: first, of: map[string]try{}} }

// Due tells whether something may be tried at that time.
func (p *Pace) Due(id string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !now.Before(p.of[id].next)
}

// Note says how a try ended.
func (p *Pace) Note(id string, err error, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		delete(p.of, id)
		return
	}
	one := p.of[id]
	one.failures++
	if beyond := one.failures - quickTries; beyond > 0 {
		one.next = now.Add(min(p.first<<min(beyond-1, 10), longest))
	}
	p.of[id] = one
}
