package wire

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"

	"keyward.dev/keyward/internal/outbound"
)

// Failure is a call to an authorization server that did not succeed. Its text is fit for people: it carries the
// server's own words and no secret.
type Failure struct {
	Op          string // what was tried, in plain words: register a client
	Status      int    // HTTP status of the answer; 0 when none came
	Code        string // the server's error code (RFC 6749, section 5.2; RFC 7591, section 3.2.2)
	Description string // the server's words, shortened
	Sent        bool   // the request may have reached the server
	Harmless    bool   // the request could not have made anything, however it ended
	Page        bool   // the answer was a page for people, which is no word of an API
	Err         error  // the cause when no usable answer came; for the log, except for why nobody was reached

	RetryAfter time.Duration // the pause that the server asked for with 429 or 503; 0 = none
}

// Error implements error.
func (f *Failure) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: ", f.Op)
	switch {
	case f.Status == 0 && f.Sent:
		b.WriteString("the server took the request and gave no answer")
	case f.Status == 0:
		b.WriteString("the server cannot be reached")
	default:
		fmt.Fprintf(&b, "the server answered %d", f.Status)
	}
	if why, ok := errors.AsType[*outbound.Unreached](f.Err); ok && f.Status == 0 {
		b.WriteString(": " + why.Error())
	}
	if f.Code != "" {
		b.WriteString(" " + f.Code)
	}
	if f.Description != "" {
		b.WriteString(": " + f.Description)
	}
	return b.String()
}

// Unwrap gives the cause.
func (f *Failure) Unwrap() error { return f.Err }

// Harmless marks the failure of a request that only read: however it ended, nothing was made because of it.
func Harmless(err error) error {
	if f, ok := errors.AsType[*Failure](err); ok {
		f.Harmless = true
	}
	return err
}

// Uncertain tells whether the request may have taken effect although it failed: no answer, an answer that cannot be
// read, or one of a broken server or a proxy before it. A plain refusal changes nothing at the server. 503 is one where the
// server says so itself, by a code of its own or by when to come again: Envoy answers 503 too when the connection to the
// server broke after the request (response flags UC and UR).
func (f *Failure) Uncertain() bool {
	if f.Harmless {
		return false
	}
	switch f.Status {
	case 0:
		return f.Sent
	case 501, 505:
		return false
	case 503:
		return f.Code == "" && f.RetryAfter == 0
	default:
		return f.Status < 300 || f.Status >= 500
	}
}

// Uncertain tells whether a failed call may have taken effect at the server all the same, as the Failure in its chain says.
func Uncertain(err error) bool {
	f, ok := errors.AsType[*Failure](err)
	return ok && f.Uncertain()
}

// Unanswered tells that the server gave no answer to the call at all.
func Unanswered(err error) bool {
	f, ok := errors.AsType[*Failure](err)
	return ok && f.Status == 0
}

// Passing tells that a later try of the call may fare better: the server gave no answer, or said only that it cannot serve now,
// or it was not the server that answered.
func Passing(err error) bool {
	f, ok := errors.AsType[*Failure](err)
	if !ok || f.Page {
		return ok
	}
	switch f.Status {
	case 0, http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	default:
		return f.Status >= http.StatusInternalServerError
	}
}

const maxWords = 300 // characters of a server's text that are kept

// Words makes a server's text safe to show: one line, shortened, with every secret that was in the request blanked, as it is
// and as servers encode what they repeat: percent-encoded, as a JSON string, as HTML, in base64 as a Basic credential has it.
func Words(s string, secrets ...string) string {
	if s = oneLine(s); len(s) > maxBlanked {
		s = s[:maxBlanked]
	}
	lines := make([]string, len(secrets))
	for i, secret := range secrets {
		lines[i] = oneLine(secret)
	}
	s = blank(s, lines)
	if r := []rune(s); len(r) > maxWords {
		s = string(r[:maxWords]) + "…"
	}
	return s
}

// oneLine has no space but single ones, and nothing that cannot be printed.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
}
