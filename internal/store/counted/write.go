package counted

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"keyward.dev/keyward/internal/store/database"
)

// write adds the books to the tables, many rows in each statement and always in one order, so that no two gateways' reports
// wait for each other.
func (l *Ledger) write(b *books) error {
	err := l.add("usage_hours", []string{"key_manager_id", "hour", "tenant", "code"}, []string{"calls"}, b.hours,
		func(v *database.Values, e entry, n *[2]int64) string {
			return v.Tuple(e.manager, e.at, e.who, e.code, n[0])
		})
	if err != nil {
		return err
	}
	lately := func(v *database.Values, e entry, n *[2]int64) string {
		return v.Tuple(e.manager, e.at, e.who, n[0], n[1])
	}
	counts := []string{"passed", "refused"}
	if err := l.add("usage_apis", []string{"key_manager_id", "slot", "api_id"}, counts, b.apis, lately); err != nil {
		return err
	}
	if err := l.add("usage_clients", []string{"key_manager_id", "slot", "client_id"}, counts, b.clients, lately); err != nil {
		return err
	}
	for some := range slices.Chunk(slices.Sorted(maps.Keys(b.last)), chunk) {
		var v database.Values
		rows := make([]string, len(some))
		for i, client := range some {
			rows[i] = v.Tuple(client, b.last[client])
		}
		if _, err := l.run.Exec(`INSERT INTO client_usage (client_id, used_at) VALUES `+strings.Join(rows, ", ")+`
			ON CONFLICT (client_id) DO UPDATE SET used_at = excluded.used_at
			WHERE client_usage.used_at < excluded.used_at`, v...); err != nil {
			return err
		}
	}
	return nil
}

func (l *Ledger) add(
	table string, key, counts []string, b book, tuple func(*database.Values, entry, *[2]int64) string,
) error {
	sums := make([]string, len(counts))
	for i, c := range counts {
		sums[i] = c + ` = CASE WHEN ` + table + `.` + c + ` >= ` + strconv.Itoa(fullAt) + ` THEN ` + table + `.` + c +
			` ELSE ` + table + `.` + c + ` + excluded.` + c + ` END`
	}
	for some := range slices.Chunk(b.sorted(), chunk) {
		var v database.Values
		rows := make([]string, len(some))
		for i, e := range some {
			rows[i] = tuple(&v, e, b[e])
		}
		if _, err := l.run.Exec(`INSERT INTO `+table+` (`+strings.Join(slices.Concat(key, counts), ", ")+`)
			VALUES `+strings.Join(rows, ", ")+`
			ON CONFLICT (`+strings.Join(key, ", ")+`) DO UPDATE SET `+strings.Join(sums, ", "), v...); err != nil {
			return err
		}
	}
	return nil
}

// SecretUse is that a secret of a client was taken.
type SecretUse struct {
	Client string // id of the OAuthClient object
	Secret string // its digest
}

// NoteSecretUses keeps when secrets were taken last.
func (l *Ledger) NoteSecretUses(uses map[SecretUse]time.Time) error {
	order := slices.SortedFunc(maps.Keys(uses), func(x, y SecretUse) int {
		return strings.Compare(x.Client+x.Secret, y.Client+y.Secret)
	})
	for some := range slices.Chunk(order, chunk) {
		var v database.Values
		rows := make([]string, len(some))
		for i, u := range some {
			rows[i] = v.Tuple(u.Client, u.Secret, database.Micros(uses[u]))
		}
		if _, err := l.run.Exec(`INSERT INTO secret_usage (client_id, secret, used_at) VALUES `+strings.Join(rows, ", ")+`
			ON CONFLICT (client_id, secret) DO UPDATE SET used_at = excluded.used_at
			WHERE secret_usage.used_at < excluded.used_at`, v...); err != nil {
			return err
		}
	}
	return nil
}

// DropUsage deletes what is too old, and what is about clients that are gone.
func (l *Ledger) DropUsage(now time.Time) error {
	lately := slotOf(now.Add(-slotsKept))
	for _, old := range []struct {
		query string
		args  []any
	}{
		{`DELETE FROM usage_apis WHERE slot < $1`, []any{lately}},
		{`DELETE FROM usage_clients WHERE slot < $1`, []any{lately}},
		{`DELETE FROM usage_hours WHERE hour < $1`, []any{database.Micros(now.Add(-hoursKept).Truncate(time.Hour))}},
		{`DELETE FROM client_usage WHERE NOT EXISTS (SELECT 1 FROM oauth_clients c WHERE c.id = client_usage.client_id)`, nil},
		{`DELETE FROM secret_usage WHERE NOT EXISTS (SELECT 1 FROM oauth_clients c WHERE c.id = secret_usage.client_id)
			OR (SELECT COUNT(*) FROM secret_usage n WHERE n.client_id = secret_usage.client_id
				AND n.used_at > secret_usage.used_at) >= $1`, []any{keepSecrets}},
	} {
		if _, err := l.run.Exec(old.query, old.args...); err != nil {
			return err
		}
	}
	return nil
}
