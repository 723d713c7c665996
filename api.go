package keyward

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// APISpec declares an API: where callers find it, which backend serves it, and who may call which operation.
type APISpec struct {
	Title        string        `json:"title,omitempty"`
	Context      string        `json:"context"`           // /orders; may have several segments
	Version      string        `json:"version"`           // one path segment; calls go to CONTEXT/VERSION/…
	Default      bool          `json:"default,omitempty"` // also reachable without the version
	State        APIState      `json:"state,omitempty"`
	Visibility   []string      `json:"visibility,omitempty"` // groups of developers that see it; empty = everybody
	Gateways     []string      `json:"gateways,omitempty"`   // gateway groups; default [default]
	Upstream     Upstream      `json:"upstream"`
	KeyManagers  KeyManagerSet `json:"keyManagers"`         // mandatory: a list, or the word all
	Audiences    []string      `json:"audiences,omitempty"` // any one in `aud` suffices; empty = any
	Credential   string        `json:"credential,omitempty"`
	Operations   []Operation   `json:"operations,omitempty"`
	OpenAPI      *OpenAPI      `json:"openapi,omitempty"`      // instead of operations
	Plans        []string      `json:"plans,omitempty"`        // plans that a subscription may name
	Subscription string        `json:"subscription,omitempty"` // required (default) or none
	BackendJWT   BackendJWT    `json:"backendJWT,omitzero"`
}

// APIState says who can use an API.
type APIState string

// The states of an API.
const (
	APIDraft      APIState = "draft"      // on no gateway yet
	APIPublished  APIState = "published"  // the default
	APIDeprecated APIState = "deprecated" // served to those who are subscribed; takes no new subscriptions
	APIRetired    APIState = "retired"    // on no gateway any more; its subscriptions stay and have no effect
)

// Upstream holds the backend's address per environment; a missing one refuses that environment's clients.
type Upstream struct {
	Production string `json:"production,omitempty"`
	Sandbox    string `json:"sandbox,omitempty"`
}

// Operation is a method and path template with the scopes that a call needs.
type Operation struct {
	Method   string   `json:"method"`             // HTTP method, or * for any
	Path     string   `json:"path"`               // /items/{id}; a last segment ** stands for any rest
	Scopes   []string `json:"scopes,omitempty"`   // any one suffices
	AllOf    []string `json:"allOf,omitempty"`    // every one is needed
	Security string   `json:"security,omitempty"` // none = no credential is looked at
}

// OpenAPI carries an OpenAPI 3.0 or 3.1 document, from which the operations are read. The command line fills Document
// from openapi.file.
type OpenAPI struct {
	Document string `json:"document"`
}

// BackendJWT says whether and how the backend is told who calls.
type BackendJWT struct {
	Enabled bool   `json:"enabled,omitempty"`
	Subject string `json:"subject,omitempty"` // qualified (default) or raw
	Dialect string `json:"dialect,omitempty"`
}

// KeyManagerSet is the key managers that an API accepts: all of its tenant, or a list, whose order decides who is
// asked about an opaque token.
type KeyManagerSet struct {
	All  bool
	List []KeyManagerUse
}

// KeyManagerUse is one accepted key manager with what the API asks of its tokens beyond its own rules.
type KeyManagerUse struct {
	Name      string            `json:"name"`
	Audiences []string          `json:"audiences,omitempty"` // one of them must be in `aud`, beside the key manager's own rule
	Scopes    map[string]string `json:"scopes,omitempty"`    // scope in the token -> scope of the operations
}

// Path is the place of the entry's name in its spec, of which it is number i: an entry with nothing but a name is
// written without the field.
func (u KeyManagerUse) Path(i int) string {
	if len(u.Audiences) == 0 && len(u.Scopes) == 0 {
		return fmt.Sprintf("spec.keyManagers[%d]", i)
	}
	return fmt.Sprintf("spec.keyManagers[%d].name", i)
}

// UnmarshalJSON reads the word all, or a list of names and objects.
func (s *KeyManagerSet) UnmarshalJSON(b []byte) error {
	var word string
	if err := json.Unmarshal(b, &word); err == nil {
		if word != "all" {
			return fmt.Errorf("write all, or a list of key managers")
		}
		*s = KeyManagerSet{All: true}
		return nil
	}
	var items []json.RawMessage
	if err := json.Unmarshal(b, &items); err != nil {
		return fmt.Errorf("write all, or a list of key managers")
	}
	set := KeyManagerSet{List: make([]KeyManagerUse, len(items))}
	for i, item := range items {
		if json.Unmarshal(item, &set.List[i].Name) == nil {
			continue
		}
		if err := json.Unmarshal(item, &set.List[i]); err != nil {
			return fmt.Errorf("entry %d is neither a name nor {name, audiences, scopes}: %w", i, err)
		}
	}
	*s = set
	return nil
}

// MarshalJSON writes the shortest form that UnmarshalJSON reads.
func (s KeyManagerSet) MarshalJSON() ([]byte, error) {
	if s.All {
		return []byte(`"all"`), nil
	}
	items := make([]any, len(s.List))
	for i, use := range s.List {
		items[i] = use
		if len(use.Audiences) == 0 && len(use.Scopes) == 0 {
			items[i] = use.Name
		}
	}
	return json.Marshal(items)
}

// Kind implements Spec.
func (*APISpec) Kind() Kind { return KindAPI }

// References implements Spec.
func (s *APISpec) References() []Ref {
	refs := make([]Ref, 0, len(s.KeyManagers.List)+len(s.Plans))
	for _, use := range s.KeyManagers.List {
		refs = append(refs, Ref{Kind: KindKeyManager, Name: use.Name})
	}
	for _, plan := range s.Plans {
		refs = append(refs, Ref{Kind: KindPlan, Name: plan})
	}
	return refs
}

