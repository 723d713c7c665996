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
		"/api/v1/key-managers/{name}/hold":    "hold",
		"/api/v1/key-managers/{name}/unhold":  "unhold",
		"/api/v1/applications/{name}/hold":    "hold",
		"/api/v1/applications/{name}/unhold":  "unhold",
		"/api/v1/subscriptions/{name}/hold":   "hold",
		"/api/v1/subscriptions/{name}/unhold": "unhold",
		"/api/v1/oauth-clients/{name}/hold":   "hold",
		"/api/v1/oauth-clients/{name}/unhold": "unhold",
		keysPath + "/revoke":                  "keys revoke",
		"/api/v1/key-managers/{name}/check":   "keymanager check",
		"/api/v1/key-manager-check":           "keymanager check",
	} {
		route(s, huma.Operation{Method: http.MethodPost, Path: path, Hidden: true},
			func(context.Context, keyward.Principal, *struct{}) (*nothing, error) {
				return nil, keyward.Errorf(keyward.CodeNotSupported, "this build does not carry out %s yet", name)
			})
	}
}
