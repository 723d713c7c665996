package rest

import (
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/tryout"
)

type tryInput struct {
	TenantQuery
	BodyInput
	Name string `path:"name" doc:"The API"`
}

const tryPath = "/api/v1/apis/{name}/try"

// tryRoute makes calls for people who look at an API. The token that an application's client gets never leaves the
// control plane but to the gateway.
func (s *Server) tryRoute() {
	route(s, huma.Operation{
		OperationID: "try-api", Method: http.MethodPost, Path: tryPath, Tags: []string{keyward.KindAPI.Plural()},
		Summary: "Call an API through the gateway and see what a caller gets; the call counts like any other",
	}, func(ctx context.Context, p keyward.Principal, in *tryInput) (*answerOf[tryout.Answer], error) {
		if err := access.Require(p, access.RightTry, in.tenant()); err != nil {
			return nil, err
		}
		body, err := decode[tryout.Ask](in.RawBody)
		if err != nil {
			return nil, err
		}
		return answered(s.try(ctx, p, in, body))
	})
	s.describeBody(http.MethodPost, tryPath, s.schemaOf(reflect.TypeFor[tryout.Ask]()))
}

func (s *Server) try(ctx context.Context, p keyward.Principal, in *tryInput, ask tryout.Ask) (*tryout.Answer, error) {
	o, err := s.deps.Control.Get(ctx, p, keyward.Ref{Kind: keyward.KindAPI, Tenant: in.tenant(), Name: in.Name})
	if err != nil {
		return nil, err
	}
	api, _ := o.Spec.(*keyward.APISpec)
	call := ask.Call(o.Tenant, api)
	if err := keyward.Invalid(append(ask.Faults(), call.Faults()...)); err != nil {
		return nil, err
	}
	if ask.Application != "" {
		place := keys.Place{Tenant: in.tenant(), Application: ask.Application, KeyManager: ask.KeyManager, Environment: ask.Environment}
		token, err := s.deps.Keys.Token(ctx, p, place,
			keys.TokenAsk{Scopes: ask.Scopes, Audience: ask.Audience, Resources: ask.Resources, Secret: ask.ClientSecret})
		if err != nil {
			return nil, err
		}
		call.Token = token.Value
	}
	return s.deps.Caller.Do(ctx, call)
}

// defaultRoute moves the default version of a context, which no two saves do without a moment in between.
func (s *Server) defaultRoute() {
	route(s, huma.Operation{
		OperationID: "make-api-default", Method: http.MethodPost, Path: "/api/v1/apis/{name}/default",
		Tags: []string{keyward.KindAPI.Plural()}, Responses: answers(http.StatusOK, ref(string(keyward.KindAPI))),
		Summary: "Make an API the default version of its context, in one step with the end of the version that was it before",
	}, func(ctx context.Context, p keyward.Principal, in *deleteInput) (*objectOutput, error) {
		at := keyward.Ref{Kind: keyward.KindAPI, Tenant: in.tenant(), Name: in.Name}
		o, err := s.deps.Control.MakeDefault(ctx, p, at, in.IfMatch)
		if err != nil {
			return nil, err
		}
		return shown(o, http.StatusOK)
	})
}

const importPath = "/api/v1/openapi/import"

func (s *Server) openAPIRoutes() {
	accept(s, huma.Operation{
		OperationID: "import-openapi", Method: http.MethodPost, Path: importPath, Tags: []string{keyward.KindAPI.Plural()},
		Summary: "Read an OpenAPI document, with the operations that an API gets from it; nothing is stored",
	}, s.deps.Control.Import)
	route(s, huma.Operation{
		OperationID: "list-operations", Method: http.MethodGet, Path: "/api/v1/apis/{name}/operations",
		Tags: []string{keyward.KindAPI.Plural()}, Summary: "The operations of an API, those of its OpenAPI document too",
	}, func(ctx context.Context, p keyward.Principal, in *nameInput) (*answerOf[Listing[keyward.Operation]], error) {
		return whole(s.deps.Control.Operations(ctx, p, in.tenant(), in.Name))
	})
}
