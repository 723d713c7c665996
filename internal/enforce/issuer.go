package enforce

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/enforce/reading"
	"keyward.dev/keyward/internal/strictjson"
	"keyward.dev/keyward/internal/view"
)

// issued is a credential whose key manager is known.
type issued struct {
	presented
	km *view.KeyManager
	// issuer is the entry of the key manager whose keys count; nil for an opaque token.
	issuer *keyward.IssuerRow
}

// allowed is a credential of a key manager that the API takes.
type allowed struct {
	issued
	use *keyward.APIKeyManager
}

// chooseKeyManager finds the one key manager that may judge the token. Nothing leaves the gateway for it.
func (e *Engine) chooseKeyManager(p *presented, now time.Time, t *trace) (issued, *Refusal) {
	if p.opaque() {
		return e.chooseForOpaque(p, now, t)
	}
	iss, found := p.claims().Get("iss")
	if !found {
		return e.chooseByClaims(p, now, t)
	}
	t.expect(stepKeyManager, "one enabled key manager of tenant ", p.api.Tenant,
		" whose issuer is exactly the token's iss")
	issuer, ok := iss.Str()
	if !ok {
		t.fail("an iss that is not a string", "get the token from a server that follows RFC 7519, section 4.1.1")
		return issued{}, refuse(keyward.CodeInvalidToken)
	}
	candidates := p.view.ByIssuer(p.api.Tenant, issuer)
	km, entry, fits := fitting(candidates, issuer, p.claims(), now)
	if fits == 1 && p.believes(km, now) {
		t.pass("key manager ", km.Name, ", by the token's iss")
		return issued{presented: *p, km: km, issuer: entry}, nil
	}
	if t.live() {
		if fits == 1 {
			t.held(keyward.KindKeyManager, km.ID, km.Hold, now)
		}
		seen, fix := foreign(issuer, candidates, p.claims())
		if seen == "" || fits > 0 {
			seen, fix = explainIssuer(&p.routed, issuer, candidates, km, fits)
		}
		t.fail(seen, fix)
	}
	return issued{}, refuse(keyward.CodeUnknownIssuer)
}

// fitting gives the one candidate that has the issuer now and whose claim rules take the token, and how many do.
func fitting(
	candidates []*view.KeyManager, issuer string, claims strictjson.Object, now time.Time,
) (found *view.KeyManager, entry *keyward.IssuerRow, fits int) {
	for _, km := range candidates {
		i := km.Issuer(issuer, now)
		if i < 0 || len(km.ClaimRules) > 0 && !fitsRule(km, claims) || !ofOrganization(&km.Issuers[i], claims) {
			continue
		}
		fits++
		found, entry = km, &km.Issuers[i]
	}
	return found, entry, fits
}

// ofOrganization tells whether the claim tid is the organization that the issuer is for, as one exact string. Keys that
// many organizations share say nothing about it.
func ofOrganization(entry *keyward.IssuerRow, claims strictjson.Object) bool {
	if entry.Organization == "" {
		return true
	}
	tid, ok := reading.Text(claims, "tid")
	return ok && tid == entry.Organization
}

// fitsRule tells whether all claims of one of the rules have their value.
func fitsRule(km *view.KeyManager, claims strictjson.Object) bool {
	for _, rule := range km.ClaimRules {
		if hasAll(claims, rule) {
			return true
		}
	}
	return false
}

func hasAll(claims strictjson.Object, wanted map[string]any) bool {
	for name, want := range wanted {
		if v, found := claims.Get(name); !found || !v.Equal(want) {
			return false
		}
	}
	return true
}

