package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/enforce"
	"keyward.dev/keyward/internal/view"
)

// decisionHeader carries the decision's id on every answer.
const decisionHeader = "X-Keyward-Decision"

// exchange is one request on its way through the gateway.
type exchange struct {
	gateway  *Gateway
	w        http.ResponseWriter
	r        *http.Request
	start    time.Time
	view     *view.View
	request  enforce.Request
	decision *enforce.Decision
	refusal  *enforce.Refusal
	status   int
	last     bool // the connection ends with this answer
}

// passed is the code of calls that went to their backend, in metrics and logs.
const passed = "ok"

// finish counts and logs. Nothing of the credential is in either.
func (x *exchange) finish(ctx context.Context) {
	var who logged
	switch d, f := x.decision, x.refusal; {
	case d != nil:
		who = logged{d.ID, d.Tenant, d.API, d.KeyManager, d.Application, d.Fingerprint}
	case f != nil:
		who = logged{f.ID, f.Tenant, f.API, f.KeyManager, f.Application, f.Fingerprint}
	default:
		return // the key set, which nothing was decided about
	}
	code := passed
	if x.refusal != nil {
		code = string(x.refusal.Code)
	}
	g := x.gateway
	took := g.now().Sub(x.start)
	g.metrics.requests.WithLabelValues(who.tenant, who.api, who.keyManager, code).Inc()
	g.metrics.latency.Observe(took.Seconds())
	if !g.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	operation := "" // as declared: the path that was sent may hold a token
	if x.decision != nil {
		operation = x.decision.Operation.Path
	}
	g.log.DebugContext(ctx, "request", "decision", who.id, "method", x.r.Method, "operation", operation, "status", x.status, "code", code,
		"tenant", who.tenant, "api", who.api, "key_manager", who.keyManager, "application", who.application,
		"token", who.fingerprint(), "duration", took)
}

// logged is what counters and logs may tell of a request.
type logged struct {
	id, tenant, api, keyManager, application string
	fingerprint                              func() string
}

// problem is the body of a refusal (RFC 9457).
type problem struct {
	Status   int          `json:"status"`
	Title    string       `json:"title"`
	Detail   string       `json:"detail,omitempty"`
	Code     keyward.Code `json:"code"`
	Instance string       `json:"instance"`
}

// refuse writes a refusal: problem document, challenge and what else its status asks for.
func (x *exchange) refuse(f *enforce.Refusal) {
	x.refusal = f
	x.status = f.Status()
	h := x.w.Header()
	if x.last {
		h.Set("Connection", "close")
	}
	if c := challenge(f); c != "" {
		h.Set("WWW-Authenticate", c)
	}
	if len(f.Allow) > 0 {
		h.Set("Allow", strings.Join(f.Allow, ", "))
	}
	if f.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(f.RetryAfter))
	}
	if f.RateLimit.Limit != "" {
		h.Set("RateLimit", f.RateLimit.Limit)
	}
	if f.RateLimit.Policy != "" {
		h.Set("RateLimit-Policy", f.RateLimit.Policy)
	}
	body := problemOf(f.Status(), f.Code, f.Detail, f.ID)
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set(decisionHeader, f.ID)
	x.w.WriteHeader(x.status)
	_, _ = x.w.Write(body) // the client may be gone; there is nobody else to tell
}

func problemOf(status int, code keyward.Code, detail, id string) []byte {
	body, err := json.Marshal(problem{
		Status: status, Title: http.StatusText(status), Detail: detail, Code: code, Instance: id,
	})
	if err != nil { // five plain fields always encode
		return []byte("{}")
	}
	return append(body, '\n')
}

// challenge is the WWW-Authenticate field of RFC 6750, section 3: on every 401, and on 400 and 403 when it was about
// the credential. Without a credential it names no error.
func challenge(f *enforce.Refusal) string {
	status := f.Status()
	may := status == http.StatusBadRequest || status == http.StatusForbidden
	if status != http.StatusUnauthorized && (!may || !f.Challenge) {
		return ""
	}
	b := []byte(`Bearer realm="keyward"`)
	if f.Code == keyward.CodeMissingCredentials {
		return string(b)
	}
	switch {
	case status == http.StatusBadRequest:
		b = append(b, `, error="invalid_request"`...)
	case status == http.StatusUnauthorized:
		b = append(b, `, error="invalid_token"`...)
	case f.Code == keyward.CodeInsufficientScope:
		b = append(b, `, error="insufficient_scope"`...)
	}
	b = appendParameter(b, "error_description", f.Detail)
	if f.Code == keyward.CodeInsufficientScope && len(f.Scopes) > 0 {
		b = appendParameter(b, "scope", strings.Join(f.Scopes, " "))
	}
	return string(b)
}

// appendParameter keeps to the characters that RFC 6750, section 3, gives these parameters.
func appendParameter(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(append(append(b, ", "...), name...), `="`...)
	for _, c := range []byte(value) {
		if c >= ' ' && c <= '~' && c != '"' && c != '\\' {
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// jwks answers with the public keys of all gateways of the group.
func (x *exchange) jwks() {
	h := x.w.Header()
	if x.r.Method != http.MethodGet && x.r.Method != http.MethodHead {
		x.refuse(&enforce.Refusal{
			ID: newID(), Code: keyward.CodeNoSuchOperation, Detail: "The key set can only be read.",
			Allow: []string{http.MethodGet, http.MethodHead},
		})
		return
	}
	var body bytes.Buffer
	body.WriteString(`{"keys":[`)
	for i, row := range x.gateway.deps.View().GatewayKeys() {
		if i > 0 {
			body.WriteByte(',')
		}
		body.Write(row.JWK)
	}
	body.WriteString("]}\n")
	x.status = http.StatusOK
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	h.Set("Cache-Control", "public, max-age=10") // a new gateway's key must not be missed for long
	h.Set(decisionHeader, newID())
	x.w.WriteHeader(x.status)
	_, _ = x.w.Write(body.Bytes())
}
