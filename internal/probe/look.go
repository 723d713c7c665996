package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/token"
	"keyward.dev/keyward/internal/wire"
	"keyward.dev/keyward/internal/wire/witness"
)

// LookLimit is the longest that a look takes, unless an exchange may take longer by the key manager's outbound policy.
const LookLimit = 15 * time.Second

// setsAtOnce is how many key sets of one key manager a look reads at the same time.
const setsAtOnce = 4

// Wants say what a look asks beside the keys.
type Wants struct {
	Token    bool // about a token that never was
	Metadata bool // the metadata, where something of them is stored
}

// Sight is what one look at a key manager's server saw.
type Sight struct {
	Sets    []SetSight
	Asks    string     // the introspection endpoint; "" = gateways have no credentials to ask about tokens with
	Asked   *AskSight  // nil = nobody asked
	Reads   string     // what leads to the metadata; "" = nothing of them is stored
	Read    *ReadSight // nil = nobody read the metadata
	Origins []witness.Origin
}

// SetSight is one source of keys.
type SetSight struct {
	Source  string   // its address; "" = the keys are declared, or travel with the key manager
	Issuers []string // whose keys these are
	Refresh time.Duration
	Keys    []*token.Key
	LeftOut []string // keys that are not used, and why
	Took    time.Duration
	Err     string // why there are no keys, with the server's words; "" = there are
}

// AskSight is the answer about a token that never was.
type AskSight struct {
	Took time.Duration // the question alone, without what got its credentials
	Err  string        // why that is no answer, with the server's words
}

// ReadSight is what the server's metadata say now.
type ReadSight struct {
	Differ string // what differs from what is stored; "" = nothing
	Err    string // why they could not be read, with the server's words
}

// Look looks at what gateways need of a key manager's server: its keys, and what else is wanted. It makes and changes nothing
// there, uses no credentials but those of introspection, and asks by what is stored, whatever the metadata say now. It ends
// within LookLimit, whatever the server does; what could not be seen is in the sight.
func (p *Probe) Look(ctx context.Context, s connector.Server, w Wants) Sight {
	c := newCheck(&Check{probe: p, server: s, bound: true}, p.fresh, nil)
	ctx, cancel := context.WithTimeout(ctx, c.atLeast(LookLimit))
	defer cancel()
	row, _, _ := c.row() // what is missing is said when the key manager is declared
	var sight Sight
	var all sync.WaitGroup
	if c.introspects() {
		sight.Asks = row.Introspection
	}
	if keymanager.Discovers(s.Spec) {
		sight.Reads = cmp.Or(s.Spec.Discovery, s.Spec.Issuer)
	}
	if w.Metadata && sight.Reads != "" {
		sight.Read = &ReadSight{}
		all.Go(func() { c.lookMetadata(ctx, sight.Read) })
	}
	if w.Token && sight.Asks != "" {
		sight.Asked = &AskSight{}
		all.Go(func() { c.lookAsked(ctx, sight.Asked) })
	}
	sources := gathered(row.Issuers)
	sight.Sets = make([]SetSight, len(sources))
	places := make(chan struct{}, setsAtOnce)
	for i, of := range sources {
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			sight.Sets[i] = c.lookKeys(ctx, of)
		})
	}
	all.Wait()
	sight.Origins = c.witness.Origins()
	return sight
}

// gathered puts issuers together that have their keys from one source. Those whose tokens are opaque, or no longer taken,
// have none.
func gathered(issuers []keyward.IssuerRow) [][]keyward.IssuerRow {
	var sources [][]keyward.IssuerRow
	for _, row := range issuers {
		if !hasKeys(row) || row.Until != nil && !time.Now().Before(*row.Until) {
			continue
		}
		i := slices.IndexFunc(sources, func(s []keyward.IssuerRow) bool {
			return s[0].JWKS == row.JWKS && slices.Equal(s[0].PEM, row.PEM) && string(s[0].Inline) == string(row.Inline)
		})
		if i < 0 {
			sources = append(sources, []keyward.IssuerRow{row})
			continue
		}
		sources[i] = append(sources[i], row)
	}
	return sources
}

func (c *check) lookKeys(ctx context.Context, of []keyward.IssuerRow) SetSight {
	seen := SetSight{Source: of[0].JWKS, Refresh: of[0].Refresh.Std()}
	for _, row := range of {
		seen.Issuers = append(seen.Issuers, row.Issuer)
	}
	ctx, cancel := context.WithTimeout(ctx, c.atLeast(stepLimit))
	defer cancel()
	began := time.Now()
	keys, notes, err := c.readKeys(ctx, of[0])
	if seen.Took = time.Since(began); seen.Source == "" {
		seen.Took = 0
	}
	seen.Keys, seen.LeftOut = keys, notes
	if err != nil {
		seen.Err = words(err)
	}
	return seen
}

func (c *check) lookMetadata(ctx context.Context, seen *ReadSight) {
	ctx, cancel := context.WithTimeout(ctx, c.atLeast(stepLimit))
	defer cancel()
	found, err := keymanager.Discover(ctx, c.server.Spec, c.client)
	if err != nil {
		seen.Err = words(err)
		return
	}
	seen.Differ = wire.Words(changes(c.server.Status, found))
}

func (c *check) lookAsked(ctx context.Context, seen *AskSight) {
	ctx, cancel := context.WithTimeout(ctx, c.atLeast(stepLimit))
	defer cancel()
	active, took, err := c.asked(ctx, nobody())
	seen.Took = took
	switch {
	case err != nil:
		seen.Err = words(err, c.secretValues()...)
		if f, ok := errors.AsType[*wire.Failure](err); ok && f.Status == 0 {
			seen.Err = fmt.Sprintf("%s: %s", c.introspectionEndpoint(), seen.Err)
		}
	case active:
		seen.Err = "active: true for a token that does not exist: the server accepts anything as a token"
	}
}
