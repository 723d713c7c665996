package reconcile

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/wire"
)

// shape is a client as a server told it.
type shape struct {
	Name      string   `json:"name,omitempty"`
	Grants    []string `json:"grants,omitempty"`
	Callbacks []string `json:"callbacks,omitempty"`
	Always    []string `json:"always,omitempty"`   // scopes
	Optional  []string `json:"optional,omitempty"` // scopes that a token has when asked for with them
	Disabled  bool     `json:"disabled,omitempty"`
}

// scopes are all that the client has; none of one that was not seen.
func (s *shape) scopes() []string {
	if s == nil {
		return nil
	}
	return slices.Concat(s.Always, s.Optional)
}

// shapeOf leaves the scopes out that come and go with subscriptions.
func shapeOf(c *connector.Client, ours []string) shape {
	scopes := set(c.Scopes, ours)
	optional := set(c.Optional, ours)
	return shape{
		Name: c.Name, Grants: set(c.Grants, nil), Callbacks: set(c.Callbacks, nil),
		Always: connector.Without(scopes, optional), Optional: optional, Disabled: c.Disabled,
	}
}

// set is a list without repetitions and without some, sorted.
func set(list, without []string) []string {
	sorted := slices.Sorted(slices.Values(connector.Without(list, without)))
	return slices.Compact(sorted)
}

// first is what a client is held against from its first look on: what the server says, with what was asked for in place of
// what it says otherwise. A server adds grants and scopes of its own and writes callbacks in its own way, which is no
// difference; but what was asked for has to be there, and no callback beside.
func first(status keyward.OAuthClientStatus, seen shape, told *connector.Client, ours []string) shape {
	base := seen
	if len(told.Grants) > 0 {
		// A refresh token is no grant of its own at every server.
		base.Grants = set(slices.Concat(seen.Grants, connector.Without(status.Grants, []string{"refresh_token"})), nil)
	}
	if told.Callbacks != nil && !sameCallbacks(status.Callbacks, seen.Callbacks) {
		base.Callbacks = set(status.Callbacks, nil)
	}
	if told.Scopes != nil {
		// These two ask for something other than a scope of the client's (OpenID Connect Core 1.0, sections 3.1.2.1 and 11).
		missing := connector.Without(status.Scopes, slices.Concat(told.Scopes, ours, []string{"openid", "offline_access"}))
		base.Always = set(slices.Concat(seen.Always, missing), nil)
	}
	base.Disabled = false
	return base
}

func sameCallbacks(asked, seen []string) bool {
	normal := func(list []string) []string {
		out := make([]string, len(list))
		for i, one := range list {
			out[i] = normalCallback(one)
		}
		return set(out, nil)
	}
	return slices.Equal(normal(asked), normal(seen))
}

// normalCallback undoes what servers do to addresses: scheme and host in lower case, the default port, the slash at the
// end (RFC 3986, section 6.2).
func normalCallback(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return strings.TrimSuffix(address, "/")
	}
	u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	if port := u.Port(); u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		u.Host = strings.TrimSuffix(u.Host, ":"+port)
	}
	return strings.TrimSuffix(u.String(), "/")
}

// differences says what of a client is not as it was, and what would undo it. Scopes that have come to be given by
// subscriptions since the first look are nobody's change.
func differences(base, seen shape, ours []string) (texts []string, undo keyward.ClientRestore) {
	note := func(format string, args ...any) {
		texts = append(texts, wire.Words(fmt.Sprintf(format, args...)))
	}
	if base.Name != seen.Name {
		note("name: expected %s, seen %s", base.Name, seen.Name)
		undo.Metadata = true
	}
	for _, list := range []struct {
		what       string
		base, seen []string
	}{{"grants", base.Grants, seen.Grants}, {"callbacks", base.Callbacks, seen.Callbacks}} {
		if missing, added := connector.Without(list.base, list.seen), connector.Without(list.seen, list.base); len(missing)+len(added) > 0 {
			note("%s: %s", list.what, missingAndAdded(missing, added))
			undo.Metadata = true
		}
	}
	always, optional := connector.Without(base.Always, ours), connector.Without(base.Optional, ours)
	undo.Give, undo.Offer = connector.Without(always, seen.Always), connector.Without(optional, seen.Optional)
	had, has := slices.Concat(always, optional), slices.Concat(seen.Always, seen.Optional)
	undo.Take = connector.Without(has, had)
	if missing := connector.Without(had, has); len(missing)+len(undo.Take) > 0 {
		note("scopes: %s", missingAndAdded(missing, undo.Take))
	}
	for _, scope := range undo.Give {
		if slices.Contains(has, scope) {
			note("scope %s: expected in every token, seen only where it is asked for", scope)
		}
	}
	for _, scope := range undo.Offer {
		if slices.Contains(has, scope) {
			note("scope %s: expected only where it is asked for, seen in every token", scope)
		}
	}
	undo.Scopes = had
	if seen.Disabled && !base.Disabled {
		note("it is switched off at the server")
		undo.Enable = true
	}
	return texts, undo
}

func missingAndAdded(missing, added []string) string {
	var parts []string
	for _, part := range []struct {
		list []string
		verb string
	}{{missing, "missing"}, {added, "added"}} {
		if len(part.list) > 0 {
			parts = append(parts, part.verb+" "+strings.Join(part.list, ", "))
		}
	}
	return strings.Join(parts, "; ")
}
