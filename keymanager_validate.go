package keyward

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Algorithms lists the signature algorithms that a key manager may allow (RFC 7518, section 3.1; RFC 8037; RFC 9864).
func Algorithms() []string {
	return []string{
		"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
	}
}

// Validate implements Spec. What a type requires beyond this is the connector's to say; whether keys can be parsed is
// the token room's.
func (s *KeyManagerSpec) Validate() []FieldError {
	var f faults
	f.keyManagerType(s.Type)
	f.shown("spec.displayName", s.DisplayName)
	s.validateConnectionRef(&f)
	for i, e := range s.Environments {
		f.oneOf(fmt.Sprintf("spec.environments[%d]", i), string(e), string(Production), string(Sandbox))
	}
	f.webURL("spec.discovery", s.Discovery)
	f.endpoints(s.Endpoints)
	for name, v := range s.Display {
		path := "spec.display." + name
		if f.oneOf(path, name, "token", "introspection", "revocation", "registration", "authorization", "userinfo") {
			f.webURL(path, v)
		}
	}
	s.Keys.validate(&f, "spec.keys")
	s.validateIssuers(&f)
	s.Outbound.validate(&f)
	s.Tokens.validate(&f)
	s.Claims.validate(&f)
	s.Permissions.validate(&f)
	for name, c := range s.Clients.Constraints {
		c.validate(&f, "spec.clients.constraints."+name)
	}
	s.SignIn.validate(&f, s.Global)
	return f
}

func (f *faults) keyManagerType(t KeyManagerType) {
	switch t {
	case "":
		f.missing("spec.type", "the kind of authorization server, as in oidc or keycloak")
	case TypeResident, TypeOIDC, TypeKeycloak, TypeOkta, TypeAuth0, TypeExternal, TypeWSO2IS, TypeEntra, TypeForgeRock, TypePing:
	case "asgardeo":
		f.add("spec.type", "Asgardeo is of type wso2is: with discovery https://api.asgardeo.io/t/ORGANIZATION/oauth2/token")
	default:
		f.add("spec.type", "%q is not a type: keyward keymanager types lists them", t)
	}
}

func (s *KeyManagerSpec) validateIssuers(f *faults) {
	seen := map[string]bool{s.Issuer: s.Issuer != ""}
	for i, o := range s.OtherIssuers {
		path := fmt.Sprintf("spec.otherIssuers[%d]", i)
		if o.Issuer == "" {
			f.missing(path+".issuer", "the exact iss value")
		} else if seen[o.Issuer] {
			f.add(path+".issuer", "%q is listed twice", o.Issuer)
		}
		seen[o.Issuer] = true
		o.Keys.validate(f, path+".keys")
	}
}

func (s *SignIn) validate(f *faults, global bool) {
	if s == nil {
		return
	}
	f.scopes("spec.signIn.scopes", s.Scopes)
	if s.Lifetime != nil && (s.Lifetime.Std() < time.Minute || s.Lifetime.Std() > 30*24*time.Hour) {
		f.add("spec.signIn.lifetime", "must be between 1m and 720h")
	}
	if s.Enabled && !slices.ContainsFunc(s.Roles, func(r RoleRule) bool { return r.Role != "" }) {
		f.missing("spec.signIn.roles", "which claims give people which role; without a role nobody is let in")
	}
	for i, r := range s.Roles {
		r.validate(f, fmt.Sprintf("spec.signIn.roles[%d]", i), global)
	}
}

