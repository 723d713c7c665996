package rest

import (
	"context"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/control"
)

// HoldBody says why an object is switched off, and for how long.
type HoldBody struct {
	Reason string     `json:"reason" doc:"For administrators and auditors; one line of up to 1000 characters"`
	Until  *time.Time `json:"until,omitempty" doc:"When the hold ends by itself; without it, when it is lifted"`
}

type holdInput struct {
	TenantQuery
	BodyInput
	Name    string `path:"name"`
	IfMatch string `header:"If-Match" doc:"ETag that the object must have"`
}

// holdRoutes switch objects off and on again, whatever their manifests say.
func (s *Server) holdRoutes() {
	for _, kind := range keyward.HoldableKinds() {
		plural := kind.Plural()
		one, member := strings.TrimSuffix(plural, "s"), "/api/v1/"+plural+"/{name}"
		route(s, huma.Operation{
			OperationID: "hold-" + one, Method: http.MethodPost, Path: member + "/hold", Tags: []string{plural},
			Summary:   "Switch it off on every gateway, whatever a manifest says, until an administrator lifts the hold",
			Responses: answers(http.StatusOK, ref(string(kind))),
		}, func(ctx context.Context, p keyward.Principal, in *holdInput) (*objectOutput, error) {
			at := keyward.Ref{Kind: kind, Tenant: in.tenant(), Name: in.Name}
			if err := access.Require(p, access.RightHold, at.Tenant); err != nil {
				return nil, err
			}
			body, err := decode[HoldBody](in.RawBody)
			if err != nil {
				return nil, err
			}
			o, err := s.deps.Control.Hold(ctx, p, at, control.HoldRequest{Reason: body.Reason, Until: body.Until, IfMatch: in.IfMatch})
			if err != nil {
				return nil, err
			}
			return shown(o, http.StatusOK)
		})
		s.describeBody(http.MethodPost, member+"/hold", s.schemaOf(reflect.TypeFor[HoldBody]()))
		route(s, huma.Operation{
			OperationID: "unhold-" + one, Method: http.MethodPost, Path: member + "/unhold", Tags: []string{plural},
			Summary: "Lift a hold", Responses: answers(http.StatusOK, ref(string(kind))),
		}, func(ctx context.Context, p keyward.Principal, in *deleteInput) (*objectOutput, error) {
			o, err := s.deps.Control.Unhold(ctx, p, keyward.Ref{Kind: kind, Tenant: in.tenant(), Name: in.Name}, in.IfMatch)
			if err != nil {
				return nil, err
			}
			return shown(o, http.StatusOK)
		})
	}
}
