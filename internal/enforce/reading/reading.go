// Package reading owns what a token says, read by its key manager's rules: its dates, audience, client, subject and scopes, and
// whether it is an access token at all. It does not own what any of that decides, and looks at no clock, API or subscription.
package reading

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/strictjson"
	"keyward.dev/keyward/internal/token"
	"keyward.dev/keyward/internal/view"
)

// Facts are what a token says, read by its key manager's rules. They hold for as long as the key manager's settings do;
// nothing that depends on the time, the API or a subscription is among them. What cannot be read is kept as a fault,
// for the step whose business it is.
type Facts struct {
	Claims strictjson.Object

	TypeFault string // why it is no access token of this key manager
	TypeFix   string

	Expires, NotBefore, IssuedAt Date
	Audience                     []string
	AudienceState                Presence
	ClientID                     string
	ClientKey                    string // as applications have it: of many organizations TID/CLIENTID, else the id alone
	ClientClaim                  string // the claim that gave the id
	Organization                 string // the tid of a token of one of many; else ""
	clientFault                  string
	noClient                     bool // the fault is that no claim is there: a rule may still know whose token it is
	Subject                      string
	SubjectFault                 string
	Scopes                       []string // as the token has them
	Bound                        bool     // it has a cnf claim, or is of a bound type
	Origin                       string   // of an exchanged token: the id of the key manager whose token it was given for
	Size                         uint32   // of the claims in memory, about, in bytes
}

// Presence tells whether a claim can be used.
type Presence uint8

// The ways in which a claim is there.
const (
	Absent Presence = iota
	Present
	Malformed
)

// Date is a NumericDate (RFC 7519, section 2), of whole seconds since 1970.
type Date struct {
	Seconds int64
	State   Presence
}

// JWT reads a token whose form has been checked, by the rules of the key manager and of the issuer whose token it is.
func JWT(jwt *token.JWT, km *view.KeyManager, entry *keyward.IssuerRow) Facts {
	f := Claims(jwt.Claims(), km, false)
	if f.Organization = entry.Organization; f.Organization != "" && f.ClientID != "" {
		f.ClientKey = f.Organization + "/" + f.ClientID
	}
	if f.TypeFault == "" && km.TokenType != "any" {
		if fault := headerTypeFault(jwt.Header()); fault != "" {
			f.TypeFault, f.TypeFix = fault, fixType
		}
	}
	return f
}

// Claims reads what a token or, introspected, the answer about one has, by the rules of the key manager.
func Claims(claims strictjson.Object, km *view.KeyManager, introspected bool) Facts {
	f := Facts{Claims: claims}
	f.TypeFault, f.TypeFix = typeFault(claims, km, introspected)
	f.Expires = readDate(claims, "exp", introspected)
	f.NotBefore = readDate(claims, "nbf", introspected)
	f.IssuedAt = readDate(claims, "iat", introspected)
	f.Audience, f.AudienceState = readAudience(claims, introspected)
	f.readClient(km, introspected)
	f.readSubject(introspected)
	f.readScopes(km)
	if km.Name == keyward.ResidentName {
		f.Origin, _ = Text(claims, keyward.ExchangedFrom)
	}
	_, f.Bound = claims.Get("cnf")
	if kind, _ := claims.Get("token_type"); introspected && !f.Bound {
		s, _ := kind.Str()
		f.Bound = strings.EqualFold(s, "DPoP")
	}
	return f
}

const fixType = "send an access token; where the server's access tokens look like this, set tokens.type: any"

// headerTypeFault judges the header's typ for type: access.
func headerTypeFault(header strictjson.Object) string {
	v, found := header.Get("typ")
	if !found {
		return ""
	}
	s, ok := v.Str()
	if !ok {
		return "the header's typ is not a string"
	}
	media := s
	if prefix := "application/"; len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		media = s[len(prefix):]
	}
	if strings.EqualFold(media, "JWT") || strings.EqualFold(media, "at+jwt") {
		return ""
	}
	return "the header's typ is " + Quote(s) + ", not that of an access token"
}

