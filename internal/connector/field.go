package connector

import (
	"fmt"
	"net/url"
	"strings"

	"keyward.dev/keyward"
)

// FieldType says how a field's value is written and which input a form shows.
type FieldType string

// The field types.
const (
	FieldString  FieldType = "string"
	FieldURL     FieldType = "url"
	FieldInteger FieldType = "integer"
	FieldBoolean FieldType = "boolean"
	FieldList    FieldType = "list" // of strings
)

// Rules lists what an administrator may say about the values of such a field in clients.constraints; for a list, about
// each of its entries.
func (t FieldType) Rules() []string {
	switch t {
	case FieldInteger:
		return []string{"min", "max", "enum"}
	case FieldBoolean:
		return []string{"enum"}
	default:
		return []string{"regex", "enum"}
	}
}

// Field is one value that a person gives. Forms, validation and documentation come from it.
type Field struct {
	Name     string    `json:"name"` // for admins with its part of the spec: connection.clientId
	Title    string    `json:"title"`
	Help     string    `json:"help,omitempty"`
	Type     FieldType `json:"type"`
	Required bool      `json:"required,omitempty"`
	Secret   bool      `json:"secret,omitempty"`
	Lines    bool      `json:"lines,omitempty"` // a text of several lines, such as PEM
	Enum     []string  `json:"enum,omitempty"`
	Default  string    `json:"default,omitempty"`
	Rules    []string  `json:"rules,omitempty"` // of a developer field: what clients.constraints may say about it
	Part     *Part     `json:"part,omitempty"`  // nil = it counts whatever else is chosen
}

// Part says with which choices in another field a field counts. A form shows it with those alone.
type Part struct {
	By   string   `json:"by" doc:"The other field's name"`
	With []string `json:"with" doc:"Its values with which this one counts; its default is what it has when it is left out"`
}

// WellKnown begins what discovery appends to an issuer (RFC 8615).
const WellKnown = "/.well-known/"

// URLFault says why a text is no absolute http or https URL.
func URLFault(s string) string {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return "is not a URL"
	case u.Scheme != "http" && u.Scheme != "https":
		return "must start with http:// or https://"
	case u.Hostname() == "":
		return "has no host"
	case u.User != nil:
		return "must not carry a user name or password"
	case u.Fragment != "" || strings.HasSuffix(s, "#"):
		return "must not have a fragment"
	}
	return ""
}

// SameOrigin tells whether two URLs have the same scheme and host.
func SameOrigin(a, b string) bool {
	u, err := url.Parse(a)
	if err != nil {
		return false
	}
	v, err := url.Parse(b)
	return err == nil && u.Scheme == v.Scheme && u.Host == v.Host
}

// OriginOf gives scheme and host of a URL, or "".
func OriginOf(at string) string {
	u, err := url.Parse(at)
	if err != nil || URLFault(at) != "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// Fault is what is wrong with one field.
func Fault(path, format string, args ...any) keyward.FieldError {
	return keyward.FieldError{Path: path, Code: keyward.CodeInvalidInput, Message: fmt.Sprintf(format, args...)}
}

// Refused is the error of one field that is wrong.
func Refused(path, format string, args ...any) error {
	return keyward.Invalid([]keyward.FieldError{Fault(path, format, args...)})
}
