package rest

import (
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keymanager/draft"
)

// DiscoverBody asks for the manifest of a server.
type DiscoverBody struct {
	URL  string                 `json:"url" doc:"An issuer, or the address of its metadata"`
	Type keyward.KeyManagerType `json:"type,omitempty" doc:"Default: what the metadata looks like"`
	Name string                 `json:"name,omitempty" doc:"Of the key manager; default: made of the host's name"`
}

const discoverPath = "/api/v1/key-managers/discover"

func (s *Server) discoverRoute() {
	route(s, huma.Operation{
		OperationID: "discover-key-manager", Method: http.MethodPost, Path: discoverPath, Tags: []string{keyward.KindKeyManager.Plural()},
		Summary: "A manifest filled in from a server's metadata, with what a person should know; nothing is stored",
	}, func(ctx context.Context, p keyward.Principal, in *createInput) (*answerOf[draft.Draft], error) {
		body, err := permitted[DiscoverBody](p, in.tenant(), in.RawBody)
		if err != nil {
			return nil, err
		}
		d, err := s.deps.Probe.Discover(ctx, draft.Ask{URL: body.URL, Type: body.Type, Name: body.Name})
		if err != nil {
			return nil, err
		}
		return &answerOf[draft.Draft]{Body: *d}, nil
	})
	s.describeBody(http.MethodPost, discoverPath, s.schemaOf(reflect.TypeFor[DiscoverBody]()))
}
