// Package wire owns the control plane's calls to authorization servers: one request with its credential, its answer
// within limits, the server's own words when it refuses, and the access tokens of service accounts. It does not own
// what is said to which server: that is the connectors'.
package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"keyward.dev/keyward/internal/outbound"
)

// Limits of a call whose key manager's outbound policy has none, and the name of every call.
const (
	Timeout   = 20 * time.Second // one call to a server, its answer included
	MaxAnswer = 1 << 20          // bytes of an answer that are read
	UserAgent = "keyward"
)

// Caller makes calls that carry credentials: no redirect is followed, because the credential would follow it.
type Caller struct {
	client    *http.Client
	timeout   time.Duration
	maxAnswer int64
	way       string  // digest of its policy
	lane      *lane   // of one key manager; nil = none
	hidden    *Hidden // nil = a failure hides its own call's secrets alone
}

// New makes a caller. The client carries the operator's rules for outbound addresses, and a key manager's policy.
func New(client *http.Client) *Caller {
	if client == nil {
		client = http.DefaultClient
	}
	way := outbound.DigestOf(client)
	own := *client
	own.Timeout = 0 // each call has its own deadline
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Caller{
		client: &own, way: way, timeout: outbound.TimeoutOf(client, Timeout), maxAnswer: outbound.LimitOf(client, MaxAnswer),
	}
}

// Call is one request to a server.
type Call struct {
	Op       string // what is tried, in plain words, for errors: register the client
	Method   string
	URL      string
	Bearer   string // RFC 6750, section 2.1
	User     string // with Password: HTTP Basic, both form-encoded first (RFC 6749, section 2.3.1)
	Password string
	Form     url.Values
	JSON     any
	Once     bool        // an answer may replace the credential, so that another try would be refused: it is not made again
	Header   http.Header // further fields, such as a vendor's own credential
	Secrets  []string    // further values that must not come back in an error's text
}

// Answer is what the server said.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte

	hidden *Hidden // of the caller
}

// Do makes the call. An answer of any status is no error; none, or one that cannot be read whole, is a *Failure. A
// server that asks for a short pause (429) gets it, twice at most; such a refusal has changed nothing. A call that only
// reads is made again after no usable answer, twice at most. A caller of Lanes waits for a place, and does not call a
// server that failed again and again a moment ago.
func (c *Caller) Do(ctx context.Context, k Call) (*Answer, error) {
	for again := newPatience(k); ; {
		a, err := c.try(ctx, k)
		pause, worthIt := again.after(ctx, a, err)
		if !worthIt {
			return a, err
		}
		if err != nil || a.broken() {
			c.repeated()
		}
		select {
		case <-ctx.Done():
			return a, err
		case <-time.After(pause):
		}
	}
}

func (c *Caller) try(ctx context.Context, k Call) (*Answer, error) {
	if c.lane == nil {
		return c.once(ctx, k)
	}
	return c.lane.pass(ctx, k, c.once)
}

func (c *Caller) repeated() {
	if c.lane != nil {
		c.lane.metrics.repeats.Inc()
	}
}

func (c *Caller) once(ctx context.Context, k Call) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var sent atomic.Bool // the transport writes on a goroutine of its own
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
	req, err := k.request(ctx)
	if err != nil {
		return nil, &Failure{Op: k.Op, Err: err}
	}
	resp, err := c.client.Do(req) //nolint:bodyclose // ReadAll closes it
	if err != nil {
		return nil, &Failure{Op: k.Op, Sent: sent.Load(), Err: outbound.NoAnswer(err)}
	}
	body, err := outbound.ReadAll(resp, c.maxAnswer)
	if err != nil {
		return nil, &Failure{
			Op: k.Op, Status: resp.StatusCode, Sent: true, Description: halfRead(err), Err: err,
		}
	}
	a := &Answer{Status: resp.StatusCode, Header: resp.Header, Body: body, hidden: c.hidden}
	if c.hidden != nil {
		c.hidden.add(k.credentials()...)
		c.hidden.add(a.secrets()...)
	}
	return a, nil
}

// halfRead says why an answer was not read to its end.
func halfRead(err error) string {
	if _, unended := errors.AsType[*outbound.Unended](err); unended || errors.Is(err, outbound.ErrTooLarge) {
		return err.Error()
	}
	return "its answer broke off"
}

// withoutURL drops the address from an error of http.NewRequest, whose query could hold what should not be in a log.
func withoutURL(err error) error {
	if u, ok := err.(*url.Error); ok { //nolint:errorlint // it returns exactly this type, unwrapped
		return u.Err
	}
	return err
}

