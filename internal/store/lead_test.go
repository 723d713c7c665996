package store

import (
	"context"
	"log/slog"
	"testing"
	"time"
)

// Who does something that takes longer than the period keeps the lead meanwhile, and hears of it when it is lost all the same.
func TestTheLeadIsKeptWhileSomethingIsDone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		const name = "test"
		log := slog.New(slog.DiscardHandler)
		first, second := s.NewLead(name, 3*time.Second, false), s.NewLead(name, 3*time.Second, false)
		takes := func(l *Lead) bool {
			t.Helper()
			mine, err := l.Take(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return mine
		}
		stored := func() (holder string, until int64) {
			t.Helper()
			row := s.db.Read.QueryRowContext(t.Context(), `SELECT holder, until FROM leases WHERE name = $1`, name)
			if err := row.Scan(&holder, &until); err != nil {
				t.Fatal(err)
			}
			return holder, until
		}
		if !takes(first) || takes(second) {
			t.Fatal("two lead, or nobody")
		}
		leads, _ := stored()
		err := first.While(t.Context(), log, func(ctx context.Context) error {
			holder, before := stored()
			for until := before; until == before && ctx.Err() == nil; { // renewed by itself
				holder, until = stored()
			}
			if holder != leads || ctx.Err() != nil {
				t.Errorf("%s has the lead, not %s", holder, leads)
			}
			_, err := s.db.Write.ExecContext(ctx, `UPDATE leases SET holder = 'another', until = until + $1 WHERE name = $2`,
				time.Hour.Microseconds(), name) // as if it had not been kept in time
			if err != nil {
				t.Error(err)
			}
			<-ctx.Done()
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if takes(first) || takes(second) {
			t.Error("what was lost is not the other one's")
		}
	})
}
