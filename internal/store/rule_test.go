package store

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/needs"
)

// clientsHeld lists what the group default holds of clients: their names, with ! for one that is out of use.
func clientsHeld(t *testing.T, s *Store) string {
	t.Helper()
	var names []string
	read(t, s, func(tx *Tx) error {
		names = nil
		return tx.Snapshot("default", func(record []byte) error {
			var c keyward.Change
			var row keyward.ClientRow
			if err := json.Unmarshal(record, &c); err != nil || c.Kind != keyward.RowClient {
				return err
			}
			if err := json.Unmarshal(c.Row, &row); err != nil {
				return err
			}
			o, err := tx.GetByID(keyward.KindOAuthClient, c.ID)
			if err != nil {
				return err
			}
			mark := ""
			if row.Revoked {
				mark = "!"
			}
			if asked := row.Match != nil || row.Revoked; asked != slices.Contains(c.Needs, needs.Match) {
				t.Errorf("%s needs %v of its gateways", o.Name, c.Needs)
			}
			names = append(names, o.Name+mark)
			return nil
		})
	})
	slices.Sort(names)
	return strings.Join(names, " ")
}

// TestRulesBringTheirKeyManagersClients: a group that holds a rule holds every client of the key manager, whoever calls
// there, since each of them comes before the rule; and no others.
func TestRulesBringTheirKeyManagersClients(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		put := func(o *keyward.Object, row string) { // "" = not a word about it
			t.Helper()
			var extra Extra
			if row != "" {
				extra.Row = json.RawMessage(row)
			}
			write(t, s, func(tx *Tx) error { return tx.Put(o, extra) })
		}
		want := func(what, names string) {
			t.Helper()
			if got := clientsHeld(t, s); got != names {
				t.Errorf("%s: the group holds %q, want %q", what, got, names)
			}
		}
		web := subscription("web-orders", "web", "orders")
		rule := client("rule", "web", "corp", "")
		specOf[*keyward.OAuthClientSpec](rule).Match = &keyward.ClientMatch{Claim: "sub", Prefix: "svc-"}
		store(t, s, keyManager("corp", "https://corp"), keyManager("other", "https://other"), api("orders", "/orders", "corp"),
			application("mobile"), application("web"), client("mobile-corp", "mobile", "corp", "abc"),
			client("mobile-other", "mobile", "other", "abc"), web)
		want("no rule", "")
		put(rule, "{}")
		want("a rule", "mobile-corp rule")
		late := client("late", "mobile", "corp", "late")
		specOf[*keyward.OAuthClientSpec](late).Environment = keyward.Sandbox
		put(late, "{}")
		want("a client that comes later", "late mobile-corp rule")
		put(late, "null")
		want("a client that is put out of use", "late! mobile-corp rule")
		put(late, "")
		want("and written again without a word about it", "late! mobile-corp rule")
		write(t, s, func(tx *Tx) error { return tx.Delete(web) })
		want("nobody calls by the rule", "")
		store(t, s, subscription("web-orders", "web", "orders"))
		want("somebody does again", "late! mobile-corp rule")
		specOf[*keyward.OAuthClientSpec](rule).KeyManager = "other"
		put(rule, "{}")
		want("the rule moves to another key manager", "mobile-other rule")
		specOf[*keyward.OAuthClientSpec](rule).KeyManager = "corp"
		write(t, s, func(tx *Tx) error {
			if err := tx.Vacate(rule); err != nil {
				return err
			}
			return tx.Put(rule, Extra{Row: enabled()})
		})
		want("and back, in a batch", "late! mobile-corp rule")
		specOf[*keyward.OAuthClientSpec](rule).Match, specOf[*keyward.OAuthClientSpec](rule).ClientID = nil, "web"
		put(rule, "{}")
		want("the rule becomes a client", "rule")
		specOf[*keyward.OAuthClientSpec](rule).Match, specOf[*keyward.OAuthClientSpec](rule).ClientID = &keyward.ClientMatch{Any: true}, ""
		put(rule, "null")
		want("a rule that is out of use still keeps its place", "late! mobile-corp rule!")
		put(rule, "{}")
		write(t, s, func(tx *Tx) error {
			_, err := tx.Hold(rule, &keyward.Hold{Reason: "leaked", By: "ada", Since: time.Now()})
			return err
		})
		if _, hold := feedRow(t, s, keyward.RowClient, rule.ID); !hold.Holds(time.Now()) {
			t.Error("a rule that is held is not held on gateways")
		}
		write(t, s, func(tx *Tx) error { return tx.Delete(rule) })
		want("the rule is gone", "")
	})
}

// TestRulesInAGlobalKeyManager: each tenant may have the same one, a conflict names nothing of another tenant, and a rule
// brings its own tenant's clients alone.
func TestRulesInAGlobalKeyManager(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		rule := func(tenant, name, application string) *keyward.Object {
			o := in(tenant, client(name, application, "sso", ""))
			specOf[*keyward.OAuthClientSpec](o).Match = &keyward.ClientMatch{Any: true}
			return o
		}
		theirs := rule("acme", "acme-rule", "web")
		store(t, s, acme(), global("sso", "https://sso"), api("orders", "/orders", "sso"),
			application("mobile"), application("web"), client("mobile-sso", "mobile", "sso", "abc"),
			in("acme", api("orders", "/orders", "sso")), in("acme", application("mobile")), in("acme", application("web")),
			in("acme", client("acme-mobile", "mobile", "sso", "abc")), in("acme", subscription("calls", "web", "orders")), theirs)
		if got := clientsHeld(t, s); got != "acme-mobile acme-rule" {
			t.Errorf("a rule of acme brings %q", got)
		}
		err := tryPut(t, s, rule("acme", "again", "mobile"))
		refused(t, err, keyward.CodeConflict, "spec.match")
		store(t, s, rule("", "own-rule", "web"))
		if got := clientsHeld(t, s); got != "acme-mobile acme-rule" {
			t.Errorf("where nobody calls by it, a rule brings %q", got)
		}
		calls := subscription("calls", "web", "orders")
		store(t, s, calls)
		if got := clientsHeld(t, s); got != "acme-mobile acme-rule mobile-sso own-rule" {
			t.Errorf("the rules of both bring %q", got)
		}
		write(t, s, func(tx *Tx) error { return tx.Delete(theirs) })
		if got := clientsHeld(t, s); got != "mobile-sso own-rule" {
			t.Errorf("the other tenant's rule brings %q", got)
		}
		write(t, s, func(tx *Tx) error { return tx.Delete(calls) })
		if got := clientsHeld(t, s); got != "" {
			t.Errorf("no rule brings %q", got)
		}
	})
}
