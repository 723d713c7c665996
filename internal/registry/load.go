package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/stream"
	"keyward.dev/keyward/internal/view"
)

// load reads the folder. What is missing, altered or somebody else's is left out and made again.
func (r *Registry) load() error {
	id, err := r.loadIdentity()
	if err != nil {
		return err
	}
	var w stream.WithdrawnError
	if r.disk.read(fileWithdrawal, &w) && checkWithdrawal(r.o.Token, &w) == nil {
		r.withdrawn.Store(true)
		close(r.gone)
	}
	l, err := newLink(r.o.Token, id.PublicKey, id.Enrolment, "")
	if err != nil {
		return r.disk.openLog(0) // never enrolled, or not by this control plane
	}
	r.link.Store(l)
	r.keys.load(r.disk, r.o.Token, l.group)
	if r.loadSnapshot(l) {
		err = r.loadLog(l)
	} else {
		err = r.disk.openLog(0)
	}
	if err != nil {
		return err
	}
	var p savedPulse
	if r.disk.read(fileHeartbeat, &p) && p.Message != nil && p.Message.Type == stream.TypeHeartbeat {
		if _, err := l.verified(p.Message); err == nil && p.Message.Time.After(r.pulse.at) {
			r.pulse = pulse{message: p.Message, at: p.Message.Time, received: p.Received}
		}
	}
	r.status.keyPublished = id.KeyPublished && r.view.Load() != nil && r.View().HasGatewayKey(r.key.ID)
	return nil
}

func (r *Registry) loadIdentity() (identity, error) {
	var id identity
	if r.disk.read(fileIdentity, &id) && id.Gateway == r.o.Token.ID() {
		if key, err := openSigningKey(id.Key, r.disk.key); err == nil {
			r.key = key
			return id, nil
		}
		id.KeyPublished = false // the key is lost, and what was signed for this gateway is still good
	} else if err := r.disk.wipe(); err != nil {
		return identity{}, err
	} else {
		id = identity{Gateway: r.o.Token.ID()}
	}
	key, err := newSigningKey()
	if err != nil {
		return identity{}, err
	}
	r.key = key
	if id.Key, err = key.seal(r.disk.key); err != nil {
		return identity{}, err
	}
	return id, r.disk.write(fileIdentity, id)
}

// changeIdentity rewrites what is kept of this gateway's identity.
func (r *Registry) changeIdentity(change func(*identity)) error {
	r.disk.mu.Lock()
	defer r.disk.mu.Unlock()
	var id identity
	if !r.disk.read(fileIdentity, &id) || id.Gateway != r.o.Token.ID() {
		id = identity{Gateway: r.o.Token.ID()}
	}
	var err error
	if id.Key, err = r.key.seal(r.disk.key); err != nil {
		return err
	}
	change(&id)
	return r.disk.write(fileIdentity, id)
}

// loadSnapshot puts the snapshot on disk into force, when all of it is the control plane's.
func (r *Registry) loadSnapshot(l *link) bool {
	var rows rowsReader
	var end *stream.Message
	size, err := r.disk.readLines(fileSnapshot, func(m *stream.Message) error {
		if end != nil {
			return fmt.Errorf("%w: the snapshot goes on after its end", stream.ErrForged)
		}
		if m.Type == stream.TypeRows {
			return rows.add(m)
		}
		if _, err := l.verified(m); err != nil {
			return err
		}
		end = m
		return rows.end(m)
	})
	if err != nil {
		r.o.Log.Warn("the snapshot on disk is not used", "err", err)
		return false
	}
	if end == nil {
		return false
	}
	known, err := view.EmptyView().Apply(rows.changes)
	if err != nil {
		r.o.Log.Warn("the snapshot on disk is not used", "err", err)
		return false
	}
	r.disk.snapSize = size
	r.pulse = pulse{at: end.Time, received: r.fileTime(fileSnapshot)}
	r.rebase(known, rows.changes, end)
	return true
}

// fileTime is when the file was written; it can only make a gateway look older than it is.
func (r *Registry) fileTime(name string) (at time.Time) {
	if info, err := os.Stat(r.disk.path(name)); err == nil {
		at = info.ModTime()
	}
	return at
}

// loadLog follows the messages that were appended after the snapshot, and cuts off what is not good.
func (r *Registry) loadLog(l *link) error {
	good, err := r.disk.readLines(fileLog, func(m *stream.Message) error {
		changes, err := l.verified(m)
		if err != nil {
			return err
		}
		_, err = r.follow(m, changes)
		return err
	})
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return err
		}
		r.o.Log.Warn("the log on disk is cut at its first bad entry", "err", err)
	}
	return r.disk.openLog(good)
}

func decodeRow(record []byte) (keyward.Change, error) {
	var c keyward.Change
	if err := json.Unmarshal(record, &c); err != nil {
		return c, fmt.Errorf("%w: a row cannot be read: %w", stream.ErrForged, err)
	}
	return c, nil
}
