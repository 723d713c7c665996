// Package reach owns the question how far a client's application gets: which APIs it is subscribed to, and which scopes
// and audiences they ask for. It does not own what a token says, nor how a key manager is told.
package reach

import (
	"fmt"
	"maps"
	"slices"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/manifest/openapi"
	"keyward.dev/keyward/internal/store"
)

// Client is whose reach is asked for.
type Client struct {
	Tenant      string
	Application string
	KeyManager  string
	Environment keyward.Environment
}

// Need is what one API asks of a client's tokens.
type Need struct {
	API    *keyward.APISpec
	Use    keyward.KeyManagerUse // how the API takes tokens of the client's key manager
	Scopes []string              // of its operations, below the subscription's ceiling; sorted, each once
}

// Operations gives an API's operations, wherever they stand.
type Operations func(object *keyward.Object, api *keyward.APISpec) ([]keyward.Operation, error)

// Read is an Operations that keeps nothing.
func Read(object *keyward.Object, api *keyward.APISpec) ([]keyward.Operation, error) {
	if api.OpenAPI == nil {
		return api.Operations, nil
	}
	read := openapi.Read(api.OpenAPI.Document)
	if len(read.Faults) > 0 {
		return nil, fmt.Errorf("read the operations of %s: %w", object.Ref(), keyward.Invalid(read.Faults))
	}
	return read.Operations, nil
}

// Of follows the application's subscriptions that let the client through to what is served; leaveOut, which may be nil, drops some more.
func Of(tx *store.Tx, c Client, operations Operations, leaveOut func(*keyward.Object) bool) ([]Need, error) {
	subscriptions, _, err := tx.List(keyward.KindSubscription, store.Filter{Tenant: c.Tenant, Application: c.Application})
	if err != nil {
		return nil, fmt.Errorf("list the subscriptions of %s: %w", c.Application, err)
	}
	var needs []Need
	for _, object := range subscriptions {
		subscription, ok := object.Spec.(*keyward.SubscriptionSpec)
		if !ok || leaveOut != nil && leaveOut(object) || !letsThrough(subscription.StateOrDefault(), c.Environment) {
			continue
		}
		approval, err := keyward.ApprovalOf(object)
		if err != nil {
			return nil, err
		}
		if !approval.Stands() {
			continue
		}
		object, err := tx.Get(keyward.KindAPI, c.Tenant, subscription.API)
		if err != nil {
			return nil, fmt.Errorf("look up the API %s: %w", subscription.API, err)
		}
		api, ok := object.Spec.(*keyward.APISpec)
		if !ok {
			return nil, fmt.Errorf("%s has a spec of another kind", object.Ref())
		}
		use, takes := useOf(api, c.KeyManager)
		if !takes || !api.Served() {
			continue
		}
		all, err := operations(object, api)
		if err != nil {
			return nil, err
		}
		needs = append(needs, Need{API: api, Use: use, Scopes: scopesOf(all, subscription.Scopes)})
	}
	return needs, nil
}

func letsThrough(state keyward.SubscriptionState, environment keyward.Environment) bool {
	return state == keyward.SubscriptionActive ||
		state == keyward.SubscriptionProductionBlocked && environment == keyward.Sandbox
}

// useOf is how an API takes the key manager's tokens, if it does at all.
func useOf(api *keyward.APISpec, keyManager string) (keyward.KeyManagerUse, bool) {
	i := slices.IndexFunc(api.KeyManagers.List, func(u keyward.KeyManagerUse) bool { return u.Name == keyManager })
	if i >= 0 {
		return api.KeyManagers.List[i], true
	}
	return keyward.KeyManagerUse{Name: keyManager}, api.KeyManagers.All
}

// scopesOf are those of all operations, below a ceiling where there is one.
func scopesOf(operations []keyward.Operation, ceiling []string) []string {
	needed := map[string]bool{}
	for _, op := range operations {
		for _, scope := range slices.Concat(op.Scopes, op.AllOf) {
			if len(ceiling) == 0 || slices.Contains(ceiling, scope) {
				needed[scope] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(needed))
}

// InTokens are the scopes in tokens that mean one of the API's: where the entry for the key manager names some, those,
// else its own name.
func (n Need) InTokens(scope string) []string {
	var named []string
	for _, inToken := range slices.Sorted(maps.Keys(n.Use.Scopes)) {
		if n.Use.Scopes[inToken] == scope {
			named = append(named, inToken)
		}
	}
	if len(named) == 0 {
		return []string{scope}
	}
	return named
}
