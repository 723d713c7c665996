package rest

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/control"
	"keyward.dev/keyward/internal/manifest"
)

// TenantQuery is the tenant of every address.
type TenantQuery struct {
	Tenant string `query:"tenant" doc:"The tenant; default is the default one"`
}

func (t TenantQuery) tenant() string {
	if t.Tenant == "" {
		return keyward.DefaultTenant
	}
	return t.Tenant
}

// PageQuery chooses a page of a listing.
type PageQuery struct {
	Limit  string `query:"limit" doc:"Entries per page, 1 to 500; default 100"`
	Cursor string `query:"cursor" doc:"next of the page before"`
}

func (q PageQuery) limit() (int, error) {
	if q.Limit == "" {
		return control.DefaultPage, nil
	}
	n, err := strconv.Atoi(q.Limit)
	if err != nil || n < 1 || n > control.MaxPage {
		return 0, badField("limit", "must be a whole number from 1 to "+strconv.Itoa(control.MaxPage))
	}
	return n, nil
}

// Listing is a page.
type Listing[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty" doc:"Cursor of the next page; absent on the last one"`
}

// listed answers with everything there is: such listings are short.
func listed[T any](items []T) *answerOf[Listing[T]] {
	if items == nil {
		items = []T{}
	}
	return &answerOf[Listing[T]]{Body: Listing[T]{Items: items}}
}

// whole answers as listed does, or with the error.
func whole[T any](items []T, err error) (*answerOf[Listing[T]], error) {
	return onePage(items, "", err)
}

// onePage answers with a page that was chosen already, and the cursor of the next one.
func onePage[T any](items []T, next string, err error) (*answerOf[Listing[T]], error) {
	if err != nil {
		return nil, err
	}
	out := listed(items)
	out.Body.Next = next
	return out, nil
}

// paged answers with the page that q asks for out of everything there is; id names an entry in a cursor.
func paged[T any](q PageQuery, items []T, id func(T) string) (*answerOf[Listing[T]], error) {
	limit, err := q.limit()
	if err != nil {
		return nil, err
	}
	if q.Cursor != "" {
		last := slices.IndexFunc(items, func(item T) bool { return id(item) == q.Cursor })
		if last < 0 {
			return nil, badField("cursor", "is not one that this list gave")
		}
		items = items[last+1:]
	}
	if len(items) <= limit {
		return listed(items), nil
	}
	out := listed(items[:limit])
	out.Body.Next = id(items[limit-1])
	return out, nil
}

// answerOf is an answer with a body.
type answerOf[T any] struct {
	Body T
}

// answered is the answer with what a use case gave.
func answered[T any](body *T, err error) (*answerOf[T], error) {
	if err != nil {
		return nil, err
	}
	return &answerOf[T]{Body: *body}, nil
}

// nothing is an answer without one: 204.
type nothing struct{}

// operation fills in what all operations have in common.
func operation(op huma.Operation) huma.Operation {
	op.SkipValidateParams, op.SkipValidateBody = true, true
	op.BodyReadTimeout = bodyTimeout
	if op.MaxBodyBytes == 0 {
		op.MaxBodyBytes = maxBody
	}
	if op.Security == nil {
		op.Security = []map[string][]string{{apiToken: {}}, {sessionCookie: {}}}
	}
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	op.Responses["default"] = &huma.Response{
		Description: "A problem document (RFC 9457)",
		Content:     map[string]*huma.MediaType{problemType: {Schema: &huma.Schema{Ref: schemaPrefix + "Problem"}}},
	}
	return op
}

// route registers one operation. Errors become problems here, and nowhere else.
func route[I, O any](s *Server, op huma.Operation, h func(ctx context.Context, p keyward.Principal, in *I) (*O, error)) {
	huma.Register(s.api, operation(op), func(ctx context.Context, in *I) (*O, error) {
		out, err := h(ctx, principal(ctx), in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return out, nil
	})
}

// accept registers an operation of a tenant that reads a body, strictly, and answers with one.
func accept[B, O any](
	s *Server, op huma.Operation, h func(ctx context.Context, p keyward.Principal, tenant string, body B) (*O, error),
) {
	route(s, op, func(ctx context.Context, p keyward.Principal, in *createInput) (*answerOf[O], error) {
		body, err := decode[B](in.RawBody)
		if err != nil {
			return nil, err
		}
		return answered(h(ctx, p, in.tenant(), body))
	})
	s.describeBody(op.Method, op.Path, s.schemaOf(reflect.TypeFor[B]()))
}

// describeBody says in the document what a raw body holds: it is decoded by our own strict reader.
func (s *Server) describeBody(method, path string, schema *huma.Schema) {
	item := s.api.OpenAPI().Paths[path]
	op := item.Post
	if method == http.MethodPut {
		op = item.Put
	}
	op.RequestBody.Content = map[string]*huma.MediaType{"application/json": {Schema: schema}}
	op.RequestBody.Required = true
}

// answers presets the schema of a success.
func answers(status int, schema *huma.Schema) map[string]*huma.Response {
	return map[string]*huma.Response{strconv.Itoa(status): {
		Description: http.StatusText(status),
		Content:     map[string]*huma.MediaType{"application/json": {Schema: schema}},
	}}
}

// BodyInput carries a JSON body as it was sent.
type BodyInput struct {
	RawBody []byte `contentType:"application/json"`
}

// decode reads a body strictly, with the path of every fault.
func decode[T any](raw []byte) (T, error) {
	var v T
	return v, keyward.Invalid(manifest.Into(raw, &v))
}
