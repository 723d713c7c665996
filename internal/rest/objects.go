package rest

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/control"
	"keyward.dev/keyward/internal/declare"
	"keyward.dev/keyward/internal/declare/etag"
)

type listInput struct {
	TenantQuery
	PageQuery
	Set         string   `query:"set" doc:"Only objects of this manifest set"`
	Search      string   `query:"search" doc:"Only objects with this text in what people look for"`
	Application string   `query:"application" doc:"Only subscriptions and OAuth clients of this application"`
	API         string   `query:"api" doc:"Only subscriptions to this API, or key managers whose tokens it takes"`
	Plan        string   `query:"plan" doc:"Only subscriptions under this plan, or APIs that offer it"`
	KeyManager  string   `query:"keyManager" doc:"Only OAuth clients in this key manager, or APIs that name it"`
	Connection  string   `query:"connection" doc:"Only key managers that use this Connection"`
	Owner       string   `query:"owner" doc:"Only applications that this user, or group/NAME, owns, or what belongs to them"`
	Group       string   `query:"group" doc:"Only users in this group"`
	Held        bool     `query:"held" doc:"Only what is held now"`
	Role        string   `query:"role" doc:"Only users with this role"`
	Enabled     bool     `query:"enabled" doc:"Only key managers that are enabled"`
	Context     string   `query:"context" doc:"Only APIs of this context, which are versions of each other"`
	Type        string   `query:"type" doc:"Only key managers and Connections of this type"`
	Names       []string `query:"names" doc:"Only those of these names, separated by commas; 100 at most"`
	Documents   bool     `query:"documents" doc:"APIs with their OpenAPI documents; without it spec.openapi.document is empty in lists"`
}

// maxNames is how many objects of a list can be asked for by name.
const maxNames = 100

type nameInput struct {
	TenantQuery
	Name string `path:"name"`
}

type readInput struct {
	TenantQuery
	Name        string `path:"name"`
	IfNoneMatch string `header:"If-None-Match" doc:"ETag that the reader has: 304 while the object still has it"`
}

type createInput struct {
	TenantQuery
	BodyInput
}

type putInput struct {
	TenantQuery
	BodyInput
	Name        string `path:"name"`
	IfMatch     string `header:"If-Match" doc:"ETag that the stored object must have"`
	IfNoneMatch string `header:"If-None-Match" doc:"* to create only, or ETags that the stored object must not have"`
}

type deleteInput struct {
	TenantQuery
	Name    string `path:"name"`
	IfMatch string `header:"If-Match" doc:"ETag that the stored object must have"`
}

type objectOutput struct {
	Status   int
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     any
}

type objectsOutput struct {
	Body any
}

// objectRoutes registers create, read, list, replace and delete of every kind.
func (s *Server) objectRoutes() {
	for _, kind := range keyward.Kinds() {
		s.readRoutes(kind)
		s.writeRoutes(kind)
	}
}

