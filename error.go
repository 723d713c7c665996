package keyward

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Code is the stable, machine-readable name of a refusal. The management plane and the gateway share the type; the
// values of each are listed apart below.
type Code string

// Codes of the gateway's answer to a call. Each door has one table from these to a status.
const (
	CodeInvalidRequest         Code = "invalid_request"
	CodeMissingCredentials     Code = "missing_credentials"
	CodeInvalidToken           Code = "invalid_token"
	CodeUnknownIssuer          Code = "unknown_issuer"
	CodeKeyManagerNotAllowed   Code = "key_manager_not_allowed"
	CodeTokenExpired           Code = "token_expired"
	CodeTokenNotYetValid       Code = "token_not_yet_valid"
	CodeTokenInactive          Code = "token_inactive"
	CodeTokenRevoked           Code = "token_revoked"
	CodeAudienceMismatch       Code = "audience_mismatch"
	CodeSenderConstraintFailed Code = "sender_constraint_failed"
	CodeInsufficientScope      Code = "insufficient_scope"
	CodeNoSubscription         Code = "no_subscription"
	CodeSubscriptionBlocked    Code = "subscription_blocked"
	CodeSubscriptionInactive   Code = "subscription_inactive"
	CodeEnvironmentMismatch    Code = "environment_mismatch"
	CodeNoSuchAPI              Code = "no_such_api"
	CodeNoSuchOperation        Code = "no_such_operation"
	CodePlanExhausted          Code = "plan_exhausted"
	CodeKeyManagerUnavailable  Code = "key_manager_unavailable"
	CodeGatewayStale           Code = "gateway_stale"
	CodeUpstreamUnreachable    Code = "upstream_unreachable"
	CodeUpstreamTimeout        Code = "upstream_timeout"
)

// GatewayCodes lists all codes of the gateway's answer to a call.
func GatewayCodes() []Code {
	return []Code{
		CodeInvalidRequest, CodeMissingCredentials, CodeInvalidToken, CodeUnknownIssuer, CodeKeyManagerNotAllowed,
		CodeTokenExpired, CodeTokenNotYetValid, CodeTokenInactive, CodeTokenRevoked, CodeAudienceMismatch,
		CodeSenderConstraintFailed, CodeInsufficientScope, CodeNoSubscription, CodeSubscriptionBlocked,
		CodeSubscriptionInactive, CodeEnvironmentMismatch, CodeNoSuchAPI, CodeNoSuchOperation, CodePlanExhausted,
		CodeKeyManagerUnavailable, CodeGatewayStale, CodeUpstreamUnreachable, CodeUpstreamTimeout,
	}
}

// Codes of the management plane: REST, CLI and the use cases behind them.
const (
	CodeInvalidInput        Code = "invalid_input"        // 400; one entry per field in Error.Fields
	CodeNotSupported        Code = "not_supported"        // 400; a part of the contract that this build does not carry out yet
	CodeUnauthenticated     Code = "unauthenticated"      // 401
	CodeForbidden           Code = "forbidden"            // 403
	CodeNotFound            Code = "not_found"            // 404
	CodeMethodNotAllowed    Code = "method_not_allowed"   // 405; the address exists with other methods
	CodeUnsupportedMedia    Code = "unsupported_media"    // 415; a body that says it is not JSON
	CodeConflict            Code = "conflict"             // 409; taken name, issuer, context, client id
	CodeInUse               Code = "in_use"               // 409; Error.Users lists who uses it
	CodeOtherSet            Code = "other_set"            // 409; another manifest set owns the object
	CodePreconditionFailed  Code = "precondition_failed"  // 412; If-Match names an older version
	CodeCreationDisabled    Code = "creation_disabled"    // 409; clients.create is false
	CodeMappingDisabled     Code = "mapping_disabled"     // 409; clients.map is false
	CodeKeyManagerDisabled  Code = "key_manager_disabled" // 409
	CodeExchangeOnly        Code = "exchange_only"        // 409; tokens.use is exchange: nobody has clients there
	CodeHeld                Code = "held"                 // 409; an administrator holds it
	CodeKeysExist           Code = "keys_exist"           // 409; the place (application, key manager, environment) is taken
	CodeCallbackRequired    Code = "callback_required"    // 400; a redirect grant without its callback
	CodeRotationUnsupported Code = "rotation_unsupported" // 409; before anything changed
	CodeOverlapUnsupported  Code = "overlap_unsupported"  // 409; before anything changed
	CodeUpdateUnsupported   Code = "update_unsupported"   // 409; before anything changed
	CodeOutcomeUnknown      Code = "outcome_unknown"      // 502; a registration whose end nobody saw
	CodeKeyManagerFailed    Code = "key_manager_failed"   // 502; the vendor refused or broke off, with its own words
	CodeTooManyRequests     Code = "too_many_requests"    // 429; Error.RetryAfter says when to try again
	CodeGatewayAway         Code = "gateway_away"         // 503; the gateway that knows the answer cannot be asked now
	CodeDatabaseUnavailable Code = "database_unavailable" // 503; Error.RetryAfter says when to try again
	CodeInternal            Code = "internal"             // 500; details are in the log only
)

