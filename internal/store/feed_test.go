package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/store/database"
	"keyward.dev/keyward/internal/store/feedlog"
	"keyward.dev/keyward/internal/store/secrets"
)

// introspectionSecret is the path of the secret that methods basic and post need.
const introspectionSecret = "introspection.clientSecret"

// rowKey names a row of the feed.
type rowKey struct {
	Kind keyward.RowKind
	ID   string
}

// rowMap is what a group holds: rows in a comparable form, with sealed secrets opened.
type rowMap map[rowKey]string

// everything is the whole database as plain Go values, from which the rules of membership are worked out again without
// a line of SQL.
type everything struct {
	objects map[keyward.Kind][]*keyward.Object
	secrets map[string]map[string]string // by key manager
	rows    map[string]string            // gateways' rows by object id
	intro   map[string]string            // introspection rows by key manager
	keys    []keyward.GatewayKeyRow
	groupOf map[string]string // by gateway key
}

func readEverything(tx *Tx) (*everything, error) {
	e := &everything{
		objects: map[keyward.Kind][]*keyward.Object{}, secrets: map[string]map[string]string{}, rows: map[string]string{},
		intro: map[string]string{}, groupOf: map[string]string{},
	}
	for _, n := range nouns() {
		list, _, err := tx.List(n.kind, Filter{})
		if err != nil {
			return nil, err
		}
		e.objects[n.kind] = list
		intro := "''"
		if n.kind == keyward.KindKeyManager {
			intro = "introspection"
		}
		if err := tx.run.Rows(`SELECT id, gateway_row, sealed, `+intro+` FROM `+n.table, nil, func(r database.Row) error {
			var id, row, sealed, intro string
			if err := r.Scan(&id, &row, &sealed, &intro); err != nil {
				return err
			}
			e.rows[id], e.intro[id] = row, intro
			var err error
			e.secrets[id], err = secrets.Open(tx.store.key, id, sealed)
			return err
		}); err != nil {
			return nil, err
		}
	}
	err := tx.run.Rows(`SELECT k.gateway_row, w.group_name FROM gateway_keys k JOIN gateways w ON w.id = k.gateway_id
		WHERE w.revoked_at IS NULL`, nil, func(r database.Row) error {
		var text, group string
		if err := r.Scan(&text, &group); err != nil {
			return err
		}
		var row keyward.GatewayKeyRow
		err := json.Unmarshal([]byte(text), &row)
		e.keys = append(e.keys, row)
		e.groupOf[row.ID] = group
		return err
	})
	return e, err
}

func (e *everything) named(kind keyward.Kind, tenant, name string) *keyward.Object {
	for _, o := range e.objects[kind] {
		if o.Tenant == tenant && o.Name == name {
			return o
		}
	}
	return nil
}

