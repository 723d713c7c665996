package enforce

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/enforce/reading"
)

// checkTime holds the token's dates against the clock, with the key manager's skew. A JWT must have an end; what an
// introspection answer has is checked.
func (e *Engine) checkTime(v *validated, now time.Time, t *trace) *Refusal {
	t.expect(stepTime, "exp in the future, nbf and iat not, give or take ", skewText(v, t))
	skew := v.km.ClockSkew.Std()
	earliest, latest := now.Add(-skew).Unix(), now.Add(skew).Unix()
	f, opaque := v.facts, v.issuer == nil
	switch {
	case f.Expires.State == reading.Malformed || f.NotBefore.State == reading.Malformed || f.IssuedAt.State == reading.Malformed && !opaque:
		t.fail("exp, nbf or iat is not a whole number of seconds",
			"get the token from a server that follows RFC 7519, section 2")
		return refuse(keyward.CodeInvalidToken)
	case f.Expires.State == reading.Absent && !opaque:
		t.fail("no exp", "let the server put exp into its tokens")
		return refuse(keyward.CodeInvalidToken)
	case f.Expires.State == reading.Present && f.Expires.Seconds <= earliest:
		t.fail(whenText(t, "exp", f.Expires.Seconds, now), "get a fresh token")
		return refuse(keyward.CodeTokenExpired)
	case f.NotBefore.State == reading.Present && f.NotBefore.Seconds > latest:
		t.fail(whenText(t, "nbf", f.NotBefore.Seconds, now),
			"wait, or compare the clocks of the server and this gateway")
		return refuse(keyward.CodeTokenNotYetValid)
	case f.IssuedAt.State == reading.Present && f.IssuedAt.Seconds > latest && !opaque:
		t.fail(whenText(t, "iat", f.IssuedAt.Seconds, now), "compare the clocks of the server and this gateway")
		return refuse(keyward.CodeTokenNotYetValid)
	}
	if t.live() {
		t.pass(endText(f, now))
	}
	return nil
}

func skewText(v *validated, t *trace) string {
	if !t.live() {
		return ""
	}
	return v.km.ClockSkew.String()
}

func endText(f *facts, now time.Time) string {
	if f.Expires.State == reading.Absent {
		return "no exp in the answer"
	}
	return "exp in " + strconv.FormatInt(f.Expires.Seconds-now.Unix(), 10) + "s"
}

func whenText(t *trace, claim string, at int64, now time.Time) string {
	if !t.live() {
		return ""
	}
	if distance := at - now.Unix(); distance > 0 {
		return claim + " in " + strconv.FormatInt(distance, 10) + "s"
	}
	return claim + " " + strconv.FormatInt(now.Unix()-at, 10) + "s ago"
}

// checkAudience holds aud against the key manager's list and the API's: each that has entries must be met.
func (e *Engine) checkAudience(v *validated, t *trace) *Refusal {
	wanted := v.api.Audiences
	if len(v.use.Audiences) > 0 {
		wanted = v.use.Audiences
	}
	t.expect(stepAudience, audienceText(v.km.Audiences, wanted, t))
	f := v.facts
	free := len(v.km.Audiences) == 0 && len(wanted) == 0
	switch {
	case free && f.AudienceState == reading.Malformed:
		t.fail("an aud that is neither a string nor an array of strings",
			"get the token from a server that follows RFC 7519")
		return refuse(keyward.CodeInvalidToken)
	case free, f.AudienceState == reading.Absent && v.issuer == nil:
		t.pass("nothing to compare")
		return nil
	case !meets(v.km.Audiences, f.Audience), !meets(wanted, f.Audience):
		if t.live() {
			t.fail(seenAudience(f), v.fixAudience())
		}
		return refuse(keyward.CodeAudienceMismatch)
	}
	if t.live() {
		t.pass(seenAudience(f))
	}
	return nil
}

func (v *validated) fixAudience() string {
	fix := "ask the server for a token with one of these audiences, or add the token's to tokens.audiences of key manager " + v.km.Name
	if v.exchange { // no API has a say in it
		return fix
	}
	return fix + " or to the audiences of API " + v.api.Name
}

func meets(wanted, audience []string) bool {
	return len(wanted) == 0 || slices.ContainsFunc(wanted, func(w string) bool { return slices.Contains(audience, w) })
}

func audienceText(ofKeyManager, ofAPI []string, t *trace) string {
	switch {
	case !t.live():
		return ""
	case len(ofKeyManager) > 0 && len(ofAPI) > 0:
		return "one of " + strings.Join(ofKeyManager, ", ") + " (key manager) and one of " +
			strings.Join(ofAPI, ", ") + " (API)"
	case len(ofKeyManager) > 0:
		return "one of " + strings.Join(ofKeyManager, ", ")
	case len(ofAPI) > 0:
		return "one of " + strings.Join(ofAPI, ", ")
	default:
		return "any: neither the key manager nor the API lists audiences"
	}
}

func seenAudience(f *facts) string {
	switch f.AudienceState {
	case reading.Absent:
		return "no aud"
	case reading.Malformed:
		return "an aud that is neither a string nor an array of strings"
	default:
		return "aud " + reading.Quote(strings.Join(f.Audience, ", "))
	}
}

