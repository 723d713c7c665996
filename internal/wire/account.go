package wire

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/rollover"
	"keyward.dev/keyward/internal/token"
)

// Account is a client whose own token opens an admin API.
type Account struct {
	Endpoint string // token endpoint
	ClientID string
	Secret   rollover.Credential
	Params   url.Values // further parameters of the token request, such as an audience
	Post     bool       // the credentials go into the body instead of into HTTP Basic (RFC 6749, section 2.3.1)

	// Audience is whom assertions are for, which the account then signs with its secret, a private key (RFC 7523, section
	// 2.2): PEM or a JWK. "" = the secret itself is sent.
	Audience string
	// Certified says that the private key has its certificate beside it, which assertions name.
	Certified bool
	// ByCertificate says that the certificate of the outbound policy is all that proves the client (RFC 8705, section 2). A
	// public client, which nothing proves, sends the same.
	ByCertificate bool
}

// Tokens keeps the access tokens of accounts until shortly before they expire.
type Tokens struct {
	known *rollover.Memory

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
	sessionLife     = 10 * time.Minute // for which a session is used, well below what servers end idle ones after
)

// NewTokens makes an empty cache. What servers take of accounts' secrets is noted in known.
func NewTokens(known *rollover.Memory) *Tokens {
	return &Tokens{known: known, byKey: map[string]cachedToken{}}
}

// Get gives a token of the account; fresh asks the server even where one is kept.
func (t *Tokens) Get(ctx context.Context, c *Caller, a Account, fresh bool) (string, error) {
	if a.Endpoint == "" {
		return "", keyward.Errorf(keyward.CodeKeyManagerFailed,
			"the key manager has no token endpoint, so its service account gets no token")
	}
	key := a.key() + c.way // a token may be bound to the certificate that it was asked for with (RFC 8705, section 3)
	t.mu.Lock()
	kept, ok := t.byKey[key]
	t.mu.Unlock()
	if ok && !fresh && time.Now().Before(kept.until) {
		return kept.token, nil
	}
	if err := a.fit(); err != nil {
		return "", err
	}
	var k Call
	answer, err := c.WithSecret(ctx, t.known, a.Secret, func(value string) Call {
		k = a.Request(value)
		return k
	}, RefusesClient)
	if err != nil {
		return "", Harmless(err)
	}
	o, isObject := answer.Object()
	value := Member(o, "access_token")
	if answer.Status != http.StatusOK || !isObject || value == "" {
		return "", Harmless(k.Failure(answer))
	}
	var seconds float64
	if json.Unmarshal(o["expires_in"], &seconds) != nil {
		seconds = 0 // unknown: used for this call only
	}
	t.put(key, cachedToken{token: value, until: time.Now().Add(time.Duration(seconds)*time.Second - expiryMargin)})
	return value, nil
}

// Session gives what somebody who is no client signed in for, such as an administrator's session, and keeps it for some
// minutes: servers bound how many they keep. of names the server, who signs in and with what; fresh signs in even where a
// session is kept.
func (t *Tokens) Session(of []string, fresh bool, signIn func() (string, error)) (string, error) {
	key := hashed(append([]string{"session"}, of...))
	t.mu.Lock()
	kept, ok := t.byKey[key]
	t.mu.Unlock()
	if ok && !fresh && time.Now().Before(kept.until) {
		return kept.token, nil
	}
	session, err := signIn()
	if err != nil {
		return "", Harmless(err)
	}
	t.put(key, cachedToken{token: session, until: time.Now().Add(sessionLife)})
	return session, nil
}

// fit tells whether the account can prove itself at all.
func (a Account) fit() error {
	switch {
	case a.Audience != "":
		for _, value := range a.Secret.Values() {
			if _, err := a.signingKey(value); err != nil {
				return keyward.Errorf(keyward.CodeKeyManagerFailed, "the service account's key cannot sign: %v", err)
			}
		}
	case a.ByCertificate && !strings.HasPrefix(a.Endpoint, "https://"):
		return keyward.Errorf(keyward.CodeKeyManagerFailed,
			"the token endpoint is not https, so no certificate proves the service account there")
	}
	return nil
}

// Request asks the token endpoint for what Params say, and without a grant_type there for a token of the account's own,
// authenticated in the account's way with one value of the secret.
func (a Account) Request(secret string) Call {
	form := url.Values{"grant_type": {"client_credentials"}}
	maps.Copy(form, a.Params)
	k := Call{
		Op: "get a token for the service account", Method: http.MethodPost, URL: a.Endpoint, Form: form, Secrets: a.Secret.Values(),
	}
	switch {
	case a.Audience != "":
		assertion := a.assertion(secret)
		k.Secrets = append(k.Secrets, assertion)
		form.Set("client_id", a.ClientID)
		form.Set("client_assertion_type", token.AssertionType)
		form.Set("client_assertion", assertion)
	case a.ByCertificate:
		form.Set("client_id", a.ClientID) // the certificate alone does not name the client
	case a.Post:
		form.Set("client_id", a.ClientID)
		form.Set("client_secret", secret)
	default:
		k.User, k.Password = a.ClientID, secret
	}
	return k
}

// assertion is made for one request. Where none can be made, which fit has ruled out, the server refuses an empty one.
func (a Account) assertion(secret string) string {
	key, err := a.signingKey(secret)
	if err != nil {
		return ""
	}
	signed, err := key.Sign(a.ClientID, a.Audience, time.Now())
	if err != nil {
		return ""
	}
	return signed
}

func (a Account) signingKey(secret string) (*token.AssertionKey, error) {
	if a.Certified {
		return token.ParseCertifiedKey(secret)
	}
	return token.ParseAssertionKey(secret)
}

// Do makes a call with a token of the account. A token that is refused is fetched anew once: the server may have been
// restarted or have changed its keys, and the account may have got the scope that a token lacks. Some servers say with a
// 401 that there is no such object; absent, which may be nil, tells such an answer from a refusal.
func (t *Tokens) Do(ctx context.Context, c *Caller, a Account, k Call, absent func(*Answer) bool) (*Answer, error) {
	for first := true; ; first = false {
		value, err := t.Get(ctx, c, a, !first)
		if err != nil {
			return nil, err
		}
		k.Bearer = value
		answer, err := c.Do(ctx, k)
		if err != nil || !first || !refusesToken(answer) || absent != nil && absent(answer) {
			return answer, err
		}
	}
}

// refusesToken tells that a server does not take the token, or wants one with another scope (RFC 6750, section 3.1).
func refusesToken(a *Answer) bool {
	if a.Status == http.StatusForbidden {
		code, _ := challenged(a, nil)
		return code == "insufficient_scope"
	}
	return a.Status == http.StatusUnauthorized
}

// key hashes everything that the token depends on.
func (a Account) key() string {
	return hashed([]string{
		a.Endpoint, a.ClientID, a.Secret.Current, a.Secret.Next, a.Params.Encode(), a.Audience, strconv.FormatBool(a.ByCertificate),
	})
}

func hashed(parts []string) string {
	h := sha256.New()
	for _, part := range parts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part) // a hash takes everything
	}
	return string(h.Sum(nil))
}

// put keeps a token. A full cache is emptied: its tokens can be had again.
func (t *Tokens) put(key string, c cachedToken) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.byKey) >= maxCachedTokens {
		clear(t.byKey)
	}
	t.byKey[key] = c
}
