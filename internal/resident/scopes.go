package resident

import (
	"fmt"
	"slices"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/manifest"
	"keyward.dev/keyward/internal/store"
)

// reach is how far a client's application gets: what the APIs it is subscribed to ask for.
type reach struct {
	scopes    []string // sorted, each once
	audiences []string // sorted, each once
}

// reachOf follows the application's subscriptions that let this client through now.
func (r *Resident) reachOf(tx *store.Tx, tenant string, client *keyward.OAuthClientSpec) (reach, error) {
	var found reach
	subscriptions, _, err := tx.List(keyward.KindSubscription,
		store.Filter{Tenant: tenant, Application: client.Application})
	if err != nil {
		return found, fmt.Errorf("list the subscriptions of %s: %w", client.Application, err)
	}
	for _, object := range subscriptions {
		subscription, ok := object.Spec.(*keyward.SubscriptionSpec)
		if !ok || object.Hold.Holds(r.now()) || !letsThrough(subscription.StateOrDefault(), client.EnvironmentOrDefault()) {
			continue
		}
		api, err := tx.Get(keyward.KindAPI, tenant, subscription.API)
		if err != nil {
			return found, fmt.Errorf("look up the API %s: %w", subscription.API, err)
		}
		if err := r.extend(&found, api, subscription.Scopes); err != nil {
			return found, err
		}
	}
	found.scopes = sorted(found.scopes)
	found.audiences = sorted(found.audiences)
	return found, nil
}

func letsThrough(state keyward.SubscriptionState, environment keyward.Environment) bool {
	return state == keyward.SubscriptionActive ||
		state == keyward.SubscriptionProductionBlocked && environment == keyward.Sandbox
}

// extend takes an API in, if it accepts the resident key manager at all: below the subscription's ceiling, where it has
// one.
func (r *Resident) extend(found *reach, object *keyward.Object, ceiling []string) error {
	api, ok := object.Spec.(*keyward.APISpec)
	if !ok {
		return fmt.Errorf("%s has a spec of another kind", object.Ref())
	}
	use := keyward.KeyManagerUse{Name: keyward.ResidentName}
	if !api.KeyManagers.All {
		i := slices.IndexFunc(api.KeyManagers.List, func(u keyward.KeyManagerUse) bool { return u.Name == use.Name })
		if i < 0 {
			return nil
		}
		use = api.KeyManagers.List[i]
	}
	operations, err := r.operationsOf(object, api)
	if err != nil {
		return err
	}
	needed := map[string]bool{}
	for _, op := range operations {
		for _, scope := range slices.Concat(op.Scopes, op.AllOf) {
			if len(ceiling) > 0 && !slices.Contains(ceiling, scope) {
				continue
			}
			needed[scope] = true
			found.scopes = append(found.scopes, scope)
		}
	}
	for inToken, ofOperation := range use.Scopes {
		if needed[ofOperation] {
			found.scopes = append(found.scopes, inToken)
		}
	}
	found.audiences = append(found.audiences, api.Audiences...)
	found.audiences = append(found.audiences, use.Audiences...)
	return nil
}

// audienceOf names whom the token is for: what the key manager and the APIs insist on. Nothing stands for the issuer.
func audienceOf(spec *keyward.KeyManagerSpec, r reach) []string {
	return sorted(slices.Concat(spec.Tokens.Audiences, r.audiences))
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
	return r.imported.get(operationsKey{object.ID, object.Version}, func() ([]keyward.Operation, error) {
		operations, faults := manifest.Operations(api.OpenAPI.Document)
		if len(faults) > 0 {
			return nil, fmt.Errorf("read the operations of %s: %w", object.Ref(), keyward.Invalid(faults))
		}
		return operations, nil
	})
}
