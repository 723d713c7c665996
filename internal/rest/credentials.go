package rest

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/control"
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

// PasswordLinkAnswer shows a one-time link, this once.
type PasswordLinkAnswer struct {
	User    string    `json:"user"`
	Link    string    `json:"link" doc:"Good once; the user chooses a password there"`
	Expires time.Time `json:"expires"`
}

type userInput struct {
	TenantQuery
	Name string `path:"name"`
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
	accept(s, huma.Operation{
		OperationID: "create-token", Method: http.MethodPost, Path: "/api/v1/tokens", Tags: tags,
		Summary: "Make an API token; its value is shown this once", DefaultStatus: http.StatusCreated,
	}, func(ctx context.Context, p keyward.Principal, tenant string, body TokenBody) (*TokenAnswer, error) {
		t, value, err := s.deps.Control.CreateToken(ctx, p, tenant, body.User)
		if err != nil {
			return nil, err
		}
		return &TokenAnswer{ID: t.ID, User: t.User, Token: value}, nil
	})
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
		OperationID: "reset-password", Method: http.MethodPost, Path: "/api/v1/users/{name}/password-reset", Tags: tags,
		Summary: "Make a one-time link with which a user chooses a password", DefaultStatus: http.StatusCreated,
	}, func(ctx context.Context, p keyward.Principal, in *userInput) (*answerOf[PasswordLinkAnswer], error) {
		value, expires, err := s.deps.Control.PasswordLink(ctx, p, in.tenant(), in.Name)
		if err != nil {
			return nil, err
		}
		return &answerOf[PasswordLinkAnswer]{Body: PasswordLinkAnswer{
			User: in.Name, Link: s.deps.PasswordLink(in.tenant(), value), Expires: expires,
		}}, nil
	})
	route(s, huma.Operation{
		OperationID: "revoke-token", Method: http.MethodDelete, Path: "/api/v1/tokens/{id}", Tags: tags,
		Summary: "Make an API token worthless",
	}, func(ctx context.Context, p keyward.Principal, in *idInput) (*nothing, error) {
		return &nothing{}, s.deps.Control.RevokeToken(ctx, p, in.tenant(), in.ID)
	})
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

type gatewaysInput struct {
	TenantQuery
	PageQuery
	Search   string `query:"search" doc:"A part of the name"`
	State    string `query:"state" doc:"upToDate, behind, stale, away, never, revoked, inUse (not revoked), lacking (behind, stale, away)"`
	Revision string `query:"revision" doc:"What gateways are judged by, in place of their group's newest revision"`
}

type changesInput struct {
	TenantQuery
	Gateway string `query:"gateway" doc:"Only changes that this gateway lacks, the oldest first"`
	Kind    string `query:"kind" doc:"With name: the change of each gateway group with which it got the present form of this object"`
	Name    string `query:"name" doc:"Of the object, in the tenant"`
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
		Summary: "The gateways by name, each with the revision it reported and how far it is behind",
	}, func(ctx context.Context, p keyward.Principal, in *gatewaysInput) (*answerOf[control.Gateways], error) {
		limit, err := in.limit()
		if err != nil {
			return nil, err
		}
		revision, err := strconv.ParseUint(cmp.Or(in.Revision, "0"), 10, 64)
		if err != nil {
			return nil, badField("revision", "must be a whole number")
		}
		return answered(s.deps.Control.Gateways(ctx, p, control.GatewayFilter{
			Search: in.Search, State: in.State, Revision: revision, Limit: limit, Cursor: in.Cursor,
		}))
	})
	route(s, huma.Operation{
		OperationID: "get-gateway", Method: http.MethodGet, Path: "/api/v1/gateways/{name}", Tags: tags,
		Summary: "One gateway with its state",
	}, func(ctx context.Context, p keyward.Principal, in *nameInput) (*answerOf[control.SeenGateway], error) {
		return answered(s.deps.Control.Gateway(ctx, p, in.Name))
	})
	route(s, huma.Operation{
		OperationID: "list-changes", Method: http.MethodGet, Path: "/api/v1/changes", Tags: tags,
		Summary: "The last changes, the newest first, each with the gateways that have it; or those that one gateway lacks",
	}, func(ctx context.Context, p keyward.Principal, in *changesInput) (*answerOf[Listing[control.Change]], error) {
		if in.Kind != "" || in.Name != "" {
			ref := keyward.Ref{Kind: keyward.Kind(in.Kind), Tenant: in.tenant(), Name: in.Name}
			return whole(s.deps.Control.InForce(ctx, p, ref))
		}
		return whole(s.deps.Control.Changes(ctx, p, in.Gateway))
	})
	route(s, huma.Operation{
		OperationID: "revoke-gateway", Method: http.MethodPost, Path: "/api/v1/gateways/{name}/revoke", Tags: tags,
		Summary: "Withdraw a gateway: it stops serving",
	}, func(ctx context.Context, p keyward.Principal, in *nameInput) (*nothing, error) {
		return &nothing{}, s.deps.Control.RevokeGateway(ctx, p, in.Name)
	})
}
