package control

import (
	"context"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/store"
)

// Traffic is how many calls were made with a key manager's tokens, and how they ended at the gateways.
type Traffic struct {
	KeyManager string        `json:"keyManager"`
	Hours      []TrafficHour `json:"hours" doc:"Of the last two days, in order; those without calls are left out"`
}

// TrafficHour is the calls of one hour.
type TrafficHour struct {
	Start time.Time              `json:"start"`
	Codes map[keyward.Code]int64 `json:"codes" doc:"The refused ones by the gateway's code"`
	Calls
}

// Traffic counts the calls to the tenant's APIs. Operators who ask about a global key manager in its own tenant are told of
// every tenant's together.
func (c *Control) Traffic(ctx context.Context, p keyward.Principal, tenant, name string) (*Traffic, error) {
	if err := access.Require(p, access.RightUsages, tenant); err != nil {
		return nil, err
	}
	t := &Traffic{KeyManager: name}
	err := c.store.Read(ctx, func(tx *store.Tx) error {
		km, err := tx.KeyManagerFor(tenant, name)
		if err != nil {
			return err
		}
		of := tenant
		if isGlobal(km) && seesAll(p, km, tenant) {
			of = ""
		}
		counts, err := tx.UsageHours(km.ID, of, time.Now())
		if err != nil {
			return err
		}
		t.Hours = []TrafficHour{}
		for _, n := range counts {
			if len(t.Hours) == 0 || !t.Hours[len(t.Hours)-1].Start.Equal(n.Start) {
				t.Hours = append(t.Hours, TrafficHour{Start: n.Start, Codes: map[keyward.Code]int64{}})
			}
			hour := &t.Hours[len(t.Hours)-1]
			if n.Code == "" {
				hour.Passed += n.Calls
				continue
			}
			hour.Refused += n.Calls
			hour.Codes[n.Code] += n.Calls
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}
