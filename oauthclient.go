package keyward

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// OAuthClientSpec declares that a client that exists in a key manager belongs to an application, or, with Match, that
// tokens of clients nobody has named do. Clients that Keyward generates are stored under the same kind and are marked
// in their status.
type OAuthClientSpec struct {
	Application string       `json:"application"`
	KeyManager  string       `json:"keyManager"`
	Environment Environment  `json:"environment,omitempty"` // default production
	ClientID    string       `json:"clientId,omitempty"`
	Match       *ClientMatch `json:"match,omitempty"`
}

// ClientMatch is a rule for a key manager's tokens whose client no application has by its id: every such token, or
// those whose claim begins with a prefix. Of several rules that fit, the one with the longest prefix counts.
type ClientMatch struct {
	Any    bool   `json:"any,omitempty"`
	Claim  string `json:"claim,omitempty"`  // claim name or JSON Pointer (RFC 6901); its value is one string
	Prefix string `json:"prefix,omitempty"` // compared byte by byte
}

// String is the rule as people are told of it.
func (m ClientMatch) String() string {
	if m.Any {
		return "match any"
	}
	return "match claim " + m.Claim + " prefix " + m.Prefix
}

// Sound tells that the rule says exactly one thing.
func (m ClientMatch) Sound() bool {
	return m.Any && m.Claim == "" && m.Prefix == "" || !m.Any && m.Claim != "" && m.Prefix != ""
}

// Canonical gives the rule in its one spelling: a pointer to a claim at the top is the claim's name.
func (m ClientMatch) Canonical() ClientMatch {
	name, pointer := strings.CutPrefix(m.Claim, "/")
	if !pointer || strings.Contains(name, "/") {
		return m
	}
	name = strings.ReplaceAll(strings.ReplaceAll(name, "~1", "/"), "~0", "~")
	if name != "" && !strings.HasPrefix(name, "/") {
		m.Claim = name
	}
	return m
}

// Compare orders rules: the longest prefix first, of equally long ones by claim, then by prefix; any is the last.
func (m ClientMatch) Compare(o ClientMatch) int {
	return cmp.Or(cmp.Compare(len(o.Prefix), len(m.Prefix)), cmp.Compare(m.Claim, o.Claim), cmp.Compare(m.Prefix, o.Prefix))
}

func (m *ClientMatch) validate(f *faults) {
	switch {
	case m.Sound():
		if !m.Any {
			f.claim("spec.match.claim", m.Claim)
		}
	case m.Any:
		f.add("spec.match", "give any: true, or claim and prefix, not both")
	case m.Claim != "":
		f.missing("spec.match.prefix", "how the claim's value begins; for every token write {any: true}")
	default:
		f.add("spec.match", "give any: true, or claim and prefix, as in {claim: sub, prefix: svc-}")
	}
}

// Shown is what the client is called where people read of it: its id, or the rule.
func (s *OAuthClientSpec) Shown() string {
	if s.Match != nil {
		return s.Match.String()
	}
	return s.ClientID
}

// SameClient tells whether two specs speak of the same client or rule of one key manager.
func (s *OAuthClientSpec) SameClient(o *OAuthClientSpec) bool {
	return s.KeyManager == o.KeyManager && s.ClientID == o.ClientID && s.rule() == o.rule()
}

func (s *OAuthClientSpec) rule() ClientMatch {
	if s.Match == nil {
		return ClientMatch{}
	}
	return s.Match.Canonical()
}

// Kind implements Spec.
func (*OAuthClientSpec) Kind() Kind { return KindOAuthClient }

// References implements Spec.
func (s *OAuthClientSpec) References() []Ref {
	return []Ref{{Kind: KindApplication, Name: s.Application}, {Kind: KindKeyManager, Name: s.KeyManager}}
}

// EnvironmentOrDefault is the client's environment.
func (s *OAuthClientSpec) EnvironmentOrDefault() Environment {
	if s.Environment == "" {
		return Production
	}
	return s.Environment
}

