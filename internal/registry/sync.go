package registry

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/cenkalti/backoff/v5"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/stream"
	"keyward.dev/keyward/internal/view"
)

// The rhythm of staying current. A committed change has to be in force within a second on a gateway that is connected,
// and within five seconds of the control plane's return on one that was not.
const (
	grace       = 300 * time.Millisecond  // a heartbeat may overtake the changes that it speaks of
	hubSilence  = 2500 * time.Millisecond // without a heartbeat for so long, the hub counts as away
	pollEvery   = 500 * time.Millisecond  // while the hub is away
	spread      = 100 * time.Millisecond  // so that gateways do not ask all at once
	retryFirst  = 250 * time.Millisecond
	retryLast   = 1500 * time.Millisecond
	enrolAgain  = 5 * time.Second  // after an enrolment that did not bring this gateway's key into its view
	hubAgain    = 30 * time.Second // the hub may have moved: enrolment tells where it is
	callTimeout = 5 * time.Second
	tellAgain   = time.Minute
	delayed     = 2 * time.Second // a heartbeat that is so much later than the quickest shows a hub that is behind
)

// syncState is where this gateway stands in its group's log, and what it means to do next. Times are of the process's
// clock.
type syncState struct {
	at      keyward.Position // verified; may be inside of a transaction
	pending []keyward.Change // of the transaction that at is inside of

	wantSnapshot bool
	goal         keyward.Position // of the newest heartbeat
	pullBy       time.Time        // zero: no reason to ask
	quietAt      time.Time        // when the silence is long enough to ask
	beat         time.Time        // of the hub's last heartbeat that counted
	enrolled     time.Time        // zero: enrolment is due
	transit      transit
	retry        *backoff.ExponentialBackOff
	told         time.Time // when it was last logged that the control plane does not answer; zero: it does
}

// want asks for a pull no later than d from now, give or take.
func (s *syncState) want(d time.Duration) {
	by := time.Now().Add(d + rand.N(spread)) //nolint:gosec // spreads load, guards nothing
	if s.pullBy.IsZero() || by.Before(s.pullBy) {
		s.pullBy = by
	}
}

// calm drops the wish to ask when the newest heartbeat speaks of exactly where this gateway stands, unless there is
// something else to ask for.
func (s *syncState) calm() {
	if s.at == s.goal && !s.enrolled.IsZero() && !s.wantSnapshot {
		s.pullBy = time.Time{}
	}
}

func (s *syncState) due() time.Time {
	if s.pullBy.IsZero() || s.quietAt.Before(s.pullBy) {
		return s.quietAt
	}
	return s.pullBy
}

// lost logs that the control plane does not answer as it should: at once, and then seldom.
func (s *syncState) lost(log *slog.Logger, err error) {
	if time.Since(s.told) < tellAgain {
		return
	}
	s.told = time.Now()
	log.Warn("the control plane does not answer as it should; this gateway goes on with what it has", "err", err)
}

// found logs that the control plane answers again.
func (s *syncState) found(log *slog.Logger) {
	if !s.told.IsZero() {
		log.Info("the control plane answers again")
		s.told = time.Time{}
	}
}

func (s *syncState) hubAway() bool { return time.Since(s.beat) >= hubSilence }

// runSync is the only goroutine that moves this gateway along the log.
func (r *Registry) runSync(ctx context.Context) error {
	s := &r.sync
	s.retry = backoff.NewExponentialBackOff()
	s.retry.InitialInterval, s.retry.MaxInterval, s.retry.RandomizationFactor = retryFirst, retryLast, 0.3
	s.pullBy = time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case m := <-r.inbox:
			r.take(m)
		case <-r.lost:
			s.beat = time.Time{} // no need to wait for its silence
			s.want(0)
		case <-timer.C:
			r.contact(ctx)
		}
		timer.Reset(time.Until(s.due()))
	}
}

// contact asks the control plane for what is missing, after presenting this gateway when that is due.
func (r *Registry) contact(ctx context.Context) {
	s := &r.sync
	var err error
	if s.enrolled.IsZero() || s.hubAway() && time.Since(s.enrolled) > hubAgain {
		err = r.enrol(ctx)
	}
	if r.link.Load() != nil && !r.Withdrawn() {
		if pullErr := r.pull(ctx); pullErr != nil || err == nil {
			err = pullErr
		}
	}
	if err != nil {
		r.consider(err)
		r.m.pulls.WithLabelValues("failed").Inc()
		if !r.Withdrawn() {
			s.lost(r.o.Log, err)
		}
		wait := s.retry.NextBackOff()
		s.pullBy, s.quietAt = time.Now().Add(wait), time.Now().Add(wait)
		return
	}
	s.found(r.o.Log)
	s.retry.Reset()
	s.pullBy = time.Time{}
	s.quietAt = s.beat.Add(hubSilence)
	if s.hubAway() {
		s.quietAt = time.Now().Add(pollEvery - spread + rand.N(2*spread)) //nolint:gosec // spreads load, guards nothing
	}
	r.settle()
}

