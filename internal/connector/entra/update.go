package entra

import (
	"context"
	"net/http"

	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/wire"
)

// Update implements connector.Updater. Callbacks are all that can differ, and the name when somebody changed it: which
// grants a client may use follows from callbacks, and its scopes are app roles.
func (e *entra) Update(
	ctx context.Context, h connector.Handle, r connector.Registration, _ connector.KeepHandle,
) (connector.Registered, error) {
	if _, err := newApplication(r); err != nil {
		return connector.Registered{}, err
	}
	body := map[string]any{"displayName": r.Name, "web": web{RedirectURIs: append([]string{}, r.Callbacks...)}}
	if groups := groupsFor(r); groups != "" { // what somebody else chose stays where nothing is needed
		body["groupMembershipClaims"] = groups
	}
	patch := wire.Call{Op: "change the client", Method: http.MethodPatch, URL: e.application(h), JSON: body}
	a, err := e.patiently(ctx, patch, connector.NotFound)
	if err != nil {
		return connector.Registered{}, err
	}
	if a.Status != http.StatusNoContent {
		return connector.Registered{}, patch.Failure(a)
	}
	return connector.Registered{ClientID: h.ClientID, Handle: h}, nil
}
