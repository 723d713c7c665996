package store

import (
	"encoding/json"
	"testing"
	"time"
)

// A change queues the clients that it may concern, in its own transaction; mapped ones never.
func TestEntitlementsAreQueued(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		made, mapped := client("made", "mobile", "corp", "abc"), client("mapped", "web", "corp", "def")
		made.Status = json.RawMessage(`{"mode":"generated","state":"active","scopes":["a","b"]}`)
		orders, sub := api("orders", "/orders"), subscription("mobile-orders", "mobile", "orders")
		corp := keyManager("corp", "https://corp.example")
		store(t, s, acme(), application("mobile"), application("web"), corp, orders, api("stock", "/stock"), made, mapped)
		at := func(id string) (row *Entitlement) {
			read(t, s, func(tx *Tx) (err error) {
				row, err = tx.Entitlement(id)
				return err
			})
			return row
		}
		if row := at(mapped.ID); row != nil {
			t.Errorf("a mapped client is queued: %+v", row)
		}
		row := at(made.ID)
		if row == nil || row.Turn == 0 || row.Settled != 0 || string(row.Asked) != `["a","b"]` || string(row.Progress) != `{}` {
			t.Fatalf("row %+v", row)
		}
		settle := func() {
			write(t, s, func(tx *Tx) error { return tx.SettleEntitlement(made.ID, at(made.ID).Turn, []byte(`{"x":1}`)) })
			read(t, s, func(tx *Tx) error {
				if due, err := tx.KeyManagersDue(time.Now()); err != nil || len(due) != 0 {
					t.Errorf("due after it was settled: %q, error %v", due, err)
				}
				return nil
			})
		}
		for name, change := range map[string]func(){
			"subscription": func() { store(t, s, sub) }, "API": func() { store(t, s, orders) },
			"key manager": func() { store(t, s, corp) }, "client": func() { store(t, s, made) },
		} {
			if name == "API" && sub.ID == "" {
				store(t, s, sub)
			}
			settle()
			change()
			if row := at(made.ID); row.Settled >= row.Turn || string(row.Progress) != `{"x":1}` || string(row.Asked) != `["a","b"]` {
				t.Errorf("%s: row %+v", name, row)
			}
		}
		settle()
		other := api("stock2", "/stock2")
		store(t, s, other, application("third"), subscription("third-stock2", "third", "stock2"))
		if row := at(made.ID); row.Settled != row.Turn {
			t.Errorf("what does not concern it queues it: %+v", row)
		}
		if err := tryDelete(t, s, sub); err != nil {
			t.Fatal(err)
		}
		if row := at(made.ID); row.Settled >= row.Turn {
			t.Errorf("an end of the subscription does not queue it: %+v", row)
		}
		if err := tryDelete(t, s, made); err != nil {
			t.Fatal(err)
		}
		if row := at(made.ID); row != nil {
			t.Errorf("a row is left: %+v", row)
		}
	})
}

// What is put off is not due before its time, and a change that comes meanwhile is not put off by an older turn.
func TestEntitlementsArePutOff(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		made := client("made", "mobile", "corp", "abc")
		made.Status = json.RawMessage(`{"mode":"generated","state":"active"}`)
		corp := keyManager("corp", "https://corp.example")
		store(t, s, acme(), application("mobile"), corp, made)
		now := time.Now()
		next := func(at time.Time) (row *Entitlement) {
			read(t, s, func(tx *Tx) (err error) {
				row, err = tx.NextEntitlement(corp.ID, at)
				return err
			})
			return row
		}
		row := next(now)
		if row == nil || row.ClientID != made.ID {
			t.Fatalf("next %+v", row)
		}
		write(t, s, func(tx *Tx) error { return tx.PutOffEntitlement(made.ID, row.Turn, []byte(`{}`), now.Add(time.Hour)) })
		if row := next(now); row != nil {
			t.Errorf("due too early: %+v", row)
		}
		if row := next(now.Add(2 * time.Hour)); row == nil || row.Tries != 1 {
			t.Errorf("after its time: %+v", row)
		}
		store(t, s, made)
		write(t, s, func(tx *Tx) error { return tx.PutOffEntitlement(made.ID, row.Turn, []byte(`{}`), now.Add(time.Hour)) })
		if row := next(now); row == nil {
			t.Error("a change waits because of an older failure")
		}
		write(t, s, func(tx *Tx) error { return tx.PutOffKeyManager(corp.ID, now.Add(time.Hour)) })
		if row := next(now); row != nil {
			t.Errorf("the key manager asked for a pause: %+v", row)
		}
		write(t, s, func(tx *Tx) error { return tx.SettleEntitlement(made.ID, row.Turn, []byte(`{}`)) })
		if row := next(now.Add(2 * time.Hour)); row == nil || row.Settled == row.Turn {
			t.Errorf("an older turn settles a later one: %+v", row)
		}
		// Two live secrets change nothing about what it carries; while it is being made or changed there is nothing to tell.
		for status, due := range map[string]bool{
			`"state":"active","oldSecretUntil":"2027-01-01T00:00:00Z"`: true, `"state":"pending"`: false,
			`"state":"drifted","oldSecretUntil":"2027-01-01T00:00:00Z"`: true, `"state":"updating"`: false,
			`"state":"rotating","oldSecretUntil":"2027-01-01T00:00:00Z"`: false,
		} {
			made.Status = json.RawMessage(`{"mode":"generated",` + status + `}`)
			store(t, s, made)
			if row := next(now.Add(2 * time.Hour)); (row != nil) != due {
				t.Errorf("%s: due %+v", status, row)
			}
		}
		// One that is on its way out is told nothing.
		made.Status = json.RawMessage(`{"mode":"generated","state":"deleting"}`)
		write(t, s, func(tx *Tx) error { return tx.Put(made, Extra{Row: json.RawMessage("null")}) })
		if row := next(now.Add(2 * time.Hour)); row != nil {
			t.Errorf("a client that is being deleted is due: %+v", row)
		}
	})
}
