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

// TryBody is a call to an API that is made through the gateway, and whose token it carries: one that an application's
// client gets for it, one that is given, or none.
type TryBody struct {
	Method string         `json:"method,omitempty" doc:"Default GET"`
	Path   string         `json:"path" doc:"Below the API's version, with the query if any, as in /items?page=2"`
	Fields []tryout.Field `json:"fields,omitempty" doc:"Header fields; none about connection, credential or caller"`
	Body   string         `json:"body,omitempty"`

	Application  string              `json:"application,omitempty" doc:"Gets a token by its client, as keys token does"`
	KeyManager   string              `json:"keyManager,omitempty"`
	Environment  keyward.Environment `json:"environment,omitempty" doc:"production (default) or sandbox"`
	Scopes       []string            `json:"scopes,omitempty" doc:"That the token is to have; default: what the server gives by itself"`
	Audience     string              `json:"audience,omitempty" doc:"Where the server wants it under this name"`
	Resources    []string            `json:"resources,omitempty" doc:"RFC 8707, where the server wants them"`
	ClientSecret string              `json:"clientSecret,omitempty" doc:"Of a mapped client, whose secret is not stored; not kept"`

	Token string `json:"token,omitempty" doc:"An access token in the place of an application; not kept"`
}

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
		body, err := decode[TryBody](in.RawBody)
		if err != nil {
			return nil, err
		}
		answer, err := s.try(ctx, p, in, body)
		if err != nil {
			return nil, err
		}
		return &answerOf[tryout.Answer]{Body: *answer}, nil
	})
	s.describeBody(http.MethodPost, tryPath, s.schemaOf(reflect.TypeFor[TryBody]()))
}

func (s *Server) try(ctx context.Context, p keyward.Principal, in *tryInput, b TryBody) (*tryout.Answer, error) {
	o, err := s.deps.Control.Get(ctx, p, keyward.Ref{Kind: keyward.KindAPI, Tenant: in.tenant(), Name: in.Name})
	if err != nil {
		return nil, err
	}
	call := tryout.Call{Tenant: o.Tenant, Method: b.Method, Path: b.Path, Fields: b.Fields, Body: b.Body, Token: b.Token}
	call.API, _ = o.Spec.(*keyward.APISpec)
	if call.Method == "" {
		call.Method = http.MethodGet
	}
	if err := keyward.Invalid(append(b.credentialFaults(), call.Faults()...)); err != nil {
		return nil, err
	}
	if b.Application != "" {
		place := keys.Place{Tenant: in.tenant(), Application: b.Application, KeyManager: b.KeyManager, Environment: b.Environment}
		token, err := s.deps.Keys.Token(ctx, p, place,
			keys.TokenAsk{Scopes: b.Scopes, Audience: b.Audience, Resources: b.Resources, Secret: b.ClientSecret})
		if err != nil {
			return nil, err
		}
		call.Token = token.Value
	}
	return s.deps.Caller.Do(ctx, call)
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
		operations, err := s.deps.Control.Operations(ctx, p, in.tenant(), in.Name)
		if err != nil {
			return nil, err
		}
		return listed(operations), nil
	})
}

// credentialFaults are what is wrong with where the token comes from.
func (b *TryBody) credentialFaults() []keyward.FieldError {
	var faults []keyward.FieldError
	switch {
	case b.Application != "" && b.Token != "":
		faults = append(faults, keyward.Fault("token", "stands in the place of application: leave one of them out"))
	case b.Application != "" && b.KeyManager == "":
		faults = append(faults, keyward.Fault("keyManager", "is required: where the application's client gets the token"))
	case b.Application == "" && b.KeyManager != "":
		faults = append(faults, keyward.Fault("application", "is required: whose client gets the token"))
	}
	return faults
}