// Validate implements Spec.
func (s *OAuthClientSpec) Validate() []FieldError {
	var f faults
	f.name("spec.application", s.Application)
	f.name("spec.keyManager", s.KeyManager)
	f.oneOf("spec.environment", string(s.EnvironmentOrDefault()), string(Production), string(Sandbox))
	switch {
	case s.Match != nil && s.ClientID != "":
		f.add("spec.match", "give clientId or match, not both")
	case s.Match != nil:
		s.Match.validate(&f)
	case s.ClientID == "":
		f.missing("spec.clientId", "the client's id in the key manager")
	}
	return f
}

// ClientMode tells who owns a client at the vendor.
type ClientMode string

// Generated clients are Keyward's to change and delete at the vendor; mapped ones never are.
const (
	ClientMapped    ClientMode = "mapped"
	ClientGenerated ClientMode = "generated"
)

// ClientState is where a client is in its life.
type ClientState string

// The states of a client. A pending one has been asked for at the vendor and nobody knows yet how that ended.
const (
	ClientAwaiting ClientState = "awaiting" // an administrator's approval; the vendor was asked for nothing
	ClientPending  ClientState = "pending"
	ClientActive   ClientState = "active"
	ClientFailed   ClientState = "failed"
	ClientRotating ClientState = "rotating" // in use; the vendor was asked for a new secret
	ClientUpdating ClientState = "updating" // in use; the vendor was asked to change it
	ClientDrifted  ClientState = "drifted"  // in use, and not what it is at the vendor
	ClientDeleting ClientState = "deleting"
	ClientRevoking ClientState = "revoking" // on no gateway any more; its server has still to be told
	ClientRevoked  ClientState = "revoked"  // out of use; the next client takes its place
)

// InUse tells whether gateways take a client in this state.
func (s ClientState) InUse() bool {
	switch s {
	case ClientActive, ClientRotating, ClientUpdating, ClientDrifted:
		return true
	default:
		return false
	}
}

// OAuthClientStatus is what Keyward knows about a client beyond its declaration.
type OAuthClientStatus struct {
	Mode       ClientMode     `json:"mode"`
	State      ClientState    `json:"state"`
	VendorName string         `json:"vendorName,omitempty"` // the name to look for at the vendor
	Reason     string         `json:"reason,omitempty"`     // why it failed, in the vendor's own words
	Orphan     bool           `json:"orphan,omitempty"`     // the vendor may hold a client of VendorName that nobody uses
	Grants     []string       `json:"grants,omitempty"`     // what the server gave; where it does not say, what was asked for
	Callbacks  []string       `json:"callbacks,omitempty"`
	Scopes     []string       `json:"scopes,omitempty"` // as Grants
	Fields     map[string]any `json:"fields,omitempty"` // the type's own fields, as the developer gave them
	Requester  string         `json:"requester,omitempty"`
	ChangedAt  *time.Time     `json:"changedAt,omitempty"`
	Set        string         `json:"set,omitempty"` // the manifest set of a declared client; shown, never stored

	// What was asked for and the server did not give (RFC 7591, section 3.2.1 lets it).
	LackingGrants []string `json:"lackingGrants,omitempty"`
	LackingScopes []string `json:"lackingScopes,omitempty"`
	LackingFields []string `json:"lackingFields,omitempty"` // those whose value the server's answer does not confirm
	// SecretExpiresAt is when the server stops to take the secret (client_secret_expires_at); nil = never, or unknown.
	SecretExpiresAt *time.Time `json:"secretExpiresAt,omitempty"`
	// Wanted is what the server was asked to make of the client, until it has answered.
	Wanted *ClientWish `json:"wanted,omitempty"`
	// OldSecretUntil is when the secret before the current one ends; nil = there is none.
	OldSecretUntil *time.Time `json:"oldSecretUntil,omitempty"`
	// Overlap is how long the old secret is to live on after the rotation that is under way.
	Overlap Duration `json:"overlap,omitempty"`
	// SecretDoubt says why the server may take another secret than the stored one, until a rotation ends that.
	SecretDoubt string `json:"secretDoubt,omitempty"`
	// Unmanageable says why nobody but the server's administrator can change or delete the client there.
	Unmanageable string `json:"unmanageable,omitempty"`
	// Drift is what a look at the server found that is not as it was asked for.
	Drift []string `json:"drift,omitempty"`
	// Reuses names the client of another key manager that this one is at the server; nil = it is its own.
	Reuses *ClientReuse `json:"reuses,omitempty"`
	// Approval is of a client that an administrator had to approve, or has to.
	Approval *ClientApproval `json:"approval,omitempty"`
	Hold     *Hold           `json:"hold,omitempty"` // while it is held; never stored here
	// Entitlement is what subscriptions gave a generated client; never stored here.
	Entitlement *ClientEntitlement `json:"entitlement,omitempty"`
}

