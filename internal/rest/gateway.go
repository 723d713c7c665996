package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"keyward.dev/keyward"
)

// GatewayBody asks for a gateway's credential.
type GatewayBody struct {
	Name  string `json:"name"`
	Group string `json:"group,omitempty" doc:"Gateway group; default is default"`
}

// GatewayAnswer shows a gateway's new credential, this once.
type GatewayAnswer struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Group string `json:"group"`
	Token string `json:"token"`
}

func (s *Server) gatewayRoutes() {
	tags := []string{"gateways"}
	accept(s, huma.Operation{
		OperationID: "create-gateway", Method: http.MethodPost, Path: "/api/v1/gateways", Tags: tags,
		Summary: "Make the credential of one gateway; it is shown this once", DefaultStatus: http.StatusCreated,
	}, func(ctx context.Context, p keyward.Principal, _ string, body GatewayBody) (*GatewayAnswer, error) {
		g, value, err := s.deps.Control.CreateGateway(ctx, p, body.Name, body.Group)
		if err != nil {
			return nil, err
		}
		return &GatewayAnswer{ID: g.ID, Name: g.Name, Group: g.Group, Token: value}, nil
	})
	route(s, huma.Operation{
		OperationID: "list-gateways", Method: http.MethodGet, Path: "/api/v1/gateways", Tags: tags,
		Summary: "The gateways, each with the revision it reported and how far it is behind",
	}, func(ctx context.Context, p keyward.Principal, in *pageInput) (*answerOf[Listing[keyward.Gateway]], error) {
		gateways, err := s.deps.Control.Gateways(ctx, p)
		if err != nil {
			return nil, err
		}
		return paged(in.PageQuery, gateways, func(g keyward.Gateway) string { return g.ID })
	})
	route(s, huma.Operation{
		OperationID: "revoke-gateway", Method: http.MethodPost, Path: "/api/v1/gateways/{name}/revoke", Tags: tags,
		Summary: "Withdraw a gateway: it stops serving",
	}, func(ctx context.Context, p keyward.Principal, in *nameInput) (*nothing, error) {
		return &nothing{}, s.deps.Control.RevokeGateway(ctx, p, in.Name)
	})
}
