package rest_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // the driver that the plans of SQLite are asked of

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/crowd"
	"keyward.dev/keyward/internal/testbed/postgres"
)

// ours is the crowd that the plans are looked at with: a plan that goes through all there is shows by how many rows it looks at,
// not by how long it takes. So few rows are soon read whole, and PostgreSQL would: it is told that reading a table in order
// costs as much as one of ten times the size, so that it chooses as it does with 50,000 applications.
func ours() crowd.Size {
	return crowd.Size{
		Tenant: "default", KeyManagers: 50, APIs: 50, Applications: 4000, Users: 4000, Tenants: 20, Gateways: 20, Audit: 8000,
	}
}

// most is how many rows of one relation a step of a page's plan may look at.
const most = 1500

// bySQLite is a statement as SQLite's store would have it: what is searched for is found there in another way.
func bySQLite(statement string) string {
	having := regexp.MustCompile(`keyward_trigrams\(x\.tenant, x\.search\) COLLATE "C" @> CAST\((\$\d+) AS TEXT\[\]\)`)
	return having.ReplaceAllString(statement, `x.id IN (SELECT s.object_id FROM trigrams t JOIN searched s ON s.number = t.rowid `+
		`WHERE t.trigrams MATCH $1 AND t.rowid BETWEEN 1 AND 9)`)
}

// TestNoPageGoesThroughAllThereIs calls every GET of the document, each with every filter that it has, as an administrator,
// as somebody who owns nearly all applications and as one who owns a few, and looks at the plans that PostgreSQL took; SQLite
// is asked what it would do with the same statements.
func TestNoPageGoesThroughAllThereIs(t *testing.T) {
	t.Parallel()
	cluster, err := postgres.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	address, err := cluster.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	on := store.Options{URL: address, Key: seal.NewKey()}
	fill(t, on)
	dear := []string{`seq_page_cost = 20`, `cpu_tuple_cost = 0.1`, `cpu_index_tuple_cost = 0.005`}
	if err := cluster.Explain(t.Context(), address, dear...); err != nil {
		t.Fatal(err)
	}
	h := newHouseOver(t, on)
	h.users(map[string][]keyward.Role{crowd.Hermit: {keyward.RoleDeveloper}, crowd.Owner: {keyward.RoleDeveloper}}, "default")
	if err := cluster.Analyze(t.Context(), address); err != nil {
		t.Fatal(err)
	}
	readEverything(t, h)
	statements, searched := map[string]bool{}, false
	for _, plan := range cluster.Plans(context.Background(), t, address) {
		statements[plan.Text] = true
		searched = searched || strings.Contains(plan.Text, "keyward_trigrams")
		plan.Root.Walk(func(n postgres.Node) {
			if slices.Contains(large(), n.Relation) && n.Read() > most {
				t.Errorf("PostgreSQL: %s of %s %s looks at %.0f rows:\n%s", n.Type, n.Relation, n.Index, n.Read(), plan.Text)
			}
		})
	}
	if len(statements) < 50 || !searched {
		t.Fatalf("only %d statements were seen, a search among them: %v", len(statements), searched)
	}
	askSQLite(t, statements)
}

