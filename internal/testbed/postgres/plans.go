package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"keyward.dev/keyward/internal/testbed"
)

// Plan is how the server carried a statement out.
type Plan struct {
	Text string `json:"Query Text"`
	Root Node   `json:"Plan"`
}

// Node is a step of a plan.
type Node struct {
	Type     string  `json:"Node Type"`
	Relation string  `json:"Relation Name"`
	Index    string  `json:"Index Name"`
	Rows     float64 `json:"Actual Rows"` // in each loop
	Filtered float64 `json:"Rows Removed by Filter"`
	Rechecks float64 `json:"Rows Removed by Index Recheck"`
	Loops    float64 `json:"Actual Loops"`
	Plans    []Node  `json:"Plans"`
}

// Read is how many rows of its relation the step looked at.
func (n Node) Read() float64 { return (n.Rows + n.Filtered + n.Rechecks) * n.Loops }

// Walk calls visit for the node and all below it.
func (n Node) Walk(visit func(Node)) {
	visit(n)
	for _, below := range n.Plans {
		below.Walk(visit)
	}
}

// Explain has the server log the plan of every statement of sessions that begin from now on in a database of the cluster, with
// further settings, as in seq_page_cost = 2.
func (c *Cluster) Explain(ctx context.Context, address string, settings ...string) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("read the address of a database: %w", err)
	}
	settings = append([]string{
		`session_preload_libraries = 'auto_explain'`, `auto_explain.log_min_duration = 0`, `auto_explain.log_analyze = on`,
		`auto_explain.log_timing = off`, `auto_explain.log_format = 'json'`,
	}, settings...)
	for i, setting := range settings {
		settings[i] = `ALTER DATABASE ` + strings.TrimPrefix(u.Path, "/") + ` SET ` + setting
	}
	return c.run(ctx, address, settings...)
}

// Analyze tells the planner what is in a database, as the server does by itself sooner or later.
func (c *Cluster) Analyze(ctx context.Context, address string) error {
	return c.run(ctx, address, "ANALYZE")
}

func (c *Cluster) run(ctx context.Context, address string, statements ...string) error {
	db, err := sql.Open("pgx", address)
	if err != nil {
		return fmt.Errorf("reach the test's PostgreSQL: %w", err)
	}
	defer func() { _ = db.Close() }() // nothing is left to lose
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// Plans gives what was logged since Explain.
func (c *Cluster) Plans(ctx context.Context, t testbed.TB, address string) []Plan {
	t.Helper()
	const end = "the end of what is looked at"
	if err := c.run(ctx, address, `SELECT '`+end+`'`); err != nil {
		t.Fatalf("%v", err)
	}
	testbed.Eventually(t, "what the server prints", func() string {
		if strings.Contains(c.child.Output(), end) {
			return ""
		}
		return "it has not come"
	})
	var plans []Plan
	for _, part := range strings.Split(c.child.Output(), "  plan:\n")[1:] {
		var p Plan
		if err := json.NewDecoder(strings.NewReader(part)).Decode(&p); err != nil {
			t.Fatalf("read a plan: %v in %s", err, part)
		}
		plans = append(plans, p)
	}
	return plans
}