// chooseByClaims serves JWTs without iss: they belong to the one key manager whose claim rules fit, and to its main
// issuer's keys.
func (e *Engine) chooseByClaims(p *presented, now time.Time, t *trace) (issued, *Refusal) {
	t.expect(stepKeyManager, "an iss, or exactly one key manager whose match.claims fits")
	var found *view.KeyManager
	fits := 0
	for _, km := range p.view.ClaimingOf(p.api.Tenant) {
		// Where iss says the organization, a token without iss is of none.
		ofMany := len(km.Issuers) > 0 && km.Issuers[0].Organization != ""
		if fitsRule(km, p.claims()) && !ofMany {
			found = km
			fits++
		}
	}
	if fits == 1 && p.believes(found, now) && len(found.Issuers) > 0 {
		t.pass("key manager ", found.Name, ", by its match.claims: the token has no iss")
		return issued{presented: *p, km: found, issuer: &found.Issuers[0]}, nil
	}
	if fits == 1 && !p.believes(found, now) {
		why, fix := p.whyNot(found)
		t.held(keyward.KindKeyManager, found.ID, found.Hold, now)
		t.fail("no iss, and match.claims of key manager "+found.Name+", which is "+why, fix)
		return issued{}, refuse(keyward.CodeUnknownIssuer)
	}
	t.fail("no iss, and "+strconv.Itoa(fits)+" key managers whose match.claims fits",
		"let the server put iss into its tokens, or give its key manager a match entry with claims that only its tokens have")
	return issued{}, refuse(keyward.CodeUnknownIssuer)
}

// chooseForOpaque takes the first key manager, in the API's order, that says it has such tokens. Nobody else is asked:
// a token is a secret between its holder and its server.
func (e *Engine) chooseForOpaque(p *presented, now time.Time, t *trace) (issued, *Refusal) {
	t.expect(stepKeyManager, "a key manager with a match entry (prefix or regex) that fits the opaque token")
	km := opaqueOwner(p.view, p.api, p.raw)
	if km == nil {
		if other := elsewhere(p.view, p.api, p.raw, now); other != nil {
			t.pass("key manager ", other.Name, ", by its match: no key manager that the API accepts fits")
			return issued{presented: *p, km: other}, nil
		}
		t.fail("an opaque token that no match entry fits",
			"give the key manager that issues such tokens a match entry with their prefix, or a regex")
		return issued{}, refuse(keyward.CodeInvalidToken)
	}
	if !km.Believed(now) {
		why, fix := p.whyNot(km)
		t.held(keyward.KindKeyManager, km.ID, km.Hold, now)
		t.fail("key manager "+km.Name+", which is "+why, fix)
		return issued{}, refuse(keyward.CodeUnknownIssuer)
	}
	t.pass("key manager ", km.Name, ", the first in the API's order whose match fits the opaque token")
	return issued{presented: *p, km: km}, nil
}

func opaqueOwner(v *view.View, api *view.API, raw string) *view.KeyManager {
	if api.AllKeyManagers {
		for _, km := range v.OfTenant(api.Tenant) {
			if km.TakesOpaque(raw) {
				return km
			}
		}
		return nil
	}
	for i := range api.KeyManagers {
		km := v.KeyManager(api.KeyManagers[i].ID)
		if km == nil || !km.TakesOpaque(raw) {
			continue
		}
		if _, ok := api.Use(km); ok {
			return km
		}
	}
	return nil
}

// elsewhere finds an enabled key manager of the tenant that the API does not take.
func elsewhere(v *view.View, api *view.API, raw string, now time.Time) *view.KeyManager {
	for _, km := range v.OfTenant(api.Tenant) {
		if km.Believed(now) && km.TakesOpaque(raw) {
			return km
		}
	}
	return nil
}

// allow checks that the API takes the key manager's tokens.
func (e *Engine) allow(i *issued, t *trace) (allowed, *Refusal) {
	t.expect(stepAllowed, "API ", i.api.Name, " accepts the key manager")
	use, ok := i.api.Use(i.km)
	if !ok {
		t.fail("API "+i.api.Name+" does not list key manager "+i.km.Name,
			"add "+i.km.Name+" to spec.keyManagers of API "+i.api.Name+", or use a token of a key manager that it lists")
		return allowed{}, refuse(keyward.CodeKeyManagerNotAllowed)
	}
	t.pass("key manager ", i.km.Name, " is accepted")
	return allowed{issued: *i, use: use}, nil
}

// believes tells whether the key manager's tokens may be used now for what this one is used for.
func (r *routed) believes(km *view.KeyManager, now time.Time) bool {
	if r.exchange {
		return km.Exchanges(now)
	}
	return km.Believed(now)
}

