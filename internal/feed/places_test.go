package feed

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func TestAGatewayHasOnePlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlaces(2)
		leave, err := p.take(t.Context(), "slow")
		if err != nil {
			t.Fatal(err)
		}
		second := make(chan func())
		go func() {
			leave, err := p.take(t.Context(), "slow")
			if err != nil {
				t.Error(err)
			}
			second <- leave
		}()
		gone, cancel := context.WithCancel(t.Context())
		third := make(chan error)
		go func() {
			_, err := p.take(gone, "slow")
			third <- err
		}()
		synctest.Wait()
		other, err := p.take(t.Context(), "quick") // there is a place for it: the slow one has no second
		if err != nil {
			t.Fatal(err)
		}
		full, stop := context.WithCancel(t.Context())
		stop()
		if _, err := p.take(full, "one more"); !errors.Is(err, context.Canceled) {
			t.Errorf("a third place of two: %v", err)
		}
		cancel()
		if err := <-third; !errors.Is(err, context.Canceled) {
			t.Errorf("who went away: %v", err)
		}
		leave()
		(<-second)()
		other()
		if len(p.own) != 0 || len(p.all) != 0 {
			t.Errorf("%d gateways are remembered, %d places taken", len(p.own), len(p.all))
		}
	})
}