func (r RoleRule) validate(f *faults, path string, global bool) {
	f.claim(path+".claim", r.Claim)
	if r.Equals == nil || r.Equals == "" {
		f.missing(path+".equals", "the value that the claim has, or has in its list")
	} else {
		f.scalars(path, map[string]any{"equals": r.Equals})
	}
	if r.Role != "" {
		f.oneOf(path+".role", string(r.Role), string(RoleAdmin), string(RolePublisher), string(RoleDeveloper), string(RoleAuditor))
	} else if len(r.Groups) == 0 {
		f.missing(path+".role", "what the value gives; or give groups")
	}
	for i, g := range r.Groups {
		f.name(fmt.Sprintf("%s.groups[%d]", path, i), g)
	}
	switch {
	case r.Tenant != "" && !global:
		f.add(path+".tenant", "is for global key managers: this one gives roles in its own tenant alone")
	case r.Tenant != "":
		f.name(path+".tenant", r.Tenant)
	}
}

func (f *faults) endpoints(e Endpoints) {
	f.webURL("spec.endpoints.token", e.Token)
	f.webURL("spec.endpoints.introspection", e.Introspection)
	f.webURL("spec.endpoints.revocation", e.Revocation)
	f.webURL("spec.endpoints.registration", e.Registration)
	f.webURL("spec.endpoints.authorization", e.Authorization)
	f.webURL("spec.endpoints.userinfo", e.Userinfo)
}

// webURL accepts nothing or an absolute http or https URL without user information or fragment.
func (f *faults) webURL(path, v string) {
	if v == "" {
		return
	}
	u, err := url.Parse(v)
	switch {
	case err != nil:
		f.add(path, "%q is not a URL", v)
	case u.Scheme != "http" && u.Scheme != "https":
		f.add(path, "must start with http:// or https://")
	case u.Hostname() == "":
		f.add(path, "has no host")
	case !ValidPort(u):
		f.add(path, "has a port beyond 65535, or 0")
	case u.User != nil:
		f.add(path, "must not carry a user name or password")
	case u.Fragment != "" || strings.HasSuffix(v, "#"):
		f.add(path, "must not have a fragment")
	}
}

// ValidPort accepts a URL without a port, or with one that can be connected to.
func ValidPort(u *url.URL) bool {
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return u.Port() == "" || err == nil && n > 0
}

func (k KeySource) validate(f *faults, path string) {
	sources := 0
	for _, given := range []bool{k.JWKS != "", len(k.PEM) > 0, len(k.JWKSInline) > 0} {
		if given {
			sources++
		}
	}
	if sources > 1 {
		f.add(path, "give one of jwks, pem and jwksInline, not several")
	}
	f.webURL(path+".jwks", k.JWKS)
	switch {
	case k.Refresh == nil:
	case k.Refresh.Std() < time.Second || k.Refresh.Std() > 24*time.Hour:
		f.add(path+".refresh", "must be between 1s and 24h: older keys are not believed")
	case len(k.PEM) > 0 || len(k.JWKSInline) > 0:
		f.add(path+".refresh", "is for keys that are read from an address: these stand here")
	}
}

func (t TokenRules) validate(f *faults) {
	switch t.Use {
	case "", UseDirect, UseExchange, UseBoth:
	default:
		f.add("spec.tokens.use", "%q is not one of direct, exchange, both", t.Use)
	}
	switch t.JWT {
	case "", "local":
	case "introspect", "both":
		f.unsupported("spec.tokens.jwt", t.JWT)
	default:
		f.add("spec.tokens.jwt", "%q is not one of local, introspect, both", t.JWT)
	}
	switch t.Type {
	case "", "access", "any":
	case "at+jwt":
		f.unsupported("spec.tokens.type", "at+jwt")
	default:
		f.add("spec.tokens.type", "%q is not one of access, at+jwt, any", t.Type)
	}
	for i, a := range t.Algorithms {
		if !slices.Contains(Algorithms(), a) {
			f.add(fmt.Sprintf("spec.tokens.algorithms[%d]", i), "%q is not one of %s", a, strings.Join(Algorithms(), ", "))
		}
	}
	if t.ClockSkew != nil && (*t.ClockSkew < 0 || t.ClockSkew.Std() > 10*60e9) {
		f.add("spec.tokens.clockSkew", "must be between 0s and 10m")
	}
	f.scalars("spec.tokens.require", t.Require)
	f.nonEmpty("spec.tokens.audiences", t.Audiences)
	for i, m := range t.Match {
		m.validate(f, fmt.Sprintf("spec.tokens.match[%d]", i))
	}
}

