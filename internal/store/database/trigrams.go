package database

import (
	"strings"

	"github.com/pressly/goose/v3"
)

// Having says where rows of a table are whose text that is searched has some trigrams.
type Having struct {
	From  string // a table with a condition: one row for each of them
	Where string // a condition on the table's row x
}

// Having says where the rows of a tenant are that have all of the trigrams. There is an index of them (migration 25), which the
// two databases ask in ways of their own.
func (r *Run) Having(table, tenant string, trigrams []string, v *Values) Having {
	return having(r.dialect, table, tenant, trigrams, v)
}

func having(dialect goose.Dialect, table, tenant string, trigrams []string, v *Values) Having {
	quoted := make([]string, len(trigrams))
	if dialect == goose.DialectPostgres {
		for i, trigram := range trigrams {
			quoted[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(tenant+"/"+trigram) + `"`
		}
		where := `keyward_trigrams(x.tenant, x.search) COLLATE "C" @> CAST(` + v.Add("{"+strings.Join(quoted, ",")+"}") + ` AS TEXT[])`
		return Having{From: table + " x WHERE " + where, Where: where}
	}
	for i, trigram := range trigrams {
		quoted[i] = `"` + strings.ReplaceAll(trigram, `"`, `""`) + `"`
	}
	place := `(SELECT p.number FROM search_places p WHERE p.table_name = '` + table + `' AND p.tenant = ` + v.Add(tenant) + `)`
	found := `t.trigrams MATCH ` + v.Add(strings.Join(quoted, " ")) + ` AND t.rowid BETWEEN ` + place + ` << 32 AND (` + place + ` + 1 << 32) - 1`
	return Having{
		From:  "trigrams t WHERE " + found,
		Where: "x.id IN (SELECT s.object_id FROM trigrams t JOIN searched s ON s.number = t.rowid WHERE " + found + ")",
	}
}
