package token

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/rollover"
	"keyward.dev/keyward/internal/strictjson"
)

// AssertionType is the client_assertion_type of RFC 7523, section 2.2.
const AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// accessToken is what a lane has got for bearer questions.
type accessToken struct {
	value string
	until time.Time // it is asked with before then
}

// credential tells two ways to authenticate apart.
func (q *Question) credential() [sha256.Size]byte {
	return sha256.Sum256([]byte(strings.Join([]string{
		q.Method, q.ClientID, q.Secret.Reveal(), q.Next.Reveal(), q.Certificate, q.TokenEndpoint, q.Scope,
		q.Way.Digest(),
	}, "\x00")))
}

// pair is the secret with the next one. What servers took of it counts while nothing about the way to authenticate
// changes.
func (q *Question) pair() rollover.Credential {
	way := q.credential()
	return rollover.Credential{
		Owner: q.KeyManagerID + q.Endpoint + string(way[:]), Name: q.Name, Path: "introspection",
		Current: q.Secret.Reveal(), Next: q.Next.Reveal(),
	}
}

// failure is that of an answer which is not 200. One that refuses the client's credentials says so (RFC 6749, section 5.2;
// RFC 7662, section 2.3; RFC 6750, section 3.1).
func failure(who string, status int, body []byte) error {
	err := fmt.Errorf("%s answered %d", who, status)
	var said struct {
		Error string `json:"error"`
	}
	switch {
	case status >= http.StatusInternalServerError:
		return err
	case status == http.StatusUnauthorized,
		status == http.StatusBadRequest && json.Unmarshal(body, &said) == nil && said.Error == "invalid_client":
		return fmt.Errorf("%w: %w", errRefused, err)
	default:
		return fmt.Errorf("%w: %w", errFinal, err)
	}
}

// refusedCertificate marks an alert of the server (RFC 8446, section 6.2) as the refusal of a client's certificate.
func refusedCertificate(q Question, err error) error {
	var broken *net.OpError
	if q.Method == keyward.IntrospectTLS && errors.As(err, &broken) && broken.Op == "remote error" {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	return err
}

// newQuestion puts the request together, authenticated as the method says.
func (i *Introspector) newQuestion(ctx context.Context, l *lane, q Question, client *http.Client) (*http.Request, error) {
	form := url.Values{"token": {q.Token}, "token_type_hint": {"access_token"}}
	var authorization string
	switch q.Method {
	case keyward.IntrospectPost:
		form.Set("client_id", q.ClientID)
		form.Set("client_secret", q.Secret.Reveal())
	case keyward.IntrospectJWT:
		assertion, err := i.assertion(q)
		if err != nil {
			return nil, err
		}
		form.Set("client_id", q.ClientID)
		form.Set("client_assertion_type", AssertionType)
		form.Set("client_assertion", assertion)
	case keyward.IntrospectTLS:
		form.Set("client_id", q.ClientID) // RFC 8705, section 2: the certificate alone does not name the client
	case keyward.IntrospectBearer:
		access, err := i.accessToken(ctx, l, q, client)
		if err != nil {
			return nil, err
		}
		authorization = "Bearer " + access
	case keyward.IntrospectBasic, "":
		authorization = basic(q)
	default:
		return nil, fmt.Errorf("%w: this build has no introspection method %s", errFinal, q.Method)
	}
	return newForm(ctx, q.Endpoint, form, authorization)
}

func newForm(ctx context.Context, address string, form url.Values, authorization string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("%w: make the request: %w", errFinal, err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if form.Get("client_assertion") == "" {
		// Asking twice does no harm: the transport may repeat it on a connection that the server just closed. An empty
		// value says so without being sent. An assertion, though, is good once (RFC 7523, section 3).
		req.Header["Idempotency-Key"] = []string{}
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	return req, nil
}

// basic form-encodes both parts before they are joined (RFC 6749, section 2.3.1).
func basic(q Question) string {
	pair := url.QueryEscape(q.ClientID) + ":" + url.QueryEscape(q.Secret.Reveal())
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))
}

func (i *Introspector) assertion(q Question) (string, error) {
	key, err := ParseAssertionKey(q.Secret.Reveal())
	if err != nil {
		return "", fmt.Errorf("%w: the introspection key: %w", errFinal, err)
	}
	return key.Sign(q.ClientID, q.Audience, i.now())
}

// clientOf gives the client for the question, by the key manager's way: for tls one that shows the certificate, to this
// server only.
func (i *Introspector) clientOf(l *lane, q Question) (*http.Client, error) {
	base, err := outbound.Under(i.client, q.KeyManagerID, q.Way)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errFinal, err)
	}
	if q.Method != keyward.IntrospectTLS {
		return base, nil
	}
	if !strings.HasPrefix(q.Endpoint, "https://") {
		return nil, fmt.Errorf("%w: the introspection endpoint is not https", errFinal)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	w := &l.ways[q.turn]
	if w.client != nil {
		return w.client, nil
	}
	pair, err := outbound.ClientCertificate(q.Certificate, q.Secret.Reveal())
	if err != nil {
		return nil, fmt.Errorf("%w: the introspection certificate: %w", errFinal, err)
	}
	if w.client, err = outbound.WithCertificate(base, pair); err != nil {
		return nil, fmt.Errorf("%w: %w", errFinal, err)
	}
	return w.client, nil
}

