package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/declare/etag"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/keys/listing"
)

type deleteApplicationInput struct {
	TenantQuery
	Name     string `path:"name"`
	IfMatch  string `header:"If-Match" doc:"ETag that the stored object must have"`
	WithKeys bool   `query:"withKeys" doc:"Delete its keys, at their servers too, and its subscriptions with it"`
}

// deleteApplicationRoute deletes an application that nobody uses, or one together with its keys. While servers have still
// to delete clients the answer is 202, and status.deleting of the application stays until they have.
func (s *Server) deleteApplicationRoute() {
	accepted := answers(http.StatusAccepted, ref(string(keyward.KindApplication)))["202"]
	accepted.Description = "Out of use everywhere; some servers have still to delete clients, and the keys' reasons say why"
	route(s, huma.Operation{
		OperationID: "delete-application", Method: http.MethodDelete, Path: "/api/v1/applications/{name}",
		Tags: []string{keyward.KindApplication.Plural()}, DefaultStatus: http.StatusNoContent,
		Summary:   "Delete an object of kind Application that nobody uses, or with its keys and subscriptions",
		Responses: map[string]*huma.Response{"204": {Description: http.StatusText(http.StatusNoContent)}, "202": accepted},
	}, func(ctx context.Context, p keyward.Principal, in *deleteApplicationInput) (*objectOutput, error) {
		at := keyward.Ref{Kind: keyward.KindApplication, Tenant: in.tenant(), Name: in.Name}
		if !in.WithKeys {
			return &objectOutput{Status: http.StatusNoContent}, s.deps.Control.Delete(ctx, p, at, in.IfMatch)
		}
		gone, err := s.deps.Keys.DeleteApplication(ctx, p, at.Tenant, at.Name, func(o *keyward.Object) error {
			return etag.Require(in.IfMatch, o)
		})
		if err != nil || gone {
			return &objectOutput{Status: http.StatusNoContent}, err
		}
		o, err := s.deps.Control.Get(ctx, p, at)
		if keyward.CodeOf(err) == keyward.CodeNotFound { // it went meanwhile
			return &objectOutput{Status: http.StatusNoContent}, nil
		}
		if err != nil {
			return nil, err
		}
		return shown(o, http.StatusAccepted)
	})
}

type optionsInput struct {
	TenantQuery
	PageQuery
	Name        string `path:"name" doc:"The application"`
	KeyManager  string `query:"keyManager" doc:"Only in this key manager"`
	Environment string `query:"environment" doc:"Only in this environment"`
	Search      string `query:"search" doc:"Only in key managers with this text in their name or display name"`
}

// optionsRoute tells where an application may have keys, and which of its APIs take them.
func (s *Server) optionsRoute() {
	route(s, huma.Operation{
		OperationID: "list-key-options", Method: http.MethodGet, Path: "/api/v1/applications/{name}/key-options", Tags: []string{"keys"},
		Summary: "Where the application may have keys, those places first where it has some, then those whose tokens most of the APIs " +
			"take that it is subscribed to",
	}, func(ctx context.Context, p keyward.Principal, in *optionsInput) (*answerOf[Listing[keys.Option]], error) {
		limit, err := in.limit()
		if err != nil {
			return nil, err
		}
		return onePage(s.deps.Keys.Options(ctx, p, in.tenant(), in.Name, listing.Choice{
			KeyManager: in.KeyManager, Environment: in.Environment, Search: in.Search, After: in.Cursor, Limit: limit,
		}))
	})
}
