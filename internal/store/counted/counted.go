// Package counted owns what is kept of the calls that gateways count: when each client was used last, and how many calls a
// key manager's tokens made, by hour, and of the last minutes by API and client. It does not own what is counted, nor who
// may see it.
package counted

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store/database"
)

const (
	slot        = 5 * time.Minute
	slotsKept   = 2 * time.Hour
	hoursKept   = 48 * time.Hour
	keepSecrets = 8       // of a client; it has two at most
	keepRuns    = 4       // of a gateway
	fullAt      = 1 << 52 // a count that is as large grows no more
	chunk       = 100     // rows in a statement
)

// Ledger is what was counted, as one transaction sees it.
type Ledger struct{ run *database.Run }

// New gives the ledger to a transaction.
func New(run *database.Run) *Ledger { return &Ledger{run: run} }

// Portion is what a gateway's process told at once.
type Portion struct {
	Gateway  string // id
	Group    string // its group: what that has no rows of, it cannot have counted
	Run      string
	Sequence uint64
	Calls    []Calls
	Uses     []Use
}

// Calls are calls to an API with tokens of a key manager, by their ids, that ended alike.
type Calls struct {
	KeyManager, API string
	Code            keyward.Code // empty = passed
	Calls           int64
	At              time.Time
}

// Use is calls of one client.
type Use struct {
	Client          string // id of the OAuthClient object; empty = those of KeyManager that no application has
	KeyManager      string // id; for these alone
	Passed, Refused int64
	At              time.Time // of the last one that passed, if any did
}

// CountUsage adds a portion, unless it or a later one of its run was added before. Entries of what the gateway's group
// does not have are left out.
func (l *Ledger) CountUsage(p Portion, now time.Time) error {
	fresh, err := l.begin(p, now)
	if err != nil || !fresh {
		return err
	}
	managers, apis, clients := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, c := range p.Calls {
		managers[c.KeyManager], apis[c.API] = true, true
	}
	for _, u := range p.Uses {
		if u.Client != "" {
			clients[u.Client] = true
		} else {
			managers[u.KeyManager] = true
		}
	}
	served, err := l.about(p.Group, keyward.RowKeyManager, "key_managers", "id", managers)
	if err != nil {
		return err
	}
	tenants, err := l.about(p.Group, keyward.RowAPI, "apis", "tenant", apis)
	if err != nil {
		return err
	}
	issuers, err := l.about(p.Group, keyward.RowClient, "oauth_clients", "key_manager_id", clients)
	if err != nil {
		return err
	}
	b := books{now: now, hours: book{}, apis: book{}, clients: book{}, last: map[string]int64{}}
	for _, c := range p.Calls {
		if tenant, ok := tenants[c.API]; ok && served[c.KeyManager] != "" {
			b.calls(c, tenant)
		}
	}
	for _, u := range p.Uses {
		manager := served[u.KeyManager]
		if u.Client != "" {
			manager = issuers[u.Client]
		}
		if manager != "" {
			b.use(u, manager)
		}
	}
	return l.write(&b)
}

// begin notes the portion's number, and tells whether it is new.
func (l *Ledger) begin(p Portion, now time.Time) (bool, error) {
	changed, err := l.run.Exec(`UPDATE usage_told SET sequence = $1, told_at = $2
		WHERE gateway_id = $3 AND run = $4 AND sequence < $1`, p.Sequence, database.Micros(now), p.Gateway, p.Run)
	if err != nil || changed > 0 {
		return changed > 0, err
	}
	added, err := l.run.Exec(`INSERT INTO usage_told (gateway_id, run, sequence, told_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (gateway_id, run) DO NOTHING`, p.Gateway, p.Run, p.Sequence, database.Micros(now))
	if err != nil || added == 0 {
		return false, err
	}
	_, err = l.run.Exec(`DELETE FROM usage_told WHERE gateway_id = $1 AND run NOT IN
		(SELECT run FROM usage_told WHERE gateway_id = $1 ORDER BY told_at DESC, run LIMIT $2)`, p.Gateway, keepRuns)
	return true, err
}

// about reads a column of those objects that the group has a row of.
func (l *Ledger) about(
	group string, kind keyward.RowKind, table, column string, ids map[string]bool,
) (map[string]string, error) {
	found := map[string]string{}
	for some := range slices.Chunk(slices.Sorted(maps.Keys(ids)), database.ChunkSize) {
		var v database.Values
		query := `SELECT o.id, o.` + column + ` FROM ` + table + ` o JOIN feed_rows r ON r.id = o.id
			WHERE r.group_name = ` + v.Add(group) + ` AND r.kind = ` + v.Add(string(kind)) + ` AND r.id IN ` + v.In(some)
		err := l.run.Rows(query, v, func(row database.Row) error {
			var id, value string
			err := row.Scan(&id, &value)
			found[id] = value
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// entry names a row of one of the three tables of counts.
type entry struct {
	manager string
	at      int64  // the hour or the slot
	who     string // tenant, API or client
	code    string // of an hour
}

type book map[entry]*[2]int64

func (b book) add(e entry, passed, refused int64) {
	if b[e] == nil {
		b[e] = &[2]int64{}
	}
	b[e][0] += passed
	b[e][1] += refused
}

func (b book) sorted() []entry {
	return slices.SortedFunc(maps.Keys(b), func(x, y entry) int {
		return cmp.Or(cmp.Compare(x.manager, y.manager), cmp.Compare(x.at, y.at), cmp.Compare(x.who, y.who),
			cmp.Compare(x.code, y.code))
	})
}

// books are what a portion adds up to.
type books struct {
	now                  time.Time
	hours, apis, clients book
	last                 map[string]int64 // by client
}

func (b *books) calls(c Calls, tenant string) {
	if c.At.Before(b.now.Add(-hoursKept)) {
		return
	}
	b.hours.add(entry{c.KeyManager, database.Micros(c.At.Truncate(time.Hour)), tenant, string(c.Code)}, c.Calls, 0)
	passed, refused := c.Calls, int64(0)
	if c.Code != "" {
		passed, refused = 0, c.Calls
	}
	b.apis.add(entry{manager: c.KeyManager, at: slotOf(c.At), who: c.API}, passed, refused)
}

func (b *books) use(u Use, manager string) {
	if u.Client != "" && u.Passed > 0 {
		b.last[u.Client] = max(b.last[u.Client], database.Micros(u.At))
	}
	b.clients.add(entry{manager: manager, at: slotOf(u.At), who: u.Client}, u.Passed, u.Refused)
}

func slotOf(at time.Time) int64 { return database.Micros(at.Truncate(slot)) }
