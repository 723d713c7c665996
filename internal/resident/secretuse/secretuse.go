// Package secretuse owns which secrets of clients the resident authorization server took, until that is stored: many of
// them at once, so that no request for a token waits for it. It does not own who may have a token.
package secretuse

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"keyward.dev/keyward/internal/store"
)

const (
	every    = 2 * time.Second
	patience = time.Second // at the end
	actor    = "system/resident"
)

// Notes are what is not stored yet: one entry for each secret that was right, so no more than clients have.
type Notes struct {
	store *store.Store
	log   *slog.Logger

	mu    sync.Mutex
	noted map[store.SecretUse]time.Time
}

// New begins to take notes.
func New(s *store.Store, log *slog.Logger) *Notes {
	return &Notes{store: s, log: log, noted: map[store.SecretUse]time.Time{}}
}

// Note notes that a secret of an OAuthClient object was taken.
func (n *Notes) Note(clientID, secret string, at time.Time) {
	use := n.store.UseOfSecret(clientID, secret)
	n.mu.Lock()
	defer n.mu.Unlock()
	if at.After(n.noted[use]) {
		n.noted[use] = at
	}
}

// Run stores the notes from time to time, and what is left when ctx ends.
func (n *Notes) Run(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
			defer cancel()
			n.keep(last)
			return nil
		case <-tick.C:
			n.keep(ctx)
		}
	}
}

// keep stores the notes, or has them for the next time.
func (n *Notes) keep(ctx context.Context) {
	n.mu.Lock()
	noted := n.noted
	n.noted = map[store.SecretUse]time.Time{}
	n.mu.Unlock()
	if len(noted) == 0 {
		return
	}
	err := n.store.Write(ctx, actor, func(tx *store.Tx) error { return tx.NoteSecretUses(noted) })
	if err == nil {
		return
	}
	n.log.WarnContext(ctx, "which secrets were taken could not be stored; tried again later", "err", err)
	n.mu.Lock()
	defer n.mu.Unlock()
	maps.Copy(noted, n.noted) // these are later
	n.noted = noted
}