func (m MatchRule) validate(f *faults, path string) {
	given := 0
	if m.Prefix != "" {
		given++
	}
	if m.Regex != "" {
		given++
		f.regex(path+".regex", m.Regex)
	}
	if len(m.Claims) > 0 {
		given++
		f.scalars(path+".claims", m.Claims)
	}
	if given != 1 {
		f.add(path, "give exactly one of prefix, regex and claims")
	}
}

func (c ClaimRules) validate(f *faults) {
	for i, g := range c.Grants {
		g.validate(f, fmt.Sprintf("spec.claims.grants[%d]", i))
	}
	f.claims("spec.claims.clientId", c.ClientID)
	f.claims("spec.claims.scopes", c.Scopes)
	taken := map[string]bool{}
	for i, m := range c.Mapping {
		path := fmt.Sprintf("spec.claims.mapping[%d]", i)
		f.claim(path+".from", m.From)
		switch {
		case m.To == "":
			f.missing(path+".to", "the claim's name in the backend JWT")
		case slices.ContainsFunc(ReservedClaims(), func(name string) bool { return strings.EqualFold(name, m.To) }):
			f.add(path+".to", "%q is a claim of the backend JWT itself: choose another name", m.To)
		case taken[strings.ToLower(m.To)]:
			f.add(path+".to", "%q is filled by another entry already", m.To)
		}
		taken[strings.ToLower(m.To)] = true
	}
}

func (g Grant) validate(f *faults, path string) {
	f.claim(path+".claim", g.Claim)
	if g.Equals == nil || g.Equals == "" {
		f.missing(path+".equals", "the value that the claim has")
	} else {
		f.scalars(path, map[string]any{"equals": g.Equals})
	}
	if len(g.Scopes) == 0 {
		f.missing(path+".scopes", "what the value gives")
	}
	f.scopes(path+".scopes", g.Scopes)
}

// ReservedClaims are the registered claims (RFC 7519, section 4.1; RFC 9068, section 2.2) and our own, which a mapping
// may never overwrite, nor stand beside in another case: some readers of JSON make no difference.
func ReservedClaims() []string {
	return []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "keyward"}
}

func (f *faults) claims(path string, claims []string) {
	for i, c := range claims {
		f.claim(fmt.Sprintf("%s[%d]", path, i), c)
	}
}

// claim accepts a claim's name, or a JSON Pointer: a tilde in one begins ~0 or ~1 (RFC 6901, section 3).
func (f *faults) claim(path, c string) {
	bare := strings.NewReplacer("~0", "", "~1", "").Replace(c)
	if c == "" || c == "/" || strings.HasPrefix(c, "/") && strings.Contains(bare, "~") {
		f.add(path, "name a claim, or a JSON Pointer such as /realm_access/roles")
	}
}

func (f *faults) nonEmpty(path string, values []string) {
	for i, v := range values {
		if at := fmt.Sprintf("%s[%d]", path, i); v == "" {
			f.add(at, "must not be empty")
		} else if strings.ContainsFunc(v, unicode.IsControl) {
			f.add(at, "has a control character")
		}
	}
}

// exactNumbers is where numbers stop being exact: from here on, two whole numbers are one and the same float64.
const exactNumbers = 1 << 53

// scalars accepts only values that have one spelling: strings, booleans, and numbers that are what was written.
func (f *faults) scalars(path string, values map[string]any) {
	for name, v := range values {
		switch v := v.(type) {
		case string, bool:
		case float64:
			if v <= -exactNumbers || v >= exactNumbers {
				f.add(path+"."+name, "must be a number between -2^53 and 2^53: others are not told from their neighbours")
			}
		default:
			f.add(path+"."+name, "must be a string, a number or true or false")
		}
	}
}
