package enforce

import (
	"time"

	"keyward.dev/keyward"
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