// SubscriptionRequired tells whether a client needs a subscription.
func (s *APISpec) SubscriptionRequired() bool { return s.Subscription != "none" }

// StateOrDefault is the API's state.
func (s *APISpec) StateOrDefault() APIState {
	if s.State == "" {
		return APIPublished
	}
	return s.State
}

// Served tells whether gateways serve the API: in the other states its subscriptions have no effect.
func (s *APISpec) Served() bool {
	return s.StateOrDefault() == APIPublished || s.StateOrDefault() == APIDeprecated
}

// GatewaysOrDefault are the gateway groups that serve the API.
func (s *APISpec) GatewaysOrDefault() []string {
	if len(s.Gateways) == 0 {
		return []string{DefaultGroup}
	}
	return s.Gateways
}

// Validate implements Spec.
func (s *APISpec) Validate() []FieldError {
	var f faults
	f.shown("spec.title", s.Title)
	s.validatePlace(&f)
	f.webURL("spec.upstream.production", s.Upstream.Production)
	f.webURL("spec.upstream.sandbox", s.Upstream.Sandbox)
	f.noQuery("spec.upstream.production", s.Upstream.Production)
	f.noQuery("spec.upstream.sandbox", s.Upstream.Sandbox)
	if s.Upstream == (Upstream{}) {
		f.missing("spec.upstream", "production, sandbox or both")
	}
	s.validateKeyManagers(&f)
	f.nonEmpty("spec.audiences", s.Audiences)
	for i, group := range s.Visibility {
		f.name(fmt.Sprintf("spec.visibility[%d]", i), group)
	}
	s.validateOperations(&f)
	for i, p := range s.Plans {
		f.name(fmt.Sprintf("spec.plans[%d]", i), p)
	}
	if s.Credential != "" {
		f.oneOf("spec.credential", s.Credential, "remove", "keep")
	}
	f.oneOf("spec.state", string(s.StateOrDefault()), string(APIDraft), string(APIPublished), string(APIDeprecated),
		string(APIRetired))
	if s.Subscription != "" {
		f.oneOf("spec.subscription", s.Subscription, "required", "none")
	}
	s.validateBackendJWT(&f)
	s.validateLater(&f)
	return f
}

func (s *APISpec) validatePlace(f *faults) {
	segments := strings.Split(strings.TrimPrefix(s.Context, "/"), "/")
	switch {
	case s.Context == "":
		f.missing("spec.context", "where callers find the API, as in /orders")
	case !strings.HasPrefix(s.Context, "/") || slices.ContainsFunc(segments, func(p string) bool { return !plainSegment(p) }):
		f.add("spec.context", "%q must start with / and have segments of letters, digits, - . _ ~ only", s.Context)
	case segments[0] == "t" || segments[0] == ".well-known":
		f.add("spec.context", "/%s is reserved", segments[0])
	}
	switch {
	case s.Version == "":
		f.missing("spec.version", "as in v1")
	case !plainSegment(s.Version):
		f.add("spec.version", "%q must be one segment of letters, digits, - . _ ~", s.Version)
	}
}

// plainSegment accepts a path segment of unreserved characters (RFC 3986, section 2.3) that is no dot segment.
func plainSegment(s string) bool {
	if s == "" || s == "." || s == ".." {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return !unreserved(r) })
}

func unreserved(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~", r)
}

func (f *faults) noQuery(path, v string) {
	if strings.Contains(v, "?") {
		f.add(path, "must not have a query")
	}
}

func (s *APISpec) validateKeyManagers(f *faults) {
	if !s.KeyManagers.All && len(s.KeyManagers.List) == 0 {
		f.missing("spec.keyManagers", "write all, or list those whose tokens the API accepts")
	}
	seen := map[string]bool{}
	for i, use := range s.KeyManagers.List {
		path := fmt.Sprintf("spec.keyManagers[%d]", i)
		f.name(use.Path(i), use.Name)
		if seen[use.Name] {
			f.add(use.Path(i), "%q is listed twice", use.Name)
		}
		seen[use.Name] = true
		f.nonEmpty(path+".audiences", use.Audiences)
		for _, theirs := range slices.Sorted(maps.Keys(use.Scopes)) {
			switch ours := use.Scopes[theirs]; {
			case theirs == "":
				f.add(path+".scopes", "name the scope of the token that is to stand for %q", ours)
			case !validScope(ours):
				f.add(path+".scopes."+theirs, "%q is not a scope (RFC 6749, section 3.3)", ours)
			}
		}
	}
}

func (s *APISpec) validateBackendJWT(f *faults) {
	switch s.BackendJWT.Subject {
	case "", "qualified":
	case "raw":
		if s.KeyManagers.All || len(s.KeyManagers.List) != 1 {
			f.add("spec.backendJWT.subject", "raw is allowed only where exactly one key manager is listed: sub is unique per issuer only")
		}
	default:
		f.add("spec.backendJWT.subject", "%q is not one of qualified, raw", s.BackendJWT.Subject)
	}
	switch s.BackendJWT.Dialect {
	case "":
	case "wso2":
		f.unsupported("spec.backendJWT.dialect", "wso2")
	default:
		f.add("spec.backendJWT.dialect", "%q is not a dialect", s.BackendJWT.Dialect)
	}
}

func (s *APISpec) validateLater(f *faults) {
	if slices.ContainsFunc(s.Gateways, func(g string) bool { return g != DefaultGroup }) {
		f.unsupported("spec.gateways", "other than default")
	}
}