// accessToken gives the token to ask with: a fixed one, or one that the client gets and keeps for most of its life.
func (i *Introspector) accessToken(ctx context.Context, l *lane, q Question, client *http.Client) (string, error) {
	if q.ClientID == "" {
		return q.Secret.Reveal(), nil
	}
	l.mu.Lock()
	kept := l.ways[q.turn].access
	l.mu.Unlock()
	if i.now().Before(kept.until) {
		return kept.value, nil
	}
	got, err := i.obtain(ctx, q, client)
	if err != nil {
		return "", err
	}
	l.mu.Lock()
	l.ways[q.turn].access = got
	l.mu.Unlock()
	return got.value, nil
}

// forget drops the token that a server no longer takes, and tells whether another one can be had.
func (l *lane) forget(q Question) bool {
	if q.Method != keyward.IntrospectBearer || q.ClientID == "" {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ways[q.turn].access = accessToken{}
	return true
}

// obtain gets an access token by client credentials (RFC 6749, section 4.4). Nothing of the answer is in an error.
func (i *Introspector) obtain(ctx context.Context, q Question, client *http.Client) (accessToken, error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if q.Scope != "" {
		form.Set("scope", q.Scope)
	}
	req, err := newForm(ctx, q.TokenEndpoint, form, basic(q))
	if err != nil {
		return accessToken{}, err
	}
	resp, err := client.Do(req) //nolint:bodyclose // outbound.ReadAll closes it
	if err != nil {
		return accessToken{}, fmt.Errorf("get a token for introspection: %w", outbound.NoAnswer(err))
	}
	body, err := outbound.ReadAll(resp, outbound.LimitOf(client, askLimit))
	if err != nil {
		return accessToken{}, fmt.Errorf("get a token for introspection: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return accessToken{}, fmt.Errorf("get a token for introspection: %w", failure("the token endpoint", resp.StatusCode, body))
	}
	answer, err := strictjson.ParseObject(string(body))
	if err != nil {
		return accessToken{}, fmt.Errorf("%w: read the token endpoint's answer: %w", errFinal, err)
	}
	value, _ := answer.Get("access_token")
	access, ok := value.Str()
	if !ok || access == "" || strings.ContainsFunc(access, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return accessToken{}, fmt.Errorf("%w: %w", errFinal, errors.New("the token endpoint's answer has no access token"))
	}
	life, _ := answer.Get("expires_in")
	seconds, _ := life.Int()
	lasts := time.Duration(max(0, min(seconds, 3600))) * time.Second
	return accessToken{value: access, until: i.now().Add(lasts - lasts/5)}, nil
}
