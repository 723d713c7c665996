package counted

import (
	"slices"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store/database"
)

// Outcome is how calls ended: at the gateway's decision, whatever the backend made of them.
type Outcome struct{ Passed, Refused int64 }

// Lately are the calls of the last hour.
type Lately struct {
	Since   time.Time          // 60 to 65 minutes ago
	APIs    map[string]Outcome // by id
	Clients map[string]Outcome // by the id of the OAuthClient; "" = clients that no application has
}

// UsageLately gives the last hour's calls with tokens of a key manager.
func (l *Ledger) UsageLately(keyManager string, now time.Time) (Lately, error) {
	u := Lately{
		Since: now.Add(-time.Hour).Truncate(slot).UTC(), APIs: map[string]Outcome{}, Clients: map[string]Outcome{},
	}
	for _, of := range []struct {
		column, table string
		into          map[string]Outcome
	}{{"api_id", "usage_apis", u.APIs}, {"client_id", "usage_clients", u.Clients}} {
		err := l.run.Rows(`SELECT `+of.column+`, CAST(SUM(passed) AS BIGINT), CAST(SUM(refused) AS BIGINT) FROM `+of.table+`
			WHERE key_manager_id = $1 AND slot >= $2 GROUP BY `+of.column,
			[]any{database.Clean(keyManager), database.Micros(u.Since)}, func(row database.Row) error {
				var who string
				var o Outcome
				err := row.Scan(&who, &o.Passed, &o.Refused)
				of.into[who] = o
				return err
			})
		if err != nil {
			return u, err
		}
	}
	return u, nil
}

// UsageOfAPI gives the last hour's calls to an API with tokens of any key manager, and since when they are counted.
func (l *Ledger) UsageOfAPI(api string, now time.Time) (Outcome, time.Time, error) {
	var o Outcome
	since := now.Add(-time.Hour).Truncate(slot).UTC()
	_, err := l.run.One(`SELECT CAST(COALESCE(SUM(passed), 0) AS BIGINT), CAST(COALESCE(SUM(refused), 0) AS BIGINT) FROM usage_apis
		WHERE api_id = $1 AND slot >= $2`, []any{database.Clean(api), database.Micros(since)}, &o.Passed, &o.Refused)
	return o, since, err
}

// Hour is the calls of one hour that ended alike.
type Hour struct {
	Start time.Time
	Code  keyward.Code // empty = passed
	Calls int64
}

// UsageHours gives the calls with tokens of a key manager to a tenant's APIs, or those of all tenants, in the last two
// days, in order of time. An hour without calls is left out.
func (l *Ledger) UsageHours(keyManager, tenant string, now time.Time) ([]Hour, error) {
	var hours []Hour
	err := l.run.Rows(`SELECT hour, code, CAST(SUM(calls) AS BIGINT) FROM usage_hours
		WHERE key_manager_id = $1 AND hour > $2 AND (tenant = $3 OR CAST($3 AS TEXT) = '')
		GROUP BY hour, code ORDER BY hour, code`,
		[]any{database.Clean(keyManager), database.Micros(now.Add(-hoursKept)), database.Clean(tenant)},
		func(row database.Row) error {
			var at int64
			var h Hour
			err := row.Scan(&at, &h.Code, &h.Calls)
			h.Start = database.FromMicros(at)
			hours = append(hours, h)
			return err
		})
	return hours, err
}

// DayHours is how many hours a Day has.
const DayHours = 24

// Day is the calls of the hour that is under way, the last entry, and of those before it.
type Day [DayHours]Outcome

// UsageDays gives the calls with tokens of key managers, by their ids, to a tenant's APIs, or those of all tenants. One
// without calls is left out.
func (l *Ledger) UsageDays(keyManagers []string, tenant string, now time.Time) (map[string]*Day, error) {
	days, first := map[string]*Day{}, now.Truncate(time.Hour).Add(-(DayHours-1)*time.Hour)
	for some := range slices.Chunk(keyManagers, database.ChunkSize) {
		var v database.Values
		query := `SELECT key_manager_id, hour, CAST(SUM(CASE WHEN code = '' THEN calls ELSE 0 END) AS BIGINT),
				CAST(SUM(CASE WHEN code = '' THEN 0 ELSE calls END) AS BIGINT) FROM usage_hours
			WHERE hour >= ` + v.Add(database.Micros(first)) + ` AND key_manager_id IN ` + v.In(some)
		if tenant != "" {
			query += ` AND tenant = ` + v.Add(database.Clean(tenant))
		}
		err := l.run.Rows(query+` GROUP BY key_manager_id, hour`, v, func(row database.Row) error {
			var id string
			var at int64
			var o Outcome
			err := row.Scan(&id, &at, &o.Passed, &o.Refused)
			if days[id] == nil {
				days[id] = &Day{}
			}
			if i := int(database.FromMicros(at).Sub(first) / time.Hour); i >= 0 && i < DayHours {
				days[id][i] = o
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return days, nil
}

// ClientsUsed tells when calls of clients, by the ids of their objects, passed last; of those that never had one it tells
// nothing.
func (l *Ledger) ClientsUsed(ids []string) (map[string]time.Time, error) {
	used := map[string]time.Time{}
	err := l.of(ids, `SELECT client_id, '', used_at FROM client_usage WHERE client_id IN `,
		func(client, _ string, at time.Time) { used[client] = at })
	return used, err
}

// SecretsUsed tells when the secrets of clients were taken last.
func (l *Ledger) SecretsUsed(ids []string) (map[string]map[string]time.Time, error) {
	used := map[string]map[string]time.Time{}
	err := l.of(ids, `SELECT client_id, secret, used_at FROM secret_usage WHERE client_id IN `,
		func(client, secret string, at time.Time) {
			if used[client] == nil {
				used[client] = map[string]time.Time{}
			}
			used[client][secret] = at
		})
	return used, err
}

func (l *Ledger) of(ids []string, query string, yield func(client, secret string, at time.Time)) error {
	for some := range slices.Chunk(ids, database.ChunkSize) {
		var v database.Values
		list := v.In(some)
		err := l.run.Rows(query+list, v, func(row database.Row) error {
			var client, secret string
			var at int64
			err := row.Scan(&client, &secret, &at)
			yield(client, secret, database.FromMicros(at))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
