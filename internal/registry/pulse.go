package registry

import (
	"time"

	"keyward.dev/keyward/internal/stream"
)

// pulse is the last sign of life of the control plane that counted.
type pulse struct {
	message  *stream.Message // nil when it came with a snapshot
	at       time.Time       // by the control plane's clock
	received time.Time       // by this gateway's clock
	live     bool            // heard by this process
	saved    time.Time       // when it was last put on disk
}

// heard takes a verified heartbeat or snapshot end. One from the hub counts only when it is later than the last, so
// that recordings keep nobody alive; an answer that carries this gateway's own nonce is fresh whatever its clock says,
// and so sets a control plane's clock right that was wrong.
func (r *Registry) heard(m *stream.Message, answered bool) bool {
	r.mu.Lock()
	if !answered && !m.Time.After(r.pulse.at) {
		r.mu.Unlock()
		return false
	}
	r.pulse = pulse{message: m, at: m.Time, received: r.o.Now(), live: true, saved: r.pulse.saved}
	r.status.head = m.To.Revision
	r.mu.Unlock()
	r.m.lag.Set(float64(m.To.Revision - min(r.View().Position().Revision, m.To.Revision)))
	if err := r.rememberPulse(false); err != nil {
		r.o.Log.Error("the heartbeat cannot be kept on disk", "err", err)
	}
	return true
}

// age is how long the control plane has been silent. Both clocks count, and the greater age wins: a hub that delays
// the stream shows in the control plane's time, a control plane whose clock is ahead in this gateway's.
func (r *Registry) age() time.Duration {
	r.mu.Lock()
	p := r.pulse
	r.mu.Unlock()
	now := r.o.Now()
	return max(0, now.Sub(p.at), now.Sub(p.received))
}

// ClockAhead is how far this gateway's clock is ahead of the control plane's, where that alone makes it look silent; 0 = it does not.
func (r *Registry) ClockAhead() time.Duration {
	r.mu.Lock()
	p := r.pulse
	r.mu.Unlock()
	ahead := p.received.Sub(p.at)
	if !p.live || ahead <= silenceMarked || r.o.Now().Sub(p.received) > silenceMarked {
		return 0
	}
	return ahead
}

// rememberPulse keeps the heartbeat on disk, every few seconds or when forced. A restart then resets nothing; what is
// on disk may only be older than the truth.
func (r *Registry) rememberPulse(force bool) error {
	every := 5 * time.Second
	if r.o.MaxStale > 0 {
		every = max(250*time.Millisecond, min(every, r.o.MaxStale/4))
	}
	now := r.o.Now()
	r.mu.Lock()
	p := r.pulse
	due := p.live && p.message != nil && p.message.Type == stream.TypeHeartbeat && (force || now.Sub(p.saved) >= every)
	if due {
		r.pulse.saved = now
	}
	r.mu.Unlock()
	if !due {
		return nil
	}
	return r.disk.write(fileHeartbeat, savedPulse{Message: p.message, Received: p.received})
}

// transit follows how long heartbeats take, which only differences tell: the two clocks need not agree. A hub that
// falls behind would otherwise look alive, with news from the past.
type transit struct {
	origin   time.Time     // of this process's clock
	quickest time.Duration // between the clocks, with the quickest way
}

// took is the time between the clocks for a message that came now.
func (t *transit) took(sent time.Time) time.Duration {
	return time.Since(t.origin) - sent.Sub(t.origin)
}

// answered begins anew with an answer of the control plane, which took no way through the hub.
func (t *transit) answered(sent time.Time) {
	t.origin = time.Now()
	t.quickest = t.took(sent)
}

// behind judges a heartbeat of the hub.
func (t *transit) behind(sent time.Time) bool {
	took := t.took(sent)
	t.quickest = min(t.quickest, took)
	return !t.origin.IsZero() && took > t.quickest+delayed
}
