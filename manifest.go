package keyward

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Kind is the kind of a manifest.
type Kind string

// The kinds, in the order in which they can be applied: each may refer only to those before it.
const (
	KindTenant       Kind = "Tenant"
	KindUser         Kind = "User"
	KindConnection   Kind = "Connection"
	KindKeyManager   Kind = "KeyManager"
	KindPlan         Kind = "Plan"
	KindAPI          Kind = "API"
	KindApplication  Kind = "Application"
	KindSubscription Kind = "Subscription"
	KindOAuthClient  Kind = "OAuthClient"
)

// Kinds lists every kind in applying order.
func Kinds() []Kind {
	return []Kind{
		KindTenant, KindUser, KindConnection, KindKeyManager, KindPlan, KindAPI, KindApplication, KindSubscription,
		KindOAuthClient,
	}
}

// Plural is the kind's segment in REST addresses: key-managers, apis, oauth-clients.
func (k Kind) Plural() string {
	switch k {
	case KindKeyManager:
		return "key-managers"
	case KindOAuthClient:
		return "oauth-clients"
	default:
		return strings.ToLower(string(k)) + "s"
	}
}

// ParseKind reads a kind as people write it: any case, hyphens ignored, singular or plural.
func ParseKind(s string) (Kind, bool) {
	plain := strings.ReplaceAll(strings.ToLower(s), "-", "")
	for _, k := range Kinds() {
		one := strings.ToLower(string(k))
		if plain == one || plain == one+"s" {
			return k, true
		}
	}
	return "", false
}

// NewSpec gives an empty spec of the kind to decode into.
func (k Kind) NewSpec() (Spec, bool) {
	switch k {
	case KindTenant:
		return &TenantSpec{}, true
	case KindUser:
		return &UserSpec{}, true
	case KindConnection:
		return &ConnectionSpec{}, true
	case KindKeyManager:
		return &KeyManagerSpec{}, true
	case KindPlan:
		return &PlanSpec{}, true
	case KindAPI:
		return &APISpec{}, true
	case KindApplication:
		return &ApplicationSpec{}, true
	case KindSubscription:
		return &SubscriptionSpec{}, true
	case KindOAuthClient:
		return &OAuthClientSpec{}, true
	default:
		return nil, false
	}
}

// Spec is what a manifest declares. It holds only what was written: defaults are given by methods, so that an export
// says no more than its author did.
type Spec interface {
	// Kind names the manifest's kind.
	Kind() Kind
	// Validate gives one entry per field that cannot be accepted, judged without any other object.
	Validate() []FieldError
	// References lists the objects of the same tenant that the spec names.
	References() []Ref
}

// Object is one stored object of any kind.
type Object struct {
	ID        string // never reused; the part of identity that survives nothing
	Kind      Kind
	Tenant    string
	Name      string
	Set       string // the manifest set that applied it last; empty for none
	Version   int64  // counts writes; the ETag
	CreatedAt time.Time
	UpdatedAt time.Time
	Spec      Spec
	Status    json.RawMessage // read-only facts of the kind, a JSON object or nil
	Hold      *Hold           // nil: not held, and never so for kinds that cannot be
}

// Ref names the object.
func (o *Object) Ref() Ref { return Ref{Kind: o.Kind, Tenant: o.Tenant, Name: o.Name} }

// SpecOf gives the typed spec of a stored object; nil for no object.
func SpecOf[T Spec](o *Object) (T, error) {
	var none T
	if o == nil {
		return none, nil
	}
	s, ok := o.Spec.(T)
	if !ok {
		return none, fmt.Errorf("%s has a spec of another kind", o.Ref())
	}
	return s, nil
}

// Manifest is the form of an object that people write and read.
type Manifest struct {
	APIVersion string          `json:"apiVersion"`
	Kind       Kind            `json:"kind"`
	Metadata   Metadata        `json:"metadata"`
	Spec       json.RawMessage `json:"spec"`
	Status     json.RawMessage `json:"status,omitempty"`
}

