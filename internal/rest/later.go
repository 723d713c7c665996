package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"keyward.dev/keyward"
)

// laterRoutes answer for commands of the contract that this build does not carry out yet. They are in no document.
func (s *Server) laterRoutes() {
	for path, name := range map[string]string{
		"/api/v1/key-managers/{name}/check": "keymanager check",
		"/api/v1/key-manager-check":         "keymanager check",
	} {
		route(s, huma.Operation{Method: http.MethodPost, Path: path, Hidden: true},
			func(context.Context, keyward.Principal, *struct{}) (*nothing, error) {
				return nil, keyward.Errorf(keyward.CodeNotSupported, "this build does not carry out %s yet", name)
			})
	}
}