func (r *routed) whyNot(km *view.KeyManager) (why, fix string) {
	switch {
	case km.Unusable != "":
		return "not usable by this build: " + km.Unusable, "update this gateway"
	case !km.Enabled:
		return "disabled", "enable key manager " + km.Name
	case r.exchange && !km.Use.Exchanges():
		return "not for token exchange", "set spec.tokens.use of key manager " + km.Name + " to both or exchange"
	case !r.exchange && !km.Use.Direct():
		return "for token exchange only", "exchange the token at the resident key manager, or set spec.tokens.use of key manager " +
			km.Name + " to both"
	default:
		return "held", "lift the hold: keyward unhold key-manager " + km.Name
	}
}

// foreign tells of a token whose tid is not the organization of its iss, or gives "".
func foreign(issuer string, candidates []*view.KeyManager, claims strictjson.Object) (seen, fix string) {
	for _, km := range candidates {
		i := slices.IndexFunc(km.Issuers, func(r keyward.IssuerRow) bool { return r.Issuer == issuer })
		if i < 0 || ofOrganization(&km.Issuers[i], claims) {
			continue
		}
		tid := "no claim tid that is a string"
		if s, ok := reading.Text(claims, "tid"); ok {
			tid = "tid " + reading.Quote(s)
		}
		return "iss " + reading.Quote(issuer) + " and " + tid + ", where key manager " + km.Name + " expects tid " +
			reading.Quote(km.Issuers[i].Organization), "get a token in which tid is the organization that iss names"
	}
	return "", ""
}

// explainIssuer says why no key manager was found, and looks for the mistakes that are made most.
func explainIssuer(
	r *routed, issuer string, candidates []*view.KeyManager, km *view.KeyManager, fits int,
) (seen, fix string) {
	shown, tenant := reading.Quote(issuer), r.api.Tenant
	switch {
	case fits > 1:
		return "iss " + shown + ", and several key managers whose match.claims fits the token",
			"make match.claims of the key managers with this issuer so different that only one fits"
	case fits == 1:
		why, how := r.whyNot(km)
		return "iss " + shown + " of key manager " + km.Name + ", which is " + why, how
	case len(candidates) > 0:
		return "iss " + shown + " of key manager " + candidates[0].Name +
				", which does not take this token: its match.claims does not fit, or the issuer's until has passed",
			"change match.claims or otherIssuers of key manager " + candidates[0].Name + ", or get a token that fits"
	}
	for _, other := range r.view.OfTenant(tenant) {
		for i := range other.Issuers {
			if how := difference(issuer, other.Issuers[i].Issuer); how != "" {
				return "iss " + shown + ", which differs only by " + how + " from the issuer of key manager " +
						other.Name,
					"write the issuer of key manager " + other.Name + " exactly as its tokens have it: " + shown
			}
		}
	}
	return "iss " + shown + ", which no key manager of tenant " + tenant + " has",
		"register a key manager with this issuer in tenant " + tenant + ", or use a token of a registered one"
}

// difference names what alone tells two issuers apart, or gives "".
func difference(a, b string) string {
	switch {
	case strings.TrimSuffix(a, "/") == strings.TrimSuffix(b, "/"):
		return "a trailing slash"
	case strings.EqualFold(a, b):
		return "upper and lower case"
	case strings.TrimSpace(a) == strings.TrimSpace(b):
		return "white space"
	}
	ua, errA := url.Parse(a)
	ub, errB := url.Parse(b)
	if errA != nil || errB != nil || ua.Host == "" || ub.Host == "" {
		return ""
	}
	samePath := ua.Path == ub.Path
	switch {
	case samePath && ua.Host == ub.Host && ua.Scheme != ub.Scheme:
		return "the scheme (" + ua.Scheme + " and " + ub.Scheme + ")"
	case samePath && ua.Scheme == ub.Scheme && ua.Hostname() == ub.Hostname():
		return "the port"
	case samePath && ua.Scheme == ub.Scheme && ua.Port() == ub.Port():
		return "the host name (" + ua.Hostname() + " and " + ub.Hostname() + ")"
	}
	return ""
}
