package registry

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"keyward.dev/keyward/internal/stream"
	"keyward.dev/keyward/internal/view"
)

// enrol presents this gateway and its key, and learns what it belongs to and where the hub is.
func (r *Registry) enrol(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	q := stream.EnrolRequest{JWK: r.key.JWK, Build: r.o.Build, Nonce: rand.Text()}
	reply, err := r.source.Enrol(ctx, q)
	if err != nil {
		return fmt.Errorf("enrol at the control plane: %w", err)
	}
	l, err := newLink(r.o.Token, reply.PublicKey, reply.Statement, q.Nonce)
	if err != nil {
		return fmt.Errorf("enrol at the control plane: %w", err)
	}
	if before := r.link.Swap(l); before != nil && before.group != l.group {
		r.sync.wantSnapshot = true
	}
	r.sync.enrolled = time.Now()
	err = r.changeIdentity(func(id *identity) {
		id.PublicKey, id.Enrolment = reply.PublicKey, reply.Statement
	})
	if err != nil {
		r.o.Log.Error("what enrolment said cannot be kept on disk", "err", err)
	}
	select {
	case <-r.hub: // what was said before is overtaken
	default:
	}
	r.hub <- reply.Hub
	return nil
}

// pulling is one question in progress.
type pulling struct {
	r     *Registry
	l     *link
	nonce string
	rows  rowsReader
	file  *snapshotFile
	fail  bool // the disk did; the answer is used all the same
	end   *stream.Message
}

// pull asks for what this gateway lacks. Whatever the answer is, it ends signed and with this question's nonce.
func (r *Registry) pull(ctx context.Context) error {
	p := &pulling{r: r, l: r.link.Load(), nonce: rand.Text()}
	q := stream.PullRequest{Nonce: p.nonce}
	if !r.sync.wantSnapshot {
		at := r.sync.at
		q.Position = &at
	}
	err := r.source.Pull(ctx, q, p.take)
	if err == nil && p.end == nil {
		err = errors.New("the answer breaks off")
	}
	if err == nil {
		err = p.finish()
	}
	if p.file != nil {
		_ = p.file.discard() // a temporary file that did not become the snapshot
	}
	if err != nil {
		return fmt.Errorf("ask the control plane for changes: %w", err)
	}
	return nil
}

// take handles one part of the answer. Changes go into force as they come, a snapshot only at its end.
func (p *pulling) take(m *stream.Message) error {
	if p.end != nil {
		return fmt.Errorf("%w: the answer goes on after its end", stream.ErrForged)
	}
	if m.Type == stream.TypeRows {
		return p.row(m)
	}
	changes, err := p.l.answered(m, p.nonce)
	if err != nil {
		return err
	}
	switch m.Type {
	case stream.TypeChanges:
		fresh, err := p.r.follow(m, changes)
		if err != nil {
			p.r.sync.wantSnapshot = true
			return err
		}
		if fresh {
			p.r.keep(m)
		}
		return nil
	case stream.TypeHeartbeat, stream.TypeSnapshot:
		p.end = m
		return nil
	default:
		return fmt.Errorf("%w: a message of type %.20q is not an answer", stream.ErrForged, m.Type)
	}
}

// row sets a part of a snapshot aside. Neither the view nor the snapshot on disk is touched before finish.
func (p *pulling) row(m *stream.Message) error {
	p.write(m)
	return p.rows.add(m)
}

// write keeps a part in a temporary file. A disk that fails costs the copy, not the snapshot.
func (p *pulling) write(m *stream.Message) {
	if p.fail {
		return
	}
	var err error
	if p.file == nil {
		p.file, err = p.r.disk.beginSnapshot()
	}
	if err == nil {
		err = p.file.add(m)
	}
	if err != nil {
		p.fail = true
		p.r.disk.fail()
		p.r.o.Log.Error("the snapshot cannot be kept on disk", "err", err)
	}
}

func (p *pulling) finish() error {
	r := p.r
	if p.end.Type == stream.TypeHeartbeat {
		if p.end.To != r.sync.at || p.rows.rows > 0 {
			r.sync.wantSnapshot = true
			return fmt.Errorf("the answer leads to revision %d instead of %d", r.sync.at.Revision, p.end.To.Revision)
		}
		r.answered(p.end)
		r.m.pulls.WithLabelValues("changes").Inc()
		return nil
	}
	if err := p.rows.end(p.end); err != nil {
		return err
	}
	known, err := view.EmptyView().Apply(p.rows.changes)
	if err != nil {
		return fmt.Errorf("put the snapshot into force: %w", err)
	}
	r.rebase(known, p.rows.changes, p.end)
	r.answered(p.end)
	r.m.pulls.WithLabelValues("snapshot").Inc()
	p.store()
	return nil
}

// answered takes the end of an answer as a sign of life.
func (r *Registry) answered(end *stream.Message) {
	r.sync.transit.answered(end.Time)
	r.heard(end, true)
}

// store makes the snapshot that is in force the one on disk.
func (p *pulling) store() {
	p.write(p.end)
	if p.fail {
		return
	}
	file := p.file
	p.file = nil
	if err := file.commit(); err != nil {
		p.r.disk.fail()
		p.r.o.Log.Error("the snapshot cannot be kept on disk", "err", err)
	}
}
