package rest

import (
	"context"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/control"
	"keyward.dev/keyward/internal/keys"
)

// ApproveBody says which request is approved.
type ApproveBody struct {
	KeyManager  string              `json:"keyManager"`
	Environment keyward.Environment `json:"environment,omitempty" doc:"production (default) or sandbox"`
	Request     string              `json:"request,omitempty" doc:"The id that was seen: what is asked for instead is a conflict"`
}

// RejectBody says which request is rejected, and why.
type RejectBody struct {
	KeyManager  string              `json:"keyManager"`
	Environment keyward.Environment `json:"environment,omitempty" doc:"production (default) or sandbox"`
	Request     string              `json:"request,omitempty" doc:"The id that was seen: what is asked for instead is a conflict"`
	Reason      string              `json:"reason" doc:"For who asked; one line of up to 1000 characters"`
}

// approvalRoutes are for keys that an administrator has to approve.
func (s *Server) approvalRoutes() {
	k := s.deps.Keys
	route(s, huma.Operation{
		OperationID: "list-key-requests", Method: http.MethodGet, Path: "/api/v1/key-requests", Tags: []string{"keys"},
		Summary: "What awaits an administrator's approval; to developers, for their applications",
	}, func(ctx context.Context, p keyward.Principal, in *pageInput) (*answerOf[Listing[keys.Request]], error) {
		limit, err := in.limit()
		if err != nil {
			return nil, err
		}
		requests, next, err := k.Requests(ctx, p, in.tenant(), keys.Page{After: in.Cursor, Limit: limit})
		return onePage(requests, next, err)
	})
	keysRoute(s, verb{"approve-keys", "/approve", "Let keys be made or mapped that await it; their secret is for who asked", http.StatusOK},
		func(ctx context.Context, p keyward.Principal, in *keysInput, b ApproveBody) (*keys.Result, error) {
			return k.Approve(ctx, p, in.place(b.KeyManager, b.Environment), b.Request)
		})
	quietRoute(s, verb{"reject-keys", "/reject", "Say no to keys that await an approval, and why", http.StatusNoContent},
		func(ctx context.Context, p keyward.Principal, in *keysInput, b RejectBody) error {
			return k.Reject(ctx, p, in.place(b.KeyManager, b.Environment), b.Request, b.Reason)
		})
}

// ApproveSubscriptionBody says which request is approved.
type ApproveSubscriptionBody struct {
	Request string `json:"request,omitempty" doc:"The id that was seen: what is asked for instead is a conflict"`
}

// RejectSubscriptionBody says which request is rejected, and why.
type RejectSubscriptionBody struct {
	Request string `json:"request,omitempty" doc:"The id that was seen: what is asked for instead is a conflict"`
	Reason  string `json:"reason" doc:"For who asked; one line of up to 1000 characters"`
}

// AskAgainBody says whose rejection was read.
type AskAgainBody struct {
	Request string `json:"request,omitempty" doc:"The id that was seen: where another one was rejected meanwhile, it is a conflict"`
}

type decideInput struct {
	TenantQuery
	BodyInput
	Name    string `path:"name"`
	IfMatch string `header:"If-Match" doc:"ETag that the subscription must have"`
}

func (in *decideInput) asked(request string) control.Asked {
	return control.Asked{Tenant: in.tenant(), Name: in.Name, Request: request, IfMatch: in.IfMatch}
}

