package auth0

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"

	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/wire"
)

// Update implements connector.Updater: what is said is changed, everything else stays. A client that may now call in its
// own name, or names another API, is authorized for that; what it was authorized for before stays.
func (a *auth0) Update(
	ctx context.Context, h connector.Handle, r connector.Registration, _ connector.KeepHandle,
) (connector.Registered, error) {
	if len(r.Scopes) > 0 {
		return connector.Registered{}, connector.Refused("scopes", "follow the application's subscriptions: leave them out")
	}
	body, audience := a.settings(r)
	body["name"] = r.Name
	patch := wire.Call{Op: "change the client", Method: http.MethodPatch, URL: a.client(h), JSON: body}
	answer, err := a.manage.Do(ctx, patch)
	if err != nil {
		return connector.Registered{}, err
	}
	made, ok := connector.ReadRegistered(answer)
	if answer.Status != http.StatusOK || !ok {
		return connector.Registered{}, patch.Failure(answer)
	}
	if slices.Contains(r.Grants, machine) && audience != "" {
		if err := a.authorize(ctx, h.ClientID, audience); err != nil {
			return connector.Registered{}, &wire.Failure{
				Op: patch.Op, Status: http.StatusOK, Sent: true, Err: err,
				Description: "it was changed, and is not yet authorized for " + audience + ": " + err.Error(),
			}
		}
	}
	return connector.Registered{ClientID: h.ClientID, Handle: h, Grants: made.Grants}, nil
}

// authorize makes the client's grant for an API where it has none. A management application that may not read grants
// leaves it as it is.
func (a *auth0) authorize(ctx context.Context, clientID, audience string) error {
	grants, err := a.grants(ctx, clientID)
	if forbidden(err) {
		return nil
	}
	if _, granted := grants[audience]; err != nil || granted {
		return err
	}
	return a.grant(ctx, clientID, audience, nil)
}

// Token implements connector.Granter. Auth0 gives no JWT without an audience: without one in the request, it is the key
// manager's where the client is authorized for that, else the only one that it is authorized for. Where its grants cannot
// be read, it is the key manager's.
func (a *auth0) Token(ctx context.Context, r connector.TokenRequest) (wire.AccessToken, error) {
	if r.Audience == "" && a.manage.Account.ClientID != "" {
		grants, err := a.grants(ctx, r.ClientID)
		_, usual := grants[a.audience]
		switch names := slices.Sorted(maps.Keys(grants)); {
		case err != nil || usual || len(names) == 0:
		case len(names) == 1:
			r.Audience = names[0]
		default:
			return wire.AccessToken{}, connector.Refused("audience", "is required: client %s is authorized for %s",
				r.ClientID, strings.Join(names, ", "))
		}
	}
	return a.TokenEndpoint.Token(ctx, r)
}
