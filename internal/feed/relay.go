package feed

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/stream"
)

const (
	leaseName  = "relay"
	leaseTTL   = 3 * time.Second
	beatEvery  = time.Second
	pollEvery  = 200 * time.Millisecond // for commits of another control plane
	upkeepTick = 10 * time.Second
	trimEvery  = 6 // upkeep ticks
	system     = "system/feed"
	logEvery   = 30 * time.Second // how often a lasting fault is told
	backlog    = 200              // records before the head that a new leader sends once more
)

// relay publishes each group's log, in order. Where it stands is not kept: a new leader begins a little before the
// head, because the former one may have ended between a commit and its publication, and gateways skip what they have.
// Anything older they see by the heartbeat that they missed.
type relay struct {
	f       *Feed
	leads   atomic.Bool
	renewed time.Time
	beat    time.Time
	cursors map[string]keyward.Position
	seen    map[string]keyward.Position // the heads of the last look, while another control plane leads
	told    time.Time
}

func newRelay(f *Feed) *relay {
	return &relay{f: f, cursors: make(map[string]keyward.Position), seen: make(map[string]keyward.Position)}
}

func (r *relay) run(ctx context.Context) error {
	wake, stop := r.f.store.Watch()
	defer stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for own := false; ; {
		if err := r.step(ctx, own); err != nil && ctx.Err() == nil && time.Since(r.told) > logEvery {
			r.told = time.Now()
			r.f.o.Log.Warn("changes cannot be relayed at the moment; gateways ask for them", "err", err)
		}
		select {
		case <-ctx.Done():
			r.resign(ctx)
			return ctx.Err()
		case <-wake:
			own = true
		case <-tick.C:
			own = false
		}
	}
}

// resign gives the lease back, so that another control plane, or this one after a restart, leads at once.
func (r *relay) resign(ctx context.Context) {
	if !r.leads.Swap(false) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseTTL)
	defer cancel()
	if _, err := r.f.store.Lease(ctx, leaseName, r.f.holder, 0); err != nil {
		r.f.o.Log.Debug("the relay's lease was not given back", "err", err)
	}
}

