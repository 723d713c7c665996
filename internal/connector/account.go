package connector

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"sync"
	"time"

	"keyward.dev/keyward"
)

// account is a client whose own token opens an admin API.
type account struct {
	endpoint string
	clientID string
	secret   string
}

// tokenCache keeps the access tokens of accounts until shortly before they expire.
type tokenCache struct {
	mu    sync.Mutex
	byKey map[string]cachedToken
}

type cachedToken struct {
	token string
	until time.Time
}

// Limits of the cache.
const (
	maxCachedTokens = 256
	expiryMargin    = 10 * time.Second
)

func newTokenCache() *tokenCache { return &tokenCache{byKey: map[string]cachedToken{}} }

// get gives a token of the account; fresh asks the server even where one is kept.
func (t *tokenCache) get(ctx context.Context, c *caller, a account, fresh bool) (string, error) {
	if a.endpoint == "" {
		return "", keyward.Errorf(keyward.CodeKeyManagerFailed,
			"the key manager has no token endpoint, so its service account gets no token")
	}
	key := hash(a.endpoint, a.clientID, a.secret)
	t.mu.Lock()
	kept, ok := t.byKey[key]
	t.mu.Unlock()
	if ok && !fresh && time.Now().Before(kept.until) {
		return kept.token, nil
	}
	k := call{
		op: "get a token for the service account", method: http.MethodPost, url: a.endpoint,
		user: a.clientID, pass: a.secret, form: url.Values{"grant_type": {"client_credentials"}},
	}
	answer, err := c.do(ctx, k)
	if err != nil {
		return "", nothingMade(err)
	}
	o, isObject := answer.object()
	token := member(o, "access_token")
	if answer.status != http.StatusOK || !isObject || token == "" {
		return "", nothingMade(k.failure(answer))
	}
	var seconds float64
	if json.Unmarshal(o["expires_in"], &seconds) != nil {
		seconds = 0 // unknown: used for this call only
	}
	t.put(key, cachedToken{token: token, until: time.Now().Add(time.Duration(seconds)*time.Second - expiryMargin)})
	return token, nil
}

// put keeps a token. A full cache is emptied: its tokens can be had again.
func (t *tokenCache) put(key string, c cachedToken) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.byKey) >= maxCachedTokens {
		clear(t.byKey)
	}
	t.byKey[key] = c
}
