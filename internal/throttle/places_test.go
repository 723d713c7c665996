package throttle

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func TestWhoIsSlowKeepsNobodyElseWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPlaces(2, 1)
		leave, err := p.Take(t.Context(), "slow")
		if err != nil {
			t.Fatal(err)
		}
		second := make(chan func())
		go func() {
			leave, err := p.Take(t.Context(), "slow")
			if err != nil {
				t.Error(err)
			}
			second <- leave
		}()
		gone, cancel := context.WithCancel(t.Context())
		third := make(chan error)
		go func() {
			_, err := p.Take(gone, "slow")
			third <- err
		}()
		synctest.Wait()
		other, err := p.Take(t.Context(), "quick") // there is a place for it: the slow one has no second
		if err != nil {
			t.Fatal(err)
		}
		full, stop := context.WithCancel(t.Context())
		stop()
		if _, err := p.Take(full, "one more"); !errors.Is(err, context.Canceled) || !errors.Is(err, ErrAll) {
			t.Errorf("a third place of two: %v", err)
		}
		cancel()
		if err := <-third; !errors.Is(err, context.Canceled) || !errors.Is(err, ErrOwn) {
			t.Errorf("who went away: %v", err)
		}
		leave()
		(<-second)()
		other()
		if len(p.own) != 0 || len(p.all) != 0 {
			t.Errorf("%d keys are remembered, %d places taken", len(p.own), len(p.all))
		}
	})
}

func TestOnlyOnesOwnPlacesAreBounded(t *testing.T) {
	p := NewPlaces(0, 2)
	over, stop := context.WithCancel(t.Context())
	stop()
	for _, key := range []string{"a", "b", "c"} {
		for range 2 {
			if _, err := p.Take(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := p.Take(over, key); !errors.Is(err, ErrOwn) {
			t.Errorf("a third place of %s: %v", key, err)
		}
	}
}