// step does what is due: renew the lease, publish, beat. own tells that something was committed in this process.
func (r *relay) step(ctx context.Context, own bool) error {
	if err := r.lead(ctx); err != nil {
		return err
	}
	if !r.leads.Load() {
		return r.assist(ctx, own)
	}
	now := r.f.o.Now().UTC() // before the read, as in Pull
	heads, err := r.publish(ctx)
	if err != nil || time.Since(r.beat) < beatEvery-pollEvery/2 {
		return err
	}
	r.beat = time.Now()
	for group, head := range heads {
		m := &stream.Message{Type: stream.TypeHeartbeat, Group: group, To: head, Time: now}
		if err := r.send(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// lead takes or renews the lease when a third of its time is over.
func (r *relay) lead(ctx context.Context) error {
	if time.Since(r.renewed) < leaseTTL/3 {
		return nil
	}
	asked := time.Now()
	ok, err := r.f.store.Lease(ctx, leaseName, r.f.holder, leaseTTL)
	if err != nil {
		if time.Since(r.renewed) > leaseTTL {
			r.leads.Store(false)
			r.f.m.leader.Set(0)
		}
		return fmt.Errorf("renew the relay's lease: %w", err)
	}
	r.renewed = asked
	if ok && !r.leads.Load() {
		clear(r.cursors)
		r.f.o.Log.Info("this control plane relays changes to gateways")
	}
	r.leads.Store(ok)
	r.f.m.leader.Set(boolGauge(ok))
	return nil
}

// assist publishes what was committed here while another control plane leads. That one would do so too, a little later;
// but it may have ended without giving its lease back, and gateways would wait until the lease is over.
func (r *relay) assist(ctx context.Context, own bool) error {
	heads, err := r.heads(ctx)
	if err != nil {
		return err
	}
	if !own {
		r.cursors, r.seen = r.seen, heads // what was committed since the look before this one may still be due
		return nil
	}
	for group, head := range heads {
		if _, known := r.cursors[group]; !known {
			if r.cursors[group], err = r.beginning(ctx, group, head); err != nil {
				return err
			}
		}
		if err := r.publishGroup(ctx, group, head); err != nil {
			return err
		}
	}
	return nil
}

// heads reads where each group's log ends.
func (r *relay) heads(ctx context.Context) (map[string]keyward.Position, error) {
	heads := make(map[string]keyward.Position)
	err := r.f.store.Read(ctx, func(tx *store.Tx) error {
		clear(heads)
		groups, err := tx.Groups()
		if err != nil {
			return err
		}
		for _, group := range groups {
			if heads[group], err = tx.Head(group); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the heads of the groups' logs: %w", err)
	}
	return heads, nil
}

// publish sends what each group's log holds beyond the cursor, and gives the heads.
func (r *relay) publish(ctx context.Context) (map[string]keyward.Position, error) {
	heads, err := r.heads(ctx)
	if err != nil {
		return nil, err
	}
	for group, head := range heads {
		at, known := r.cursors[group]
		switch {
		case !known: // a new leader
			if at, err = r.beginning(ctx, group, head); err != nil {
				return nil, err
			}
			r.cursors[group] = at
		case at.Revision > head.Revision: // a database that was put back: heartbeats tell
			r.cursors[group], at = head, head
		}
		r.f.m.lag.WithLabelValues(group).Set(float64(head.Revision - at.Revision))
		if at == head {
			r.f.m.revision.WithLabelValues(group).Set(float64(head.Revision))
			continue
		}
		if err := r.publishGroup(ctx, group, head); err != nil {
			return nil, err
		}
		heads[group] = r.cursors[group] // what was committed meanwhile went out too
	}
	return heads, nil
}

// beginning is where a relay that published nothing yet begins: a little before the head, or at it when the log does
// not reach back so far.
func (r *relay) beginning(ctx context.Context, group string, head keyward.Position) (keyward.Position, error) {
	begin := head
	err := r.f.store.Read(ctx, func(tx *store.Tx) error {
		begin = head
		revision := head.Revision - min(head.Revision, backlog)
		chain, held, err := tx.ChainAt(group, revision)
		if held {
			begin = keyward.Position{Revision: revision, Chain: chain}
		}
		return err
	})
	if err != nil {
		return keyward.Position{}, fmt.Errorf("look back in the log of group %s: %w", group, err)
	}
	return begin, nil
}

func (r *relay) publishGroup(ctx context.Context, group string, head keyward.Position) error {
	for at := r.cursors[group]; at.Revision < head.Revision; at = r.cursors[group] {
		var page []store.Record
		err := r.f.store.Read(ctx, func(tx *store.Tx) (err error) {
			page, err = tx.Records(group, at.Revision, pageRecords)
			return err
		})
		if err != nil {
			return fmt.Errorf("read the log of group %s: %w", group, err)
		}
		if len(page) == 0 || page[0].Revision != at.Revision+1 || page[0].Chain != at.Chain.Next(page[0].Bytes) {
			break // trimmed, or another history
		}
		records := make([][]byte, len(page))
		for i := range page {
			records[i] = page[i].Bytes
		}
		for _, part := range pack(records) {
			if err := r.publishPart(ctx, group, part); err != nil {
				return err
			}
		}
	}
	if r.cursors[group] != head && r.cursors[group].Revision <= head.Revision {
		r.cursors[group] = head
	}
	r.f.m.revision.WithLabelValues(group).Set(float64(r.cursors[group].Revision))
	r.f.m.lag.WithLabelValues(group).Set(0)
	return nil
}

// publishPart sends records that follow the cursor, and moves it. One that is too large for the hub is left out:
// gateways see the gap and ask.
func (r *relay) publishPart(ctx context.Context, group string, part [][]byte) error {
	m := changesOf(group, r.cursors[group], part)
	if len(part) > 1 || len(part[0]) <= stream.MaxRecordBytes {
		m.Time = r.f.o.Now().UTC()
		if err := r.send(ctx, m); err != nil {
			return err
		}
	}
	r.cursors[group] = m.To
	return nil
}

func (r *relay) send(ctx context.Context, m *stream.Message) error {
	data, err := r.f.signer.Sign(m).Encode()
	if err != nil {
		return fmt.Errorf("encode a message for group %s: %w", m.Group, err)
	}
	return r.f.hub.Publish(ctx, m.Group, data)
}

// runUpkeep keeps the logs and what was counted short and lets old gateway keys expire, while this control plane leads.
func (f *Feed) runUpkeep(ctx context.Context, r *relay) error {
	tick := time.NewTicker(upkeepTick)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if !r.leads.Load() {
			continue
		}
		if err := f.upkeep(ctx, n%trimEvery == 0); err != nil && ctx.Err() == nil {
			f.o.Log.Warn("the gateways' logs could not be kept in order; tried again later", "err", err)
		}
	}
}

func (f *Feed) upkeep(ctx context.Context, trim bool) error {
	err := f.store.Write(ctx, system, func(tx *store.Tx) error {
		_, err := tx.DropExpiredGatewayKeys(f.o.Now().UTC())
		return err
	})
	if err != nil || !trim {
		return err
	}
	return f.store.Write(ctx, system, func(tx *store.Tx) error {
		if err := tx.DropUsage(f.o.Now().UTC()); err != nil {
			return err
		}
		groups, err := tx.Groups()
		if err != nil {
			return err
		}
		for _, group := range groups {
			if err := tx.TrimLog(group, f.o.Keep); err != nil {
				return err
			}
		}
		return nil
	})
}
