package resident

import (
	"slices"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/entitle/reach"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/store"
)

// reached is how far a client's application gets: what the APIs it is subscribed to ask for.
type reached struct {
	scopes    []string // sorted, each once
	audiences []string // sorted, each once
}

// reachOf follows the application's subscriptions that let this client through now. A token may name a scope as the API
// does, or as the API's entry for the key manager does.
func (r *Resident) reachOf(tx *store.Tx, tenant string, client *keyward.OAuthClientSpec) (reached, error) {
	var found reached
	needs, err := reach.Of(tx, reach.Client{
		Tenant: tenant, Application: client.Application, KeyManager: keyward.ResidentName, Environment: client.EnvironmentOrDefault(),
	}, r.operationsOf, func(subscription *keyward.Object) bool { return subscription.Hold.Holds(r.now()) })
	for _, need := range needs {
		found.scopes = append(found.scopes, need.Scopes...)
		for _, scope := range need.Scopes {
			found.scopes = append(found.scopes, need.InTokens(scope)...)
		}
		found.audiences = slices.Concat(found.audiences, need.API.Audiences, need.Use.Audiences)
	}
	return reached{scopes: sorted(found.scopes), audiences: sorted(found.audiences)}, err
}

// audienceOf names whom the token is for: what the key manager and the APIs insist on, those as far as the key manager
// allows it. Nothing stands for the issuer.
func audienceOf(spec *keyward.KeyManagerSpec, r reached) []string {
	allowed := slices.DeleteFunc(slices.Clone(r.audiences), func(a string) bool { return !keymanager.AllowsAudience(spec, a) })
	return sorted(slices.Concat(spec.Tokens.Audiences, allowed))
}

// chooseScopes gives the scopes of a token: what the APIs know, below the ceiling the client was registered with, and
// of those what was asked for. Unknown ones are left out, as RFC 6749, section 3.3, allows; it is a refusal only when
// nothing is left of what was asked for.
func chooseScopes(known, ceiling, asked []string) ([]string, error) {
	chosen := known
	if len(ceiling) > 0 {
		chosen = intersect(chosen, ceiling)
	}
	if len(asked) == 0 {
		return chosen, nil
	}
	chosen = intersect(chosen, asked)
	if len(chosen) == 0 {
		return nil, ErrNoScope
	}
	return chosen, nil
}

func intersect(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return !slices.Contains(b, s) })
}

func sorted(values []string) []string {
	values = slices.Clone(values)
	slices.Sort(values)
	return slices.Compact(values)
}

// operationsKey names one version of one API: operations of a version never change.
type operationsKey struct {
	api     string
	version int64
}

// operationsOf gives the API's operations, which may stand in an OpenAPI document.
func (r *Resident) operationsOf(object *keyward.Object, api *keyward.APISpec) ([]keyward.Operation, error) {
	if api.OpenAPI == nil {
		return api.Operations, nil
	}
	return r.imported.Get(operationsKey{object.ID, object.Version}, func() ([]keyward.Operation, error) {
		return reach.Read(object, api)
	})
}
