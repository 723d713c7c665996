package entitle

import (
	"fmt"
	"slices"
	"strings"

	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keymanager"
)

// bar is why no subscription may give something.
type bar int

const (
	noBar       bar = iota
	barOwn          // it means something at the server itself
	barScope        // clients.constraints.scopes does not allow it
	barAudience     // clients.constraints.audiences does not allow whom it is for
)

// withhold finds what no subscription may give of what APIs ask for: the scopes and audiences that the constraints of the
// key manager do not allow, and its own, which mean something at the server itself. An API's publisher could else have any
// of them given.
func (t *task) withhold() {
	t.withheld = slices.DeleteFunc(slices.Clone(t.wanted), func(w connector.Entitlement) bool { return t.bar(w) == noBar })
}

func (t *task) bar(w connector.Entitlement) bar {
	spec := t.server.Spec
	switch {
	case slices.Contains(t.kind.OwnScopes, w.Scope), w.Audience != "" && keymanager.OwnAudience(t.server, w.Audience):
		return barOwn
	case w.Audience != "" && !keymanager.AllowsAudience(spec, w.Audience):
		return barAudience
	case w.Scope != "" && !keymanager.AllowsScope(spec, w.Scope):
		return barScope
	default:
		return noBar
	}
}

// audienceOf chooses among the audiences of an API, of which any one is enough: the first that may be given, else the first.
func (t *task) audienceOf(list []string) string {
	for _, one := range list {
		if t.bar(connector.Entitlement{Audience: one}) == noBar {
			return one
		}
	}
	return list[0]
}

// may is what subscriptions may give.
func (t *task) may() []connector.Entitlement { return minus(t.wanted, t.withheld) }

// advice says what is to be done about what a client lacks, and by whom.
func (t *task) advice(lacking []connector.Entitlement) string {
	var all []string
	if words := advise(t.clientID, t.server.Name, minus(lacking, t.withheld), t.ask); words != "" {
		all = append(all, words)
	}
	barred := map[bar][]string{}
	for _, w := range both(lacking, t.withheld) {
		barred[t.bar(w)] = append(barred[t.bar(w)], w.String())
	}
	for _, rule := range []struct {
		bar                    bar
		name, allowed, another string
	}{
		{barScope, "scopes", keymanager.AllowedScopes(t.server.Spec), "a scope"},
		{barAudience, "audiences", keymanager.AllowedAudiences(t.server.Spec), "an audience"},
	} {
		if ruled := barred[rule.bar]; len(ruled) > 0 {
			all = append(all, fmt.Sprintf("clients.constraints.%s of key manager %s allows %s, and so no subscription gives %s: ask an "+
				"administrator to allow it, or the API's publisher for %s that is", rule.name, t.server.Name, rule.allowed,
				strings.Join(ruled, ", "), rule.another))
		}
	}
	if own := barred[barOwn]; len(own) > 0 {
		all = append(all, fmt.Sprintf("%s is key manager %s's own, which no subscription gives: the API needs one of another name",
			strings.Join(own, ", "), t.server.Name))
	}
	return strings.Join(all, "; ")
}
