package enforce

import (
	"crypto/sha256"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/strictjson"
	"keyward.dev/keyward/internal/token"
	"keyward.dev/keyward/internal/view"
)

// facts are what a token says, read by its key manager's rules. They hold for as long as the key manager's settings do;
// nothing that depends on the time, the API or a subscription is among them. What cannot be read is kept as a fault,
// for the step whose business it is.
type facts struct {
	claims strictjson.Object

	typeFault string // why it is no access token of this key manager
	typeFix   string

	expires, notBefore, issuedAt date
	audience                     []string
	audienceState                presence
	clientID                     string
	clientKey                    string // as applications have it: of many organizations TID/CLIENTID, else the id alone
	clientClaim                  string // the claim that gave the id
	organization                 string // the tid of a token of one of many; else ""
	clientFault                  string
	noClient                     bool // the fault is that no claim is there: a rule may still know whose token it is
	subject                      string
	subjectFault                 string
	scopes                       []string // as the token has them
	bound                        bool     // it has a cnf claim, or is of a bound type
	origin                       string   // of an exchanged token: the id of the key manager whose token it was given for
	size                         uint32   // of the claims in memory, about, in bytes
}

// presence tells whether a claim can be used.
type presence uint8

const (
	absent presence = iota
	present
	malformed
)

// date is a NumericDate (RFC 7519, section 2), of whole seconds since 1970.
type date struct {
	seconds int64
	state   presence
}

// verified is what a token turned out to be, for the next request with the same token.
type verified struct {
	facts
	keyManagerID string
	settings     string     // of the key manager, when it was judged
	issuer       string     // the entry whose key verified it
	key          *token.Key // that key; nil for an opaque token, whose introspection answer the claims are
}

// tokenKey separates tokens by tenant: two tenants may know one issuer, and judge it apart.
type tokenKey struct {
	tenant string
	sum    [sha256.Size]byte
}

func readJWT(jwt *token.JWT, km *view.KeyManager, entry *keyward.IssuerRow) facts {
	f := readFacts(jwt.Claims(), km, false)
	if f.organization = entry.Organization; f.organization != "" && f.clientID != "" {
		f.clientKey = f.organization + "/" + f.clientID
	}
	if f.typeFault == "" && km.TokenType != "any" {
		if fault := headerTypeFault(jwt.Header()); fault != "" {
			f.typeFault, f.typeFix = fault, fixType
		}
	}
	return f
}

func readFacts(claims strictjson.Object, km *view.KeyManager, introspected bool) facts {
	f := facts{claims: claims}
	f.typeFault, f.typeFix = typeFault(claims, km)
	f.expires = readDate(claims, "exp", introspected)
	f.notBefore = readDate(claims, "nbf", introspected)
	f.issuedAt = readDate(claims, "iat", introspected)
	f.audience, f.audienceState = readAudience(claims, introspected)
	f.readClient(km, introspected)
	f.readSubject(introspected)
	f.readScopes(km)
	if km.Name == keyward.ResidentName {
		f.origin, _ = text(claims, keyward.ExchangedFrom)
	}
	_, f.bound = claims.Get("cnf")
	if kind, _ := claims.Get("token_type"); introspected && !f.bound {
		s, _ := kind.Str()
		f.bound = strings.EqualFold(s, "DPoP")
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
		return "the header's typ is no string"
	}
	media := s
	if prefix := "application/"; len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		media = s[len(prefix):]
	}
	if strings.EqualFold(media, "JWT") || strings.EqualFold(media, "at+jwt") {
		return ""
	}
	return "the header's typ is " + quote(s) + ", not that of an access token"
}

// typeFault tells ID, refresh and logout tokens from access tokens, and holds the claims that must have a value.
func typeFault(claims strictjson.Object, km *view.KeyManager) (fault, fix string) {
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
	if s, ok := text(claims, "typ"); ok && oneOf(s, "ID", "Refresh", "Offline", "Logout") {
		return "claim typ is " + quote(s), fixType
	}
	if s, ok := text(claims, "token_use"); ok && oneOf(s, "id", "refresh") {
		return "claim token_use is " + quote(s), fixType
	}
	return "", ""
}

func text(claims strictjson.Object, name string) (string, bool) {
	v, _ := claims.Get(name)
	return v.Str()
}

func oneOf(s string, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(s, w) })
}

// readDate takes whole, non-negative seconds. In an introspection answer null stands for nothing.
func readDate(claims strictjson.Object, name string, introspected bool) date {
	v, found := claims.Get(name)
	if !found || introspected && v.Kind() == strictjson.Null {
		return date{}
	}
	n, ok := v.Int()
	if !ok || n < 0 {
		return date{state: malformed}
	}
	return date{seconds: n, state: present}
}

// readAudience takes a string or an array of strings (RFC 7519, section 4.1.3).
func readAudience(claims strictjson.Object, introspected bool) ([]string, presence) {
	v, found := claims.Get("aud")
	if !found || introspected && v.Kind() == strictjson.Null {
		return nil, absent
	}
	if s, ok := v.Str(); ok {
		return []string{s}, present
	}
	if list, ok := v.Strings(); ok {
		return list, present
	}
	return nil, malformed
}

// readClient takes the first claim of the key manager's list that is there; an introspection answer has client_id
// besides (RFC 7662, section 2.2).
func (f *facts) readClient(km *view.KeyManager, introspected bool) {
	names := km.ClientID
	if introspected && !slices.Contains(names, "client_id") {
		names = append(slices.Clone(names), "client_id")
	}
	for _, name := range names {
		v, found := f.claims.Get(name)
		if !found {
			continue
		}
		f.clientClaim = name
		s, ok := v.Str()
		if !ok || s == "" {
			f.clientFault = "claim " + name + " is not one non-empty string"
			return
		}
		f.clientID, f.clientKey = s, s
		return
	}
	f.noClient = true
	f.clientFault = "none of the claims " + strings.Join(names, ", ") + " is there"
}

// readSubject takes sub; a token without one speaks for its client.
func (f *facts) readSubject(introspected bool) {
	v, found := f.claims.Get("sub")
	s, ok := v.Str()
	switch {
	case !found, introspected && v.Kind() == strictjson.Null, ok && s == "":
		f.subject = f.clientID
	case !ok:
		f.subjectFault = "claim sub is no string"
	default:
		f.subject = s
	}
}

// readScopes makes the union of the key manager's scope claims, space-separated strings or arrays of strings, and of
// what its grants give.
func (f *facts) readScopes(km *view.KeyManager) {
	add := func(scope string) {
		if scope != "" && !slices.Contains(f.scopes, scope) {
			f.scopes = append(f.scopes, scope)
		}
	}
	for _, name := range km.Scopes {
		v, found := f.claims.Get(name)
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
		if fitsGrant(f.claims, &km.Grants[i]) {
			for _, scope := range km.Grants[i].Scopes {
				add(scope)
			}
		}
	}
}

// fitsGrant tells whether the grant's claim has its value: is it, is a list with it, or is a text in which it stands
// between spaces.
func fitsGrant(claims strictjson.Object, grant *keyward.Grant) bool {
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

// identityFault says why the token does not tell who calls, or "". ruled tells that a rule knows whose token it is,
// which must then at least have a subject.
func (f *facts) identityFault(ruled bool) string {
	switch {
	case f.clientFault != "" && (!f.noClient || !ruled):
		return f.clientFault
	case f.subjectFault == "" && f.subject == "":
		return "neither a client id nor sub is there"
	}
	return f.subjectFault
}