// checkRevocation is where withdrawn tokens end. An opaque token's server has just said that it is active. A token that
// the resident key manager gave in exchange ends with the trust in the key manager whose token it was given for; of
// other JWTs this build knows no revocations.
func (e *Engine) checkRevocation(v *validated, now time.Time, t *trace) *Refusal {
	t.expect(stepRevocation, "nothing known that revokes the token")
	if v.facts.Origin == "" {
		t.pass("nothing known")
		return nil
	}
	origin := v.view.KeyManager(v.facts.Origin)
	if origin == nil || origin.Tenant != v.api.Tenant && !origin.Global {
		t.fail("given in exchange for a token of a key manager that this tenant does not have any more", "get a fresh token")
		return refuse(keyward.CodeTokenRevoked)
	}
	if !origin.Exchanges(now) {
		t.held(keyward.KindKeyManager, origin.ID, origin.Hold, now)
		why, fix := (&routed{exchange: true}).whyNot(origin)
		t.fail("given in exchange for a token of key manager "+origin.Name+", which is "+why, fix)
		return refuse(keyward.CodeTokenRevoked)
	}
	t.pass("given in exchange for a token of key manager ", origin.Name)
	return nil
}

// checkSender refuses tokens that only their holder may use: this build cannot have the possession proved (RFC 8705,
// RFC 9449), and a bound token must not pass as a bearer token.
func (e *Engine) checkSender(v *validated, t *trace) *Refusal {
	t.expect(stepSender, "a bearer token, bound to no key or certificate")
	if v.facts.Bound {
		t.fail("a token that is bound to a key or certificate (cnf)",
			"let the server issue plain bearer tokens to this client: this build cannot check the proof")
		return refuse(keyward.CodeSenderConstraintFailed)
	}
	t.pass("no cnf")
	return nil
}

// checkScope holds the token's scopes, under the names that the API gives them, against the operation's.
func (e *Engine) checkScope(g *granted, t *trace) *Refusal {
	op := g.op
	t.expect(stepScope, scopeText(op, t))
	missing := slices.ContainsFunc(op.AllOf, func(s string) bool { return !g.hasScope(s) })
	if len(op.Scopes) > 0 && !slices.ContainsFunc(op.Scopes, g.hasScope) {
		missing = true
	}
	if !missing {
		if t.live() {
			t.pass("scopes ", strings.Join(g.scopes(), " "), g.originOfScopes())
		}
		return nil
	}
	ref := refuse(keyward.CodeInsufficientScope)
	ref.Scopes = slices.Concat(op.AllOf, op.Scopes)
	if t.live() {
		t.fail(seenScopes(g.scopes())+g.originOfScopes(), g.fixScopes(ref.Scopes))
	}
	return ref
}

// fixScopes says where the missing scope can be had: what the token has already, only the subscription keeps back.
func (g *granted) fixScopes(wanted []string) string {
	above := slices.DeleteFunc(slices.Clone(wanted), g.belowCeiling)
	ask := "ask " + g.km.Name + " for scope " + strings.Join(g.inToken(wanted), " or ") +
		" when getting the token; the claims read are " + strings.Join(g.km.Scopes, ", ")
	if len(above) == 0 {
		return ask
	}
	raise := "add " + strings.Join(above, " or ") + " to spec.scopes of the subscription"
	if slices.ContainsFunc(above, func(want string) bool {
		return slices.ContainsFunc(g.facts.Scopes, func(s string) bool { return g.renamed(s) == want })
	}) {
		return raise
	}
	return raise + ", and " + ask
}

// originOfScopes says what besides the token's scope claims had a part in the scopes.
func (g *granted) originOfScopes() string {
	var origin strings.Builder
	for i := range g.km.Grants {
		if grant := &g.km.Grants[i]; reading.FitsGrant(g.facts.Claims, grant) {
			origin.WriteString("; " + strings.Join(grant.Scopes, " ") + " by claims.grants[" + strconv.Itoa(i) +
				"] of the key manager: claim " + grant.Claim + " has the value")
		}
	}
	if g.sub != nil && len(g.sub.Scopes) > 0 {
		origin.WriteString("; the subscription lets through only " + strings.Join(g.sub.Scopes, " "))
	}
	return origin.String()
}

func seenScopes(scopes []string) string {
	if len(scopes) == 0 {
		return "no scopes"
	}
	return "scopes " + reading.Quote(strings.Join(scopes, " "))
}

func scopeText(op *keyward.Operation, t *trace) string {
	var parts []string
	switch {
	case !t.live():
		return ""
	case len(op.Scopes)+len(op.AllOf) == 0:
		return "no scope"
	}
	if len(op.Scopes) > 0 {
		parts = append(parts, "one of "+strings.Join(op.Scopes, ", "))
	}
	if len(op.AllOf) > 0 {
		parts = append(parts, "all of "+strings.Join(op.AllOf, ", "))
	}
	return strings.Join(parts, " and ")
}

// hasScope tells whether the call has the operation's scope: the token does, and the subscription lets it through.
func (g *granted) hasScope(want string) bool {
	if !g.belowCeiling(want) {
		return false
	}
	for _, s := range g.facts.Scopes {
		if g.renamed(s) == want {
			return true
		}
	}
	return false
}

// renamed gives the API's name for a scope of the token.
func (g *granted) renamed(scope string) string {
	if name, ok := g.use.Scopes[scope]; ok {
		return name
	}
	return scope
}

// belowCeiling tells whether the subscription lets the scope through, under the API's name.
func (g *granted) belowCeiling(scope string) bool {
	return g.sub == nil || len(g.sub.Scopes) == 0 || slices.Contains(g.sub.Scopes, scope)
}

// scopes are those of the call: of the token, under the API's names, what the subscription lets through.
func (g *granted) scopes() []string {
	list := make([]string, 0, len(g.facts.Scopes))
	for _, s := range g.facts.Scopes {
		if name := g.renamed(s); g.belowCeiling(name) && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

// inToken gives the names that the scopes have in the key manager's tokens.
func (g *granted) inToken(scopes []string) []string {
	names := make([]string, 0, len(scopes))
	for _, want := range scopes {
		name := want
		for inToken, inAPI := range g.use.Scopes {
			if inAPI == want {
				name = inToken
			}
		}
		names = append(names, name)
	}
	return names
}
