package feedlog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/needs"
	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/store/database"
	"keyward.dev/keyward/internal/store/member"
)

// Project writes what follows from the transaction for the feed of each group. The counters are locked in name order,
// after all else; who holds them waits for nobody.
func Project(l *Log, m *Marks) error {
	if m.empty() {
		return nil
	}
	groups, err := l.Groups()
	if err != nil {
		return err
	}
	for _, group := range groups {
		if _, err := l.run.Exec(`UPDATE gateway_groups SET revision = revision WHERE name = $1`, group); err != nil {
			return err
		}
	}
	if err := l.expand(m); err != nil {
		return fmt.Errorf("find the feed rows that follow: %w", err)
	}
	for _, group := range groups {
		if err := l.projectGroup(m, group); err != nil {
			return fmt.Errorf("write the feed of gateway group %s: %w", group, err)
		}
	}
	return nil
}

// expand turns causes into rows.
func (l *Log) expand(m *Marks) error {
	steps := []struct {
		from  map[string]struct{}
		query string
		into  func(id string)
	}{
		{m.takers, `SELECT k.id FROM key_managers k JOIN tenants t ON t.name = k.tenant OR k.is_global
			WHERE (k.introspection <> '' OR k.outbound <> '') AND t.name IN `, m.Secrets},
		{m.subscribed, `SELECT id FROM subscriptions WHERE api_id IN `, func(id string) {
			m.Row(keyward.RowSubscription, id)
		}},
		{m.subscribed, `SELECT application_id FROM subscriptions WHERE api_id IN `, m.Application},
		{m.open, `SELECT id FROM applications WHERE tenant IN `, m.Application},
		{m.applications, `SELECT id FROM oauth_clients WHERE application_id IN `, func(id string) {
			m.Row(keyward.RowClient, id)
		}},
		{m.applications, `SELECT key_manager_id FROM oauth_clients WHERE rule <> '' AND application_id IN `, m.Ruled},
		{m.ruled, `SELECT id FROM oauth_clients WHERE key_manager_id IN `, func(id string) {
			m.Row(keyward.RowClient, id)
		}},
		{m.gateways, `SELECT kid FROM gateway_keys WHERE gateway_id IN `, func(id string) {
			m.Row(keyward.RowGatewayKey, id)
		}},
	}
	for _, step := range steps {
		for chunk := range slices.Chunk(slices.Sorted(maps.Keys(step.from)), database.ChunkSize) {
			var v database.Values
			query := step.query + v.In(chunk)
			found, err := l.run.Texts(query, v...)
			if err != nil {
				return err
			}
			for _, id := range found {
				step.into(id)
			}
		}
	}
	m.Row(keyward.RowApplication, slices.Collect(maps.Keys(m.applications))...)
	m.Row(keyward.RowKeyManager, slices.Collect(maps.Keys(m.keysAsked))...)
	if m.resealed {
		found, err := l.run.Texts(`SELECT id FROM key_managers WHERE introspection <> '' OR outbound <> ''`)
		if err != nil {
			return err
		}
		for _, id := range found {
			m.Secrets(id)
		}
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
func (l *Log) projectGroup(m *Marks, group string) error {
	var puts, deletes []delta
	var keys []seal.Key
	if slices.ContainsFunc(sealedKinds(), func(k keyward.RowKind) bool { return len(m.rows[k]) > 0 }) {
		var err error
		if keys, err = l.GroupKeys(group); err != nil {
			return err
		}
	}
	for _, kind := range member.RowKinds() {
		for chunk := range slices.Chunk(slices.Sorted(maps.Keys(m.rows[kind])), database.ChunkSize) {
			want, err := l.wanted(group, kind, chunk, keys)
			if err != nil {
				return err
			}
			have, err := l.held(group, kind, chunk)
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
	return l.append(group, append(deletes, puts...))
}

// wanted gives the rows, of those in ids, that the group should hold.
func (l *Log) wanted(group string, kind keyward.RowKind, ids []string, keys []seal.Key) (map[string]delta, error) {
	v := database.Values{group}
	query := member.Query(kind) + v.In(ids)
	type member struct{ id, row, beside string }
	var members []member
	err := l.run.Rows(query, v, func(r database.Row) error {
		var m member
		err := r.Scan(&m.id, &m.row, &m.beside)
		members = append(members, m)
		return err
	})
	if err != nil {
		return nil, err
	}
	held, err := l.heldRows(ids)
	if err != nil {
		return nil, err
	}
	want := make(map[string]delta, len(members))
	for _, m := range members {
		plain, row := m.row, json.RawMessage(m.row)
		if slices.Contains(sealedKinds(), kind) {
			if row, plain, err = l.sealRow(kind, m.id, m.row, m.beside, keys[0]); err != nil {
				return nil, err
			}
			if row == nil {
				continue
			}
		}
		if kind == keyward.RowKeyManager && m.beside != "0" {
			if row, err = withKeysAsked(row, m.beside); err != nil {
				return nil, err
			}
			plain = string(row)
		}
		features, err := needs.Of(kind, row)
		if err != nil {
			return nil, err
		}
		if h := held[m.id]; h != nil && !slices.Contains(sealedKinds(), kind) {
			if row, err = keyward.WithFact(row, "hold", h); err != nil {
				return nil, err
			}
			plain, features = string(row), append(features, needs.Hold)
		}
		want[m.id] = delta{kind: kind, id: m.id, digest: l.digest.MAC([]byte(plain)), row: row, needs: features}
	}
	return want, nil
}

// withKeysAsked says in a key manager's row when its keys were last wanted anew. A gateway that does not know it reads them
// when it would anyway.
func withKeysAsked(row json.RawMessage, at string) (json.RawMessage, error) {
	facts := map[string]json.RawMessage{}
	if err := json.Unmarshal(row, &facts); err != nil {
		return nil, fmt.Errorf("read the row of a key manager: %w", err)
	}
	facts["keysAsked"] = json.RawMessage(strconv.Quote(at))
	return json.Marshal(facts)
}

// held gives the digests of the rows, of those in ids, that the group holds.
func (l *Log) held(group string, kind keyward.RowKind, ids []string) (map[string][]byte, error) {
	v := database.Values{group, string(kind)}
	have := map[string][]byte{}
	err := l.run.Rows(`SELECT id, digest FROM feed_rows WHERE group_name = $1 AND kind = $2 AND id IN `+v.In(ids), v,
		func(r database.Row) error {
			var id string
			var digest []byte
			err := r.Scan(&id, &digest)
			have[id] = digest
			return err
		})
	return have, err
}

// heldRows gives the holds of those in ids, for gateways.
func (l *Log) heldRows(ids []string) (map[string]*keyward.HoldRow, error) {
	var v database.Values
	held := map[string]*keyward.HoldRow{}
	err := l.run.Rows(`SELECT object_id, until FROM holds WHERE object_id IN `+v.In(ids), v, func(r database.Row) error {
		var id string
		var until *int64
		err := r.Scan(&id, &until)
		if end := database.TimeOrNil(until); end == nil || l.now.Before(*end) {
			held[id] = &keyward.HoldRow{Until: end}
		}
		return err
	})
	return held, err
}
