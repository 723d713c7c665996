package store

import (
	"fmt"

	"keyward.dev/keyward"
)

// noun is what the store knows of a kind beyond the columns that all kinds have.
type noun struct {
	kind  keyward.Kind
	table string
	own   []string                         // own columns
	fill  func(*put) ([]any, error)        // their values; looks at what the spec names, and at what must be unique
	link  func(*put) error                 // after the row is written: rows of further tables, marks for the feed
	drop  func(*Tx, *keyward.Object) error // before the row is deleted: marks for the feed
	clear func(*Tx, *keyward.Object) error // gives up what must be unique beside the name, until the next Put
	by    map[keyward.Kind]string          // how the row x refers to an object of another kind, its id being %s
	owner string                           // the id of the application that x is or belongs to
	brief bool                             // an API is read without its OpenAPI document
}

func nouns() []noun {
	return []noun{
		tenantNoun(), userNoun(), connectionNoun(), keyManagerNoun(), planNoun(), apiNoun(), applicationNoun(),
		subscriptionNoun(), clientNoun(),
	}
}

func nounOf(kind keyward.Kind) (noun, error) {
	for _, n := range nouns() {
		if n.kind == kind {
			return n, nil
		}
	}
	return noun{}, fmt.Errorf("the store has no kind %q", kind)
}

func planNoun() noun {
	return noun{
		kind: keyward.KindPlan, table: "plans",
		fill: func(p *put) ([]any, error) {
			spec := specOf[*keyward.PlanSpec](p.o)
			return nil, p.encode(keyward.PlanRow{ID: p.o.ID, Tenant: p.o.Tenant, Name: p.o.Name, Rate: spec.Rate})
		},
		link: func(p *put) error {
			p.tx.marks.Row(keyward.RowPlan, p.o.ID)
			return nil
		},
		drop: func(tx *Tx, o *keyward.Object) error {
			tx.marks.Row(keyward.RowPlan, o.ID)
			return nil
		},
	}
}

// connectionNoun: a connection is on no gateway, so that nothing is marked. The rows of key managers hold some of it, so
// that it changes under their lock.
func connectionNoun() noun {
	return noun{
		kind: keyward.KindConnection, table: "connections",
		fill: func(p *put) ([]any, error) {
			spec := specOf[*keyward.ConnectionSpec](p.o)
			p.search, p.row = spec.DisplayName+" "+string(spec.Type), ""
			return nil, p.tx.lockKeyManagers()
		},
	}
}

// tenantNoun: a tenant is referred to by its name, from the tenant column of every other table.
func tenantNoun() noun {
	return noun{
		kind: keyward.KindTenant, table: "tenants",
		fill: func(p *put) ([]any, error) {
			p.search = specOf[*keyward.TenantSpec](p.o).DisplayName
			p.row = ""
			return nil, nil
		},
	}
}

// userNoun: nobody but the control plane knows users.
func userNoun() noun {
	return noun{
		kind: keyward.KindUser, table: "users",
		fill: func(p *put) ([]any, error) {
			p.search = specOf[*keyward.UserSpec](p.o).Email
			p.row = ""
			return nil, nil
		},
	}
}
