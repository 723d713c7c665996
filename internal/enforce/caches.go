package enforce

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/maypok86/otter/v2"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/enforce/reading"
	"keyward.dev/keyward/internal/strictjson"
	"keyward.dev/keyward/internal/token"
	"keyward.dev/keyward/internal/view"
)

// caches keep facts only: what a token says and that a key signed it, and backend JWTs under everything that they say.
// Whether a fact still counts is asked at every request; no verdict is kept.
type caches struct {
	tokens   *otter.Cache[tokenKey, *verified]
	backends *otter.Cache[backendKey, backendJWT]
}

// backendKey is everything that a backend JWT says, beside its dates and id; one key signs all of them. The pointers are
// of rows and facts that never change; a changed row is another pointer.
type backendKey struct {
	facts       *facts
	km          *view.KeyManager
	api         *view.API
	app         *keyward.ApplicationRow
	sub         *keyward.SubscriptionRow
	plan        *keyward.PlanRow
	environment keyward.Environment
}

type backendJWT struct {
	text  string
	until time.Time // it is used again before then
}

func newCaches(bytes int) (*caches, error) {
	if bytes < 0 {
		return nil, fmt.Errorf("make the token caches: their size %d is negative", bytes)
	}
	half := uint64(bytes) / 2
	tokens, err := otter.New(&otter.Options[tokenKey, *verified]{
		MaximumWeight: half,
		Weigher:       func(_ tokenKey, v *verified) uint32 { return v.Size },
	})
	if err != nil {
		return nil, fmt.Errorf("make the cache of verified tokens: %w", err)
	}
	backends, err := otter.New(&otter.Options[backendKey, backendJWT]{
		MaximumWeight: half,
		Weigher: func(k backendKey, j backendJWT) uint32 {
			// The key holds the token's claims in memory as long as the entry lives.
			return sizeOf(j.text) + k.facts.Size
		},
	})
	if err != nil {
		return nil, fmt.Errorf("make the cache of backend JWTs: %w", err)
	}
	return &caches{tokens: tokens, backends: backends}, nil
}

// verifiedToken gives what a JWT turned out to be when it was last verified for the tenant, or nil.
func (c *caches) verifiedToken(tenant string, sum [sha256.Size]byte) *verified {
	v, found := c.tokens.GetIfPresent(tokenKey{tenant, sum})
	if !found || v.key == nil {
		return nil
	}
	return v
}

// answered gives what was read from this very introspection answer, or nil.
func (c *caches) answered(tenant string, sum [sha256.Size]byte, claims strictjson.Object) *verified {
	v, found := c.tokens.GetIfPresent(tokenKey{tenant, sum})
	if !found || v.key != nil || v.Claims != claims {
		return nil
	}
	return v
}

func (c *caches) keepVerified(tenant string, sum [sha256.Size]byte, v *verified) {
	c.tokens.Set(tokenKey{tenant, sum}, v)
}

// facts are what a token says.
type facts = reading.Facts

// verified is what a token turned out to be, for the next request with the same token.
type verified struct {
	facts
	keyManagerID string
	settings     string     // of the key manager, when it was judged
	issuer       string     // the entry whose key verified it
	key          *token.Key // that key; nil for an opaque token, whose introspection answer the claims are
}

// tokenKey separates tokens by tenant: two tenants may know one issuer, and judge it apart.
type tokenKey struct {
	tenant string
	sum    [sha256.Size]byte
}