// Error is what a person must be told. Any other error is internal: its text is for the operator's log.
type Error struct {
	Code    Code
	Message string       // one sentence that says what to do; never a secret, a token or an internal address
	Fields  []FieldError // one entry per invalid field
	Users   []Ref        // who uses the object that cannot be deleted
	Err     error        // the cause, for the log

	RetryAfter time.Duration // of too_many_requests and database_unavailable
}

// FieldError names one invalid field by its path from the manifest's root, as in spec.keys.refresh or
// spec.operations[2].path.
type FieldError struct {
	Path    string `json:"path"`
	Code    Code   `json:"code"`
	Message string `json:"message"`
}

// Fault is the FieldError of invalid input.
func Fault(path, format string, args ...any) FieldError {
	return FieldError{Path: path, Code: CodeInvalidInput, Message: fmt.Sprintf(format, args...)}
}

// Ref names an object.
type Ref struct {
	Kind   Kind   `json:"kind"`
	Tenant string `json:"tenant"`
	Name   string `json:"name"`
}

// String is the form people read: Kind name, with the tenant in front when it is not the default one.
func (r Ref) String() string {
	if r.Tenant == "" || r.Tenant == DefaultTenant {
		return fmt.Sprintf("%s %s", r.Kind, r.Name)
	}
	return fmt.Sprintf("%s %s/%s", r.Kind, r.Tenant, r.Name)
}

// BuiltIn tells whether the object is one that every installation has and nobody deletes.
func (r Ref) BuiltIn() bool {
	return r.Kind == KindKeyManager && r.Name == ResidentName || r.Kind == KindTenant && r.Name == DefaultTenant
}

// Errorf makes an Error with a formatted message. A %w verb keeps its cause for the log.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// Invalid makes an Error out of field errors, or nil when there are none. Its code is not_supported when every entry
// is, so that a caller can tell a fault of theirs from a part of the contract that is still missing.
func Invalid(fields []FieldError) error {
	if len(fields) == 0 {
		return nil
	}
	code := CodeNotSupported
	for _, f := range fields {
		if f.Code != CodeNotSupported {
			code = CodeInvalidInput
		}
	}
	return &Error{Code: code, Message: "some fields cannot be accepted", Fields: fields}
}

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", e.Code, e.Message)
	for _, f := range e.Fields {
		fmt.Fprintf(&b, "; %s: %s", f.Path, f.Message)
	}
	for _, u := range e.Users {
		fmt.Fprintf(&b, "; used by %s", u)
	}
	return b.String()
}

// Words is the refusal for where its fields cannot be shown apart: the message, or each field's.
func (e *Error) Words() string {
	if len(e.Fields) == 0 {
		return e.Message
	}
	words := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		words[i] = f.Path + ": " + f.Message
	}
	return strings.Join(words, "; ")
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf gives the code of the first Error in err's chain; nil gives "", anything else is internal.
func CodeOf(err error) Code {
	if e, told := errors.AsType[*Error](err); told {
		return e.Code
	}
	if err == nil {
		return ""
	}
	return CodeInternal
}