// Metadata names a manifest's object.
type Metadata struct {
	Name   string `json:"name"`
	Tenant string `json:"tenant,omitempty"`
}

// Manifest gives the object as people write it; its status also says its manifest set, and the hold in force. The default
// tenant is left out.
func (o *Object) Manifest() (Manifest, error) {
	spec, err := json.Marshal(o.Spec)
	if err != nil {
		return Manifest{}, fmt.Errorf("encode the spec of %s: %w", o.Ref(), err)
	}
	m := Manifest{APIVersion: APIVersion, Kind: o.Kind, Metadata: Metadata{Name: o.Name}, Spec: spec, Status: o.Status}
	if o.Tenant != DefaultTenant {
		m.Metadata.Tenant = o.Tenant
	}
	if o.Set != "" {
		m.Status, err = WithFact(m.Status, "set", o.Set)
	}
	if err == nil && o.Hold.Holds(time.Now()) {
		m.Status, err = WithFact(m.Status, "hold", o.Hold)
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("encode the status of %s: %w", o.Ref(), err)
	}
	return m, nil
}

// ValidName tells whether s is a DNS label (RFC 1123, section 2.1): lower-case letters, digits and inner hyphens, at
// most 63 of them.
func ValidName(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// NameFault says of a text that is no name what a name is, or "" where ValidName holds.
func NameFault(s string) string {
	if ValidName(s) {
		return ""
	}
	return fmt.Sprintf("%q is not a name: use lower-case letters, digits and inner hyphens, at most 63", s)
}

// faults collects field errors while a spec is checked.
type faults []FieldError

func (f *faults) add(path, format string, args ...any) {
	*f = append(*f, FieldError{Path: path, Code: CodeInvalidInput, Message: fmt.Sprintf(format, args...)})
}

// shown checks a text that people are shown.
func (f *faults) shown(path, text string) {
	if why := ShownFault(text); why != "" {
		f.add(path, "%s", why)
	}
}

func (f *faults) missing(path, what string) { f.add(path, "is required: %s", what) }

// unsupported refuses a field of the contract that this build does not carry out, or only this value of it.
func (f *faults) unsupported(path string, value ...string) {
	name := strings.Join(append([]string{path}, value...), " ")
	*f = append(*f, FieldError{Path: path, Code: CodeNotSupported, Message: "this build does not carry out " + name + " yet"})
}

func (f *faults) oneOf(path, value string, allowed ...string) bool {
	for _, a := range allowed {
		if value == a {
			return true
		}
	}
	f.add(path, "%q is not one of %s", value, strings.Join(allowed, ", "))
	return false
}

func (f *faults) name(path, value string) {
	if why := NameFault(value); why != "" {
		f.add(path, "%s", why)
	}
}

func (f *faults) regex(path, value string) {
	if _, err := regexp.Compile(value); err != nil {
		f.add(path, "is not a regular expression: %v", err)
	}
}

// longestShown is how long a text may be that people are shown, in characters.
const longestShown = 200

// ShownFault says why a text cannot be shown to people as somebody wrote it, or "". It could break a line, move a terminal's cursor, or
// read as something else than it is (Unicode Technical Report 36, section 2.5).
func ShownFault(text string) string { return shownFault(text, longestShown) }

func shownFault(text string, longest int) string {
	switch {
	case utf8.RuneCountInString(text) > longest:
		return fmt.Sprintf("must have at most %d characters", longest)
	case strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) || r >= '\u2028' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
	}):
		return "must be one line of printable characters, none of which turns the order of others around"
	case text != "" && strings.TrimFunc(text, unseen) == "":
		return "has nothing that people could see: leave it out"
	default:
		return ""
	}
}

// unseen tells that a character leaves nothing to be seen where it stands alone: a space, or one that formats others.
func unseen(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) }
