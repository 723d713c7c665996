package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/declare"
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
			if in.IfMatch == "" || in.IfMatch == "*" || in.IfMatch == declare.ETag(o) {
				return nil
			}
			return keyward.Errorf(keyward.CodePreconditionFailed, "%s is not the version that If-Match names", at)
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
