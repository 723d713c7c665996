package ownclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/wire"
)

// next gives the step of a key manager that is due; nil = there is nothing to do now.
func (c *Clients) next(s *state) step {
	for _, one := range s.clients {
		switch {
		case one.State == keyward.ClientDeleting && c.may(s, one):
			return c.on(one, c.remove)
		case one.State == keyward.ClientPending && c.interrupted(one):
			return c.on(one, c.settle)
		case one.State == keyward.ClientFailed && one.Orphan && one.Search && c.may(s, one):
			return c.on(one, c.settleOrphan)
		}
	}
	used := s.used()
	switch {
	case s.first(keyward.ClientPending) != nil:
		return nil
	case used != nil && (!s.wants || s.fault == nil && serverOf(s.server) != used.Server):
		return c.on(used, c.doom)
	case !s.wants && s.spent() != nil:
		return c.on(s.spent(), c.forget)
	case !s.ready || s.fault != nil:
		return nil
	case used == nil || used.Replace:
		return c.nextMaking(s)
	case !c.may(s, used):
		return nil
	default:
		return c.nextChange(s, used)
	}
}

// step is something that is done for a key manager.
type step func(ctx context.Context, s *state) error

// on is a step that concerns one client.
func (c *Clients) on(one *client, do func(context.Context, *state, *client) error) step {
	return func(ctx context.Context, s *state) error {
		i := slices.IndexFunc(s.clients, func(o *client) bool { return o.ID == one.ID })
		return do(ctx, s, s.clients[i])
	}
}

// may tells whether something that failed may be tried again: its pause is over, or the key manager was changed since.
func (c *Clients) may(s *state, one *client) bool {
	return one.NextTry == nil || !c.now().Before(*one.NextTry) || s.km != nil && s.km.Version != one.Declared
}

// interrupted tells that nobody works on a pending client any more. In this process nobody does who has not the turn.
func (c *Clients) interrupted(one *client) bool {
	return c.sole || c.now().Sub(one.ChangedAt) >= pendingAge
}

// spent gives a client that came to nothing and has left nothing; nil where there is none.
func (s *state) spent() *client {
	i := slices.IndexFunc(s.clients, func(c *client) bool { return c.State == keyward.ClientFailed && !c.Orphan })
	if i < 0 {
		return nil
	}
	return s.clients[i]
}

// nextMaking has a client made, unless what failed before has a pause, or may have left a client that a person has to look for.
func (c *Clients) nextMaking(s *state) step {
	for _, one := range s.clients {
		if one.State != keyward.ClientFailed || one.Server != serverOf(s.server) {
			continue
		}
		if one.Orphan && !one.Passed || !one.Orphan && !c.may(s, one) {
			return nil
		}
	}
	return c.make
}

// nextChange keeps a client that is in use what it should be.
func (c *Clients) nextChange(s *state, used *client) step {
	callback, scopes := c.wanted(s)
	switch {
	case used.State == keyward.ClientRotating:
		return c.on(used, c.finishRotate)
	case used.State == keyward.ClientUpdating:
		return c.on(used, c.finishUpdate)
	case used.Gone || used.Mend: // nothing is changed there until somebody asks
		return c.look(used)
	case used.Callback != callback || !slices.Equal(used.Scopes, scopes) || used.Restore:
		return c.on(used, c.update)
	case used.Renew || c.expires(used):
		return c.on(used, c.rotate)
	default:
		return c.look(used)
	}
}

// expires tells that the secret is to be replaced before the server stops to take it.
func (c *Clients) expires(used *client) bool {
	if used.ExpiresAt == nil {
		return false
	}
	before := renewBefore
	if used.RenewedAt != nil {
		before = min(before, used.ExpiresAt.Sub(*used.RenewedAt)/4)
	}
	return !c.now().Before(used.ExpiresAt.Add(-before))
}

// look compares the client with its server when that is due.
func (c *Clients) look(used *client) step {
	if used.LookedAt != nil && (!c.looks || c.now().Sub(*used.LookedAt) < lookPeriod) {
		return nil
	}
	return c.on(used, c.compare)
}

