package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	keyward "keyward.dev/keyward"
	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/store/database"
	"keyward.dev/keyward/internal/store/member"
)

// marks are what a transaction touched, as far as the feed is concerned. They name causes: which rows follow from them
// is asked only when the groups' counters are locked, so that what other transactions committed meanwhile is seen.
type marks struct {
	rows          map[keyward.RowKind]map[string]struct{}
	subscribed    map[string]struct{} // APIs whose subscriptions may enter or leave a group
	applications  map[string]struct{} // applications that may enter or leave, with their clients
	open          map[string]struct{} // tenants of which all applications may
	takers        map[string]struct{} // tenants of which all introspection credentials may
	gateways      map[string]struct{} // gateways whose keys may
	introspection bool                // a group key was changed: every credential is sealed again
}

func newMarks() *marks {
	return &marks{
		rows: map[keyward.RowKind]map[string]struct{}{}, subscribed: map[string]struct{}{},
		applications: map[string]struct{}{}, open: map[string]struct{}{}, takers: map[string]struct{}{},
		gateways: map[string]struct{}{},
	}
}

func (m *marks) row(kind keyward.RowKind, ids ...string) {
	if m.rows[kind] == nil {
		m.rows[kind] = map[string]struct{}{}
	}
	for _, id := range ids {
		m.rows[kind][id] = struct{}{}
	}
}

func (m *marks) empty() bool {
	return !m.introspection &&
		len(m.rows)+len(m.subscribed)+len(m.applications)+len(m.open)+len(m.takers)+len(m.gateways) == 0
}

// project writes what follows from the transaction for the feed of each group. The counters are locked in name order,
// after all else; who holds them waits for nobody.
func (tx *Tx) project() error {
	if tx.marks.empty() {
		return nil
	}
	groups, err := tx.Groups()
	if err != nil {
		return err
	}
	for _, group := range groups {
		if _, err := tx.exec(`UPDATE gateway_groups SET revision = revision WHERE name = $1`, group); err != nil {
			return err
		}
	}
	if err := tx.expand(); err != nil {
		return fmt.Errorf("find the feed rows that follow: %w", err)
	}
	for _, group := range groups {
		if err := tx.projectGroup(group); err != nil {
			return fmt.Errorf("write the feed of gateway group %s: %w", group, err)
		}
	}
	return nil
}

// expand turns causes into rows.
func (tx *Tx) expand() error {
	m := tx.marks
	steps := []struct {
		from  map[string]struct{}
		query string
		into  func(id string)
	}{
		{m.takers, `SELECT id FROM key_managers WHERE introspection <> '' AND tenant IN `, func(id string) {
			m.row(keyward.RowIntrospection, id)
		}},
		{m.subscribed, `SELECT id FROM subscriptions WHERE api_id IN `, func(id string) {
			m.row(keyward.RowSubscription, id)
		}},
		{m.subscribed, `SELECT application_id FROM subscriptions WHERE api_id IN `, func(id string) {
			m.applications[id] = struct{}{}
		}},
		{m.open, `SELECT id FROM applications WHERE tenant IN `, func(id string) { m.applications[id] = struct{}{} }},
		{m.applications, `SELECT id FROM oauth_clients WHERE application_id IN `, func(id string) {
			m.row(keyward.RowClient, id)
		}},
		{m.gateways, `SELECT kid FROM gateway_keys WHERE gateway_id IN `, func(id string) {
			m.row(keyward.RowGatewayKey, id)
		}},
	}
	for _, step := range steps {
		for chunk := range slices.Chunk(slices.Sorted(maps.Keys(step.from)), database.ChunkSize) {
			var v database.Values
			query := step.query + v.In(chunk)
			found, err := tx.texts(query, v...)
			if err != nil {
				return err
			}
			for _, id := range found {
				step.into(id)
			}
		}
	}
	m.row(keyward.RowApplication, slices.Collect(maps.Keys(m.applications))...)
	if m.introspection {
		found, err := tx.texts(`SELECT id FROM key_managers WHERE introspection <> ''`)
		if err != nil {
			return err
		}
		m.row(keyward.RowIntrospection, found...)
	}
	return nil
}

// delta is one difference between what a group holds and what it should.
type delta struct {
	kind   keyward.RowKind
	id     string
	digest []byte
	row    json.RawMessage // nil for a delete
	needs  []string
}

// projectGroup compares every marked row with what the group holds, and writes the differences.
func (tx *Tx) projectGroup(group string) error {
	var puts, deletes []delta
	var keys []seal.Key
	if len(tx.marks.rows[keyward.RowIntrospection]) > 0 {
		var err error
		if keys, err = tx.GroupKeys(group); err != nil {
			return err
		}
	}
	for _, kind := range member.RowKinds() {
		for chunk := range slices.Chunk(slices.Sorted(maps.Keys(tx.marks.rows[kind])), database.ChunkSize) {
			want, err := tx.wanted(group, kind, chunk, keys)
			if err != nil {
				return err
			}
			have, err := tx.held(group, kind, chunk)
			if err != nil {
				return err
			}
			for _, id := range chunk {
				d, in := want[id]
				digest, held := have[id]
				switch {
				case in && !bytes.Equal(digest, d.digest):
					puts = append(puts, d)
				case !in && held:
					deletes = append(deletes, delta{kind: kind, id: id})
				}
			}
		}
	}
	slices.Reverse(deletes)
	return tx.append(group, append(deletes, puts...))
}

