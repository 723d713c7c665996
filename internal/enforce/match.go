package enforce

import (
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/enforce/reading"
)

// clientOf finds whose client the token has: who has its client id, and where nobody has, the first of the tenant's
// rules in the key manager that fits. A client that was put out of use is found too, so that no rule takes its tokens up.
func clientOf(v *validated) *keyward.ClientRow {
	if id := v.facts.ClientKey; id != "" {
		if client := v.view.Client(v.api.Tenant, v.km, id); client != nil {
			return client
		}
	}
	rules := v.view.ClientRules(v.api.Tenant, v.km.ID)
	if len(rules) == 0 || v.km.OwnClients == nil || v.ownClient() != "" {
		return nil
	}
	for _, rule := range rules {
		if v.facts.Fits(rule.Match) {
			return rule
		}
	}
	return nil
}

// ownClient names a client of the key manager's own that the token was issued to, or gives "". It is looked for in every
// claim that servers put a client's id into, not only where the key manager says that it is: such a client may hold
// rights over the server, and its tokens are nobody's.
func (v *validated) ownClient() string {
	if len(v.km.OwnClients) == 0 {
		return ""
	}
	for _, name := range slices.Concat(v.km.ClientID, []string{"client_id", "azp", "appid", "cid", "sub"}) {
		id, ok := reading.Text(v.facts.Claims, name)
		if ok && slices.ContainsFunc(v.km.OwnClients, func(own string) bool { return strings.EqualFold(own, id) }) {
			return id
		}
	}
	return ""
}

// by says how the application has the token.
func (i *identified) by() string {
	if i.rule == nil {
		return "client id " + reading.Quote(i.facts.ClientKey)
	}
	said := i.rule.String() + "; the token has " + i.facts.Who()
	for _, other := range i.view.ClientRules(i.api.Tenant, i.km.ID) {
		if *other.Match != *i.rule && i.facts.Fits(other.Match) {
			return said + "; " + other.Match.String() + " would fit too, and comes later"
		}
	}
	return said
}

// whyNoRule says what the key manager's rules make of the token.
func whyNoRule(v *validated) string {
	rules := v.view.ClientRules(v.api.Tenant, v.km.ID)
	found := clientOf(v)
	switch own := v.ownClient(); {
	case found != nil && found.Revoked:
		return "and which was put out of use"
	case found != nil:
		return "or whose application this gateway does not have"
	case len(rules) == 0:
		return "and there is no match rule for its tokens"
	case own != "":
		return "and no match rule takes " + reading.Quote(own) + ", a client of the key manager's own"
	case v.km.OwnClients == nil:
		return "and match rules wait until the key manager is changed: it was stored by an older build"
	default:
		return "and none of the match rules fits"
	}
}
