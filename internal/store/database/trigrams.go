package database

import (
	"strings"

	"github.com/pressly/goose/v3"
)

// Having is the condition that the row x of a table is of the tenant and has all of the trigrams. There is an index of them
// (migration 25), which the two databases ask in ways of their own.
func (r *Run) Having(table, tenant string, trigrams []string, v *Values) string {
	quoted := make([]string, len(trigrams))
	if r.dialect == goose.DialectPostgres {
		for i, trigram := range trigrams {
			quoted[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(tenant+"/"+trigram) + `"`
		}
		return `keyward_trigrams(x.tenant, x.search) COLLATE "C" @> CAST(` + v.Add("{"+strings.Join(quoted, ",")+"}") + ` AS TEXT[])`
	}
	for i, trigram := range trigrams {
		quoted[i] = `"` + strings.ReplaceAll(trigram, `"`, `""`) + `"`
	}
	place := `(SELECT p.number FROM search_places p WHERE p.table_name = '` + table + `' AND p.tenant = ` + v.Add(tenant) + `)`
	return `x.id IN (SELECT s.object_id FROM trigrams t JOIN searched s ON s.number = t.rowid WHERE t.trigrams MATCH ` +
		v.Add(strings.Join(quoted, " ")) + ` AND t.rowid BETWEEN ` + place + ` << 32 AND (` + place + ` + 1 << 32) - 1)`
}
