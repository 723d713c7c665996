package oidc

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/wire"
)

// renewed is the handle after an answer, which may hold a new registration access token (RFC 7592, section 3).
func (o *Registrar) renewed(h connector.Handle, members map[string]json.RawMessage) connector.Handle {
	if token := wire.Member(members, "registration_access_token"); token != "" {
		h.AccessToken = token
	}
	if at := o.managementURI(wire.Member(members, "registration_client_uri")); at != "" {
		h.URI = at
	}
	h.Doubtful = false
	return h
}

// Update implements connector.Updater (RFC 7592, section 2.2): the client is read and written back as a whole, because
// what is left out would be deleted.
func (o *Registrar) Update(
	ctx context.Context, h connector.Handle, r connector.Registration, keep connector.KeepHandle,
) (connector.Registered, error) {
	uri, _ := o.managed(h)
	if uri == "" {
		return connector.Registered{}, connector.ErrUnmanageable
	}
	get := wire.Call{Op: "read the client", Method: http.MethodGet, URL: uri, Bearer: h.AccessToken, Once: true}
	members, h, err := o.manage(ctx, h, get, keep)
	if err != nil {
		return connector.Registered{}, wire.Harmless(err)
	}
	doubtful := h
	doubtful.Doubtful = true
	if err := keep(ctx, doubtful); err != nil {
		return connector.Registered{}, err
	}
	if at, _ := o.managed(h); at != "" {
		uri = at
	}
	put := wire.Call{
		Op: "change the client", Method: http.MethodPut, URL: uri, Bearer: h.AccessToken, JSON: o.changed(members, r),
		Secrets: []string{wire.Member(members, "client_secret")},
	}
	members, h, err = o.manage(ctx, h, put, keep)
	if err != nil {
		return connector.Registered{}, err
	}
	made := connector.Registered{
		ClientID: h.ClientID, ClientSecret: wire.Member(members, "client_secret"), Handle: h,
		Grants: wire.ListOf(members, "grant_types"), LackingFields: unconfirmed(r.Fields, members),
	}
	if !o.KeepScopes && len(r.Scopes) > 0 {
		made.Scopes = connector.ScopesOf(members)
	}
	return made, nil
}

// changed is the client as it is written back: what the server said, without what must not be sent, and with what is
// wanted in its place. What was not asked about stays.
func (o *Registrar) changed(members map[string]json.RawMessage, r connector.Registration) map[string]any {
	body := map[string]any{}
	for name, value := range members {
		if !slices.Contains([]string{
			"registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at",
		}, name) {
			body[name] = value
		}
	}
	if methods := wire.ListOf(members, "token_endpoint_auth_method"); len(methods) > 0 {
		// One text (RFC 7591, section 2), which glewlwyd tells as a list and does not take back as one.
		body["token_endpoint_auth_method"] = methods[0]
	}
	wanted := o.Metadata(r)
	if _, given := r.Fields["token_endpoint_auth_method"]; !given && members["token_endpoint_auth_method"] != nil {
		delete(wanted, "token_endpoint_auth_method")
	}
	if len(connector.ResponseTypes(r.Grants)) == 0 && members["response_types"] != nil {
		delete(wanted, "response_types") // some servers want one where none is used, and have it
	}
	maps.Copy(body, wanted)
	return body
}

// manage makes a call about a client. A new registration access token is kept before the answer is judged any further;
// a refusal has replaced none.
func (o *Registrar) manage(
	ctx context.Context, h connector.Handle, k wire.Call, keep connector.KeepHandle,
) (map[string]json.RawMessage, connector.Handle, error) {
	a, err := o.Caller.Do(ctx, k)
	if err != nil {
		return nil, h, err
	}
	members, ok := a.Object()
	if a.Status == http.StatusOK && ok {
		h = o.renewed(h, members)
		if err := keep(ctx, h); err != nil {
			return nil, h, err
		}
		if wire.Member(members, "client_id") == h.ClientID {
			return members, h, nil
		}
		return nil, h, k.Failure(a)
	}
	f := k.Failure(a)
	if !f.Uncertain() {
		if err := keep(ctx, h); err != nil {
			return nil, h, err
		}
	}
	switch a.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return nil, h, connector.ErrUnmanageable
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return nil, h, connector.ErrUnsupported
	default:
		return nil, h, f
	}
}
