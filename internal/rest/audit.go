package rest

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/control"
)

type auditInput struct {
	TenantQuery
	PageQuery
	Actor string `query:"actor" doc:"Only what this user did"`
	Kind  string `query:"kind" doc:"Only about objects of this kind"`
	Name  string `query:"name" doc:"Only about objects of this name"`
}

func (s *Server) auditRoute() {
	route(s, huma.Operation{
		OperationID: "list-audit", Method: http.MethodGet, Path: "/api/v1/audit", Tags: []string{"audit"},
		Summary: "Who did what in the tenant, newest first",
	}, func(ctx context.Context, p keyward.Principal, in *auditInput) (*answerOf[Listing[keyward.AuditEntry]], error) {
		limit, err := in.limit()
		if err != nil {
			return nil, err
		}
		before, err := entryCursor(in.Cursor)
		if err != nil {
			return nil, err
		}
		entries, err := s.deps.Control.Audit(ctx, p, in.tenant(), control.AuditFilter{
			Actor: in.Actor, Kind: in.Kind, Name: in.Name, Before: before, Limit: limit,
		})
		if err != nil {
			return nil, err
		}
		out := listed(entries)
		if len(entries) == limit {
			out.Body.Next = entryNext(entries[len(entries)-1])
		}
		return out, nil
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
