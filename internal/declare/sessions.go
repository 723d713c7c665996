package declare

import (
	"fmt"

	"keyward.dev/keyward"
)

// endSessions ends what somebody had begun who is let in no more: a user who is disabled, or people of a key manager that is,
// or that nobody signs in through. Enabled again, nothing of it counts: whoever stole a session, or a one-time link, meanwhile has none.
func (w *world) endSessions(ch *change) error {
	if ch.existing == nil || !letsIn(ch.existing.Spec) || letsIn(ch.object.Spec) {
		return nil
	}
	var err error
	switch ch.ref.Kind {
	case keyward.KindUser:
		if err = w.tx.DropSignInsOf(ch.object.ID, w.c.now()); err == nil {
			err = w.tx.DropSessionsOf(ch.object.ID, "")
		}
		if err == nil {
			err = w.tx.DropResetOf(ch.object.ID)
		}
	case keyward.KindKeyManager:
		err = w.tx.DropSessionsOf("", ch.object.ID)
	}
	if err != nil {
		return fmt.Errorf("end the sessions that %s let in: %w", ch.ref, err)
	}
	return nil
}

// letsIn tells whether anybody can sign in by an object.
func letsIn(spec keyward.Spec) bool {
	switch s := spec.(type) {
	case *keyward.UserSpec:
		return s.IsEnabled()
	case *keyward.KeyManagerSpec:
		return s.IsEnabled() && s.SignsIn()
	default:
		return false
	}
}
