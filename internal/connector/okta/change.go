package okta

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/wire"
)

// Update implements connector.Updater: the client is read and written back whole, because Okta refuses one without all of
// its settings. Where its grants change, the rule of its access policy follows.
func (o *okta) Update(
	ctx context.Context, h connector.Handle, r connector.Registration, _ connector.KeepHandle,
) (connector.Registered, error) {
	if len(r.Scopes) > 0 {
		return connector.Registered{}, connector.Refused("scopes", "follow the application's subscriptions: leave them out")
	}
	members, err := connector.Look(ctx, o.do, o.client(h), unknown, "client_id", h.ClientID)
	if err == nil && members == nil {
		err = o.gone("change the client", h)
	}
	if err != nil {
		return connector.Registered{}, err
	}
	kind := wire.Member(members, "application_type")
	if wanted, asked := r.Fields["application_type"]; asked && wanted != kind {
		return connector.Registered{}, connector.Refused("fields.application_type",
			"cannot be changed: client %s is of type %s", h.ClientID, kind)
	}
	body := map[string]any{}
	for name, value := range members {
		body[name] = value
	}
	for _, name := range []string{"client_secret", "client_id_issued_at", "client_secret_expires_at"} {
		delete(body, name)
	}
	body["client_name"], body["grant_types"], body["redirect_uris"] = r.Name, r.Grants, append([]string{}, r.Callbacks...)
	if body["response_types"] = connector.ResponseTypes(r.Grants); kind == service {
		body["response_types"] = []string{"token"}
	}
	if len(r.Farewells) > 0 {
		body["post_logout_redirect_uris"] = r.Farewells
	}
	maps.Copy(body, r.Fields)
	put := wire.Call{Op: "change the client", Method: http.MethodPut, URL: o.client(h), JSON: body}
	a, err := o.do(ctx, put)
	if err != nil {
		return connector.Registered{}, err
	}
	made, ok := connector.ReadRegistered(a)
	if a.Status != http.StatusOK || !ok {
		return connector.Registered{}, put.Failure(a)
	}
	follow := o.follow
	if r.Console {
		follow = o.letPeopleIn
	}
	if err := follow(ctx, h); err != nil {
		return connector.Registered{}, &wire.Failure{
			Op: put.Op, Status: http.StatusOK, Sent: true, Err: err,
			Description: "it was changed, and its access policy is not yet: " + err.Error(),
		}
	}
	return connector.Registered{ClientID: h.ClientID, Handle: h, Grants: made.Grants}, nil
}

// follow makes the rule of a client's access policy fit the client's grants. Credentials that may not read policies have
// made none.
func (o *okta) follow(ctx context.Context, h connector.Handle) error {
	if o.server == "" {
		return nil
	}
	policies, err := o.policies(ctx)
	if forbidden(err) {
		return nil
	}
	if err != nil || !slices.ContainsFunc(policies, func(p policy) bool { return p.Name == ourPolicy+h.ClientID }) {
		return err
	}
	a, err := o.look(ctx, h)
	if err != nil {
		return err
	}
	return o.allow(ctx, a, a.given())
}

// Token implements connector.Granter. Okta gives none without scopes, unless some are defaults: without any in the
// request, the client's own access policy says which it may have. Where that cannot be read, Okta decides.
func (o *okta) Token(ctx context.Context, r connector.TokenRequest) (wire.AccessToken, error) {
	if len(r.Scopes) == 0 && o.server != "" {
		if a, err := o.look(ctx, connector.Handle{ClientID: r.ClientID}); err == nil {
			r.Scopes = a.given()
		}
	}
	return o.TokenEndpoint.Token(ctx, r)
}

// stored is a secret as Okta lists it: without its value.
type stored struct {
	ID      string `json:"id"`
	Status  string `json:"status"`
	Created string `json:"created"` // RFC 3339 in UTC, so that texts compare as times do
}

// secretsOf is the address of a client's secrets. Okta uses the application's id as the client's.
func (o *okta) secretsOf(h connector.Handle) string {
	return o.org + "/api/v1/apps/" + url.PathEscape(h.ClientID) + "/credentials/secrets"
}