// typeFault tells ID, refresh and logout tokens from access tokens, and holds the claims that must have a value.
func typeFault(claims strictjson.Object, km *view.KeyManager, introspected bool) (fault, fix string) {
	for name, want := range km.Require {
		if v, found := claims.Get(name); !found || !v.Equal(want) {
			return "claim " + name + " has not the value that key manager " + km.Name + " requires",
				"get a token with that value, or change tokens.require of key manager " + km.Name
		}
	}
	if km.TokenType == "any" {
		return "", ""
	}
	for _, name := range []string{"at_hash", "c_hash", "s_hash", "events"} {
		if _, found := claims.Get(name); found {
			return "claim " + name + " shows that it is an ID token or a logout token", fixType
		}
	}
	if s, ok := Text(claims, "typ"); ok && oneOf(s, "ID", "Refresh", "Offline", "Logout") {
		return "claim typ is " + Quote(s), fixType
	}
	for _, name := range kindClaims(introspected) {
		if s, ok := Text(claims, name); ok && oneOf(strings.TrimPrefix(s, urnTokenType), "id", "id_token", "refresh", "refresh_token") {
			return "claim " + name + " is " + Quote(s), fixType
		}
	}
	return "", ""
}

// urnTokenType begins the names of kinds of tokens in RFC 8693, section 3.
const urnTokenType = "urn:ietf:params:oauth:token-type:"

// kindClaims are those in which servers say what kind of token it is: token_use at Cognito and Hydra, tokenName at OpenAM and
// PingAM, and in their answers to introspection token_type, which RFC 7662, section 2.2, has for how a token is used.
func kindClaims(introspected bool) []string {
	if introspected {
		return []string{"token_use", "tokenName", "token_type"}
	}
	return []string{"token_use", "tokenName"}
}

// Text gives a claim that is a string; false for any other and for one that is not there.
func Text(claims strictjson.Object, name string) (string, bool) {
	v, _ := claims.Get(name)
	return v.Str()
}

func oneOf(s string, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(s, w) })
}

// readDate takes whole, non-negative seconds. In an introspection answer null stands for nothing.
func readDate(claims strictjson.Object, name string, introspected bool) Date {
	v, found := claims.Get(name)
	if !found || introspected && v.Kind() == strictjson.Null {
		return Date{}
	}
	n, ok := v.Int()
	if !ok || n < 0 {
		return Date{State: Malformed}
	}
	return Date{Seconds: n, State: Present}
}

// readAudience takes a string or an array of strings (RFC 7519, section 4.1.3).
func readAudience(claims strictjson.Object, introspected bool) ([]string, Presence) {
	v, found := claims.Get("aud")
	if !found || introspected && v.Kind() == strictjson.Null {
		return nil, Absent
	}
	if s, ok := v.Str(); ok {
		return []string{s}, Present
	}
	if list, ok := v.Strings(); ok {
		return list, Present
	}
	return nil, Malformed
}

// readClient takes the first claim of the key manager's list that is there; an introspection answer has client_id
// besides (RFC 7662, section 2.2).
func (f *Facts) readClient(km *view.KeyManager, introspected bool) {
	names := km.ClientID
	if introspected && !slices.Contains(names, "client_id") {
		names = append(slices.Clone(names), "client_id")
	}
	for _, name := range names {
		v, found := f.Claims.Get(name)
		if !found {
			continue
		}
		f.ClientClaim = name
		s, ok := v.Str()
		if !ok || s == "" {
			f.clientFault = "claim " + name + " is not one non-empty string"
			return
		}
		f.ClientID, f.ClientKey = s, s
		return
	}
	f.noClient = true
	f.clientFault = "none of the claims " + strings.Join(names, ", ") + " is there"
}

