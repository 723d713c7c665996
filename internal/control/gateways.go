package control

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/feed"
	"keyward.dev/keyward/internal/store"
)

// GatewayState is how a gateway stands towards the changes of its group.
type GatewayState string

// The states of gateways, each one before the next where several would be true.
const (
	GatewayRevoked  GatewayState = "revoked"
	GatewayNever    GatewayState = "never"    // it never reported
	GatewayAway     GatewayState = "away"     // it does not report any more
	GatewayStale    GatewayState = "stale"    // it reports, and does not get the changes
	GatewayBehind   GatewayState = "behind"   // a change is on its way to it
	GatewayUpToDate GatewayState = "upToDate" // it has every change
)

// gatewayChoices are what a list may be narrowed to: one state, or several.
func gatewayChoices() map[string][]GatewayState {
	all := []GatewayState{GatewayNever, GatewayAway, GatewayStale, GatewayBehind, GatewayUpToDate}
	choices := map[string][]GatewayState{"inUse": all, "lacking": all[1:4]}
	for _, s := range append(all, GatewayRevoked) {
		choices[string(s)] = []GatewayState{s}
	}
	return choices
}

// SeenGateway is a gateway with its state.
type SeenGateway struct {
	keyward.Gateway
	State GatewayState `json:"state" doc:"upToDate, behind, stale, away, never or revoked"`
}

// GatewayFilter chooses gateways; empty fields choose nothing out.
type GatewayFilter struct {
	Search   string // a part of the name, in any case
	State    string // a state, inUse (all but revoked) or lacking (away, stale or behind)
	Revision uint64 // each is judged by this revision in place of its group's newest; 0 = the newest
	Limit    int
	Cursor   string // the id of the last one before
}

// Gateways are a page of gateways, by name.
type Gateways struct {
	Items     []SeenGateway        `json:"items"`
	Next      string               `json:"next,omitempty" doc:"Cursor of the next page; absent on the last one"`
	Counts    map[GatewayState]int `json:"counts" doc:"How many are in each state, whatever the page is narrowed to"`
	Revisions map[string]uint64    `json:"revisions" doc:"The newest revision of each gateway group"`
}

// Gateways lists gateways with the revision each reported and how far it is behind. Errors for people: invalid_input.
func (c *Control) Gateways(ctx context.Context, p keyward.Principal, f GatewayFilter) (*Gateways, error) {
	if err := access.Require(p, access.RightReadGateways, keyward.DefaultTenant); err != nil {
		return nil, err
	}
	states, known := gatewayChoices()[f.State]
	if f.State != "" && !known {
		return nil, keyward.Invalid([]keyward.FieldError{
			keyward.Fault("state", "must be inUse, lacking, upToDate, behind, stale, away, never or revoked"),
		})
	}
	fleet, err := c.fleet(ctx, f.Revision)
	if err != nil {
		return nil, err
	}
	page := &Gateways{Items: []SeenGateway{}, Counts: map[GatewayState]int{}, Revisions: fleet.heads}
	found, after := f.Cursor == "", 0
	for i, g := range fleet.gateways {
		page.Counts[g.State]++
		if g.ID == f.Cursor {
			found, after = true, i+1
		}
	}
	if !found {
		return nil, keyward.Invalid([]keyward.FieldError{keyward.Fault("cursor", "is not one that this list gave")})
	}
	search := strings.ToLower(f.Search)
	for _, g := range fleet.gateways[after:] {
		if !strings.Contains(g.Name, search) || known && !slices.Contains(states, g.State) {
			continue
		}
		if len(page.Items) == cmp.Or(f.Limit, DefaultPage) {
			page.Next = page.Items[len(page.Items)-1].ID
			break
		}
		page.Items = append(page.Items, g)
	}
	return page, nil
}

// Gateway gives the gateway of the name, the last revoked one when no other is left. Errors for people: not_found.
func (c *Control) Gateway(ctx context.Context, p keyward.Principal, name string) (*SeenGateway, error) {
	if err := access.Require(p, access.RightReadGateways, keyward.DefaultTenant); err != nil {
		return nil, err
	}
	var seen SeenGateway
	err := c.store.Read(ctx, func(tx *store.Tx) error {
		g, err := tx.GatewayByName(name)
		if err == nil {
			seen = standing(*g)
		}
		return err
	})
	return &seen, err
}

// fleet is every gateway, by name, and the newest revision of each group.
type fleet struct {
	gateways []SeenGateway
	heads    map[string]uint64
}

// fleet reads it. A revision other than 0 is what gateways are judged by.
func (c *Control) fleet(ctx context.Context, revision uint64) (*fleet, error) {
	out := &fleet{heads: map[string]uint64{}}
	return out, c.store.Read(ctx, func(tx *store.Tx) error {
		groups, err := tx.Groups()
		if err != nil {
			return err
		}
		for _, group := range groups {
			head, err := tx.Head(group)
			if err != nil {
				return err
			}
			out.heads[group] = head.Revision
		}
		gateways, err := tx.Gateways()
		out.gateways = make([]SeenGateway, 0, len(gateways))
		for _, g := range gateways {
			if revision > 0 {
				g.Lag = max(revision, g.Revision) - g.Revision
			}
			out.gateways = append(out.gateways, standing(g))
		}
		return err
	})
}

func standing(g keyward.Gateway) SeenGateway {
	s := SeenGateway{Gateway: g, State: GatewayUpToDate}
	switch {
	case g.RevokedAt != nil:
		s.State = GatewayRevoked
	case g.LastSeen == nil:
		s.State = GatewayNever
	case g.Away:
		s.State = GatewayAway
	case g.Stale:
		s.State = GatewayStale
	case g.Lag > 0:
		s.State = GatewayBehind
	}
	return s
}

// CreateGateway makes the credential of one gateway. It carries the fingerprint of the only signing key that the
// gateway will believe, and is shown this once.
func (c *Control) CreateGateway(ctx context.Context, p keyward.Principal, name, group string) (
	keyward.Gateway, string, error,
) {
	if err := access.Require(p, access.RightGateways, keyward.DefaultTenant); err != nil {
		return keyward.Gateway{}, "", err
	}
	g, token, err := feed.NewGateway(ctx, c.store, p.Actor(), name, group)
	if err != nil {
		return keyward.Gateway{}, "", err
	}
	return *g, token.Reveal(), nil
}

// RevokeGateway withdraws a gateway: its key leaves every JWKS, the group gets a new key, it is told to stop, and its
// connection to the embedded event hub is cut. Doing so twice changes nothing.
func (c *Control) RevokeGateway(ctx context.Context, p keyward.Principal, name string) error {
	if err := access.Require(p, access.RightGateways, keyward.DefaultTenant); err != nil {
		return err
	}
	var g *keyward.Gateway
	err := c.store.Write(ctx, p.Actor(), func(tx *store.Tx) (err error) {
		if g, err = tx.GatewayByName(name); err != nil {
			return err
		}
		return tx.RevokeGateway(g.ID, c.now())
	})
	if err == nil && c.withdrawn != nil {
		c.withdrawn(ctx, g)
	}
	return err
}