// fill makes the schema and the crowd, before anybody looks.
func fill(t *testing.T, on store.Options) {
	t.Helper()
	st, err := store.Open(t.Context(), on)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("pgx", on.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := crowd.Fill(t.Context(), db, ours()); err != nil {
		t.Fatal(err)
	}
}

// chosen are the values of parameters that lists are narrowed with.
func chosen() map[string][]string {
	return map[string][]string{
		"application": {crowd.Busy}, "api": {"api-00001"}, "plan": {"plan-00001"}, "keyManager": {"manager-00001"}, "connection": {"none"},
		"owner": {crowd.Hermit, crowd.Owner, "nobody"}, "held": {"true"}, "role": {"admin", "publisher", "developer"}, "set": {"none"},
		"search": {"app-03999", "03999", "app", "a", "9", "zz", "no such words", "-"},
		"actor":  {"user-00001", "nobody"}, "kind": {"Application", "Plan"}, "name": {"app-00007", "nothing"},
	}
}

// readEverything calls every GET of the document but those that give everything there is.
func readEverything(t *testing.T, h *house) {
	t.Helper()
	var document struct {
		Paths map[string]map[string]struct {
			OperationID string
			Parameters  []struct{ Name, In string }
		}
	}
	h.call("", http.MethodGet, "/openapi.json", "").into(t, &document)
	named := strings.NewReplacer("/mobile", "/"+crowd.Busy, "/orders-v1", "/api-00001", "/ext", "/manager-00001", "/gold", "/plan-00001",
		"/alice", "/user-00001", "/third", "/tenant-00001", "/mobile-orders", "/sub-00002", "/mobile-ext", "/client-00002")
	answered, cases := 0, visits()
	for _, item := range document.Paths {
		op, reads := item["get"]
		if !reads || op.OperationID == "export" {
			continue
		}
		path := named.Replace(cases[op.OperationID].path)
		queries := []string{""}
		for _, p := range op.Parameters {
			for _, value := range chosen()[p.Name] {
				if p.In == "query" {
					queries = append(queries, url.Values{p.Name: {value}}.Encode())
				}
			}
		}
		for _, user := range []string{"admin", crowd.Hermit, crowd.Owner} {
			for _, query := range queries {
				answered += pages(t, h, user, path, query)
			}
		}
	}
	if answered < 100 {
		t.Fatalf("only %d requests were answered", answered)
	}
}

// pages asks for a page and the next one, and gives how many were answered: not everything may be narrowed by everything.
func pages(t *testing.T, h *house, user, path, query string) int {
	t.Helper()
	a := h.call(user, http.MethodGet, path+"?limit=50&"+query, "")
	if a.status >= http.StatusInternalServerError {
		t.Errorf("%s as %s: %d %s", path, user, a.status, a.body)
	}
	if a.status != http.StatusOK {
		return 0
	}
	var page struct{ Next string }
	if err := json.Unmarshal(a.body, &page); err != nil || page.Next == "" {
		return 1
	}
	h.must(user, http.MethodGet, path+"?limit=50&"+query+"&cursor="+url.QueryEscape(page.Next), "")
	return 2
}

// askSQLite wants no scan of a table of which there may be very many rows, and no page that sorts them.
func askSQLite(t *testing.T, statements map[string]bool) {
	t.Helper()
	dir := t.TempDir()
	st, err := store.Open(t.Context(), store.Options{DataDir: dir, Key: seal.NewKey()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "keyward.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	asked := 0
	for statement := range statements {
		if !regexp.MustCompile(`^(SELECT|UPDATE|DELETE|INSERT)\b`).MatchString(statement) ||
			strings.Contains(statement, "clock_timestamp") || strings.Contains(statement, "pg_") { // what is PostgreSQL's alone
			continue
		}
		asked++
		sorts, whole := sqlitePlan(t, db, bySQLite(statement))
		few := strings.Contains(statement, "x.tenant || ''") || strings.Contains(statement, "key_managers")
		if sorts && strings.Contains(statement, "LIMIT") && !few {
			t.Errorf("SQLite sorts for a page:\n%s", statement)
		}
		for _, table := range whole {
			t.Errorf("SQLite goes through %s:\n%s", table, statement)
		}
	}
	if asked < 50 {
		t.Fatalf("only %d statements were asked", asked)
	}
}

// sqlitePlan tells whether SQLite sorts, and through which large tables it goes whole.
func sqlitePlan(t *testing.T, db *sql.DB, statement string) (sorts bool, whole []string) {
	t.Helper()
	tables := map[string]string{}
	for _, m := range regexp.MustCompile(`(?:FROM|JOIN|UPDATE|INTO)\s+(\w+)(?:\s+(\w+))?`).FindAllStringSubmatch(statement, -1) {
		tables[m[1]], tables[m[2]] = m[1], m[1]
	}
	args := map[string]any{} // which the plan does not depend on
	for _, number := range regexp.MustCompile(`\$\d+`).FindAllString(statement, -1) {
		args[number] = nil
	}
	rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+statement, slices.Collect(maps.Values(args))...)
	if err != nil {
		t.Fatalf("%v:\n%s", err, statement)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		sorts = sorts || strings.Contains(detail, "USE TEMP B-TREE FOR ORDER BY")
		var name string
		if n, _ := fmt.Sscanf(detail, "CO-ROUTINE %s", &name); n == 1 {
			delete(tables, name) // what the statement makes itself, whose own steps are in the plan
		}
		if n, _ := fmt.Sscanf(detail, "SCAN %s", &name); n == 1 && slices.Contains(large(), tables[name]) {
			whole = append(whole, tables[name])
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return sorts, whole
}

// large are the tables of which there may be very many rows.
func large() []string {
	return []string{
		"applications", "application_owners", "subscriptions", "oauth_clients", "users", "audit", "client_usage", "secret_usage",
		"usage_clients", "usage_hours", "feed_rows", "feed_log", "looks", "entitlements", "reveals", "resident_tokens", "resident_grants",
		"resident_codes", "resident_refreshes", "resident_consents", "resident_browsers", "console_sessions",
	}
}
