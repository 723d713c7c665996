package enforce

import (
	"slices"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/past"
)

// Request is what a door knows of a call.
type Request struct {
	Method string
	// Target is the request target exactly as the client sent it (RFC 9112, section 3.2), in origin or absolute form.
	Target string
	// Authorization has every Authorization field line of the request, in order.
	Authorization []string
}

// Decision lets a call pass, and says how it reaches the backend.
type Decision struct {
	ID string // for X-Keyward-Decision

	Tenant       string
	API          string // name
	APIID        string
	Version      string
	KeyManager   string // name; empty for an operation without security
	KeyManagerID string
	OriginID     string // of an exchanged token: the id of the key manager whose token it was given for
	ClientID     string // as applications have it: TID/CLIENTID of one of many organizations
	Application  string // name; empty when no application has the client
	Plan         string // name; empty when none applies
	Environment  keyward.Environment
	Operation    *keyward.Operation // as declared; must not be changed

	// Upstream is the backend's base URL for the environment. The backend gets its path, then Path, then Query.
	Upstream string
	Path     string // canonical; empty, or starting with a slash
	Query    string // as the client sent it, with its question mark; empty for none

	KeepCredential bool      // whether the caller's Authorization goes on to the backend
	BackendJWT     string    // for X-JWT-Assertion; empty = no such field
	Expires        time.Time // when the token ends; zero when unknown

	token [32]byte // its SHA-256
	seen  bool
}

// Fingerprint names the token and is safe to log; empty when none was looked at.
func (d *Decision) Fingerprint() string {
	if !d.seen {
		return ""
	}
	return fingerprint(d.token)
}

// Refusal says why a call does not pass. Nothing in it is secret.
type Refusal struct {
	ID     string // for X-Keyward-Decision and the problem document's instance
	Code   keyward.Code
	Detail string // one safe sentence

	Scopes     []string  // insufficient_scope: what the operation asks for
	Allow      []string  // the path exists with these methods only: the answer is 405
	RetryAfter int       // seconds; 0 = none
	RateLimit  RateLimit // plan_exhausted: the fields to send

	// For logs and counters, as far as the line came.
	Tenant      string
	API         string
	KeyManager  string
	Application string
	Challenge   bool // WWW-Authenticate belongs to the answer: the call was refused for its credential

	token [32]byte // its SHA-256
	seen  bool
}

// Fingerprint names the token and is safe to log; empty when none was looked at.
func (r *Refusal) Fingerprint() string {
	if !r.seen {
		return ""
	}
	return fingerprint(r.token)
}

// RateLimit has the values of the RateLimit and RateLimit-Policy fields (draft-ietf-httpapi-ratelimit-headers); empty
// when no plan was at work.
type RateLimit struct {
	Limit  string
	Policy string
}

// Status is the HTTP status that the contract gives the refusal's code.
func (r *Refusal) Status() int {
	switch r.Code {
	case keyward.CodeInvalidRequest:
		return 400
	case keyward.CodeInsufficientScope, keyward.CodeNoSubscription, keyward.CodeSubscriptionBlocked,
		keyward.CodeSubscriptionInactive, keyward.CodeEnvironmentMismatch:
		return 403
	case keyward.CodeNoSuchAPI:
		return 404
	case keyward.CodeNoSuchOperation:
		if len(r.Allow) > 0 {
			return 405
		}
		return 404
	case keyward.CodePlanExhausted:
		return 429
	case keyward.CodeUpstreamUnreachable:
		return 502
	case keyward.CodeKeyManagerUnavailable, keyward.CodeGatewayStale:
		return 503
	case keyward.CodeUpstreamTimeout:
		return 504
	default:
		return 401
	}
}

// remember keeps a decision for those who ask about it later, and gives it an id that names the gateway. Calls that pass are
// kept with their steps or not at all: where there are too many for that, the next second would overwrite them.
func (e *Engine) remember(req *Request, at time.Time, t *trace, p *progress, d *Decision, ref *Refusal) {
	ring := e.o.Past
	if ref == nil {
		d.ID = ring.Name(d.ID)
	} else {
		ref.ID = ring.Name(ref.ID)
	}
	if ring == nil || ref == nil && t == nil {
		return
	}
	r := &past.Record{At: at.UTC(), Method: req.Method, Status: 200}
	if p.api != nil {
		r.Tenant, r.API = p.api.Tenant, p.api.Name
	}
	if p.km != nil {
		r.KeyManager = p.km.Name
	}
	if p.app != nil {
		r.Application = p.app.Name
	}
	if p.op != nil {
		r.Operation = p.op.Path
	}
	if p.seen {
		r.Fingerprint = fingerprint(p.token)
	}
	if t != nil {
		r.Steps, r.Held = t.finish(), t.holds
	}
	if ref == nil {
		r.ID = d.ID
	} else {
		r.ID, r.Status, r.Code, r.Detail = ref.ID, ref.Status(), ref.Code, ref.Detail
		hidePath(r)
	}
	ring.Keep(r)
}

// Failed remembers that a call which passed got no answer from its backend: what the caller was told, and why.
func (e *Engine) Failed(req *Request, d *Decision, ref *Refusal, why past.Step) {
	ring := e.o.Past
	if ring == nil {
		return
	}
	r := ring.Take(d.ID)
	if r == nil {
		r = &past.Record{
			ID: d.ID, Tenant: d.Tenant, API: d.API, KeyManager: d.KeyManager, Application: d.Application, Method: req.Method,
			Operation: d.Operation.Path, Fingerprint: d.Fingerprint(),
		}
	}
	r.At, r.Status, r.Code, r.Detail = e.now().UTC(), ref.Status(), ref.Code, ref.Detail
	why.Step, why.Result = stepBackend, past.Fail
	needed := slices.DeleteFunc(slices.Clone(r.Steps), func(s past.Step) bool { return s.Result == past.NotReached })
	r.Steps = append(needed, why)
	ring.Keep(r)
}

// hidePath takes out what a failed route says of the path, which may hold a secret: callers see their own, others do not.
func hidePath(r *past.Record) {
	if len(r.Steps) > 0 && r.Steps[0].Step == stepRoute && r.Steps[0].Result == past.Fail {
		r.Steps[0].Seen, r.Steps[0].Fix = "a path that is not kept: it may hold a secret", "explain the call with its path"
	}
}
