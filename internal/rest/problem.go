package rest

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"keyward.dev/keyward"
)

const problemType = "application/problem+json"

// Problem is an error on the wire (RFC 9457).
type Problem struct {
	Type   string               `json:"type" doc:"about:blank: the code says what it is"`
	Title  string               `json:"title" doc:"The status in words"`
	Status int                  `json:"status" doc:"The HTTP status"`
	Detail string               `json:"detail" doc:"What happened and what to do"`
	Code   keyward.Code         `json:"code" doc:"Stable name of the refusal"`
	Errors []keyward.FieldError `json:"errors,omitempty" doc:"One entry per field that cannot be accepted"`
	Users  []keyward.Ref        `json:"users,omitempty" doc:"Who uses the object that cannot be deleted"`

	retryAfter time.Duration
}

// Error implements error.
func (p *Problem) Error() string { return string(p.Code) + ": " + p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders implements huma.HeadersError: a missing or invalid API token is challenged (RFC 6750, section 3), and too
// many requests are told when to come again (RFC 9110, section 10.2.3).
func (p *Problem) GetHeaders() http.Header {
	if p.retryAfter > 0 {
		return http.Header{"Retry-After": {strconv.Itoa(int(math.Ceil(p.retryAfter.Seconds())))}}
	}
	if p.Status != http.StatusUnauthorized {
		return nil
	}
	return http.Header{"Www-Authenticate": {`Bearer realm="keyward"`}}
}

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return problemType }

// status is the door's one table from code to HTTP status.
func status(code keyward.Code) int {
	switch code {
	case keyward.CodeInvalidInput, keyward.CodeNotSupported, keyward.CodeCallbackRequired, keyward.CodeInvalidRequest:
		return http.StatusBadRequest
	case keyward.CodeUnauthenticated:
		return http.StatusUnauthorized
	case keyward.CodeForbidden:
		return http.StatusForbidden
	case keyward.CodeNotFound:
		return http.StatusNotFound
	case keyward.CodeMethodNotAllowed:
		return http.StatusMethodNotAllowed
	case keyward.CodeUnsupportedMedia:
		return http.StatusUnsupportedMediaType
	case keyward.CodeConflict, keyward.CodeInUse, keyward.CodeOtherSet, keyward.CodeCreationDisabled,
		keyward.CodeMappingDisabled, keyward.CodeKeyManagerDisabled, keyward.CodeExchangeOnly, keyward.CodeHeld,
		keyward.CodeKeysExist, keyward.CodeRotationUnsupported, keyward.CodeOverlapUnsupported,
		keyward.CodeUpdateUnsupported:
		return http.StatusConflict
	case keyward.CodePreconditionFailed:
		return http.StatusPreconditionFailed
	case keyward.CodeTooManyRequests:
		return http.StatusTooManyRequests
	case keyward.CodeOutcomeUnknown, keyward.CodeKeyManagerFailed:
		return http.StatusBadGateway
	case keyward.CodeKeyManagerUnavailable, keyward.CodeGatewayAway, keyward.CodeDatabaseUnavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// problem turns any error into what its reader may know. What is internal goes to the log, here and only here.
func (s *Server) problem(ctx context.Context, err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	var e *keyward.Error
	if !errors.As(err, &e) || status(e.Code) == http.StatusInternalServerError {
		if ctx.Err() == nil {
			s.log.ErrorContext(ctx, "a request of the management plane failed", "error", err)
		}
		e = keyward.Errorf(keyward.CodeInternal, "something went wrong here; the log of the control plane says what")
	}
	code := status(e.Code)
	return &Problem{
		Type: "about:blank", Title: http.StatusText(code), Status: code, Detail: sentence(e.Message), Code: e.Code,
		Errors: e.Fields, Users: e.Users, retryAfter: e.RetryAfter,
	}
}

// sentence begins with a capital letter, unless it begins with the path of a field: that one is spelled as it is.
func sentence(text string) string {
	before, _, found := strings.Cut(text, ": ")
	if text == "" || found && !strings.Contains(before, " ") {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// plainProblem gives the framework's own refusals (a body too large, a broken query) the form of all others.
func plainProblem(_ huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := &Problem{
		Type: "about:blank", Title: http.StatusText(m.Status), Status: m.Status, Detail: sentence(m.Detail),
		Code: keyward.CodeInvalidInput,
	}
	if _, limit, told := strings.Cut(m.Detail, "limit="); told && m.Status == http.StatusRequestEntityTooLarge {
		p.Detail = "The body is too large: at most " + limit + " are taken"
	}
	if m.Status >= http.StatusInternalServerError {
		p.Code, p.Detail = keyward.CodeInternal, "The request could not be carried out."
	}
	for _, e := range m.Errors {
		if e != nil {
			p.Errors = append(p.Errors, keyward.FieldError{Path: e.Location, Code: p.Code, Message: e.Message})
		}
	}
	return p, nil
}

// badField is an invalid_input error about one value of the request.
func badField(path, message string) error {
	return keyward.Invalid([]keyward.FieldError{{Path: path, Code: keyward.CodeInvalidInput, Message: message}})
}
