package rest

import (
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/ownclient"
	"keyward.dev/keyward/internal/reconcile"
)

// MendBody says which client is mended, and how.
type MendBody struct {
	KeyManager  string              `json:"keyManager"`
	Environment keyward.Environment `json:"environment,omitempty" doc:"production (default) or sandbox"`
	Accept      bool                `json:"accept,omitempty" doc:"Leave the server as it is, and take over what it says"`
}

// OrphanBody names a client that nobody knows.
type OrphanBody struct {
	Name string `json:"name" doc:"Its exact name at the server, as the reconciliation tells it"`
}

type orphanInput struct {
	TenantQuery
	BodyInput
	Name string `path:"name"`
}

const reconciliationPath = "/api/v1/key-managers/{name}/reconciliation"

func (s *Server) reconcileRoutes() {
	r := s.deps.Reconciler
	tags := []string{keyward.KindKeyManager.Plural()}
	report := func(ctx context.Context, p keyward.Principal, in *nameInput) (*answerOf[reconcile.Reconciliation], error) {
		return answered(r.Report(ctx, p, in.tenant(), in.Name))
	}
	route(s, huma.Operation{
		OperationID: "key-manager-reconciliation", Method: http.MethodGet, Path: reconciliationPath, Tags: tags,
		Summary: "How the key manager's generated clients stood at its server when it was last asked",
	}, report)
	route(s, huma.Operation{
		OperationID: "reconcile-key-manager", Method: http.MethodPost, Path: reconciliationPath, Tags: tags, DefaultStatus: http.StatusOK,
		Summary: "Have the server asked about every generated client now; waiting tells in the report how far that is",
	}, func(ctx context.Context, p keyward.Principal, in *nameInput) (*answerOf[reconcile.Reconciliation], error) {
		if err := r.Ask(ctx, p, in.tenant(), in.Name); err != nil {
			return nil, err
		}
		return report(ctx, p, in)
	})
	route(s, huma.Operation{
		OperationID: "delete-orphan", Method: http.MethodPost, Path: reconciliationPath + "/delete", Tags: tags,
		DefaultStatus: http.StatusNoContent, Summary: "Delete at the server a client that this installation made and nobody knows",
	}, func(ctx context.Context, p keyward.Principal, in *orphanInput) (*nothing, error) {
		body, err := decode[OrphanBody](in.RawBody)
		if err != nil {
			return nil, err
		}
		return &nothing{}, r.DeleteOrphan(ctx, p, in.tenant(), in.Name, body.Name)
	})
	s.describeBody(http.MethodPost, reconciliationPath+"/delete", s.schemaOf(reflect.TypeFor[OrphanBody]()))
	keysRoute(s, verb{"mend-keys", "/mend", "Bring a client and its server together again, after a fresh look", http.StatusOK},
		func(ctx context.Context, p keyward.Principal, in *keysInput, b MendBody) (*keys.Result, error) {
			return r.Mend(ctx, p, in.place(b.KeyManager, b.Environment), reconcile.MendAsk{Accept: b.Accept})
		})
}

type ownClientInput struct {
	TenantQuery
	ID string `path:"id"`
}

// ownClientRoutes serve the console's own clients at key managers' servers.
func (s *Server) ownClientRoutes() {
	const path = "/api/v1/console-clients"
	own, tags := s.deps.OwnClients, []string{keyward.KindKeyManager.Plural()}
	route(s, huma.Operation{
		OperationID: "list-console-clients", Method: http.MethodGet, Path: path, Tags: tags,
		Summary: "The clients that Keyward registered for the console at key managers' servers, and how they stand",
	}, func(ctx context.Context, p keyward.Principal, in *TenantQuery) (*answerOf[Listing[ownclient.Standing]], error) {
		return whole(own.List(ctx, p, in.tenant()))
	})
	for _, v := range []struct {
		name, summary string
		do            func(ctx context.Context, p keyward.Principal, tenant, id string) (*ownclient.Standing, error)
	}{
		{"retry", "Try again now what failed; make a client that differs at its server what it should be", own.Retry},
		{"rotate", "Have the server give the client a new secret, or another client take its place", own.Rotate},
		{"dismiss", "Forget a client that failed and that somebody has looked for at the server", own.Dismiss},
	} {
		route(s, huma.Operation{
			OperationID: v.name + "-console-client", Method: http.MethodPost, Path: path + "/{id}/" + v.name, Tags: tags,
			DefaultStatus: http.StatusOK, Summary: v.summary,
		}, func(ctx context.Context, p keyward.Principal, in *ownClientInput) (*answerOf[ownclient.Standing], error) {
			return answered(v.do(ctx, p, in.tenant(), in.ID))
		})
	}
}