func (s *Server) readRoutes(kind keyward.Kind) {
	plural := kind.Plural()
	route(s, huma.Operation{
		OperationID: "list-" + plural, Method: http.MethodGet, Path: "/api/v1/" + plural, Tags: []string{plural},
		Summary:   "List objects of kind " + string(kind),
		Responses: answers(http.StatusOK, ref("Listing"+string(kind))),
	}, func(ctx context.Context, p keyward.Principal, in *listInput) (*objectsOutput, error) {
		limit, err := in.limit()
		if err != nil {
			return nil, err
		}
		if len(in.Names) > maxNames {
			return nil, badField("names", "takes "+strconv.Itoa(maxNames)+" names at most")
		}
		if in.Role != "" && !slices.Contains(keyward.Roles(), keyward.Role(in.Role)) {
			return nil, badField("role", "is none")
		}
		objects, next, err := s.deps.Control.List(ctx, p, kind, in.tenant(), control.Page{
			After: in.Cursor, Limit: limit, Set: in.Set, Search: in.Search, Application: in.Application, API: in.API,
			Plan: in.Plan, KeyManager: in.KeyManager, Connection: in.Connection, Owner: in.Owner, Held: in.Held, Names: in.Names,
			Group: in.Group, Role: keyward.Role(in.Role), Enabled: in.Enabled, Context: in.Context, Documents: in.Documents,
			Type: keyward.KeyManagerType(in.Type),
		})
		if err != nil {
			return nil, err
		}
		items := make([]keyward.Manifest, 0, len(objects))
		for _, o := range objects {
			m, err := o.Manifest()
			if err != nil {
				return nil, err
			}
			items = append(items, m)
		}
		return &objectsOutput{Body: Listing[keyward.Manifest]{Items: items, Next: next}}, nil
	})
	route(s, huma.Operation{
		OperationID: "get-" + strings.TrimSuffix(plural, "s"),
		Method:      http.MethodGet, Path: "/api/v1/" + plural + "/{name}",
		Tags: []string{plural}, Summary: "Read one object of kind " + string(kind),
		Responses: answers(http.StatusOK, ref(string(kind))),
	}, func(ctx context.Context, p keyward.Principal, in *readInput) (*objectOutput, error) {
		o, err := s.deps.Control.Get(ctx, p, keyward.Ref{Kind: kind, Tenant: in.tenant(), Name: in.Name})
		if err != nil {
			return nil, err
		}
		if in.IfNoneMatch != "" && etag.NoneMatches(in.IfNoneMatch, o) {
			return &objectOutput{Status: http.StatusNotModified, ETag: etag.Of(o)}, nil
		}
		return shown(o, http.StatusOK)
	})
}

// shown is an object on the wire.
func shown(o *keyward.Object, status int) (*objectOutput, error) {
	m, err := o.Manifest()
	if err != nil {
		return nil, err
	}
	out := &objectOutput{Status: status, ETag: etag.Of(o), Body: m}
	if status == http.StatusCreated {
		out.Location = "/api/v1/" + o.Kind.Plural() + "/" + o.Name
		if o.Tenant != keyward.DefaultTenant {
			out.Location += "?tenant=" + url.QueryEscape(o.Tenant)
		}
	}
	return out, nil
}

func (s *Server) writeRoutes(kind keyward.Kind) {
	plural := kind.Plural()
	one := strings.TrimSuffix(plural, "s")
	collection, member := "/api/v1/"+plural, "/api/v1/"+plural+"/{name}"
	route(s, huma.Operation{
		OperationID: "create-" + one, Method: http.MethodPost, Path: collection, Tags: []string{plural},
		Summary: "Create an object of kind " + string(kind), DefaultStatus: http.StatusCreated,
		Responses: answers(http.StatusCreated, ref(string(kind))),
	}, func(ctx context.Context, p keyward.Principal, in *createInput) (*objectOutput, error) {
		o, _, err := s.deps.Control.Put(ctx, p, declare.PutRequest{
			Kind: kind, Tenant: in.Tenant, Body: in.RawBody, Create: true,
		})
		if err != nil {
			return nil, err
		}
		return shown(o, http.StatusCreated)
	})
	s.describeBody(http.MethodPost, collection, ref(string(kind)))
	responses := answers(http.StatusOK, ref(string(kind)))
	responses["201"] = answers(http.StatusCreated, ref(string(kind)))["201"]
	route(s, huma.Operation{
		OperationID: "put-" + one, Method: http.MethodPut, Path: member, Tags: []string{plural},
		Summary:   "Create or replace an object of kind " + string(kind),
		Responses: responses,
	}, func(ctx context.Context, p keyward.Principal, in *putInput) (*objectOutput, error) {
		o, created, err := s.deps.Control.Put(ctx, p, declare.PutRequest{
			Kind: kind, Tenant: in.Tenant, Name: in.Name, Body: in.RawBody,
			IfMatch: in.IfMatch, IfNoneMatch: in.IfNoneMatch,
		})
		if err != nil {
			return nil, err
		}
		if created {
			return shown(o, http.StatusCreated)
		}
		return shown(o, http.StatusOK)
	})
	s.describeBody(http.MethodPut, member, ref(string(kind)))
	if kind == keyward.KindApplication {
		s.deleteApplicationRoute()
		return
	}
	route(s, huma.Operation{
		OperationID: "delete-" + one, Method: http.MethodDelete, Path: member, Tags: []string{plural},
		Summary: "Delete an object of kind " + string(kind) + " that nobody uses",
	}, func(ctx context.Context, p keyward.Principal, in *deleteInput) (*nothing, error) {
		err := s.deps.Control.Delete(ctx, p, keyward.Ref{Kind: kind, Tenant: in.tenant(), Name: in.Name}, in.IfMatch)
		if errors.Is(err, declare.ErrGenerated) {
			err = s.deps.Keys.DeleteByName(ctx, p, in.tenant(), in.Name)
		}
		return &nothing{}, err
	})
}

