// Package feedlog owns the log of each gateway group: which rows of a transaction gateways are told of, the records
// with their revisions and chain, what each group holds, and the keys that seal it. It does not own the objects that the
// rows follow from, nor how the log reaches a gateway.
package feedlog

import (
	"fmt"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/store/database"
)

// Log is the groups' log as one transaction sees it.
type Log struct {
	run    *database.Run
	key    seal.Key // seals secrets at rest
	digest seal.Key // keys the digests of held rows, which cover secrets
	now    time.Time
}

// New gives the log to a transaction of the time now.
func New(run *database.Run, key, digest seal.Key, now time.Time) *Log {
	return &Log{run: run, key: key, digest: digest, now: now}
}

// Groups lists the gateway groups by name.
func (l *Log) Groups() ([]string, error) {
	return l.run.Texts(`SELECT name FROM gateway_groups ORDER BY name`)
}

// Head is the group's current position, or a not_found error.
func (l *Log) Head(group string) (keyward.Position, error) {
	head, _, err := l.counter(group)
	return head, err
}

// counter reads the group's head and the position up to which its log was trimmed.
func (l *Log) counter(group string) (head, trimmed keyward.Position, err error) {
	var chain, base []byte
	found, err := l.run.One(`SELECT revision, chain, trimmed_revision, trimmed_chain FROM gateway_groups WHERE name = $1`,
		[]any{database.Clean(group)}, &head.Revision, &chain, &trimmed.Revision, &base)
	if err != nil {
		return head, trimmed, err
	}
	if !found {
		return head, trimmed, database.NotFound("gateway group of that name")
	}
	if head.Chain, err = chainOf(chain); err != nil {
		return head, trimmed, err
	}
	trimmed.Chain, err = chainOf(base)
	return head, trimmed, err
}

func chainOf(b []byte) (keyward.Chain, error) {
	var c keyward.Chain
	if len(b) != len(c) {
		return c, fmt.Errorf("a stored chain value has %d bytes", len(b))
	}
	return keyward.Chain(b), nil
}

// Record is one entry of a group's log: the exact bytes of a keyward.Change, and the position after it.
type Record struct {
	keyward.Position
	Bytes []byte
	Last  bool // the last of its transaction
}

// Records gives up to limit records after the revision, in order; none at the head. When the log was trimmed beyond
// the revision, the first one does not follow it: compare ChainAt.
func (l *Log) Records(group string, after uint64, limit int) ([]Record, error) {
	var list []Record
	err := l.run.Rows(`SELECT revision, record, chain, ends FROM feed_log WHERE group_name = $1 AND revision > $2
		ORDER BY revision LIMIT $3`, []any{database.Clean(group), after, limit}, func(r database.Row) error {
		var record Record
		var chain []byte
		if err := r.Scan(&record.Revision, &record.Bytes, &chain, &record.Last); err != nil {
			return err
		}
		var err error
		record.Chain, err = chainOf(chain)
		list = append(list, record)
		return err
	})
	return list, err
}

// ChainAt gives the group's chain value at the revision; ok is false for one that the log does not reach back to, or
// has not reached.
func (l *Log) ChainAt(group string, revision uint64) (chain keyward.Chain, ok bool, err error) {
	head, trimmed, err := l.counter(group)
	switch {
	case err != nil || revision < trimmed.Revision || revision > head.Revision:
		return chain, false, err
	case revision == head.Revision:
		return head.Chain, true, nil
	case revision == trimmed.Revision:
		return trimmed.Chain, true, nil
	}
	var raw []byte
	found, err := l.run.One(`SELECT chain FROM feed_log WHERE group_name = $1 AND revision = $2`,
		[]any{group, revision}, &raw)
	if err != nil || !found {
		return chain, false, err
	}
	chain, err = chainOf(raw)
	return chain, err == nil, err
}

// HeldAt gives the revision at which the group got the newest of an object's rows as it holds them; 0 where it holds none.
func (l *Log) HeldAt(group, id string, kinds []keyward.RowKind) (revision uint64, err error) {
	v := database.Values{group, id}
	_, err = l.run.One(`SELECT COALESCE(MAX(revision), 0) FROM feed_rows WHERE group_name = $1 AND id = $2 AND kind IN `+
		v.In(texts(kinds)), v, &revision)
	return revision, err
}

func texts(kinds []keyward.RowKind) []string {
	out := make([]string, len(kinds))
	for i, kind := range kinds {
		out[i] = string(kind)
	}
	return out
}

// snapshotPage is how many records Snapshot reads at once.
const snapshotPage = 1000

// Snapshot yields one put record for each row that the group holds now, in order of revision: the log without what
// was overtaken. It belongs to Head in the same transaction. Apply all of it at once: Last says nothing here.
func (l *Log) Snapshot(group string, yield func(record []byte) error) error {
	var after uint64
	for {
		var page [][]byte
		err := l.run.Rows(`SELECT revision, record FROM feed_rows WHERE group_name = $1 AND revision > $2
			ORDER BY revision LIMIT $3`, []any{database.Clean(group), after, snapshotPage}, func(r database.Row) error {
			var record []byte
			err := r.Scan(&after, &record)
			page = append(page, record)
			return err
		})
		if err != nil {
			return err
		}
		for _, record := range page {
			if err := yield(record); err != nil {
				return err
			}
		}
		if len(page) < snapshotPage {
			return nil
		}
	}
}

// TrimLog forgets all but the newest keep records of the group's log. Snapshots lose nothing.
func (l *Log) TrimLog(group string, keep int) error {
	head, trimmed, err := l.counter(group)
	if err != nil || head.Revision < trimmed.Revision+uint64(max(keep, 0)) {
		return err
	}
	cut := head.Revision - uint64(max(keep, 0))
	chain, ok, err := l.ChainAt(group, cut)
	if err != nil || !ok || cut == trimmed.Revision {
		return err
	}
	if _, err := l.run.Exec(`UPDATE gateway_groups SET trimmed_revision = $1, trimmed_chain = $2
		WHERE name = $3 AND trimmed_revision < $1`, cut, chain[:], group); err != nil {
		return err
	}
	_, err = l.run.Exec(`DELETE FROM feed_log WHERE group_name = $1 AND revision <= $2`, group, cut)
	return err
}
