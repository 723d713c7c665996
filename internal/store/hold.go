package store

import (
	"fmt"
	"time"

	keyward "keyward.dev/keyward"
	"keyward.dev/keyward/internal/store/database"
)

// Hold switches the object off on every gateway, or, with nil, lets it be again. It changes neither the object nor its
// version, and tells whether anything is different now. A hold whose time is over is none.
func (tx *Tx) Hold(o *keyward.Object, h *keyward.Hold) (bool, error) {
	if !o.Kind.Holdable() {
		return false, fmt.Errorf("%s cannot be held", o.Ref())
	}
	gone, err := tx.exec(`DELETE FROM holds WHERE object_id = $1`, o.ID)
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
	_, err = tx.exec(`INSERT INTO holds (object_id, reason, held_by, since, until) VALUES ($1, $2, $3, $4, $5)`,
		o.ID, database.Clean(h.Reason), database.Clean(h.By), database.Micros(h.Since), database.MicrosOrNull(h.Until))
	return true, err
}

// markHeld marks the row that tells gateways of the object.
func (tx *Tx) markHeld(o *keyward.Object) {
	switch o.Kind {
	case keyward.KindKeyManager:
		tx.marks.row(keyward.RowKeyManager, o.ID)
	case keyward.KindApplication:
		tx.marks.row(keyward.RowApplication, o.ID)
	case keyward.KindSubscription:
		tx.marks.row(keyward.RowSubscription, o.ID)
	case keyward.KindOAuthClient:
		tx.marks.row(keyward.RowClient, o.ID)
	}
}

// heldRows gives the holds of those in ids, for gateways.
func (tx *Tx) heldRows(ids []string) (map[string]*keyward.HoldRow, error) {
	var v database.Values
	held := map[string]*keyward.HoldRow{}
	err := tx.rows(`SELECT object_id, until FROM holds WHERE object_id IN `+v.In(ids), v, func(r scanner) error {
		var id string
		var until *int64
		err := r.Scan(&id, &until)
		if end := database.TimeOrNil(until); end == nil || tx.now.Before(*end) {
			held[id] = &keyward.HoldRow{Until: end}
		}
		return err
	})
	return held, err
}
