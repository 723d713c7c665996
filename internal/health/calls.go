package health

import (
	"maps"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/store"
)

// Calls are those of the last 24 hours with a key manager's tokens to the tenant's APIs, whatever the backends made of them.
// Operators who ask about a global key manager in its own tenant are told of every tenant's.
type Calls struct {
	Passed        int64   `json:"passed"`
	Refused       int64   `json:"refused"`
	PassedByHour  []int64 `json:"passedByHour,omitempty" doc:"24 hours, the last one under way; absent without any call"`
	RefusedByHour []int64 `json:"refusedByHour,omitempty"`
}

// count fills in the calls of a page of key managers, for who may know them.
func (m *Monitor) count(tx *store.Tx, p keyward.Principal, tenant string, managers []*keyward.Object, list []Summary) error {
	if !access.May(p, access.RightUsages, tenant) {
		return nil
	}
	ids := map[string][]string{} // by the tenant whose APIs count, empty for all
	for _, km := range managers {
		of := tenant
		if spec, ok := km.Spec.(*keyward.KeyManagerSpec); ok && spec.Global && km.Tenant == tenant && p.IsOperator() {
			of = ""
		}
		ids[of] = append(ids[of], km.ID)
	}
	days := map[string]*store.UsageDay{}
	for tenant, some := range ids {
		found, err := tx.UsageDays(some, tenant, m.now())
		if err != nil {
			return err
		}
		maps.Copy(days, found)
	}
	for i, km := range managers {
		list[i].Calls = callsOf(days[km.ID])
	}
	return nil
}

func callsOf(day *store.UsageDay) *Calls {
	c := &Calls{}
	if day == nil {
		return c
	}
	for _, hour := range day {
		c.Passed, c.Refused = c.Passed+hour.Passed, c.Refused+hour.Refused
		c.PassedByHour, c.RefusedByHour = append(c.PassedByHour, hour.Passed), append(c.RefusedByHour, hour.Refused)
	}
	return c
}
