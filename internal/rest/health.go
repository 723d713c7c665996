package rest

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/health"
)

type healthInput struct {
	TenantQuery
	PageQuery
	Search string `query:"search" doc:"Only key managers with this text in what people look for"`
}

type historyInput struct {
	TenantQuery
	PageQuery
	Name  string `path:"name"`
	Since string `query:"since" doc:"A time (RFC 3339); default is everything that is kept"`
}

// healthRoutes serve what is known of key managers' servers. The listing has an address of its own, because a key manager
// may be called health.
func (s *Server) healthRoutes() {
	tags := []string{keyward.KindKeyManager.Plural()}
	route(s, huma.Operation{
		OperationID: "list-key-manager-health", Method: http.MethodGet, Path: "/api/v1/key-manager-health", Tags: tags,
		Summary: "Key managers with their health and their calls, a line each; administrators and auditors see all of it",
	}, func(ctx context.Context, p keyward.Principal, in *healthInput) (*answerOf[Listing[health.Summary]], error) {
		limit, err := in.limit()
		if err != nil {
			return nil, err
		}
		lines, next, err := s.deps.Health.List(ctx, p, in.tenant(), health.Page{After: in.Cursor, Limit: limit, Search: in.Search})
		return onePage(lines, next, err)
	})
	route(s, huma.Operation{
		OperationID: "key-manager-health", Method: http.MethodGet, Path: "/api/v1/key-managers/{name}/health", Tags: tags,
		Summary: "What is known of a key manager's server; administrators and auditors see all of it",
	}, func(ctx context.Context, p keyward.Principal, in *nameInput) (*answerOf[health.Health], error) {
		return answered(s.deps.Health.Of(ctx, p, in.tenant(), in.Name))
	})
	route(s, huma.Operation{
		OperationID: "key-manager-health-history", Method: http.MethodGet, Path: "/api/v1/key-managers/{name}/health/history", Tags: tags,
		Summary: "What was measured of a key manager's server in the last seven days, the oldest first",
	}, func(ctx context.Context, p keyward.Principal, in *historyInput) (*answerOf[Listing[health.Sample]], error) {
		since := time.UnixMicro(0)
		if in.Since != "" {
			var err error
			if since, err = time.Parse(time.RFC3339, in.Since); err != nil {
				return nil, badField("since", "must be a time such as 2026-11-28T12:00:00Z (RFC 3339)")
			}
		}
		all, err := s.deps.Health.History(ctx, p, in.tenant(), in.Name, since)
		if err != nil {
			return nil, err
		}
		return paged(in.PageQuery, all, func(m health.Sample) string { return strconv.FormatInt(m.At.UnixMicro(), 10) })
	})
	route(s, huma.Operation{
		OperationID: "refresh-keys", Method: http.MethodPost, Path: "/api/v1/key-managers/{name}/refresh-keys", Tags: tags,
		Summary: "Read a key manager's keys now, on the control plane and on gateways, and tell what the control plane saw",
	}, func(ctx context.Context, p keyward.Principal, in *nameInput) (*answerOf[health.Health], error) {
		return answered(s.deps.Health.Refresh(ctx, p, in.tenant(), in.Name))
	})
}
