// Package tryout owns one call through the gateway that is made for somebody at the console: what may be sent, where to,
// and how much of the answer is shown. A browser cannot make it itself: the gateway is another origin, and a token that
// only the control plane holds is safer than one on a page. It does not own who may call, nor where the token comes from.
package tryout

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/net/http/httpguts"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/outbound"
)

// Limits of a call.
const (
	maxAnswer = 256 << 10 // bytes of a body that are shown
	maxFields = 32
	maxAtOnce = 16 // calls of everybody together
	patience  = 30 * time.Second
)

// Field is a header field.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Call is what is sent.
type Call struct {
	Tenant string // the API's
	API    *keyward.APISpec
	Method string
	Path   string // below the API's version, with the query if any, as in /items?page=2
	Fields []Field
	Body   string
	Token  string // "" = no credential
}

// Answer is what came back, as a caller of the API sees it.
type Answer struct {
	Method    string  `json:"method"`
	URL       string  `json:"url" doc:"Where the call went"`
	Status    int     `json:"status"`
	Fields    []Field `json:"fields"`
	Body      string  `json:"body,omitempty"`
	Binary    bool    `json:"binary,omitempty" doc:"The body is base64, because it is not text"`
	Truncated bool    `json:"truncated,omitempty" doc:"The body went on"`
	TookMS    int64   `json:"tookMs" doc:"Milliseconds from the call to the end of what is shown"`
	Decision  string  `json:"decision,omitempty" doc:"Of X-Keyward-Decision: explain tells its steps"`
}

// Caller makes calls. It has the gateway's address from the operator, and no other is ever called.
type Caller struct {
	base   string
	client *http.Client
	slots  chan struct{}
}

