package rest

import (
	"context"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"keyward.dev/keyward"
)

// TokenBody asks for an API token.
type TokenBody struct {
	User string `json:"user" doc:"Whose token it is"`
}

// TokenAnswer shows a new API token, this once.
type TokenAnswer struct {
	ID    string `json:"id"`
	User  string `json:"user"`
	Token string `json:"token"`
}

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

type pageInput struct {
	TenantQuery
	PageQuery
}

type idInput struct {
	TenantQuery
	ID string `path:"id"`
}

func (s *Server) tokenRoutes() {
	tags := []string{"tokens"}
	route(s, huma.Operation{
		OperationID: "create-token", Method: http.MethodPost, Path: "/api/v1/tokens", Tags: tags,
		Summary: "Make an API token; its value is shown this once", DefaultStatus: http.StatusCreated,
	}, func(ctx context.Context, p keyward.Principal, in *createInput) (*answerOf[TokenAnswer], error) {
		body, err := decode[TokenBody](in.RawBody)
		if err != nil {
			return nil, err
		}
		t, value, err := s.deps.Control.CreateToken(ctx, p, in.tenant(), body.User)
		if err != nil {
			return nil, err
		}
		return &answerOf[TokenAnswer]{Body: TokenAnswer{ID: t.ID, User: t.User, Token: value}}, nil
	})
	s.describeBody(http.MethodPost, "/api/v1/tokens", s.schemaOf(reflect.TypeFor[TokenBody]()))
	route(s, huma.Operation{
		OperationID: "list-tokens", Method: http.MethodGet, Path: "/api/v1/tokens", Tags: tags,
		Summary: "The API tokens of the tenant, without their values",
	}, func(ctx context.Context, p keyward.Principal, in *pageInput) (*answerOf[Listing[keyward.APIToken]], error) {
		tokens, err := s.deps.Control.Tokens(ctx, p, in.tenant())
		if err != nil {
			return nil, err
		}
		return paged(in.PageQuery, tokens, func(t keyward.APIToken) string { return t.ID })
	})
	route(s, huma.Operation{
		OperationID: "revoke-token", Method: http.MethodDelete, Path: "/api/v1/tokens/{id}", Tags: tags,
		Summary: "Make an API token worthless",
	}, func(ctx context.Context, p keyward.Principal, in *idInput) (*nothing, error) {
		return &nothing{}, s.deps.Control.RevokeToken(ctx, p, in.tenant(), in.ID)
	})
}

func (s *Server) gatewayRoutes() {
	tags := []string{"gateways"}
	route(s, huma.Operation{
		OperationID: "create-gateway", Method: http.MethodPost, Path: "/api/v1/gateways", Tags: tags,
		Summary: "Make the credential of one gateway; it is shown this once", DefaultStatus: http.StatusCreated,
	}, func(ctx context.Context, p keyward.Principal, in *createInput) (*answerOf[GatewayAnswer], error) {
		body, err := decode[GatewayBody](in.RawBody)
		if err != nil {
			return nil, err
		}
		g, value, err := s.deps.Control.CreateGateway(ctx, p, body.Name, body.Group)
		if err != nil {
			return nil, err
		}
		return &answerOf[GatewayAnswer]{Body: GatewayAnswer{ID: g.ID, Name: g.Name, Group: g.Group, Token: value}}, nil
	})
	s.describeBody(http.MethodPost, "/api/v1/gateways", s.schemaOf(reflect.TypeFor[GatewayBody]()))
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

// entryCursor reads the cursor of the audit trail.
func entryCursor(cursor string) (int64, error) {
	if cursor == "" {
		return 0, nil
	}
	id, err := strconv.ParseInt(cursor, 10, 64)
	if err != nil || id < 1 {
		return 0, badField("cursor", "is not one that a listing gave")
	}
	return id, nil
}

func entryNext(e keyward.AuditEntry) string { return strconv.FormatInt(e.ID, 10) }
