package store

import (
	"fmt"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store/database"
)

// Hold switches the object off on every gateway, or, with nil, lets it be again. It changes neither the object nor its
// version, and tells whether anything is different now. A hold whose time is over is none.
func (tx *Tx) Hold(o *keyward.Object, h *keyward.Hold) (bool, error) {
	if !o.Kind.Holdable() {
		return false, fmt.Errorf("%s cannot be held", o.Ref())
	}
	gone, err := tx.run.Exec(`DELETE FROM holds WHERE object_id = $1`, o.ID)
	if err != nil || h == nil && gone == 0 {
		return false, err
	}
	before := o.Hold
	o.Hold = h
	tx.markHeld(o)
	if h == nil {
		if !before.Holds(tx.now) {
			return false, nil
		}
		return true, tx.Audit(entryOf(o, "unheld"))
	}
	entry := entryOf(o, "held")
	entry.Detail = h.Reason
	if h.Until != nil {
		entry.Detail += " (until " + h.Until.UTC().Format(time.RFC3339) + ")"
	}
	if err := tx.Audit(entry); err != nil {
		return false, err
	}
	_, err = tx.run.Exec(`INSERT INTO holds (object_id, reason, held_by, since, until) VALUES ($1, $2, $3, $4, $5)`,
		o.ID, database.Clean(h.Reason), database.Clean(h.By), database.Micros(h.Since), database.MicrosOrNull(h.Until))
	return true, err
}

// markHeld marks the row that tells gateways of the object.
func (tx *Tx) markHeld(o *keyward.Object) {
	switch o.Kind {
	case keyward.KindKeyManager:
		tx.marks.Row(keyward.RowKeyManager, o.ID)
	case keyward.KindApplication:
		tx.marks.Row(keyward.RowApplication, o.ID)
	case keyward.KindSubscription:
		tx.marks.Row(keyward.RowSubscription, o.ID)
	case keyward.KindOAuthClient:
		tx.marks.Row(keyward.RowClient, o.ID)
	}
}