// wanted gives the rows, of those in ids, that the group should hold.
func (tx *Tx) wanted(group string, kind keyward.RowKind, ids []string, keys []seal.Key) (map[string]delta, error) {
	v := database.Values{group}
	query := member.Query(kind) + v.In(ids)
	type member struct{ id, row, sealed string }
	var members []member
	err := tx.rows(query, v, func(r scanner) error {
		var m member
		err := r.Scan(&m.id, &m.row, &m.sealed)
		members = append(members, m)
		return err
	})
	if err != nil {
		return nil, err
	}
	held, err := tx.heldRows(ids)
	if err != nil {
		return nil, err
	}
	want := make(map[string]delta, len(members))
	for _, m := range members {
		plain, row := m.row, json.RawMessage(m.row)
		if kind == keyward.RowIntrospection {
			secrets, err := tx.store.openSecrets(m.id, m.sealed)
			if err != nil {
				return nil, err
			}
			secret, ok := secrets[introspectionSecret]
			if !ok {
				continue
			}
			plain += "\x00" + keys[0].ID() + "\x00" + secret
			if row, err = sealIntrospection(m.id, m.row, secret, keys[0]); err != nil {
				return nil, err
			}
		}
		needs, err := kind.Needs(row)
		if err != nil {
			return nil, err
		}
		if h := held[m.id]; h != nil && kind != keyward.RowIntrospection {
			if row, err = keyward.WithHold(row, h); err != nil {
				return nil, err
			}
			plain, needs = string(row), append(needs, keyward.NeedHold)
		}
		want[m.id] = delta{kind: kind, id: m.id, digest: tx.store.digest.MAC([]byte(plain)), row: row, needs: needs}
	}
	return want, nil
}

func sealIntrospection(id, stored, secret string, key seal.Key) (json.RawMessage, error) {
	var row keyward.IntrospectionRow
	if err := json.Unmarshal([]byte(stored), &row); err != nil {
		return nil, fmt.Errorf("read the introspection row of key manager %s: %w", id, err)
	}
	row.Secret = keyward.Sealed{
		Key:  key.ID(),
		Text: key.Seal([]byte(secret), seal.RowContext(keyward.RowIntrospection, id, "secret")),
	}
	text, err := json.Marshal(row)
	if err != nil {
		return nil, fmt.Errorf("encode the introspection row of key manager %s: %w", id, err)
	}
	return text, nil
}

// held gives the digests of the rows, of those in ids, that the group holds.
func (tx *Tx) held(group string, kind keyward.RowKind, ids []string) (map[string][]byte, error) {
	v := database.Values{group, string(kind)}
	have := map[string][]byte{}
	err := tx.rows(`SELECT id, digest FROM feed_rows WHERE group_name = $1 AND kind = $2 AND id IN `+v.In(ids), v,
		func(r scanner) error {
			var id string
			var digest []byte
			err := r.Scan(&id, &digest)
			have[id] = digest
			return err
		})
	return have, err
}

// append gives each difference the group's next revision, and writes log, held rows and counter.
func (tx *Tx) append(group string, deltas []delta) error {
	if len(deltas) == 0 {
		return nil
	}
	head, err := tx.Head(group)
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
		if _, err := tx.exec(`INSERT INTO feed_log (group_name, revision, record, chain, ends) VALUES `+
			strings.Join(logRows, ", "), log...); err != nil {
			return err
		}
		if err := tx.hold(group, gone, heldRows, rows); err != nil {
			return err
		}
	}
	_, err = tx.exec(`UPDATE gateway_groups SET revision = $1, chain = $2 WHERE name = $3`,
		head.Revision, head.Chain[:], group)
	return err
}

func (tx *Tx) hold(group string, gone map[keyward.RowKind][]string, heldRows []string, rows database.Values) error {
	for kind, ids := range gone {
		v := database.Values{group, string(kind)}
		query := `DELETE FROM feed_rows WHERE group_name = $1 AND kind = $2 AND id IN ` + v.In(ids)
		if _, err := tx.exec(query, v...); err != nil {
			return err
		}
	}
	if len(heldRows) == 0 {
		return nil
	}
	_, err := tx.exec(`INSERT INTO feed_rows (group_name, kind, id, digest, revision, record) VALUES `+
		strings.Join(heldRows, ", ")+` ON CONFLICT (group_name, kind, id) DO UPDATE
		SET digest = excluded.digest, revision = excluded.revision, record = excluded.record`, rows...)
	return err
}