// readSubject takes sub; a token without one speaks for its client.
func (f *Facts) readSubject(introspected bool) {
	v, found := f.Claims.Get("sub")
	s, ok := v.Str()
	switch {
	case !found, introspected && v.Kind() == strictjson.Null, ok && s == "":
		f.Subject = f.ClientID
	case !ok:
		f.SubjectFault = "claim sub is not a string"
	default:
		f.Subject = s
	}
}

// readScopes makes the union of the key manager's scope claims, space-separated strings or arrays of strings, and of
// what its grants give.
func (f *Facts) readScopes(km *view.KeyManager) {
	add := func(scope string) {
		if scope != "" && !slices.Contains(f.Scopes, scope) {
			f.Scopes = append(f.Scopes, scope)
		}
	}
	for _, name := range km.Scopes {
		v, found := f.Claims.Get(name)
		if !found {
			continue
		}
		if s, ok := v.Str(); ok {
			for scope := range strings.SplitSeq(s, " ") {
				add(scope)
			}
			continue
		}
		list, _ := v.Strings()
		for _, scope := range list {
			add(scope)
		}
	}
	for i := range km.Grants {
		if FitsGrant(f.Claims, &km.Grants[i]) {
			for _, scope := range km.Grants[i].Scopes {
				add(scope)
			}
		}
	}
}

// FitsGrant tells whether the grant's claim has its value: is it, is a list with it, or is a text in which it stands
// between spaces.
func FitsGrant(claims strictjson.Object, grant *keyward.Grant) bool {
	v, found := claims.Get(grant.Claim)
	if !found {
		return false
	}
	if v.Equal(grant.Equals) {
		return true
	}
	for item := range v.Items() {
		if item.Equal(grant.Equals) {
			return true
		}
	}
	want, wantsText := grant.Equals.(string)
	s, isText := v.Str()
	if !wantsText || !isText || want == "" {
		return false
	}
	for word := range strings.SplitSeq(s, " ") {
		if word == want {
			return true
		}
	}
	return false
}

// IdentityFault says why the token does not tell who calls, or "". ruled tells that a rule knows whose token it is,
// which must then at least have a subject.
func (f *Facts) IdentityFault(ruled bool) string {
	switch {
	case f.clientFault != "" && (!f.noClient || !ruled):
		return f.clientFault
	case f.SubjectFault == "" && f.Subject == "":
		return "neither a client id nor sub is there"
	}
	return f.SubjectFault
}

// Quote shows a text of a token to a person: escaped, and never long.
func Quote(s string) string {
	const most = 200
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "…"
	}
	return strconv.QuoteToASCII(s)
}

// Qualified is a token's sub in the eyes of those who see tokens of several key managers: unique, because names of key
// managers have no bar.
func Qualified(km *view.KeyManager, f *Facts) string { return km.Name + "|" + f.Within() }

// Within is a token's sub as it is unique in its key manager: subjects of many organizations may be the same. Ids of
// organizations have no bar.
func (f *Facts) Within() string {
	if f.Organization == "" {
		return f.Subject
	}
	return f.Organization + "|" + f.Subject
}

// Mapped gives the claims that the key manager's mapping names, under their new names.
func Mapped(km *view.KeyManager, f *Facts) map[string]json.RawMessage {
	claims := map[string]json.RawMessage{}
	for _, m := range km.Mapping {
		if v, found := f.Claims.Get(m.From); found {
			claims[m.To] = json.RawMessage(v.Raw())
		}
	}
	return claims
}

// Fits tells whether the rule takes the token: any does, a prefix needs a claim that is one string.
func (f *Facts) Fits(m *keyward.ClientMatch) bool {
	if m.Any {
		return true
	}
	s, ok := Text(f.Claims, m.Claim)
	return ok && strings.HasPrefix(s, m.Prefix)
}

// Who is the token's client as explain names it.
func (f *Facts) Who() string {
	if f.ClientID == "" {
		return "no client id"
	}
	return "client id " + Quote(f.ClientKey) + " (claim " + f.ClientClaim + ")"
}