// ClientApproval is what an administrator is asked to approve of a client beside its wishes, and how that went.
type ClientApproval struct {
	ClientID string     `json:"clientId,omitempty" doc:"Of the client in the key manager that is to be mapped"`
	Since    time.Time  `json:"since" doc:"When it was asked for"`
	Person   *Person    `json:"person,omitempty" doc:"Who asked, if they signed in through a key manager"`
	By       string     `json:"by,omitempty" doc:"Who approved it"`
	At       *time.Time `json:"at,omitempty" doc:"When it was approved"`
	// SecretUntil is when the secret ends to wait for its requester; nil = it was fetched, or there is none.
	SecretUntil *time.Time `json:"secretUntil,omitempty" doc:"Until then the secret waits for its requester, once (reveal)"`
}

// Declared tells that a manifest can say what the client is: it is mapped, and not only asked for.
func (s OAuthClientStatus) Declared() bool {
	return s.Mode != ClientGenerated && s.State != ClientAwaiting && s.State != ClientFailed
}

// ClientReuse names the client that owns another one at the server: its secret counts, and it alone is changed there.
type ClientReuse struct {
	ID         string `json:"id"` // of its object
	KeyManager string `json:"keyManager"`
}

// ClientWish is what a client should be able to do.
type ClientWish struct {
	Grants    []string       `json:"grants,omitempty"`
	Callbacks []string       `json:"callbacks,omitempty"`
	Scopes    []string       `json:"scopes,omitempty"`
	Fields    map[string]any `json:"fields,omitempty"`
	// Restore says that the client is to become what it was, not something else.
	Restore *ClientRestore `json:"restore,omitempty"`
}

// ClientRestore is what somebody changed at the server and is to be undone there, beside what ClientWish says.
type ClientRestore struct {
	Give     []string `json:"give,omitempty"`     // scopes that every token is to carry again
	Offer    []string `json:"offer,omitempty"`    // scopes that a token is to carry again when asked to
	Take     []string `json:"take,omitempty"`     // scopes that were added
	Scopes   []string `json:"scopes,omitempty"`   // all that the client is to have, for servers that are told the whole list
	Enable   bool     `json:"enable,omitempty"`   // the server was told to give the client no tokens
	Metadata bool     `json:"metadata,omitempty"` // grants, callbacks or the name differ
}

// Nothing tells that there is nothing to undo.
func (r ClientRestore) Nothing() bool {
	return !r.Metadata && !r.Enable && len(r.Give)+len(r.Offer)+len(r.Take) == 0
}

// EntitlementState is how far a generated client has what the APIs that its application is subscribed to ask for.
type EntitlementState string

// The states of an entitlement.
const (
	EntitlementWaiting EntitlementState = "waiting" // it is to be carried out, or at this moment is
	EntitlementGiven   EntitlementState = "given"   // the client has everything
	EntitlementLacking EntitlementState = "lacking" // an administrator of the key manager has to give something
	EntitlementFailed  EntitlementState = "failed"  // the last try failed; there will be another
)

