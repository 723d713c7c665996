package rest

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/declare"
)

// ApplyBody asks for the control plane to match manifests.
type ApplyBody struct {
	Objects []json.RawMessage `json:"objects" doc:"Manifests; one that names no tenant belongs to the address's"`
	Set     string            `json:"set,omitempty" doc:"The set that the objects belong to"`
	Prune   bool              `json:"prune,omitempty" doc:"Delete objects of the set that no manifest names"`
	DryRun  bool              `json:"dryRun,omitempty" doc:"Say what would happen and change nothing"`
}

// ApplyAnswer tells what happened to each object.
type ApplyAnswer struct {
	Results []declare.Result `json:"results"`
}

// ExportAnswer holds manifests that apply takes back unchanged.
type ExportAnswer struct {
	Objects []keyward.Manifest `json:"objects"`
}

type exportInput struct {
	TenantQuery
	Set string `query:"set" doc:"Only objects of this manifest set"`
}

type typesInput struct {
	TenantQuery
	KeyManager string `query:"keyManager" doc:"Only the type of this key manager, with the constraints on its clients"`
}

func (s *Server) applyRoutes() {
	accept(s, huma.Operation{
		OperationID: "apply", Method: http.MethodPost, Path: "/api/v1/apply", Tags: []string{"manifests"},
		Summary: "Make the control plane match manifests, all or nothing", MaxBodyBytes: maxApplyBody,
	}, func(ctx context.Context, p keyward.Principal, tenant string, body ApplyBody) (*ApplyAnswer, error) {
		results, err := s.deps.Control.Apply(ctx, p, declare.Request{
			Tenant: tenant, Objects: body.Objects, Set: body.Set, Prune: body.Prune, DryRun: body.DryRun,
		})
		if err != nil {
			return nil, err
		}
		return &ApplyAnswer{Results: results}, nil
	})
	route(s, huma.Operation{
		OperationID: "export", Method: http.MethodGet, Path: "/api/v1/export", Tags: []string{"manifests"},
		Summary: "Everything but generated clients, as manifests that apply takes back unchanged",
	}, func(ctx context.Context, p keyward.Principal, in *exportInput) (*answerOf[ExportAnswer], error) {
		objects, err := s.deps.Control.Export(ctx, p, in.tenant(), in.Set)
		if err != nil {
			return nil, err
		}
		return &answerOf[ExportAnswer]{Body: ExportAnswer{Objects: objects}}, nil
	})
	route(s, huma.Operation{
		OperationID: "list-key-manager-types", Method: http.MethodGet, Path: "/api/v1/key-manager-types",
		Tags: []string{keyward.KindKeyManager.Plural()},
		Summary: "The types of key managers with the fields of admins and of developers; or that of one key manager, with " +
			"what its administrator allows",
	}, func(ctx context.Context, p keyward.Principal, in *typesInput) (*answerOf[Listing[connector.Type]], error) {
		if in.KeyManager == "" {
			return listed(catalog.Types()), nil
		}
		o, err := s.deps.Control.Get(ctx, p, keyward.Ref{Kind: keyward.KindKeyManager, Tenant: in.tenant(), Name: in.KeyManager})
		if err != nil {
			return nil, err
		}
		spec, err := keyward.SpecOf[*keyward.KeyManagerSpec](o)
		if err != nil {
			return nil, err
		}
		t, _ := catalog.TypeOf(spec.Type)
		t.Constraints = spec.Clients.Constraints
		return listed([]connector.Type{t}), nil
	})
	s.auditRoute()
}