// subscriptionApprovalRoutes are for subscriptions under plans that somebody has to approve.
func (s *Server) subscriptionApprovalRoutes() {
	c, tag := s.deps.Control, keyward.KindSubscription.Plural()
	route(s, huma.Operation{
		OperationID: "list-subscription-requests", Method: http.MethodGet, Path: "/api/v1/subscription-requests", Tags: []string{tag},
		Summary: "Subscriptions that await an approval; to developers, of their applications",
	}, func(ctx context.Context, p keyward.Principal, in *pageInput) (*answerOf[Listing[control.SubscriptionRequest]], error) {
		limit, err := in.limit()
		if err != nil {
			return nil, err
		}
		requests, next, err := c.SubscriptionRequests(ctx, p, in.tenant(), control.Page{After: in.Cursor, Limit: limit})
		return onePage(requests, next, err)
	})
	route(s, huma.Operation{
		OperationID: "count-requests", Method: http.MethodGet, Path: "/api/v1/waiting", Tags: []string{"keys"},
		Summary: "How many keys and subscriptions await an approval, for who decides on them or audits",
	}, func(ctx context.Context, p keyward.Principal, in *TenantQuery) (*answerOf[control.Waiting], error) {
		return answered(c.Waiting(ctx, p, in.tenant()))
	})
	decideSubscription(s, "approve", "Put a subscription in force that awaits it",
		func(ctx context.Context, p keyward.Principal, in *decideInput, b ApproveSubscriptionBody) (*keyward.Object, error) {
			return c.ApproveSubscription(ctx, p, in.asked(b.Request))
		})
	decideSubscription(s, "reject", "Say no to a subscription that awaits an approval, and why",
		func(ctx context.Context, p keyward.Principal, in *decideInput, b RejectSubscriptionBody) (*keyward.Object, error) {
			return c.RejectSubscription(ctx, p, in.asked(b.Request), b.Reason)
		})
	decideSubscription(s, "ask-again", "Ask anew for a subscription that was rejected, as it stands",
		func(ctx context.Context, p keyward.Principal, in *decideInput, b AskAgainBody) (*keyward.Object, error) {
			return c.AskAgain(ctx, p, in.asked(b.Request))
		})
}

func decideSubscription[B any](
	s *Server, verb, summary string, h func(context.Context, keyward.Principal, *decideInput, B) (*keyward.Object, error),
) {
	path := "/api/v1/subscriptions/{name}/" + verb
	route(s, huma.Operation{
		OperationID: verb + "-subscription", Method: http.MethodPost, Path: path, Tags: []string{keyward.KindSubscription.Plural()},
		Summary: summary, Responses: answers(http.StatusOK, ref(string(keyward.KindSubscription))),
	}, func(ctx context.Context, p keyward.Principal, in *decideInput) (*objectOutput, error) {
		body, err := decode[B](in.RawBody)
		if err != nil {
			return nil, err
		}
		o, err := h(ctx, p, in, body)
		if err != nil {
			return nil, err
		}
		return shown(o, http.StatusOK)
	})
	s.describeBody(http.MethodPost, path, s.schemaOf(reflect.TypeFor[B]()))
}

// resultRoute is keysRoute for what may await an approval, or go on at the server: that is answered with 202.
func resultRoute[B any](
	s *Server, v verb, h func(context.Context, keyward.Principal, *keysInput, B) (*keys.Result, error),
) {
	type output struct {
		Status int
		Body   keys.Result
	}
	op := v.operation()
	op.Responses = answers(v.status, s.schemaOf(reflect.TypeFor[keys.Result]()))
	op.Responses[strconv.Itoa(http.StatusAccepted)] = &huma.Response{
		Description: "It awaits an administrator's approval; or no gateway takes the client, and its server has still to end it",
		Content: map[string]*huma.MediaType{
			"application/json": {Schema: s.schemaOf(reflect.TypeFor[keys.Result]())},
		},
	}
	route(s, op, func(ctx context.Context, p keyward.Principal, in *keysInput) (*output, error) {
		body, err := decode[B](in.RawBody)
		if err != nil {
			return nil, err
		}
		result, err := h(ctx, p, in, body)
		if err != nil {
			return nil, err
		}
		if result.State == keyward.ClientAwaiting || result.State == keyward.ClientRevoking {
			return &output{Status: http.StatusAccepted, Body: *result}, nil
		}
		return &output{Status: v.status, Body: *result}, nil
	})
	s.describeBody(http.MethodPost, keysPath+v.path, s.schemaOf(reflect.TypeFor[B]()))
}