// project works out from scratch what the group must hold.
func (e *everything) project(group string) rowMap {
	want := rowMap{}
	add := func(kind keyward.RowKind, id string, row any) {
		text, err := json.Marshal(row)
		if err != nil {
			panic(err)
		}
		want[rowKey{kind, id}] = canonical(text)
	}
	served := map[string]bool{} // APIs, by id
	openTenant := map[string]bool{}
	taken := map[string]bool{} // key managers
	for _, o := range e.objects[keyward.KindAPI] {
		spec := specOf[*keyward.APISpec](o)
		published := spec.State == "" || spec.State == "published" || spec.State == "deprecated"
		if !published || e.rows[o.ID] == "" || !slices.Contains(spec.GatewaysOrDefault(), group) {
			continue
		}
		served[o.ID] = true
		add(keyward.RowAPI, o.ID, json.RawMessage(e.rows[o.ID]))
		openTenant[o.Tenant] = openTenant[o.Tenant] || !spec.SubscriptionRequired()
		for _, m := range e.objects[keyward.KindKeyManager] {
			listed := slices.ContainsFunc(spec.KeyManagers.List, func(u keyward.KeyManagerUse) bool { return u.Name == m.Name })
			if m.Tenant == o.Tenant && (spec.KeyManagers.All || listed) {
				taken[m.ID] = true
			}
		}
	}
	for _, o := range e.objects[keyward.KindKeyManager] {
		if e.rows[o.ID] != "" {
			add(keyward.RowKeyManager, o.ID, json.RawMessage(e.rows[o.ID]))
		}
		var row keyward.IntrospectionRow
		if e.intro[o.ID] != "" {
			if err := json.Unmarshal([]byte(e.intro[o.ID]), &row); err != nil {
				panic(err)
			}
		}
		if secret, ok := e.secrets[o.ID][row.SecretPath()]; ok && taken[o.ID] && e.intro[o.ID] != "" {
			row.Secret.Text = secret
			add(keyward.RowIntrospection, o.ID, row)
		}
	}
	for _, o := range e.objects[keyward.KindPlan] {
		rate := specOf[*keyward.PlanSpec](o).Rate
		add(keyward.RowPlan, o.ID, keyward.PlanRow{ID: o.ID, Tenant: o.Tenant, Name: o.Name, Rate: rate})
	}
	e.projectApplications(served, openTenant, add)
	for _, row := range e.keys {
		if e.groupOf[row.ID] == group {
			add(keyward.RowGatewayKey, row.ID, row)
		}
	}
	return want
}

func (e *everything) projectApplications(
	served, openTenant map[string]bool, add func(kind keyward.RowKind, id string, row any),
) {
	subscribed := map[string]bool{}
	for _, o := range e.objects[keyward.KindSubscription] {
		spec := specOf[*keyward.SubscriptionSpec](o)
		api := e.named(keyward.KindAPI, o.Tenant, spec.API)
		if !served[api.ID] {
			continue
		}
		app := e.named(keyward.KindApplication, o.Tenant, spec.Application)
		subscribed[app.ID] = true
		row := keyward.SubscriptionRow{ID: o.ID, ApplicationID: app.ID, APIID: api.ID, State: spec.StateOrDefault()}
		if spec.Plan != "" {
			row.PlanID = e.named(keyward.KindPlan, o.Tenant, spec.Plan).ID
		}
		add(keyward.RowSubscription, o.ID, row)
	}
	for _, o := range e.objects[keyward.KindApplication] {
		if subscribed[o.ID] || openTenant[o.Tenant] {
			add(keyward.RowApplication, o.ID, keyward.ApplicationRow{ID: o.ID, Tenant: o.Tenant, Name: o.Name})
		}
	}
	// A group that holds one rule of a tenant for a key manager's tokens holds all of the tenant's clients there.
	type place struct{ tenant, keyManager string }
	ruled := map[place]bool{}
	places := map[string]place{}
	rows := map[string]keyward.ClientRow{}
	reached := map[string]bool{}
	for _, o := range e.objects[keyward.KindOAuthClient] {
		row := e.clientRow(o)
		rows[o.ID] = row
		reached[o.ID] = subscribed[row.ApplicationID] || openTenant[o.Tenant]
		at := place{o.Tenant, row.KeyManagerID}
		places[o.ID] = at
		ruled[at] = ruled[at] || reached[o.ID] && row.Match != nil
	}
	for id, row := range rows {
		if e.rows[id] != "" && (reached[id] || ruled[places[id]]) {
			add(keyward.RowClient, id, row)
		}
	}
}

func (e *everything) clientRow(o *keyward.Object) keyward.ClientRow {
	spec := specOf[*keyward.OAuthClientSpec](o)
	row := keyward.ClientRow{
		ID: o.ID, KeyManagerID: e.named(keyward.KindKeyManager, o.Tenant, spec.KeyManager).ID, ClientID: spec.ClientID,
		ApplicationID: e.named(keyward.KindApplication, o.Tenant, spec.Application).ID,
		Environment:   spec.EnvironmentOrDefault(), Match: spec.Match, Revoked: o.Set == revokedSet,
	}
	if spec.Match != nil {
		row.Tenant = o.Tenant
	}
	return row
}

