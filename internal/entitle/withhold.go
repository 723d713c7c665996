package entitle

import (
	"fmt"
	"slices"
	"strings"

	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keymanager"
)

// withhold finds what no subscription may give of what APIs ask for: the scopes that the constraints of the key manager do
// not allow, and its own, which mean something at the server itself. An API's publisher could else have any of them given.
func (t *task) withhold() {
	t.withheld = slices.DeleteFunc(slices.Clone(t.wanted), func(w connector.Entitlement) bool {
		return w.Scope == "" || !t.own(w) && keymanager.AllowsScope(t.server.Spec, w.Scope)
	})
}

func (t *task) own(w connector.Entitlement) bool { return slices.Contains(t.kind.OwnScopes, w.Scope) }

// may is what subscriptions may give.
func (t *task) may() []connector.Entitlement { return minus(t.wanted, t.withheld) }

// advice says what is to be done about what a client lacks, and by whom.
func (t *task) advice(lacking []connector.Entitlement) string {
	var all []string
	if words := advise(t.clientID, t.server.Name, minus(lacking, t.withheld), t.ask); words != "" {
		all = append(all, words)
	}
	var own, ruled []string
	for _, w := range both(lacking, t.withheld) {
		if t.own(w) {
			own = append(own, w.String())
		} else {
			ruled = append(ruled, w.String())
		}
	}
	if len(ruled) > 0 {
		all = append(all, fmt.Sprintf("clients.constraints.scopes of key manager %s allows %s, and so no subscription gives %s: ask "+
			"an administrator to allow it, or the API's publisher for a scope that is", t.server.Name,
			keymanager.AllowedScopes(t.server.Spec), strings.Join(ruled, ", ")))
	}
	if len(own) > 0 {
		all = append(all, fmt.Sprintf("%s is key manager %s's own, which no subscription gives: the API needs a scope of another name",
			strings.Join(own, ", "), t.server.Name))
	}
	return strings.Join(all, "; ")
}
