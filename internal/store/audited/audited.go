// Package audited owns the rows of the audit trail: who did what to which object, and when. It does not own what is worth
// an entry.
package audited

import (
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store/database"
)

// Trail is the audit trail as one transaction sees it.
type Trail struct {
	run   *database.Run
	now   time.Time
	actor string
}

// New gives the trail to a transaction of that time. actor is who does what it does: a user, or system/ROOM.
func New(run *database.Run, now time.Time, actor string) *Trail { return &Trail{run, now, actor} }

// Audit adds an entry; a zero At is now, an empty Actor is the transaction's. Put, Delete and the writes of tokens and
// gateways add their own (created, updated, deleted, token.created, gateway.revoked, …).
func (t *Trail) Audit(e keyward.AuditEntry) error { return t.add(e, "") }

// AuditDeletion adds the entry of an object's deletion, by which Deleted finds it.
func (t *Trail) AuditDeletion(e keyward.AuditEntry, id string) error { return t.add(e, id) }

func (t *Trail) add(e keyward.AuditEntry, deleted string) error {
	if e.At.IsZero() {
		e.At = t.now
	}
	if e.Actor == "" {
		e.Actor = t.actor
	}
	if e.Tenant == "" {
		e.Tenant = keyward.DefaultTenant
	}
	_, err := t.run.Exec(`INSERT INTO audit (at, tenant, actor, action, kind, name, detail, deleted)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		database.Micros(e.At), database.Clean(e.Tenant), database.Clean(e.Actor), database.Clean(e.Action),
		database.Clean(e.Kind), database.Clean(e.Name), database.Clean(e.Detail), deleted)
	return err
}

// Deleted names the object that had the id; the zero Ref where none was deleted, or before deletions were kept with it.
func (t *Trail) Deleted(id string) (keyward.Ref, error) {
	var ref keyward.Ref
	_, err := t.run.One(`SELECT kind, tenant, name FROM audit WHERE deleted = $1 AND deleted <> ''`,
		[]any{database.Clean(id)}, &ref.Kind, &ref.Tenant, &ref.Name)
	return ref, err
}

// Filter chooses audit entries. Zero fields choose nothing out.
type Filter struct {
	Tenant, Actor, Kind, Name string
	Before                    int64 // entries with a smaller ID only: the cursor
	Limit                     int   // 0 = 100
}

// AuditEntries lists entries, newest first.
func (t *Trail) AuditEntries(f Filter) ([]keyward.AuditEntry, error) {
	var v database.Values
	where := []string{"1 = 1"}
	for _, c := range []struct{ column, value string }{
		{"tenant", f.Tenant}, {"actor", f.Actor}, {"kind", f.Kind}, {"name", f.Name},
	} {
		if c.value != "" {
			where = append(where, c.column+" = "+v.Add(database.Clean(c.value)))
		}
	}
	if f.Before > 0 {
		where = append(where, "id < "+v.Add(f.Before))
	}
	if f.Limit <= 0 {
		f.Limit = 100
	}
	var list []keyward.AuditEntry
	err := t.run.Rows(`SELECT id, at, tenant, actor, action, kind, name, detail FROM audit WHERE `+
		strings.Join(where, " AND ")+` ORDER BY id DESC LIMIT `+v.Add(f.Limit), v, func(r database.Row) error {
		var e keyward.AuditEntry
		var at int64
		err := r.Scan(&e.ID, &at, &e.Tenant, &e.Actor, &e.Action, &e.Kind, &e.Name, &e.Detail)
		e.At = database.FromMicros(at)
		list = append(list, e)
		return err
	})
	return list, err
}
