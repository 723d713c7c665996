package health

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/probe"
	"keyward.dev/keyward/internal/store"
)

// outcome is a look that has ended.
type outcome struct {
	id      string
	version int64 // of the key manager
	at      time.Time
	enabled bool
	skew    time.Duration
	sight   probe.Sight
}

// begin starts a look, unless one is under way there or there is no place for one more.
func (m *Monitor) begin(ctx context.Context, k store.ObservedKeyManager, looks *sync.WaitGroup) bool {
	end := m.take(k.ID)
	if end == nil {
		return false
	}
	select {
	case m.places <- struct{}{}:
	default:
		end()
		return false
	}
	looks.Go(func() {
		defer end()
		defer func() { <-m.places }()
		o, err := m.look(ctx, k.ID, probe.Wants{})
		if ctx.Err() != nil {
			return
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		if err != nil {
			m.late[k.ID] = m.now().Add(interval)
			m.log.WarnContext(ctx, "look at a key manager", "key_manager", k.Name, "tenant", k.Tenant, "error", err)
			return
		}
		delete(m.late, k.ID)
		delete(m.news, k.ID)
		m.ended = append(m.ended, *o)
	})
	return true
}

// take makes the caller the only one that looks at a key manager, and gives the function that ends it; nil while somebody
// else does.
func (m *Monitor) take(id string) func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.looks[id] != nil {
		return nil
	}
	done := make(chan struct{})
	m.looks[id] = done
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.looks, id)
		close(done)
	}
}

// await is take that waits for who is before.
func (m *Monitor) await(ctx context.Context, id string) (func(), error) {
	for {
		if end := m.take(id); end != nil {
			return end, nil
		}
		m.mu.Lock()
		done := m.looks[id]
		m.mu.Unlock()
		if done == nil {
			continue
		}
		select {
		case <-done:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for a look that is under way: %w", ctx.Err())
		}
	}
}

// look reads a key manager and looks at its server; it asks what is due and what is wanted. One that is disabled is left
// alone.
func (m *Monitor) look(ctx context.Context, id string, w probe.Wants) (*outcome, error) {
	var server connector.Server
	var before *state
	o := &outcome{id: id, at: m.now()}
	err := m.store.Read(ctx, func(tx *store.Tx) error {
		km, err := tx.GetByID(keyward.KindKeyManager, id)
		if err != nil {
			return err
		}
		o.version = km.Version
		if server, err = publicServer(tx, km); err == nil {
			_, before, err = readState(tx, id)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	o.enabled, o.skew = server.Spec.IsEnabled(), server.Spec.Tokens.SkewOrDefault()
	if o.enabled {
		w.Token = w.Token || before.asks(o.version, o.at)
		w.Metadata = w.Metadata || before.reads(o.version, o.at)
		o.sight = m.probe.Look(ctx, server, w)
	}
	return o, nil
}

// publicServer gives a key manager with the secrets that gateways have, and none of those that manage it.
func publicServer(tx *store.Tx, km *keyward.Object) (connector.Server, error) {
	server, err := keymanager.ServerAlone(tx, km)
	maps.DeleteFunc(server.Secrets, func(path, _ string) bool { return strings.HasPrefix(path, "connection.") })
	return server, err
}

// keepEnded stores what the looks saw that have ended since it was last called.
func (m *Monitor) keepEnded(ctx context.Context) error {
	m.mu.Lock()
	ended := m.ended
	m.ended = nil
	m.mu.Unlock()
	err := m.keep(ctx, ended...)
	if err != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.ended = append(ended, m.ended...)
	}
	return err
}

// keep stores what was seen, all in one transaction, and tells of alerts that begin and end.
func (m *Monitor) keep(ctx context.Context, ended ...outcome) error {
	if len(ended) == 0 {
		return nil
	}
	var told []change
	err := m.store.Write(ctx, actor, func(tx *store.Tx) error {
		told = nil
		for _, o := range ended {
			c, err := m.keepOne(tx, o)
			if err != nil {
				return err
			}
			if c != nil {
				told = append(told, *c)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, c := range told {
		m.metrics.set(c.km.ID, c.km.Tenant, c.km.Name, c.now)
		c.tell(ctx, m.log)
	}
	return nil
}

// keepOne stores one outcome; nil for a key manager that is gone.
func (m *Monitor) keepOne(tx *store.Tx, o outcome) (*change, error) {
	km, err := tx.GetByID(keyward.KindKeyManager, o.id)
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := tx.LockObservation(o.id); err != nil {
		return nil, err
	}
	_, before, err := readState(tx, o.id)
	if err != nil {
		return nil, err
	}
	now := before.after(o)
	if err := now.write(tx, o.id, o.version, o.at.Add(pause(now.Failures))); err != nil {
		return nil, err
	}
	if err := addSample(tx, o.id, now.sample(), o.at); err != nil {
		return nil, err
	}
	return &change{km: km, before: before, now: now}, nil
}

// pause is the time until the next look after so many failures in a row, spread by a tenth to both sides.
func pause(failures int) time.Duration {
	d := interval
	if failures > 1 {
		d = min(longest, interval<<min(failures-1, 8))
	}
	return d - d/10 + rand.N(d/5+1) //nolint:gosec // nothing depends on its being unpredictable
}
