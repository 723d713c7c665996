package store

import (
	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store/database"
)

func applicationNoun() noun {
	return noun{
		kind: keyward.KindApplication, table: "applications", owner: "x.id",
		by: map[keyward.Kind]string{keyward.KindUser: ownedAlone},
		fill: func(p *put) ([]any, error) {
			p.search = specOf[*keyward.ApplicationSpec](p.o).DisplayName
			return nil, p.encode(keyward.ApplicationRow{ID: p.o.ID, Tenant: p.o.Tenant, Name: p.o.Name})
		},
		link: linkApplication,
		drop: func(tx *Tx, o *keyward.Object) error {
			tx.marks.Row(keyward.RowApplication, o.ID)
			return nil
		},
	}
}

// ownedAlone is of an application whose last owner is the user of an id: without them nobody owns it but, perhaps, a user who
// is not there. Who is in a group, or signs in through a key manager, is not known here, and counts.
const ownedAlone = `x.id IN (SELECT w.application_id FROM users u JOIN application_owners w ON w.owner = u.name
		JOIN applications a ON a.id = w.application_id AND a.tenant = u.tenant WHERE u.id = %[1]s)
	AND NOT EXISTS (SELECT 1 FROM application_owners w JOIN users u ON u.id = %[1]s
		WHERE w.application_id = x.id AND w.owner <> u.name AND (w.owner LIKE 'group/%%' OR w.owner LIKE '%%|%%' OR
			EXISTS (SELECT 1 FROM users other WHERE other.tenant = u.tenant AND other.name = w.owner)))`

func linkApplication(p *put) error {
	tx, o, spec := p.tx, p.o, specOf[*keyward.ApplicationSpec](p.o)
	tx.marks.Row(keyward.RowApplication, o.ID)
	if p.old != nil {
		if _, err := tx.run.Exec(`DELETE FROM application_owners WHERE application_id = $1`, o.ID); err != nil {
			return err
		}
	}
	seen := map[string]bool{"": true}
	for _, owner := range append([]string{spec.Owner}, spec.Owners...) {
		if seen[owner] {
			continue
		}
		seen[owner] = true
		if _, err := tx.run.Exec(`INSERT INTO application_owners (application_id, owner) VALUES ($1, $2)`,
			o.ID, database.Clean(owner)); err != nil {
			return err
		}
	}
	return nil
}

// DeletingApplications lists the applications of every tenant that are being deleted with their keys.
func (tx *Tx) DeletingApplications() ([]*keyward.Object, error) {
	// The first condition says what the index says, so that it is used.
	return tx.objects(applicationNoun(), `x.status <> '' AND x.status LIKE '%"deleting":%' ORDER BY x.updated_at, x.id`)
}
