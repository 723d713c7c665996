package turn_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"keyward.dev/keyward/internal/keys/turn"
)

// One has the turn at a time, of each id apart.
func TestOneAtATime(t *testing.T) {
	turns := turn.New()
	end := turns.Take("a")
	if end == nil || !turns.Taken("a") || turns.Take("a") != nil {
		t.Fatal("a turn is nobody's or everybody's")
	}
	other := turns.Take("b")
	if other == nil {
		t.Fatal("another id waits")
	}
	other()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := turns.Await(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("a wait that is given up: %v", err)
	}
	end()
	if turns.Taken("a") {
		t.Error("a turn does not end")
	}
	var all sync.WaitGroup
	counted := 0 // the race detector sees two at once
	for range 50 {
		all.Go(func() {
			end, err := turns.Await(t.Context(), "a")
			if err != nil {
				t.Error(err)
				return
			}
			counted++
			end()
		})
	}
	all.Wait()
	if counted != 50 {
		t.Errorf("%d of 50 had their turn", counted)
	}
}

// A visit is waited for by who claims the turn; one that is taken is not.
func TestClaimWaitsForVisits(t *testing.T) {
	turns := turn.New()
	end := turns.Take("a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := turns.Visit(ctx, "a"); turns.Claim(t.Context(), "a") != nil || !errors.Is(err, context.Canceled) {
		t.Fatalf("a turn that is taken is somebody else's too: %v", err)
	}
	end()
	end, err := turns.Visit(t.Context(), "a")
	if err != nil || !turns.Taken("a") || turns.Take("a") != nil {
		t.Fatalf("a visit has no turn: %v", err)
	}
	if turns.Claim(ctx, "a") != nil {
		t.Error("a wait that is given up has the turn")
	}
	claimed := make(chan func())
	go func() { claimed <- turns.Claim(t.Context(), "a") }()
	select {
	case <-claimed:
		t.Fatal("the claim did not wait")
	default:
	}
	end()
	if end = <-claimed; end == nil {
		t.Fatal("the claim ended with nothing")
	}
	end()
	if turns.Taken("a") {
		t.Error("a turn does not end")
	}
}
