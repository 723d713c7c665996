package connector

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"keyward.dev/keyward/internal/outbound"
)

const (
	callTimeout = 20 * time.Second // one call to a server, its answer included
	maxAnswer   = 1 << 20          // bytes of an answer that are read
	userAgent   = "keyward"
)

// caller makes calls that carry credentials: no redirect is followed, because the credential would follow it.
type caller struct {
	client *http.Client
}

func newCaller(client *http.Client) *caller {
	if client == nil {
		client = http.DefaultClient
	}
	own := *client
	own.Timeout = 0 // each call has its own deadline
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &caller{client: &own}
}

// call is one request to a server.
type call struct {
	op      string // plain words for errors
	method  string
	url     string
	bearer  string
	user    string // with password: HTTP Basic
	pass    string
	form    url.Values
	json    any
	secrets []string // further values that must not come back in an error's text
}

// answer is what the server said.
type answer struct {
	status int
	header http.Header
	body   []byte
	sent   bool
}

func (c *caller) do(ctx context.Context, k call) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var sent atomic.Bool // the transport writes on a goroutine of its own
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
	req, err := k.request(ctx)
	if err != nil {
		return nil, &Failure{Op: k.op, Err: err}
	}
	resp, err := c.client.Do(req) //nolint:bodyclose // ReadAll closes it
	if err != nil {
		return nil, &Failure{Op: k.op, Sent: sent.Load(), Err: withoutURL(err)}
	}
	body, err := outbound.ReadAll(resp, maxAnswer)
	if err != nil {
		return nil, &Failure{
			Op: k.op, Status: resp.StatusCode, Sent: true, Description: "its answer broke off or is too long", Err: err,
		}
	}
	return &answer{status: resp.StatusCode, header: resp.Header, body: body, sent: true}, nil
}

// withoutURL drops the address, whose query could hold what should not be in a log.
func withoutURL(err error) error {
	if u, ok := err.(*url.Error); ok { //nolint:errorlint // http.Client returns exactly this type, unwrapped
		return u.Err
	}
	return err
}

func (k call) request(ctx context.Context) (*http.Request, error) {
	var body io.Reader
	contentType := ""
	switch {
	case k.form != nil:
		body, contentType = strings.NewReader(k.form.Encode()), "application/x-www-form-urlencoded"
	case k.json != nil:
		b, err := json.Marshal(k.json)
		if err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
		body, contentType = bytes.NewReader(b), "application/json"
	}
	req, err := http.NewRequestWithContext(ctx, k.method, k.url, body)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", withoutURL(err))
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", userAgent)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	switch {
	case k.bearer != "":
		req.Header.Set("Authorization", "Bearer "+k.bearer)
	case k.user != "":
		// RFC 6749, section 2.3.1: both halves are form-encoded before they are joined.
		req.SetBasicAuth(url.QueryEscape(k.user), url.QueryEscape(k.pass))
	}
	return req, nil
}

// failure makes a Failure out of an answer that is not what was hoped for.
func (k call) failure(a *answer) *Failure {
	f := &Failure{Op: k.op, Status: a.status, Sent: true}
	secrets := append([]string{k.bearer, k.pass, k.form.Get("client_secret")}, k.secrets...)
	switch {
	case a.status >= 300 && a.status < 400:
		f.Description = "a redirect, which is not followed with credentials: write the address it leads to"
	case a.status < 300:
		f.Description = "the answer is not the JSON that was expected"
	default:
		f.Code, f.Description = errorWords(a, secrets)
	}
	return f
}

// errorWords finds the server's own words in an error answer: OAuth's members first, then those of other dialects, then
// a short plain text.
func errorWords(a *answer, secrets []string) (code, description string) {
	var members map[string]any
	if json.Unmarshal(a.body, &members) == nil {
		text := func(names ...string) string {
			for _, n := range names {
				if s, ok := members[n].(string); ok && s != "" {
					return words(s, secrets...)
				}
			}
			return ""
		}
		code = text("error", "errorCode")
		description = text("error_description", "errorMessage", "errorSummary", "message", "detail")
		return code, description
	}
	kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	if kind == "text/plain" || kind == "" {
		return "", words(string(a.body), secrets...)
	}
	return "", ""
}

// object reads a JSON object; false when the answer is none.
func (a *answer) object() (map[string]json.RawMessage, bool) {
	var members map[string]json.RawMessage
	if json.Unmarshal(a.body, &members) != nil || members == nil {
		return nil, false
	}
	return members, true
}

// member reads a string member; null, absence and another type are all "".
func member(o map[string]json.RawMessage, name string) string {
	var s string
	if json.Unmarshal(o[name], &s) != nil {
		return ""
	}
	return s
}

// listOf reads a list of strings; null, absence and another type are all nothing. One string counts as a list of one.
func listOf(o map[string]json.RawMessage, name string) []string {
	var list []string
	if json.Unmarshal(o[name], &list) == nil {
		return list
	}
	if s := member(o, name); s != "" {
		return []string{s}
	}
	return nil
}
