package store

import keyward "keyward.dev/keyward"

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
