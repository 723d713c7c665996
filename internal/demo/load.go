package demo

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Of the load: a call every so often, and for how long a token is used.
const (
	loadPause = 600 * time.Millisecond
	tokenLife = 5 * time.Minute
)

// call is one call of the load, which is really sent; whether it passes is the gateway's to decide.
type call struct {
	as, method, path string // as = "" without a token
	scope            string
}

// load is what the demo's programs do all the time, so that there is something to see: mostly what they may.
func load() []call {
	return []call{
		{asResident, "GET", "/orders/v1/items", scopeRead},
		{asWarehouse, "GET", "/catalog/v1/products?tag=kitchen", scopeCatalog},
		{asPartner, "GET", "/orders/v1/items/7", scopeRead},
		{"", "GET", "/catalog/v1/status", ""},
		{asResident, "GET", "/invoices/v1/latest", scopeInvoices},
		{asWarehouse, "GET", "/catalog/v1/products/A-7", scopeCatalog},
		{asResident, "POST", "/orders/v1/items", scopeRead},       // lacks the scope
		{asPartner, "GET", "/invoices/v1/latest", scopeRead},      // not a key manager of this API
		{asWarehouse, "GET", "/orders/v1/items/9", scopeCatalog},  // not subscribed
		{asResident, "POST", "/orders/v1/items", scopeWrite},      //
		{asWarehouse, "POST", "/catalog/v1/products", scopeStock}, //
		{"", "GET", "/orders/v1/items", ""},                       // no token at all
	}
}

// keepCalling sends the load until the context ends. What fails is seen in the console, like any other call.
func (s *show) keepCalling(ctx context.Context, credentials map[string]keys) {
	ticker := time.NewTicker(loadPause)
	defer ticker.Stop()
	tokens := &purse{show: s, credentials: credentials, held: map[string]heldToken{}}
	for i := 0; ; i++ {
		c := load()[i%len(load())]
		if token, err := tokens.get(ctx, c); err == nil {
			_, _, _ = s.pass(ctx, c.method, c.path, token)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// purse keeps tokens for a while, as programs do.
type purse struct {
	show        *show
	credentials map[string]keys
	held        map[string]heldToken
}

type heldToken struct {
	value string
	until time.Time
}

func (p *purse) get(ctx context.Context, c call) (string, error) {
	if c.as == "" {
		return "", nil
	}
	at := c.as + " " + c.scope
	if held, ok := p.held[at]; ok && time.Now().Before(held.until) {
		return held.value, nil
	}
	value, err := p.show.token(ctx, p.credentials[c.as], c.scope)
	if err == nil {
		p.held[at] = heldToken{value, time.Now().Add(tokenLife)}
	}
	return value, err
}

// pass sends one call through the gateway.
func (s *show) pass(ctx context.Context, method, path, token string) (status int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, s.options.GatewayURL+path, nil)
	if err != nil {
		return 0, nil, fmt.Errorf("prepare the call: %w", err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return s.send(req)
}