// revokedSet is the mark of clients that were last written without a gateways' row.
const revokedSet = "revoked"

// canonical writes JSON in one form, whatever its author did.
func canonical(text []byte) string {
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		panic(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(out)
}

// opened replaces the sealed secret of an introspection row by its value; it must open with the group's current key.
func opened(kind keyward.RowKind, id string, raw json.RawMessage, key seal.Key) (string, error) {
	if kind != keyward.RowIntrospection {
		return canonical(raw), nil
	}
	var row keyward.IntrospectionRow
	if err := json.Unmarshal(raw, &row); err != nil {
		return "", err
	}
	if row.Secret.Key != key.ID() {
		return "", fmt.Errorf("introspection row %s is sealed with key %s, not the current one", id, row.Secret.Key)
	}
	secret, err := key.Open(row.Secret.Text, seal.RowContext(kind, id, "secret"))
	if err != nil {
		return "", err
	}
	row.Secret = keyward.Sealed{Text: string(secret)}
	text, err := json.Marshal(row)
	return canonical(text), err
}

// replay applies changes to what a reader holds, as any reader would.
func replay(rows map[rowKey]json.RawMessage, record []byte) error {
	var c keyward.Change
	if err := json.Unmarshal(record, &c); err != nil {
		return err
	}
	key := rowKey{c.Kind, c.ID}
	if _, held := rows[key]; c.Deleted && !held {
		return fmt.Errorf("revision %d deletes %v, which is not there", c.Revision, key)
	}
	rows[key] = c.Row
	if c.Deleted {
		delete(rows, key)
	}
	return nil
}

// follower reads a group's log from its beginning and checks it record by record.
type follower struct {
	group string
	at    keyward.Position
	rows  map[rowKey]json.RawMessage
}

func follow(group string) *follower {
	return &follower{group: group, rows: map[rowKey]json.RawMessage{}}
}

// catchUp reads what was appended. oneTransaction expects only its last record to be marked so.
func (f *follower) catchUp(tx *Tx, oneTransaction bool) error {
	var last bool
	for {
		page, err := tx.Records(f.group, f.at.Revision, 7)
		if err != nil {
			return err
		}
		for _, r := range page {
			if last && oneTransaction {
				return fmt.Errorf("revision %d follows the last of its transaction", r.Revision)
			}
			var c keyward.Change
			if err := json.Unmarshal(r.Bytes, &c); err != nil {
				return err
			}
			if r.Revision != f.at.Revision+1 || r.Chain != f.at.Chain.Next(r.Bytes) ||
				c.Revision != r.Revision || c.Last != r.Last {
				return fmt.Errorf("record %s at %v does not follow %v", r.Bytes, r.Position, f.at)
			}
			f.at, last = r.Position, r.Last
			if err := replay(f.rows, r.Bytes); err != nil {
				return err
			}
			if chain, ok, err := tx.ChainAt(f.group, r.Revision); err != nil || !ok || chain != r.Chain {
				return fmt.Errorf("ChainAt %d: %v, %v, %w", r.Revision, chain, ok, err)
			}
		}
		if len(page) == 0 {
			break
		}
		if !page[len(page)-1].Last && len(page) < 7 {
			return fmt.Errorf("the log ends within a transaction, at %v", f.at)
		}
	}
	head, err := tx.Head(f.group)
	if err == nil && head != f.at {
		err = fmt.Errorf("the head is %v, the log ends at %v", head, f.at)
	}
	return err
}

// checkFeed compares replaying the log, the held rows and the projection from scratch, for each group.
func checkFeed(tx *Tx, followers []*follower, oneTransaction bool) error {
	all, err := readEverything(tx)
	if err != nil {
		return err
	}
	for _, f := range followers {
		if err := f.catchUp(tx, oneTransaction); err != nil {
			return fmt.Errorf("group %s: %w", f.group, err)
		}
		held := map[rowKey]json.RawMessage{}
		if err := tx.Snapshot(f.group, func(record []byte) error { return replay(held, record) }); err != nil {
			return err
		}
		if diff := cmp.Diff(f.rows, held); diff != "" {
			return fmt.Errorf("group %s: snapshot differs from replaying the log (-log +snapshot):\n%s", f.group, diff)
		}
		keys, err := tx.GroupKeys(f.group)
		if err != nil {
			return err
		}
		got := rowMap{}
		for key, raw := range held {
			if got[key], err = opened(key.Kind, key.ID, raw, keys[0]); err != nil {
				return err
			}
		}
		if diff := cmp.Diff(all.project(f.group), got); diff != "" {
			return fmt.Errorf("group %s: held rows differ from a projection from scratch (-want +got):\n%s", f.group, diff)
		}
	}
	return nil
}

// addGroup makes a second group, which the contract does not have yet and the schema does.
func addGroup(t tester, s *Store, name string) {
	var none keyward.Chain
	err := s.Write(t.Context(), "test", func(tx *Tx) error {
		if _, err := tx.run.Exec(`INSERT INTO gateway_groups (name, revision, chain, trimmed_revision, trimmed_chain)
			VALUES ($1, 0, $2, 0, $2)`, name, none[:]); err != nil {
			return err
		}
		return feedlog.NewGroupKey(tx.feedLog, tx.marks, name)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// wipe takes a database back to its beginning, but for its tenants and groups.
func wipe(t tester, s *Store) {
	var none keyward.Chain
	err := s.Write(t.Context(), "test", func(tx *Tx) error {
		for _, table := range []string{
			"feed_log", "feed_rows", "gateway_keys", "gateways", "oauth_clients", "subscriptions", "apis", "plans",
			"applications", "key_managers", "audit",
		} {
			if _, err := tx.run.Exec(`DELETE FROM ` + table); err != nil {
				return err
			}
		}
		_, err := tx.run.Exec(`UPDATE gateway_groups SET revision = 0, chain = $1`, none[:])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// chooser draws one of n values: rapid in the property, a seeded source in the goroutines of the concurrent one.
type chooser func(n int) int

func (c chooser) name(prefix string, n int) string { return fmt.Sprintf("%s%d", prefix, c(n)) }

func (c chooser) flip() bool { return c(2) == 0 }

func (c chooser) some(names ...string) []string {
	var list []string
	for _, n := range names {
		if c.flip() {
			list = append(list, n)
		}
	}
	return list
}

// spec draws an object's declaration, mostly one that fits what a small database holds.
func (c chooser) spec(kind keyward.Kind) keyward.Spec {
	switch kind {
	case keyward.KindKeyManager:
		return &keyward.KeyManagerSpec{Type: keyward.TypeOIDC, DisplayName: c.name("title", 2), Issuer: c.name("https://", 6)}
	case keyward.KindPlan:
		return &keyward.PlanSpec{Rate: []keyward.Rate{{Requests: int64(c(3)), Per: keyward.Duration(time.Second)}}}
	case keyward.KindAPI:
		spec := &keyward.APISpec{
			Context: c.name("/ctx", 4), Version: c.name("v", 2), Gateways: c.some("default", "edge"), Plans: c.some("p0", "p1"),
			State: []keyward.APIState{"", keyward.APIPublished, keyward.APIDraft}[c(3)], Subscription: []string{"", "none"}[c(2)],
		}
		for _, name := range c.some("k0", "k1", "k2") {
			spec.KeyManagers.List = append(spec.KeyManagers.List, keyward.KeyManagerUse{Name: name})
		}
		spec.KeyManagers.All = len(spec.KeyManagers.List) == 0
		return spec
	case keyward.KindApplication:
		return &keyward.ApplicationSpec{DisplayName: c.name("title", 2), Owners: c.some("alice", "bob")}
	case keyward.KindSubscription:
		spec := &keyward.SubscriptionSpec{Application: c.name("a", 3), API: c.name("i", 3)}
		if c.flip() {
			spec.Plan = c.name("p", 2)
		}
		return spec
	default:
		spec := &keyward.OAuthClientSpec{Application: c.name("a", 3), KeyManager: c.name("k", 3)}
		switch c(4) {
		case 0:
			spec.Match = &keyward.ClientMatch{Any: true}
		case 1:
			spec.Match = &keyward.ClientMatch{Claim: "sub", Prefix: c.name("svc", 2)}
		default:
			spec.ClientID = c.name("id", 6)
		}
		return spec
	}
}

// step does one random thing to the database. A refusal is part of the game and ends the transaction.
func (c chooser) step(tx *Tx) error {
	kinds := []struct {
		kind   keyward.Kind
		prefix string
	}{
		{keyward.KindKeyManager, "k"}, {keyward.KindPlan, "p"}, {keyward.KindAPI, "i"}, {keyward.KindApplication, "a"},
		{keyward.KindSubscription, "s"}, {keyward.KindOAuthClient, "c"},
	}
	pick := c(len(kinds) + 1)
	if pick == len(kinds) {
		return c.gatewayStep(tx)
	}
	kind, name := kinds[pick].kind, c.name(kinds[pick].prefix, 3)
	in := []string{keyward.DefaultTenant, "acme"}[c(2)]
	o, err := tx.Get(kind, in, name)
	switch {
	case keyward.CodeOf(err) == keyward.CodeNotFound:
		o = &keyward.Object{Kind: kind, Tenant: in, Name: name}
	case err != nil:
		return err
	case c(3) == 0:
		return tx.Delete(o)
	}
	o.Spec = c.spec(kind)
	e := Extra{Row: enabled()}
	switch c(6) {
	case 0:
		e.Row = nil
	case 1:
		e.Row = json.RawMessage("null")
	}
	if kind == keyward.KindOAuthClient && (e.Row != nil || o.Version == 0) {
		o.Set = ""
		if !bytes.Equal(e.Row, enabled()) {
			o.Set = revokedSet
		}
	}
	if kind == keyward.KindKeyManager {
		if c.flip() {
			e.Introspection = &keyward.IntrospectionRow{ClientID: c.name("gw", 2), Method: "basic"}
			if c.flip() {
				e.Introspection.Method = keyward.IntrospectJWT
			}
		}
		if c.flip() {
			e.Secrets = map[string]string{introspectionSecret: c.name("secret", 2)}
			if c.flip() {
				e.Secrets = map[string]string{"introspection.key": c.name("key", 2)}
			}
		}
	}
	return tx.Put(o, e)
}

func (c chooser) gatewayStep(tx *Tx) error {
	name := c.name("g", 3)
	g, err := tx.GatewayByName(name)
	switch {
	case keyward.CodeOf(err) == keyward.CodeNotFound || err == nil && g.RevokedAt != nil:
		g = &keyward.Gateway{Name: name, Group: []string{"default", "edge"}[c(2)]}
		return tx.CreateGateway(g, []byte(NewID()))
	case err != nil:
		return err
	}
	switch c(4) {
	case 0:
		return tx.RevokeGateway(g.ID, tx.now)
	case 1:
		_, err := tx.DropExpiredGatewayKeys(tx.now.Add(time.Hour))
		return err
	}
	return tx.PutGatewayKey(g.ID, c.name("kid", 5), json.RawMessage(`{"kty":"EC"}`), tx.now)
}

// game is true for errors that random steps may meet: refusals, which a person would be told.
func game(err error) bool {
	code := keyward.CodeOf(err)
	return code != "" && code != keyward.CodeInternal
}

// TestFeedFollowsFromObjects: after any sequence of transactions, what each group holds is what the objects say, and
// its log leads there from nothing.
func TestFeedFollowsFromObjects(t *testing.T) {
	t.Parallel()
	for _, b := range backends() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			s := open(t, b.open(t, seal.NewKey()))
			addGroup(t, s, "edge")
			store(t, s, acme())
			rapid.Check(t, func(r *rapid.T) {
				wipe(r, s)
				followers := []*follower{follow("default"), follow("edge")}
				for range rapid.IntRange(1, 25).Draw(r, "transactions") {
					oneTransaction(r, s, followers)
				}
			})
		})
	}
}

func oneTransaction(r *rapid.T, s *Store, followers []*follower) {
	draw := rapid.SliceOfN(rapid.IntRange(0, 1<<20), 60, 60).Draw(r, "choices")
	steps := rapid.IntRange(1, 5).Draw(r, "steps")
	run := s.Write
	if rapid.IntRange(0, 9).Draw(r, "dry") == 0 {
		run = s.DryRun
	}
	err := run(r.Context(), "test", func(tx *Tx) error {
		next := 0
		c := chooser(func(n int) int { next++; return draw[next%len(draw)] % n })
		for range steps {
			if err := c.step(tx); err != nil && !game(err) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		r.Fatalf("write: %v", err)
	}
	if err := s.Read(r.Context(), func(tx *Tx) error { return checkFeed(tx, followers, true) }); err != nil {
		r.Fatal(err)
	}
}

// TestFeedUnderConcurrentWriters: the same, when several write at once. SQLite queues them; PostgreSQL does not.
func TestFeedUnderConcurrentWriters(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		addGroup(t, s, "edge")
		store(t, s, acme())
		followers := []*follower{follow("default"), follow("edge")}
		for round := range uint64(8) {
			var all sync.WaitGroup
			for writer := range uint64(6) {
				all.Go(func() {
					if err := writeAtRandom(t, s, round, writer); err != nil {
						t.Errorf("writer %d: %v", writer, err)
					}
				})
			}
			all.Wait()
			read(t, s, func(tx *Tx) error { return checkFeed(tx, followers, false) })
		}
	})
}

func TestTrimmedLog(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		for i := range 10 {
			store(t, s, plan(fmt.Sprintf("plan%d", i)))
		}
		var before []Record
		read(t, s, func(tx *Tx) (err error) {
			before, err = tx.Records("default", 0, 100)
			return err
		})
		for _, keep := range []int{100, 4, 4, 6} {
			write(t, s, func(tx *Tx) error { return tx.TrimLog("default", keep) })
		}
		read(t, s, func(tx *Tx) error {
			after, err := tx.Records("default", 0, 100)
			if diff := cmp.Diff(before[len(before)-4:], after); diff != "" {
				t.Errorf("after the trim (-want +got):\n%s", diff)
			}
			if err != nil {
				return err
			}
			for _, r := range before {
				chain, ok, err := tx.ChainAt("default", r.Revision)
				if err != nil {
					return err
				}
				if want := r.Revision >= after[0].Revision-1; ok != want || ok && chain != r.Chain {
					t.Errorf("ChainAt %d: %v, %v", r.Revision, chain, ok)
				}
			}
			_, ok, err := tx.ChainAt("default", before[len(before)-1].Revision+1)
			if ok {
				t.Error("ChainAt beyond the head")
			}
			n := 0
			return firstOf(err, tx.Snapshot("default", func(record []byte) error {
				if bytes.Contains(record, []byte(`"kind":"plan"`)) {
					n++
				}
				return nil
			}), func() error {
				if n != 10 {
					return fmt.Errorf("the snapshot has %d plans", n)
				}
				return nil
			}())
		})
	})
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