type searchInput struct {
	TenantQuery
	Text string `query:"text" doc:"What is looked for in names and titles; case does not count"`
	Some string `query:"some" doc:"How many of each kind, 1 to 50; default 5"`
}

// searchRoute looks through everything that one sees.
func (s *Server) searchRoute() {
	route(s, huma.Operation{
		OperationID: "search", Method: http.MethodGet, Path: "/api/v1/search", Tags: []string{"search"},
		Summary: "Some objects of each kind with a text in what people look for, the best first; OAuth clients by their client ids",
	}, func(ctx context.Context, p keyward.Principal, in *searchInput) (*answerOf[Listing[control.Hit]], error) {
		some, err := strconv.Atoi(cmp.Or(in.Some, "5"))
		if err != nil || some < 1 || some > maxSome {
			return nil, badField("some", "must be a whole number from 1 to "+strconv.Itoa(maxSome))
		}
		return whole(s.deps.Control.Search(ctx, p, in.tenant(), in.Text, some))
	})
}

// maxSome is how many hits of each kind a search gives at most.
const maxSome = 50

type usagesInput struct {
	TenantQuery
	PageQuery
	Name string `path:"name"`
}

func (s *Server) usagesRoutes() {
	route(s, huma.Operation{
		OperationID: "api-usages", Method: http.MethodGet, Path: "/api/v1/apis/{name}/usages",
		Tags:    []string{keyward.KindAPI.Plural()},
		Summary: "Everything that depends on an API, and what retiring and deleting it would do",
	}, func(ctx context.Context, p keyward.Principal, in *usagesInput) (*answerOf[control.APIUsages], error) {
		limit, err := in.limit()
		if err != nil {
			return nil, err
		}
		return answered(s.deps.Control.APIUsages(ctx, p, in.tenant(), in.Name, control.Page{After: in.Cursor, Limit: limit}))
	})
	route(s, huma.Operation{
		OperationID: "key-manager-usages", Method: http.MethodGet, Path: "/api/v1/key-managers/{name}/usages",
		Tags:    []string{keyward.KindKeyManager.Plural()},
		Summary: "Everything that depends on a key manager, and what disabling and deleting it would do",
	}, func(ctx context.Context, p keyward.Principal, in *nameInput) (*answerOf[control.Usages], error) {
		return answered(s.deps.Control.Usages(ctx, p, in.tenant(), in.Name))
	})
	route(s, huma.Operation{
		OperationID: "key-manager-traffic", Method: http.MethodGet, Path: "/api/v1/key-managers/{name}/traffic",
		Tags:    []string{keyward.KindKeyManager.Plural()},
		Summary: "How many calls its tokens made in each of the last 48 hours, and how they ended",
	}, func(ctx context.Context, p keyward.Principal, in *nameInput) (*answerOf[control.Traffic], error) {
		return answered(s.deps.Control.Traffic(ctx, p, in.tenant(), in.Name))
	})
}
