package scene

import (
	"fmt"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store"
)

// BelongingsOf lists an application's clients and subscriptions.
func BelongingsOf(tx *store.Tx, app *keyward.Object) ([]*keyward.Object, error) {
	var all []*keyward.Object
	for _, kind := range []keyward.Kind{keyward.KindOAuthClient, keyward.KindSubscription} {
		objects, _, err := tx.List(kind, store.Filter{Tenant: app.Tenant, Application: app.Name})
		if err != nil {
			return nil, fmt.Errorf("list what belongs to %s: %w", app.Ref(), err)
		}
		all = append(all, objects...)
	}
	return all, nil
}

// ClientsOf lists an application's clients in every key manager.
func ClientsOf(tx *store.Tx, app *keyward.Object) ([]*Client, error) {
	objects, _, err := tx.List(keyward.KindOAuthClient, store.Filter{Tenant: app.Tenant, Application: app.Name})
	if err != nil {
		return nil, fmt.Errorf("list the clients of %s: %w", app.Ref(), err)
	}
	clients := make([]*Client, len(objects))
	for i, o := range objects {
		if clients[i], err = ReadClient(o); err != nil {
			return nil, err
		}
	}
	return clients, nil
}

// TheirsToEnd refuses to let developers end what only those who run the API, or administrators, change.
func TheirsToEnd(o *keyward.Object) error {
	if c, ok := o.Spec.(*keyward.OAuthClientSpec); ok && c.Match != nil {
		return keyward.Errorf(keyward.CodeForbidden, "%s is a rule, %s: only administrators take it away", o.Ref(), c.Shown())
	}
	s, ok := o.Spec.(*keyward.SubscriptionSpec)
	if !ok || s.StateOrDefault() == keyward.SubscriptionActive && len(s.Scopes) == 0 {
		return nil
	}
	return keyward.Errorf(keyward.CodeForbidden,
		"%s is not active or has a ceiling of scopes: only publishers and administrators take it away", o.Ref())
}
