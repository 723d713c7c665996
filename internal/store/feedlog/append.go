package feedlog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store/database"
)

// append gives each difference the group's next revision, and writes log, held rows and counter.
func (l *Log) append(group string, deltas []delta) error {
	if len(deltas) == 0 {
		return nil
	}
	head, err := l.Head(group)
	if err != nil {
		return err
	}
	const batch = 50 // rows in one statement: SQLite's time to prepare one grows with the square of its arguments
	end := head.Revision + uint64(len(deltas))
	for part := range slices.Chunk(deltas, batch) {
		var log, rows database.Values
		var logRows, heldRows []string
		gone := map[keyward.RowKind][]string{}
		for _, d := range part {
			head.Revision++
			last := head.Revision == end
			record, err := json.Marshal(keyward.Change{
				Revision: head.Revision, Kind: d.kind, ID: d.id, Deleted: d.row == nil, Last: last, Needs: d.needs,
				Row: d.row,
			})
			if err != nil {
				return fmt.Errorf("encode the record of %s %s: %w", d.kind, d.id, err)
			}
			head.Chain = head.Chain.Next(record)
			logRows = append(logRows, log.Tuple(group, head.Revision, record, bytes.Clone(head.Chain[:]), last))
			if d.row == nil {
				gone[d.kind] = append(gone[d.kind], d.id)
				continue
			}
			heldRows = append(heldRows, rows.Tuple(group, string(d.kind), d.id, d.digest, head.Revision, record))
		}
		if _, err := l.run.Exec(`INSERT INTO feed_log (group_name, revision, record, chain, ends) VALUES `+
			strings.Join(logRows, ", "), log...); err != nil {
			return err
		}
		if err := l.hold(group, gone, heldRows, rows); err != nil {
			return err
		}
	}
	_, err = l.run.Exec(`UPDATE gateway_groups SET revision = $1, chain = $2 WHERE name = $3`,
		head.Revision, head.Chain[:], group)
	return err
}

func (l *Log) hold(group string, gone map[keyward.RowKind][]string, heldRows []string, rows database.Values) error {
	for kind, ids := range gone {
		v := database.Values{group, string(kind)}
		query := `DELETE FROM feed_rows WHERE group_name = $1 AND kind = $2 AND id IN ` + v.In(ids)
		if _, err := l.run.Exec(query, v...); err != nil {
			return err
		}
	}
	if len(heldRows) == 0 {
		return nil
	}
	_, err := l.run.Exec(`INSERT INTO feed_rows (group_name, kind, id, digest, revision, record) VALUES `+
		strings.Join(heldRows, ", ")+` ON CONFLICT (group_name, kind, id) DO UPDATE
		SET digest = excluded.digest, revision = excluded.revision, record = excluded.record`, rows...)
	return err
}