// secrets gives a client's, the oldest first.
func (o *okta) secrets(ctx context.Context, h connector.Handle) ([]stored, error) {
	var list []stored
	err := each(ctx, o, "read the client's secrets", o.secretsOf(h), func(s stored) bool {
		list = append(list, s)
		return false
	})
	slices.SortStableFunc(list, func(a, b stored) int { return strings.Compare(a.Created, b.Created) })
	return list, err
}

func (o *okta) addSecret(ctx context.Context, h connector.Handle) (connector.Secret, error) {
	post := wire.Call{Op: "make a new secret", Method: http.MethodPost, URL: o.secretsOf(h), JSON: map[string]string{"status": active}}
	a, err := o.do(ctx, post)
	if err != nil {
		return connector.Secret{}, err
	}
	var made struct {
		ID    string `json:"id"`
		Value string `json:"client_secret"`
	}
	if a.Status != http.StatusCreated || json.Unmarshal(a.Body, &made) != nil || made.ID == "" || made.Value == "" {
		return connector.Secret{}, post.Failure(a)
	}
	return connector.Secret{ID: made.ID, Value: made.Value}, nil
}

// dropSecret ends a secret: Okta deletes only one that is inactive. What is gone already is no error.
func (o *okta) dropSecret(ctx context.Context, h connector.Handle, s stored) error {
	at := o.secretsOf(h) + "/" + url.PathEscape(s.ID)
	calls := []wire.Call{{Op: "delete a secret", Method: http.MethodDelete, URL: at}}
	if s.Status == active {
		calls = append([]wire.Call{{Op: "end a secret", Method: http.MethodPost, URL: at + "/lifecycle/deactivate"}}, calls...)
	}
	for _, call := range calls {
		a, err := o.do(ctx, call)
		if err != nil {
			return err
		}
		if a.Status != http.StatusOK && a.Status != http.StatusNoContent && !connector.NotFound(a) {
			return call.Failure(a)
		}
	}
	return nil
}

// maxSecrets is how many Okta keeps of a client.
const maxSecrets = 2

// Rotate implements connector.Rotator. All secrets before the new one are dead when it returns.
func (o *okta) Rotate(ctx context.Context, h connector.Handle) (string, error) {
	before, err := o.secrets(ctx, h)
	if err != nil {
		return "", err
	}
	if len(before) >= maxSecrets {
		if err := o.dropSecret(ctx, h, before[0]); err != nil {
			return "", err
		}
		before = before[1:]
	}
	made, err := o.addSecret(ctx, h)
	if err != nil {
		return "", err
	}
	for _, s := range before {
		if err := o.dropSecret(ctx, h, s); err != nil { // the old one may be dead, and nobody has been given the new one
			return "", &wire.Failure{
				Op: "replace the secret", Status: http.StatusOK, Sent: true, Err: err,
				Description: "a new one was made, and the old one is not yet ended: " + err.Error(),
			}
		}
	}
	return made.Value, nil
}

// AddSecret implements connector.Overlapper. Where there are two already, nobody was given the newer one: its answer was
// lost, or somebody made it by hand. It makes room.
func (o *okta) AddSecret(ctx context.Context, h connector.Handle) (connector.Secret, error) {
	before, err := o.secrets(ctx, h)
	if err != nil {
		return connector.Secret{}, err
	}
	if len(before) >= maxSecrets {
		if err := o.dropSecret(ctx, h, before[len(before)-1]); err != nil {
			return connector.Secret{}, err
		}
	}
	return o.addSecret(ctx, h)
}

// DropSecrets implements connector.Overlapper.
func (o *okta) DropSecrets(ctx context.Context, h connector.Handle, keep string) error {
	if keep == "" {
		return nil // which one is alive is not known
	}
	list, err := o.secrets(ctx, h)
	if err != nil {
		return err
	}
	for _, s := range list {
		if s.ID == keep {
			continue
		}
		if err := o.dropSecret(ctx, h, s); err != nil {
			return err
		}
	}
	return nil
}
