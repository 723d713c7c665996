// Package remote is the control plane as its command line calls it: REST requests with their refusals, listings page by
// page, and answers line by line. It does not own where the server and the API token come from, nor what is printed.
package remote

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/config"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/rest"
)

// Options say which control plane is called, and as whom.
type Options struct {
	Server    string // its address, http:// or https://
	Token     string // an API token
	Tenant    string // in which everything is asked for
	Authority string // certificates to believe, as KEYWARD_CONTROL_CA has them; empty = the system's
}

// Client talks to the control plane's REST API.
type Client struct {
	// Tenant in which everything is asked for.
	Tenant string

	base, token string
	http        *http.Client
}

// New makes a client. It asks nothing yet.
func New(o Options) (*Client, error) {
	door, err := httpClient(o.Authority)
	if err != nil {
		return nil, err
	}
	return &Client{base: strings.TrimRight(o.Server, "/"), token: o.Token, Tenant: o.Tenant, http: door}, nil
}

// httpClient believes the authority of KEYWARD_CONTROL_CA where it is given, and else the system's.
func httpClient(authority string) (*http.Client, error) {
	c := &http.Client{Timeout: 2 * time.Minute}
	pem, err := config.Authority(authority)
	if err != nil {
		return nil, fmt.Errorf("KEYWARD_CONTROL_CA: %w", err)
	}
	if pem == nil {
		return c, nil
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	c.Transport = &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true,
	}
	return c, nil
}

// Path joins a REST path from segments and adds the tenant and further query values (name, value, …).
func (c *Client) Path(segments []string, query ...string) string {
	var b strings.Builder
	b.WriteString("/api/v1")
	for _, s := range segments {
		b.WriteString("/" + url.PathEscape(s))
	}
	q := url.Values{}
	if c.Tenant != "" {
		q.Set("tenant", c.Tenant)
	}
	for i := 0; i+1 < len(query); i += 2 {
		if query[i+1] != "" {
			q.Set(query[i], query[i+1])
		}
	}
	return b.String() + "?" + q.Encode()
}

// Call sends body as JSON (none when nil) and decodes the answer into out (ignored when nil). A refusal is a
// *keyward.Error with the server's code and words.
func (c *Client) Call(ctx context.Context, method, path string, body, out any) error {
	resp, err := c.send(ctx, method, path, body, "application/json")
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 256<<20))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", c.base, err)
	}
	if out == nil || len(answer) == 0 {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("the answer is not what this build understands: is %s (KEYWARD_SERVER) a control plane of Keyward? %w",
			c.base, err)
	}
	return nil
}

// Lines posts body and gives each line of the answer to every as soon as it comes.
func Lines[T any](ctx context.Context, c *Client, path string, body any, every func(T) error) error {
	resp, err := c.send(ctx, http.MethodPost, path, body, "application/x-ndjson")
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	for d := json.NewDecoder(resp.Body); ; {
		var line T
		if err := d.Decode(&line); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read the answer of %s: %w", c.base, err)
		}
		if err := every(line); err != nil {
			return err
		}
	}
}

// send makes a request. An answer that refuses it is an error.
func (c *Client) send(ctx context.Context, method, path string, body any, accept string) (*http.Response, error) {
	var reader io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
		reader = bytes.NewReader(b)
	}
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(w httptrace.WroteRequestInfo) { sent.Store(w.Err == nil) },
	})
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, reader)
	if err != nil {
		return nil, fmt.Errorf("the server's address %q: %w", c.base, err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Accept", accept)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil && sent.Load() && method != http.MethodGet {
		return nil, fmt.Errorf("the control plane at %s was asked, but its answer did not come: it may have been done, so look before "+
			"you repeat it: %w", c.base, outbound.NoAnswer(err))
	}
	if err != nil {
		return nil, fmt.Errorf("the control plane at %s does not answer (set KEYWARD_SERVER): %w", c.base, outbound.NoAnswer(err))
	}
	if resp.StatusCode < 300 && resp.Header.Get(rest.MarkHeader) != "" {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode < 300 { // its empty object would look like an empty list, or like something done
		return nil, fmt.Errorf("%s (KEYWARD_SERVER) does not look like a control plane of Keyward: it answered %s without the field %s",
			c.base, resp.Status, rest.MarkHeader)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 256<<20))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", c.base, err)
	}
	return nil, refusal(c.base, resp, answer)
}

// toTLS is what net/http answers, for everybody who serves with it, to a request in clear text where TLS is spoken.
const toTLS = "HTTP request to an HTTPS server"

// refusal turns a problem document (RFC 9457) into the error it came from.
func refusal(base string, resp *http.Response, body []byte) error {
	var p Problem
	if err := json.Unmarshal(body, &p); err != nil || p.Code == "" {
		if at, plain := strings.CutPrefix(base, "http://"); plain && strings.Contains(string(body), toTLS) {
			return fmt.Errorf("the server speaks TLS: set KEYWARD_SERVER to https://%s, and KEYWARD_CONTROL_CA where a private "+
				"authority issued its certificate", at)
		}
		return fmt.Errorf("the server answered %s without saying why: is %s (KEYWARD_SERVER) a control plane of Keyward?",
			resp.Status, base)
	}
	return p.Refusal()
}

// Problem is a problem document.
type Problem struct {
	Title, Detail string
	Code          keyward.Code
	Errors        []keyward.FieldError
	Users         []keyward.Ref
}

// Refusal is the error that the problem tells of: a *keyward.Error with the code, words and fields of the server.
func (p Problem) Refusal() error {
	message := p.Detail
	if message == "" {
		message = p.Title
	}
	return &keyward.Error{Code: p.Code, Message: message, Fields: p.Errors, Users: p.Users}
}

// Page is the form of every listing.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

// List reads every page of a listing. That of a tenant that is not there is refused: an empty one would hide a slip of the pen.
func List[T any](ctx context.Context, c *Client, segments []string, query ...string) ([]T, error) {
	return list[T](ctx, c, segments, append([]string{"limit", "500"}, query...))
}

// Whole is List of a listing that has no pages.
func Whole[T any](ctx context.Context, c *Client, segments []string, query ...string) ([]T, error) {
	return list[T](ctx, c, segments, query)
}

func list[T any](ctx context.Context, c *Client, segments, query []string) ([]T, error) {
	all := []T{}
	cursor := ""
	for {
		var p Page[T]
		path := c.Path(segments, append([]string{"cursor", cursor}, query...)...)
		if err := c.Call(ctx, http.MethodGet, path, nil, &p); err != nil {
			return nil, err
		}
		all = append(all, p.Items...)
		if p.Next == "" {
			break
		}
		cursor = p.Next
	}
	if len(all) == 0 {
		return all, c.KnowsTenant(ctx)
	}
	return all, nil
}

// KnowsTenant tells a tenant that is not there from one that has nothing. Who may not read tenants is not told.
func (c *Client) KnowsTenant(ctx context.Context) error {
	if c.Tenant == keyward.DefaultTenant {
		return nil
	}
	of := *c
	of.Tenant = keyward.DefaultTenant
	err := of.Call(ctx, http.MethodGet, of.Path([]string{keyward.KindTenant.Plural(), c.Tenant}), nil, nil)
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		return err
	}
	return nil
}
