package store

import keyward "keyward.dev/keyward"

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
