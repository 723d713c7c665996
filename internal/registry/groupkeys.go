package registry

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/stream"
)

// groupKeys holds the keys with which secrets in rows are sealed: open in memory, and as they came, sealed for this
// gateway's credential, for the disk.
type groupKeys struct {
	mu      sync.Mutex
	open    map[string]seal.Key
	wrapped map[string]string
	flight  singleflight.Group
	wake    chan struct{}
}

func newGroupKeys() *groupKeys {
	return &groupKeys{open: make(map[string]seal.Key), wrapped: make(map[string]string), wake: make(chan struct{}, 1)}
}

func (k *groupKeys) find(id string) (seal.Key, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key, ok := k.open[id]
	return key, ok
}

// look makes runGroupKeys look for keys that the view names and nobody has.
func (k *groupKeys) look() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// load reads the keys from disk; those that do not open are asked for again.
func (k *groupKeys) load(d *disk, token stream.Token, group string) {
	var saved savedKeys
	if !d.read(fileGroupKeys, &saved) || saved.Group != group {
		return
	}
	for id, wrapped := range saved.Keys {
		_ = k.add(token, group, id, wrapped)
	}
}

// add unwraps a key and checks that it is the one it is called.
func (k *groupKeys) add(token stream.Token, group, id, wrapped string) error {
	wrapping := seal.Derive([]byte(token.Reveal()), stream.WrapPurpose)
	raw, err := wrapping.Open(wrapped, stream.WrapContext(group, id))
	if err != nil {
		return fmt.Errorf("open a group key: %w", err)
	}
	key, err := seal.ParseKey(string(raw))
	if err != nil {
		return fmt.Errorf("read a group key: %w", err)
	}
	if key.ID() != id {
		return fmt.Errorf("%w: a group key has another's name", stream.ErrForged)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.open[id], k.wrapped[id] = key, wrapped
	return nil
}

// groupKey gives a key, from memory or from the control plane. Many callers cost one question.
func (r *Registry) groupKey(ctx context.Context, id string) (seal.Key, error) {
	if key, ok := r.keys.find(id); ok {
		return key, nil
	}
	if r.Withdrawn() {
		return seal.Key{}, errWithdrawn
	}
	result := r.keys.flight.DoChan(id, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
		defer cancel()
		return nil, r.fetchGroupKey(ctx, id)
	})
	select {
	case <-ctx.Done():
		return seal.Key{}, fmt.Errorf("wait for a group key: %w", ctx.Err())
	case got := <-result:
		if got.Err != nil {
			return seal.Key{}, got.Err
		}
	}
	key, _ := r.keys.find(id)
	return key, nil
}

func (r *Registry) fetchGroupKey(ctx context.Context, id string) error {
	l := r.link.Load()
	if l == nil {
		return fmt.Errorf("fetch a group key: this gateway is not enrolled")
	}
	reply, err := r.source.GroupKey(ctx, id)
	if err != nil {
		r.consider(err)
		return fmt.Errorf("fetch a group key: %w", err)
	}
	if reply.Key != id {
		return fmt.Errorf("%w: another group key than the one asked for", stream.ErrForged)
	}
	if err := r.keys.add(r.o.Token, l.group, id, reply.Wrapped); err != nil {
		return err
	}
	if err := r.saveGroupKeys(l.group, id); err != nil {
		r.o.Log.Error("a group key cannot be kept on disk", "err", err)
	}
	return nil
}

// saveGroupKeys keeps on disk the keys that the view needs, and the new one.
func (r *Registry) saveGroupKeys(group, fresh string) error {
	saved := savedKeys{Group: group, Keys: map[string]string{}}
	needed := r.View().SealedWith()
	r.keys.mu.Lock()
	defer r.keys.mu.Unlock()
	for id, wrapped := range r.keys.wrapped {
		if _, ok := needed[id]; ok || id == fresh {
			saved.Keys[id] = wrapped
		} else {
			delete(r.keys.wrapped, id)
		}
	}
	return r.disk.write(fileGroupKeys, saved)
}

// runGroupKeys fetches keys as soon as a row names them, so that the first token that needs one finds it, also when
// the control plane is gone by then.
func (r *Registry) runGroupKeys(ctx context.Context) error {
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.keys.wake:
		case <-again.C:
		}
		for id := range r.View().SealedWith() {
			if _, err := r.groupKey(ctx, id); err != nil {
				again.Reset(time.Second)
			}
		}
	}
}
