package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/control"
)

func (s *Server) usagesRoute() {
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
}