func (k Call) request(ctx context.Context) (*http.Request, error) {
	var body io.Reader
	contentType := ""
	switch {
	case k.Form != nil:
		body, contentType = strings.NewReader(k.Form.Encode()), "application/x-www-form-urlencoded"
	case k.JSON != nil:
		b, err := json.Marshal(k.JSON)
		if err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
		body, contentType = bytes.NewReader(b), "application/json"
	}
	req, err := http.NewRequestWithContext(ctx, k.Method, k.URL, body)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", withoutURL(err))
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", UserAgent)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for name, values := range k.Header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	switch {
	case k.Bearer != "":
		req.Header.Set("Authorization", "Bearer "+k.Bearer)
	case k.User != "":
		// RFC 6749, section 2.3.1: both halves are form-encoded before they are joined.
		req.SetBasicAuth(url.QueryEscape(k.User), url.QueryEscape(k.Password))
	}
	return req, nil
}

// Failure makes a Failure out of an answer that is not what was hoped for.
func (k Call) Failure(a *Answer) *Failure {
	f := &Failure{Op: k.Op, Status: a.Status, Sent: true, Page: a.Page()}
	secrets := slices.Concat(a.hidden.all(), k.credentials())
	switch {
	case a.Status >= 300 && a.Status < 400:
		f.Description = "a redirect, which is not followed with credentials: write the address it leads to"
	case a.Status < 300:
		f.Description = "the answer is not the JSON that was expected"
	default:
		f.Code, f.Description = vendorWords(a, secrets)
		if f.Code == "" && f.Description == "" {
			f.Code, f.Description = challenged(a, secrets)
		}
	}
	if pause, told := a.pause(time.Now()); told && (a.Status == http.StatusTooManyRequests || a.Status == http.StatusServiceUnavailable) {
		f.Description = strings.TrimSpace(fmt.Sprintf("%s (try again in %s)", f.Description, pause))
		f.RetryAfter = pause
	}
	return f
}

// vendorWords finds the server's own words in an error answer: OAuth's members first, then those of other dialects, then
// a short plain text.
func vendorWords(a *Answer, secrets []string) (code, description string) {
	var members map[string]any
	if json.Unmarshal(a.Body, &members) == nil {
		if inner, ok := members["error"].(map[string]any); ok { // OData, as Microsoft Graph answers
			members = inner
			members["error"] = inner["code"]
		}
		text := func(names ...string) string {
			for _, n := range names {
				if s, ok := members[n].(string); ok && s != "" {
					return Words(s, secrets...)
				}
			}
			return ""
		}
		code = text("error", "errorCode", "resultId")
		description = text("error_description", "errorMessage", "errorSummary", "message", "detail")
		return code, Words(description+vendorDetails(members), secrets...)
	}
	kind, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if kind == "text/plain" || kind == "" {
		return "", Words(string(a.Body), secrets...)
	}
	return "", ""
}

// challenged finds the words of a resource server that refuses a token: they stand in the challenge (RFC 6750, section 3).
func challenged(a *Answer, secrets []string) (code, description string) {
	parameter := func(name string) string {
		for _, challenge := range a.Header.Values("WWW-Authenticate") {
			if _, after, found := strings.Cut(challenge, name+`="`); found {
				value, _, _ := strings.Cut(after, `"`)
				return Words(value, secrets...)
			}
		}
		return ""
	}
	return parameter("error"), parameter("error_description")
}

// vendorDetails reads the single faults that Okta (errorCauses) and PingFederate (validationErrors) list.
func vendorDetails(members map[string]any) string {
	details := ""
	for _, name := range []string{"errorCauses", "validationErrors"} {
		list, _ := members[name].([]any) // nothing is said by another type
		for _, item := range list {
			fault, _ := item.(map[string]any) // likewise
			for _, member := range []string{"fieldPath", "errorSummary", "message"} {
				if s, ok := fault[member].(string); ok && s != "" {
					details += " " + s
				}
			}
		}
	}
	return details
}

// Page tells that the answer is a page for people. An API has none: what runs a server or stands before it shows them.
func (a *Answer) Page() bool {
	kind, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
	return kind == "text/html"
}

// Object reads a JSON object; false when the answer is none.
func (a *Answer) Object() (map[string]json.RawMessage, bool) {
	var members map[string]json.RawMessage
	if json.Unmarshal(a.Body, &members) != nil || members == nil {
		return nil, false
	}
	return members, true
}

// Member reads a string member; null, absence and another type are all "".
func Member(o map[string]json.RawMessage, name string) string {
	var s string
	if json.Unmarshal(o[name], &s) != nil {
		return ""
	}
	return s
}

// ListOf reads a list of strings; null, absence and another type are all nothing. One string counts as a list of one.
func ListOf(o map[string]json.RawMessage, name string) []string {
	var list []string
	if json.Unmarshal(o[name], &list) == nil {
		return list
	}
	if s := Member(o, name); s != "" {
		return []string{s}
	}
	return nil
}
