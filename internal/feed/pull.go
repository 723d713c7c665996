package feed

import (
	"context"
	"fmt"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/stream"
)

// answer is what a gateway gets: records that follow its position, or the rows of a snapshot.
type answer struct {
	head     keyward.Position
	from     keyward.Position
	records  [][]byte
	snapshot bool
}

// Pull yields what leads a gateway from its position to the head: the records in between when the log holds exactly
// that position and everything after it, and otherwise, or without a position, a snapshot. Everything is signed
// together with the nonce of the question.
func (f *Feed) Pull(
	ctx context.Context, g *keyward.Gateway, q stream.PullRequest, yield func(*stream.Message) error,
) error {
	leave, err := f.pulls.Take(ctx, g.ID)
	if err != nil {
		return fmt.Errorf("wait for a place among the answers: %w", err)
	}
	defer leave()
	now := f.o.Now().UTC() // before the read: what was published earlier is part of the answer
	var a answer
	err = f.store.Read(ctx, func(tx *store.Tx) (err error) {
		a, err = collect(tx, g.Group, q.Position)
		return err
	})
	if err != nil {
		return fmt.Errorf("read what gateway %s lacks: %w", g.Name, err)
	}
	end := &stream.Message{Type: stream.TypeHeartbeat, Group: g.Group, To: a.head, Nonce: q.Nonce, Time: now}
	if a.snapshot {
		end.Type = stream.TypeSnapshot
		for _, part := range pack(a.records) {
			for _, record := range part {
				end.Digest = end.Digest.Next(record)
				end.Rows++
			}
			if err := yield(&stream.Message{Type: stream.TypeRows, Group: g.Group, Records: part}); err != nil {
				return err
			}
		}
		return yield(f.signer.Sign(end))
	}
	at := a.from
	for _, part := range pack(a.records) {
		m := changesOf(g.Group, at, part)
		m.Nonce, m.Time = q.Nonce, now
		at = m.To
		if err := yield(f.signer.Sign(m)); err != nil {
			return err
		}
	}
	return yield(f.signer.Sign(end))
}

func collect(tx *store.Tx, group string, position *keyward.Position) (answer, error) {
	head, err := tx.Head(group)
	if err != nil {
		return answer{}, err
	}
	a := answer{head: head}
	if position != nil && position.Revision <= head.Revision {
		a.from = *position
		ok, err := a.follow(tx, group)
		if err != nil || ok {
			return a, err
		}
	}
	a.snapshot, a.records = true, nil
	err = tx.Snapshot(group, func(record []byte) error {
		a.records = append(a.records, record)
		return nil
	})
	return a, err
}

// pageRecords is how many records are read from the log at a time.
const pageRecords = 500

// follow reads the log from the position to the head. It tells false when the log does not hold that position, or not
// everything after it.
func (a *answer) follow(tx *store.Tx, group string) (bool, error) {
	if a.from == a.head {
		return true, nil
	}
	chain, ok, err := tx.ChainAt(group, a.from.Revision)
	if err != nil || !ok || chain != a.from.Chain {
		return false, err
	}
	for at := a.from; at != a.head; {
		page, err := tx.Records(group, at.Revision, pageRecords)
		if err != nil || len(page) == 0 {
			return false, err
		}
		for _, r := range page {
			if next := at.Chain.Next(r.Bytes); r.Revision != at.Revision+1 || r.Chain != next {
				return false, nil
			}
			at = r.Position
			a.records = append(a.records, r.Bytes)
		}
	}
	return true, nil
}

// changesOf makes an unsigned message of records that follow from.
func changesOf(group string, from keyward.Position, records [][]byte) *stream.Message {
	to := from
	for _, r := range records {
		to = keyward.Position{Revision: to.Revision + 1, Chain: to.Chain.Next(r)}
	}
	return &stream.Message{Type: stream.TypeChanges, Group: group, From: from, To: to, Records: records}
}

// pack cuts records into messages of at most stream.MaxRecordBytes. A single record may be larger; it then stands
// alone.
func pack(records [][]byte) [][][]byte {
	var parts [][][]byte
	begin, size := 0, 0
	for i, r := range records {
		if i > begin && size+len(r)+1 > stream.MaxRecordBytes {
			parts = append(parts, records[begin:i])
			begin, size = i, 0
		}
		size += len(r) + 1
	}
	if begin < len(records) {
		parts = append(parts, records[begin:])
	}
	return parts
}
