package enforce

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/enforce/reading"
)

// backendLife is the longest life of a backend JWT.
const backendLife = 5 * time.Minute

// mint gives the backend JWT for a granted call, or "" where the API wants none.
func (e *Engine) mint(g *granted, now time.Time, t *trace) (string, *Refusal) {
	if !g.api.BackendJWT {
		t.expect(stepBackendJWT, "none: API ", g.api.Name, " wants no backend JWT")
		t.pass("none")
		return "", nil
	}
	t.expect(stepBackendJWT, "a signed statement for the backend")
	if e.minter == nil {
		if t.live() {
			t.pass("made by each gateway with its own key", g.unmapped(t))
			return "", nil
		}
		return "", refuse(keyward.CodeGatewayStale)
	}
	key := backendKey{
		facts: g.facts, km: g.km, api: g.api, app: g.app, sub: g.sub, plan: g.plan, environment: g.environment,
	}
	if kept, found := e.caches.backends.GetIfPresent(key); found && now.Before(kept.until) {
		e.metrics.backendHits.Inc()
		t.pass("made before, for the same caller", g.unmapped(t))
		return kept.text, nil
	}
	e.metrics.backendMisses.Inc()
	made, err := e.sign(g, now)
	if err != nil {
		t.fail("the gateway could not sign: "+err.Error(), "see the gateway's log")
		return "", refuse(keyward.CodeGatewayStale)
	}
	e.caches.backends.Set(key, made)
	t.pass("made, for subject ", g.subject(), g.unmapped(t))
	return made.text, nil
}

// unmapped names the claims of the key manager's mapping that the token does not have, for somebody who looks.
func (g *granted) unmapped(t *trace) string {
	if !t.live() {
		return ""
	}
	var lacking []string
	for _, m := range g.km.Mapping {
		if _, found := g.facts.Claims.Get(m.From); !found {
			lacking = append(lacking, m.From)
		}
	}
	if len(lacking) == 0 {
		return ""
	}
	return "; without what claims.mapping takes from " + strings.Join(lacking, ", ") + ": the token does not have it"
}

// subject is the caller's sub in the backend's eyes: unique across key managers, unless the API has one only and wants
// the bare form.
func (g *granted) subject() string {
	if g.api.RawSubject && !g.api.AllKeyManagers && len(g.api.KeyManagers) == 1 {
		return g.facts.Within()
	}
	return reading.Qualified(g.km, g.facts)
}

func (e *Engine) sign(g *granted, now time.Time) (backendJWT, error) {
	issued := now.Unix()
	expires := now.Add(backendLife).Unix()
	if g.facts.Expires.State == reading.Present {
		expires = min(expires, g.facts.Expires.Seconds)
	}
	claims := map[string]any{}
	for name, v := range reading.Mapped(g.km, g.facts) {
		claims[name] = v
	}
	// Ours come last: no mapping writes over them.
	claims["iss"] = e.o.Issuer
	claims["sub"] = g.subject()
	claims["aud"] = g.api.Name
	claims["iat"] = issued
	claims["exp"] = expires
	claims["jti"] = rand.Text()
	claims["client_id"] = g.facts.ClientID
	if g.facts.ClientID == "" {
		delete(claims, "client_id") // no mapping makes one up either
	}
	claims["scope"] = strings.Join(g.scopes(), " ")
	claims["keyward"] = g.context()
	delete(claims, "nbf")
	text, err := json.Marshal(claims)
	if err != nil {
		return backendJWT{}, fmt.Errorf("write the claims of a backend JWT: %w", err)
	}
	signed, err := e.minter.Mint(text)
	if err != nil {
		return backendJWT{}, fmt.Errorf("sign a backend JWT: %w", err)
	}
	// Used again for four fifths of its life, so that what a backend gets always has some time left.
	life := time.Duration(expires-issued) * time.Second
	return backendJWT{text: signed, until: now.Add(life - life/5)}, nil
}

// callContext is the claim keyward of a backend JWT: names, as people know them.
type callContext struct {
	Tenant      string              `json:"tenant"`
	KeyManager  string              `json:"key_manager"`
	Application string              `json:"application,omitempty"`
	Environment keyward.Environment `json:"environment"`
	API         string              `json:"api"`
	Version     string              `json:"version"`
	Plan        string              `json:"plan,omitempty"`
}

func (g *granted) context() callContext {
	c := callContext{
		Tenant: g.api.Tenant, KeyManager: g.km.Name, Environment: g.environment, API: g.api.Name, Version: g.api.Version,
	}
	if g.app != nil {
		c.Application = g.app.Name
	}
	if g.plan != nil {
		c.Plan = g.plan.Name
	}
	return c
}