// wanted is where people are sent back to, and which scopes the client is told: none where the server takes what it is asked
// for, as most do.
func (c *Clients) wanted(s *state) (callback string, scopes []string) {
	if kind, _ := catalog.TypeOf(s.spec.Type); kind.NamesScopes {
		scopes = append([]string{"openid"}, s.spec.SignIn.ScopesOrDefault()...)
	}
	return keymanager.SignInCallback(c.callback, s.km.Tenant, s.km.Name, s.spec.SignIn), scopes
}

// method is the best way of proving itself that the server offers and its connector can register: a key, whose private half
// never leaves the control plane, before a secret.
func method(server connector.Server, plain bool) string {
	offered := server.Status.AuthMethods
	kind, _ := catalog.TypeOf(server.Spec.Type)
	switch {
	case !plain && keyed(kind, server) && slices.Contains(offered, connector.ByAssertion):
		return keyward.IntrospectJWT
	case slices.Contains(offered, "client_secret_post") && !slices.Contains(offered, "client_secret_basic"):
		return keyward.IntrospectPost
	default:
		return keyward.IntrospectBasic
	}
}

// keyed tells that clients are registered by RFC 7591, which says how a key is told.
func keyed(kind connector.Type, server connector.Server) bool {
	switch kind.Name {
	case keyward.TypeOIDC:
		return true
	case keyward.TypeKeycloak:
		return server.Text("clientId") == ""
	default:
		return false
	}
}

// claims are the members of an ID token that rules look at.
func (s *state) claims() []string {
	var names []string
	for _, r := range s.spec.SignIn.Roles {
		name, _, _ := strings.Cut(strings.TrimPrefix(r.Claim, "/"), "/")
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// registration is what the server is asked to make, or to make of the client.
func (c *Clients) registration(s *state, one *client) (connector.Registration, error) {
	r := connector.Registration{
		Name: one.Name, ObjectID: one.ID, Tenant: one.Tenant, KeyManagerID: s.id, Environment: string(keyward.Production),
		Console: true, Grants: []string{"authorization_code"}, Scopes: one.Scopes,
		Callbacks: []string{one.Callback}, Farewells: []string{one.Callback}, Claims: s.claims(),
	}
	if facts := s.server.Status.SignIn; facts != nil && facts.BackChannel {
		r.Logout = keymanager.LogoutAddress(c.callback, one.Tenant, one.KeyManager)
	}
	kind, _ := catalog.TypeOf(s.server.Spec.Type)
	if slices.ContainsFunc(kind.DeveloperFields, func(f connector.Field) bool { return f.Name == connector.AuthenticationField }) {
		r.Fields = map[string]any{connector.AuthenticationField: map[string]string{
			keyward.IntrospectBasic: "client_secret_basic", keyward.IntrospectPost: "client_secret_post",
			keyward.IntrospectJWT: connector.ByAssertion,
		}[one.Method]}
	}
	if one.Method == keyward.IntrospectJWT {
		var err error
		if r.Keys, err = publicKeys(one.Secrets[store.OwnKey]); err != nil {
			return r, err
		}
	}
	return r, nil
}

// failed notes a failure, and when the next try is: at once after a change of the key manager, else after a pause that doubles,
// longer for a server that refuses than for one that is away.
func (c *Clients) failed(s *state, one *client, err error) {
	one.Tries++
	longest := time.Hour
	pause := firstPause << min(one.Tries-1, 12)
	if f, ok := errors.AsType[*wire.Failure](err); ok {
		if f.Status == 0 || f.Status == http.StatusTooManyRequests || f.Status >= http.StatusInternalServerError {
			longest = 10 * time.Minute
		}
		longest = max(longest, f.RetryAfter)
		pause = max(pause, f.RetryAfter)
	}
	next := c.now().Add(min(pause, longest)).UTC()
	one.NextTry, one.Declared, one.Reason = &next, 0, told(s, err)
	if s.km != nil {
		one.Declared = s.km.Version
	}
}

const firstPause = 2 * time.Second

// well forgets failures.
func (c *client) well() { c.Tries, c.NextTry, c.Reason, c.Declared = 0, nil, "", 0 }

func publicKeys(private string) (json.RawMessage, error) {
	set, err := connector.PublicKeys(private)
	if err != nil {
		return nil, fmt.Errorf("give the public half of the console's key: %w", err)
	}
	return set, nil
}
