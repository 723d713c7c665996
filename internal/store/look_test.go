package store

import (
	"encoding/json"
	"testing"
	"time"
)

// Every generated client is looked at a while after it was made, and its server is searched; mapped ones never are.
func TestLooksAreQueued(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		made, mapped := client("made", "mobile", "corp", "abc"), client("mapped", "web", "corp", "def")
		made.Status = json.RawMessage(`{"mode":"generated","state":"active"}`)
		corp := keyManager("corp", "https://corp.example")
		store(t, s, acme(), application("mobile"), application("web"), corp, made, mapped)
		look := func(id string) (row *Look) {
			read(t, s, func(tx *Tx) (err error) {
				row, err = tx.Look(id)
				return err
			})
			return row
		}
		next := func(at time.Time) (subject string) {
			read(t, s, func(tx *Tx) error {
				row, err := tx.NextLook(corp.ID, at)
				if row != nil {
					subject = row.Subject
				}
				return err
			})
			return subject
		}
		if row := look(mapped.ID); row != nil {
			t.Errorf("a mapped client is to be looked at: %+v", row)
		}
		own, search := look(made.ID), look(corp.ID)
		if own == nil || own.IsSearch() || own.DueAt.Before(time.Now()) || search == nil || !search.IsSearch() || search.Asked {
			t.Fatalf("rows %+v, %+v", own, search)
		}
		later := time.Now().Add(time.Hour)
		write(t, s, func(tx *Tx) error { return tx.SettleLook(corp.ID, []byte(`{"x":1}`), later.Add(time.Hour)) })
		if next(time.Now()) != "" || next(later) != made.ID {
			t.Errorf("due now %q, in an hour %q", next(time.Now()), next(later))
		}
		// What somebody waits for comes first, and is put off with the rest when the server wants a pause.
		write(t, s, func(tx *Tx) error { return tx.AskLooks(corp.ID) })
		if !look(made.ID).Asked || !look(corp.ID).Asked || next(time.Now()) == "" || look(mapped.ID) != nil {
			t.Error("what was asked for is not due")
		}
		write(t, s, func(tx *Tx) error { return tx.PutOffLooks(corp.ID, later) })
		if row := look(made.ID); row.Asked || next(time.Now()) != "" || string(look(corp.ID).Found) != `{"x":1}` {
			t.Errorf("put off: %+v", row)
		}
		write(t, s, func(tx *Tx) error { return tx.PutOffLook(made.ID, []byte(`{"base":{}}`), later) })
		if row := look(made.ID); row.Tries != 1 || string(row.Found) != `{"base":{}}` {
			t.Errorf("a look that told nothing: %+v", row)
		}
		store(t, s, made) // nothing that its server was asked for
		if string(look(made.ID).Found) != `{"base":{}}` {
			t.Error("what a client is held against is forgotten")
		}
		for status, kept := range map[string]bool{
			`{"mode":"generated","state":"updating","wanted":{"restore":{}}}`: true,
			`{"mode":"generated","state":"updating","wanted":{}}`:             false,
		} {
			write(t, s, func(tx *Tx) error { return tx.SettleLook(made.ID, []byte(`{"base":{}}`), later) })
			made.Status = json.RawMessage(status)
			store(t, s, made)
			if found := string(look(made.ID).Found); (found == `{"base":{}}`) != kept {
				t.Errorf("after %s: %s", status, found)
			}
		}
		read(t, s, func(tx *Tx) error {
			rows, err := tx.Looks(corp.ID)
			managers, errs := tx.ManagersToLookAt(later.Add(24 * time.Hour))
			if err != nil || errs != nil || len(rows) != 2 || len(managers) != 1 {
				t.Errorf("rows %d, key managers %q, errors %v, %v", len(rows), managers, err, errs)
			}
			return nil
		})
		if err := tryDelete(t, s, made); err != nil {
			t.Fatal(err)
		}
		if row := look(made.ID); row != nil {
			t.Errorf("a row is left: %+v", row)
		}
	})
}

// An installation keeps its name, and another has another.
func TestInstallationsName(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		name := s.Installation()
		write(t, s, (*Tx).christen)
		if len(name) != installationSize || s.Installation() != name {
			t.Errorf("%q, then %q", name, s.Installation())
		}
	})
}