// New gives a caller of the gateway at that URL; "" is a control plane that does not know of one.
func New(gatewayURL string) *Caller {
	return &Caller{
		base: strings.TrimSuffix(gatewayURL, "/"),
		client: &http.Client{
			Timeout:       patience,
			Transport:     http.DefaultTransport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		slots: make(chan struct{}, maxAtOnce),
	}
}

// Do makes the call. Refusals that a person is told: invalid_input, not_supported where no gateway is known,
// gateway_away, too_many_requests.
func (c *Caller) Do(ctx context.Context, call Call) (*Answer, error) {
	if err := keyward.Invalid(call.Faults()); err != nil {
		return nil, err
	}
	if c.base == "" {
		return nil, keyward.Errorf(keyward.CodeNotSupported, "this control plane does not know the gateway's address: "+
			"its operator sets KEYWARD_GATEWAY_URL")
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	default:
		return nil, keyward.Errorf(keyward.CodeTooManyRequests, "%d calls are being tried out at this moment: try again", maxAtOnce)
	}
	req, err := c.request(ctx, call)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, c.away(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	goesOn := err != nil && timedOut(err) // a stream has no end: what came of it is shown
	if err != nil && !goesOn {
		return nil, c.away(ctx, err)
	}
	answer := &Answer{
		Method: req.Method, URL: req.URL.String(), Status: resp.StatusCode, Fields: fieldsOf(resp.Header),
		TookMS: time.Since(began).Milliseconds(), Decision: resp.Header.Get("X-Keyward-Decision"),
	}
	answer.show(body, goesOn)
	return answer, nil
}

func (c *Caller) request(ctx context.Context, call Call) (*http.Request, error) {
	target := c.base
	if call.Tenant != keyward.DefaultTenant {
		target += "/t/" + call.Tenant
	}
	target += call.API.Context + "/" + call.API.Version + call.Path
	var body io.Reader
	if call.Body != "" {
		body = strings.NewReader(call.Body)
	}
	req, err := http.NewRequestWithContext(ctx, call.Method, target, body)
	if err != nil {
		return nil, keyward.Invalid([]keyward.FieldError{keyward.Fault("path", "cannot be part of an address")})
	}
	for _, f := range call.Fields {
		req.Header.Add(f.Name, f.Value)
	}
	if call.Token != "" {
		req.Header.Set("Authorization", "Bearer "+call.Token)
	}
	return req, nil
}

// away says why there is no answer. The gateway's address is the operator's setting, and no secret.
func (c *Caller) away(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if timedOut(err) {
		return keyward.Errorf(keyward.CodeGatewayAway, "no answer came from %s within %s: the API's backend may be slow, or the "+
			"gateway out of the control plane's reach", c.base, c.client.Timeout)
	}
	cause := outbound.NoAnswer(err)
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return keyward.Errorf(keyward.CodeGatewayAway, "the control plane does not trust the gateway at %s: %v; "+
			"where a private authority issued it, start the control plane with SSL_CERT_FILE naming that authority's certificate",
			c.base, cause)
	}
	return keyward.Errorf(keyward.CodeGatewayAway, "the gateway at %s gave no answer to the control plane: %v", c.base, cause)
}

func timedOut(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

func fieldsOf(h http.Header) []Field {
	fields := []Field{}
	for name, values := range h {
		for _, value := range values {
			fields = append(fields, Field{name, value})
		}
	}
	slices.SortFunc(fields, func(a, b Field) int { return strings.Compare(a.Name+"\x00"+a.Value, b.Name+"\x00"+b.Value) })
	return fields
}

// show takes as much of the body as is shown, as text where it is text. goesOn tells that more of it would have come.
func (a *Answer) show(body []byte, goesOn bool) {
	a.Truncated = goesOn || len(body) > maxAnswer
	body = body[:min(len(body), maxAnswer)]
	text := body
	if a.Truncated { // it may end within a character
		for cut := 0; cut < utf8.UTFMax && len(text) > 0 && !utf8.Valid(text); cut++ {
			text = text[:len(text)-1]
		}
	}
	if utf8.Valid(text) && !slices.Contains(text, 0) {
		a.Body = string(text)
		return
	}
	a.Body, a.Binary = base64.StdEncoding.EncodeToString(body), true
}

// Faults are what is wrong with a call, all of it.
func (call *Call) Faults() []keyward.FieldError {
	var faults []keyward.FieldError
	add := func(path, format string, args ...any) { faults = append(faults, keyward.Fault(path, format, args...)) }
	if !httpguts.ValidHeaderFieldName(call.Method) || strings.EqualFold(call.Method, http.MethodConnect) {
		add("method", "%q is not the method of a call, as in GET", call.Method)
	}
	if fault := pathFault(call.Path); fault != "" {
		add("path", "%s", fault)
	}
	if len(call.Fields) > maxFields {
		add("fields", "are %d: send at most %d", len(call.Fields), maxFields)
		return faults
	}
	for i, f := range call.Fields {
		at := fmt.Sprintf("fields[%d]", i)
		switch {
		case !httpguts.ValidHeaderFieldName(f.Name):
			add(at+".name", "%q is not the name of a header field", f.Name)
		case !httpguts.ValidHeaderFieldValue(f.Value):
			add(at+".value", "has characters that no header field may have")
		case ours(f.Name):
			add(at+".name", "%s is not for a caller to set here", http.CanonicalHeaderKey(f.Name))
		}
	}
	return faults
}

// pathFault keeps a call below its API, also where what stands before the gateway cleans paths up.
func pathFault(path string) string {
	if !strings.HasPrefix(path, "/") {
		return "must start with /, as in /items; the API's context and version come before it"
	}
	if strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }) || strings.Contains(path, "#") {
		return "has a space, a backslash, # or a control character: write those as %20, %5C, %23, …"
	}
	plain, _, _ := strings.Cut(path, "?")
	decoded, err := url.PathUnescape(plain)
	if err != nil {
		return "has a % that begins no character"
	}
	for _, segment := range strings.FieldsFunc(decoded, func(r rune) bool { return r == '/' || r == '\\' }) {
		if segment == "." || segment == ".." {
			return "has a segment . or .., which would leave the API"
		}
	}
	return ""
}

// ours tells of fields that the connection, the token, or the control plane's standing as a peer depends on: a gateway may
// believe its peers where others called from.
func ours(name string) bool {
	name = http.CanonicalHeaderKey(name)
	for _, prefix := range []string{"X-Forwarded", "Forwarded", "X-Real-", "X-Client-Cert", "Client-Cert", "Proxy-", "Sec-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return slices.Contains([]string{
		"Authorization", "Connection", "Content-Length", "Cookie", "Dpop", "Expect", "Host", "Keep-Alive", "Te", "Trailer",
		"Transfer-Encoding", "Upgrade",
	}, name)
}