// take handles one message of the hub. Nothing on it is believed because it came from there.
func (r *Registry) take(m *stream.Message) {
	l := r.link.Load()
	if l == nil {
		return
	}
	changes, err := l.verified(m)
	if err != nil {
		r.refused("forged", err)
		return
	}
	switch m.Type {
	case stream.TypeHeartbeat:
		r.heartbeat(m)
	case stream.TypeChanges:
		r.changes(m, changes)
	default:
		r.refused("unknown", nil)
	}
	r.settle()
}

func (r *Registry) refused(reason string, err error) {
	r.m.refused.WithLabelValues(reason).Inc()
	r.o.Log.Debug("a message of the event hub changes nothing", "reason", reason, "err", err)
}

// heartbeat notes that the control plane is there, and compares where the group's log stands.
func (r *Registry) heartbeat(m *stream.Message) {
	if !r.heard(m, false) {
		r.refused("old", nil)
		return
	}
	s := &r.sync
	if !s.transit.behind(m.Time) {
		s.beat = time.Now()
		s.quietAt = s.beat.Add(hubSilence)
	}
	s.goal = m.To
	switch {
	case s.goal == s.at:
		s.calm()
	case s.goal.Revision == s.at.Revision:
		s.want(0) // another history: waiting mends nothing
	default:
		s.want(grace)
	}
}

// changes puts records of the hub into force. Those signed before the last heartbeat come from the past: they may be
// genuine, of a history that a restored database has left since, so the control plane is asked instead.
func (r *Registry) changes(m *stream.Message, changes []keyward.Change) {
	s := &r.sync
	r.mu.Lock()
	late := m.Time.Before(r.pulse.at)
	r.mu.Unlock()
	if late {
		if m.To.Revision > s.at.Revision {
			s.want(0)
		}
		r.refused("late", nil)
		return
	}
	fresh, err := r.follow(m, changes)
	switch {
	case errors.Is(err, errGap):
		s.want(0)
		r.refused("gap", nil)
	case err != nil:
		s.wantSnapshot = true
		s.want(0)
		r.o.Log.Error("changes of the control plane cannot be applied", "err", err)
	case !fresh:
		r.refused("known", nil)
	default:
		r.keep(m)
		s.calm()
	}
}

// keep appends to the disk what is in force already. Without it, a restart begins at an older place.
func (r *Registry) keep(m *stream.Message) {
	if err := r.disk.append(m); err != nil {
		r.o.Log.Error("the gateway's log cannot be written; a new snapshot will be tried", "err", err)
	}
}

// settle looks whether something else is due.
func (r *Registry) settle() {
	s := &r.sync
	r.mu.Lock()
	keyed := r.status.keyRevision > 0
	r.mu.Unlock()
	if !keyed && r.view.Load() != nil && !s.enrolled.IsZero() && time.Since(s.enrolled) > enrolAgain {
		s.enrolled = time.Time{}
		s.want(0)
	}
	if !s.wantSnapshot && r.disk.tooLong() {
		s.wantSnapshot = true
		s.want(2 * time.Second)
	}
}

// follow moves along the log by one verified message: whole transactions go into force at once, the rest waits for
// its end. It tells whether the message held anything new, and returns errGap when it does not follow.
func (r *Registry) follow(m *stream.Message, changes []keyward.Change) (fresh bool, err error) {
	s := &r.sync
	before := r.view.Load()
	if before == nil {
		return false, errGap // nothing begins without a snapshot, the one on disk neither
	}
	have, err := overlap(s.at, m)
	if err != nil {
		return false, err
	}
	if have == len(changes) {
		return false, nil
	}
	at, whole, settled := m.From, keyward.Position{}, 0
	for i, record := range m.Records {
		at = keyward.Position{Revision: at.Revision + 1, Chain: at.Chain.Next(record)}
		if i >= have && changes[i].Last {
			whole, settled = at, i+1
		}
	}
	if settled > 0 {
		batch := append(s.pending, changes[have:settled]...)
		known, err := before.Apply(batch)
		if err != nil {
			return false, err
		}
		s.pending, have = nil, settled
		r.swap(known.At(whole), batch)
	}
	s.pending = append(s.pending, changes[have:]...)
	s.at = m.To
	return true, nil
}

// rebase begins anew from a verified snapshot.
func (r *Registry) rebase(known *view.View, rows []keyward.Change, end *stream.Message) {
	s := &r.sync
	s.at, s.pending, s.wantSnapshot = end.To, nil, false
	r.mu.Lock()
	r.status.keyRevision = 0
	r.mu.Unlock()
	r.swap(known.At(end.To), rows)
}

// swap puts a view into force.
func (r *Registry) swap(known *view.View, because []keyward.Change) {
	r.view.Store(known)
	r.m.revision.Set(float64(known.Position().Revision))
	r.mu.Lock()
	for i := range because {
		c := &because[i]
		if c.Kind != keyward.RowGatewayKey || c.ID != r.key.ID {
			continue
		}
		r.status.keyRevision = 0
		if !c.Deleted {
			r.status.keyRevision = c.Revision
		}
	}
	if r.status.servingSince.IsZero() {
		r.status.servingSince = r.o.Now()
	}
	r.status.head = max(r.status.head, known.Position().Revision)
	for c := range r.watches {
		select {
		case c <- struct{}{}:
		default:
		}
	}
	r.mu.Unlock()
	r.keys.look()
}
