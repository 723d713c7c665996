package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/control"
)

func (s *Server) usagesRoutes() {
	route(s, huma.Operation{
		OperationID: "api-usages", Method: http.MethodGet, Path: "/api/v1/apis/{name}/usages",
		Tags:    []string{keyward.KindAPI.Plural()},
		Summary: "Everything that depends on an API, and what retiring and deleting it would do",
	}, func(ctx context.Context, p keyward.Principal, in *nameInput) (*answerOf[control.APIUsages], error) {
		u, err := s.deps.Control.APIUsages(ctx, p, in.tenant(), in.Name)
		if err != nil {
			return nil, err
		}
		return &answerOf[control.APIUsages]{Body: *u}, nil
	})
	route(s, huma.Operation{
		OperationID: "key-manager-usages", Method: http.MethodGet, Path: "/api/v1/key-managers/{name}/usages",
		Tags:    []string{keyward.KindKeyManager.Plural()},
		Summary: "Everything that depends on a key manager, and what disabling and deleting it would do",
	}, func(ctx context.Context, p keyward.Principal, in *nameInput) (*answerOf[control.Usages], error) {
		u, err := s.deps.Control.Usages(ctx, p, in.tenant(), in.Name)
		if err != nil {
			return nil, err
		}
		return &answerOf[control.Usages]{Body: *u}, nil
	})
	route(s, huma.Operation{
		OperationID: "key-manager-traffic", Method: http.MethodGet, Path: "/api/v1/key-managers/{name}/traffic",
		Tags:    []string{keyward.KindKeyManager.Plural()},
		Summary: "How many calls its tokens made in each of the last 48 hours, and how they ended",
	}, func(ctx context.Context, p keyward.Principal, in *nameInput) (*answerOf[control.Traffic], error) {
		t, err := s.deps.Control.Traffic(ctx, p, in.tenant(), in.Name)
		if err != nil {
			return nil, err
		}
		return &answerOf[control.Traffic]{Body: *t}, nil
	})
}
