package registry

import (
	"context"
	"errors"
	"time"

	"keyward.dev/keyward/internal/stream"
)

const (
	reportEvery  = 2 * time.Second
	keepPatience = 300 * time.Millisecond // for a disk that is slow to keep a withdrawal, serving goes on
	reportUnripe = 200 * time.Millisecond // until the signing key is known to be published, or while more was counted
	lastPatience = time.Second
)

// runHub follows the hub that enrolment named, and another one when it names another.
func (r *Registry) runHub(ctx context.Context) error {
	var access stream.HubAccess
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case access = <-r.hub:
		}
		for {
			next, ok := r.followHub(ctx, access)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if !ok {
				break
			}
			access = next
		}
	}
}

// followHub follows one hub until ctx ends (false), it fails (the same again, a little later), or another is named.
func (r *Registry) followHub(ctx context.Context, access stream.HubAccess) (next stream.HubAccess, ok bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	group := r.link.Load().group
	go func() { done <- r.source.Follow(ctx, group, access, r.deliver) }()
	pause := time.NewTimer(time.Hour)
	defer pause.Stop()
	for {
		select {
		case err := <-done:
			if ctx.Err() != nil {
				return access, false
			}
			r.o.Log.Debug("the event hub is not followed", "err", err)
			done = nil
			pause.Reset(reportEvery)
		case <-pause.C:
			return access, true
		case named := <-r.hub:
			if done != nil && sameHub(named, access) && r.link.Load().group == group {
				continue
			}
			cancel()
			if done != nil {
				err := <-done
				r.o.Log.Debug("the event hub has moved", "err", err)
			}
			return named, true
		}
	}
}

func sameHub(a, b stream.HubAccess) bool {
	if len(a.URLs) != len(b.URLs) || a.User != b.User || a.Password != b.Password {
		return false
	}
	for i := range a.URLs {
		if a.URLs[i] != b.URLs[i] {
			return false
		}
	}
	return true
}

// deliver takes one message off the hub. A withdrawal does not wait behind others.
func (r *Registry) deliver(data []byte) {
	if data == nil {
		select {
		case r.lost <- struct{}{}:
		default:
		}
		return
	}
	m, err := stream.Decode(data)
	if err != nil {
		r.refused("unreadable", err)
		return
	}
	if m.Type == stream.TypeWithdrawal {
		if l := r.link.Load(); l != nil && m.Gateway == r.o.Token.ID() {
			r.consider(&stream.WithdrawnError{PublicKey: l.public, Statement: m})
		}
		return
	}
	select {
	case r.inbox <- m:
	default:
		r.refused("overflow", nil) // the next heartbeat tells what is missing
	}
}

// consider looks whether an error says, and proves, that this gateway is withdrawn. A plain refusal stops nobody.
func (r *Registry) consider(err error) {
	var w *stream.WithdrawnError
	if !errors.As(err, &w) {
		return
	}
	if err := checkWithdrawal(r.o.Token, w); err != nil {
		r.refused("forged", err)
		return
	}
	r.stop(w)
}

// stop ends serving for good. The statement is put on disk first: who sees the gateway stop and kills it then must not
// bring it back with the next start. What is written survives the process before it is forced to the disk.
func (r *Registry) stop(w *stream.WithdrawnError) {
	r.leaving.Lock()
	defer r.leaving.Unlock()
	if r.withdrawn.Load() {
		return
	}
	kept := make(chan error, 1)
	go func() { kept <- r.disk.jot(fileWithdrawal, w) }()
	select {
	case err := <-kept:
		kept <- err
	case <-time.After(keepPatience):
	}
	r.withdrawn.Store(true)
	close(r.gone)
	r.o.Log.Warn("this gateway was withdrawn by its control plane and stops serving, after a restart too, until it has another credential")
	if err := errors.Join(<-kept, r.disk.write(fileWithdrawal, w)); err != nil {
		r.o.Log.Error("the withdrawal cannot be kept on disk", "err", err)
	}
}

// runReports tells the control plane where this gateway stands and what it counted, and learns when its key may be used.
func (r *Registry) runReports(ctx context.Context) error {
	wake, stop := r.Watch()
	defer stop()
	next := time.Now()
	tick := time.NewTimer(0)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			r.lastReport(ctx)
			return ctx.Err()
		case <-wake: // soon, but many changes are one report
			if time.Until(next) > reportUnripe {
				next = time.Now().Add(reportUnripe)
				tick.Reset(reportUnripe)
			}
			continue
		case <-tick.C:
		}
		every := reportEvery
		if r.view.Load() != nil {
			published, more, err := r.report(ctx)
			if err != nil {
				r.consider(err)
				r.o.Log.Debug("the report did not reach the control plane", "err", err)
			} else if !published || more {
				every = reportUnripe
			}
		}
		next = time.Now().Add(every)
		tick.Reset(every)
	}
}

// lastReport tells what was counted since the last one. Who stops this process does not wait long for it.
func (r *Registry) lastReport(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastPatience)
	defer cancel()
	r.bare = false
	for more := r.o.Usage != nil && r.view.Load() != nil && !r.Withdrawn(); more; {
		var err error
		if _, more, err = r.report(ctx); err != nil {
			r.o.Log.Debug("the last report did not reach the control plane", "err", err)
		}
	}
}

// report tells whether the gateway's key is known to be published, and whether more was counted than the report holds.
func (r *Registry) report(ctx context.Context) (published, more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	at := r.View().Position()
	r.mu.Lock()
	s := r.status
	r.mu.Unlock()
	stale, _ := r.Stale()
	report := stream.Report{
		Position: at, KeyRevision: s.keyRevision, Lag: max(s.head, at.Revision) - at.Revision, Stale: stale, Build: r.o.Build,
	}
	if r.o.Usage != nil && !r.bare {
		report.Usage = r.o.Usage.Next()
	}
	reply, err := r.source.Report(ctx, report)
	// What was counted must not keep the rest from the control plane, should it be what is wrong.
	r.bare = err != nil && report.Usage != nil
	if err != nil {
		return false, false, err
	}
	more = report.Usage != nil && reply.Counted == report.Usage.Sequence && r.o.Usage.Answered(reply.Counted)
	published = reply.KeyPublished && s.keyRevision > 0
	r.mu.Lock()
	first := published && !r.status.keyPublished
	r.status.keyPublished = r.status.keyPublished || published
	r.mu.Unlock()
	if first {
		if err := r.changeIdentity(func(id *identity) { id.KeyPublished = true }); err != nil {
			r.o.Log.Error("this gateway's identity cannot be kept on disk", "err", err)
		}
	}
	return published, more, nil
}