// ClientEntitlement is what a generated client's tokens may carry because of its application's subscriptions.
type ClientEntitlement struct {
	State            EntitlementState `json:"state"`
	Scopes           []string         `json:"scopes,omitempty" doc:"Given to the client because of subscriptions"`
	Audiences        []string         `json:"audiences,omitempty" doc:"Likewise"`
	LackingScopes    []string         `json:"lackingScopes,omitempty" doc:"Asked for by APIs and not given to the client"`
	LackingAudiences []string         `json:"lackingAudiences,omitempty" doc:"Likewise"`
	Advice           string           `json:"advice,omitempty" doc:"What to ask an administrator of the key manager for"`
	Reason           string           `json:"reason,omitempty" doc:"Why the last try failed, in the server's own words"`
	NextTry          *time.Time       `json:"nextTry,omitempty" doc:"After a failure"`
}

// ClientStatus reads the status of a stored OAuthClient.
func (o *Object) ClientStatus() (OAuthClientStatus, error) {
	var status OAuthClientStatus
	if len(o.Status) == 0 {
		return status, nil
	}
	if err := json.Unmarshal(o.Status, &status); err != nil {
		return status, fmt.Errorf("decode the status of %s: %w", o.Ref(), err)
	}
	return status, nil
}

// Constraint restricts what developers may ask for in one field of a client. All rules that it has count; it has at
// least one.
type Constraint struct {
	Min   *int64 `json:"min,omitempty"`   // the smallest whole number
	Max   *int64 `json:"max,omitempty"`   // the largest whole number
	Regex string `json:"regex,omitempty"` // RE2, anchored at both ends
	Enum  []any  `json:"enum,omitempty"`  // the only values, in the field's own type
}

// Limits of what an administrator writes into a constraint.
const (
	maxPattern = 1000 // bytes
	maxEnum    = 1000 // values
)

// Pattern compiles the anchored regex; nil where there is none.
func (c Constraint) Pattern() (*regexp.Regexp, error) {
	if c.Regex == "" {
		return nil, nil
	}
	return regexp.Compile(`\A(?:` + c.Regex + `)\z`)
}

// Allows says in words what may be given, as in "from 300 to 3600".
func (c Constraint) Allows() string {
	var rules []string
	switch {
	case c.Min != nil && c.Max != nil:
		rules = append(rules, fmt.Sprintf("from %d to %d", *c.Min, *c.Max))
	case c.Min != nil:
		rules = append(rules, fmt.Sprintf("at least %d", *c.Min))
	case c.Max != nil:
		rules = append(rules, fmt.Sprintf("at most %d", *c.Max))
	}
	if c.Regex != "" {
		rules = append(rules, "what fits "+c.Regex)
	}
	if len(c.Enum) > 0 {
		values := make([]string, len(c.Enum))
		for i, v := range c.Enum {
			values[i] = fmt.Sprint(v)
		}
		rules = append(rules, "one of "+strings.Join(values, ", "))
	}
	return strings.Join(rules, " and ")
}

// validate holds what can be said without knowing the field.
func (c Constraint) validate(f *faults, path string) {
	if c.Min == nil && c.Max == nil && c.Regex == "" && len(c.Enum) == 0 {
		f.add(path, "give at least one rule: min, max, regex or enum")
	}
	for name, v := range map[string]*int64{".min": c.Min, ".max": c.Max} {
		if v != nil && (*v <= -exactNumbers || *v >= exactNumbers) {
			f.add(path+name, "must be a whole number between -2^53 and 2^53")
		}
	}
	if c.Min != nil && c.Max != nil && *c.Min > *c.Max {
		f.add(path+".min", "is more than max: nothing would be allowed")
	}
	if len(c.Regex) > maxPattern {
		f.add(path+".regex", "must not be longer than %d bytes", maxPattern)
	} else if _, err := c.Pattern(); err != nil {
		f.add(path+".regex", "is not a regular expression: %v", err)
	}
	if len(c.Enum) > maxEnum {
		f.add(path+".enum", "must not have more than %d values", maxEnum)
	}
}
