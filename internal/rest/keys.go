package rest

import (
	"context"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/keys/listing"
	"keyward.dev/keyward/internal/wire"
)

// PlaceBody names the place of a client: key manager and environment, beside the application in the address.
type PlaceBody struct {
	KeyManager  string              `json:"keyManager"`
	Environment keyward.Environment `json:"environment,omitempty" doc:"production (default) or sandbox"`
}

// RotateBody says whose secret is replaced, and how long the old one lives on.
type RotateBody struct {
	KeyManager  string              `json:"keyManager"`
	Environment keyward.Environment `json:"environment,omitempty" doc:"production (default) or sandbox"`
	Overlap     keyward.Duration    `json:"overlap,omitempty" doc:"Where the server keeps two secrets; 720h at most"`
}

// GenerateBody asks for a client to be created in the key manager.
type GenerateBody struct {
	KeyManager  string              `json:"keyManager"`
	Environment keyward.Environment `json:"environment,omitempty" doc:"production (default) or sandbox"`
	Grants      []string            `json:"grants,omitempty" doc:"Default client_credentials"`
	Callbacks   []string            `json:"callbacks,omitempty" doc:"Redirect URIs, for grants that redirect"`
	Scopes      []string            `json:"scopes,omitempty"`
	Fields      map[string]any      `json:"fields,omitempty" doc:"The type's developer fields"`

	ReuseClientOf string `json:"reuseClientOf,omitempty" doc:"Makes none: takes the client that it has in this key manager"`
}

// UpdateBody asks for a generated client to be changed; what is left out stays.
type UpdateBody struct {
	KeyManager  string              `json:"keyManager"`
	Environment keyward.Environment `json:"environment,omitempty" doc:"production (default) or sandbox"`
	Grants      []string            `json:"grants,omitempty"`
	Callbacks   []string            `json:"callbacks,omitempty" doc:"Redirect URIs, for grants that redirect"`
	Scopes      []string            `json:"scopes,omitempty"`
	Fields      map[string]any      `json:"fields,omitempty" doc:"The type's developer fields"`
}

// MapBody says which existing client belongs to the application.
type MapBody struct {
	KeyManager   string              `json:"keyManager"`
	Environment  keyward.Environment `json:"environment,omitempty" doc:"production (default) or sandbox"`
	ClientID     string              `json:"clientId"`
	ClientSecret string              `json:"clientSecret,omitempty" doc:"Proves the client once and is not kept"`
}

// KeysTokenBody asks for a token for trying out, by client credentials.
type KeysTokenBody struct {
	KeyManager   string              `json:"keyManager"`
	Environment  keyward.Environment `json:"environment,omitempty" doc:"production (default) or sandbox"`
	Scopes       []string            `json:"scopes,omitempty"`
	Audience     string              `json:"audience,omitempty" doc:"Where the server wants it under this name"`
	Resources    []string            `json:"resources,omitempty" doc:"RFC 8707, where the server wants them"`
	ClientSecret string              `json:"clientSecret,omitempty" doc:"Of a mapped client, whose secret is not stored; not kept"`
}

type keysInput struct {
	TenantQuery
	BodyInput
	Name string `path:"name" doc:"The application"`
}

type keysListInput struct {
	TenantQuery
	PageQuery
	Name        string `path:"name" doc:"The application"`
	KeyManager  string `query:"keyManager" doc:"Only in this key manager"`
	Environment string `query:"environment" doc:"Only in this environment"`
	Search      string `query:"search" doc:"Only in key managers with this in their name or display name"`
	API         string `query:"api" doc:"Only those whose tokens this API takes"`
	Usable      bool   `query:"usable" doc:"Only those that tokens are got with: active or drifted"`
}

func (in *keysInput) place(keyManager string, env keyward.Environment) keys.Place {
	return keys.Place{Tenant: in.tenant(), Application: in.Name, KeyManager: keyManager, Environment: env}
}

const keysPath = "/api/v1/applications/{name}/keys"

func (s *Server) keysRoutes() {
	k := s.deps.Keys
	route(s, huma.Operation{
		OperationID: "list-keys", Method: http.MethodGet, Path: keysPath, Tags: []string{"keys"},
		Summary: "The application's clients in every key manager, without secrets",
	}, func(ctx context.Context, p keyward.Principal, in *keysListInput) (*answerOf[Listing[keys.Listed]], error) {
		limit, err := in.limit()
		if err != nil {
			return nil, err
		}
		return onePage(k.List(ctx, p, in.tenant(), in.Name, listing.Choice{
			KeyManager: in.KeyManager, Environment: in.Environment, Search: in.Search, API: in.API, Usable: in.Usable,
			After: in.Cursor, Limit: limit,
		}))
	})
	resultRoute(s, verb{
		"generate-keys", "", "Create a client in the key manager; its secret is shown this once. It may await an approval",
		http.StatusCreated,
	},
		func(ctx context.Context, p keyward.Principal, in *keysInput, b GenerateBody) (*keys.Result, error) {
			ask := keys.Ask{Grants: b.Grants, Callbacks: b.Callbacks, Scopes: b.Scopes, Fields: b.Fields}
			if b.ReuseClientOf != "" {
				return k.Reuse(ctx, p, in.place(b.KeyManager, b.Environment), b.ReuseClientOf, ask)
			}
			return k.Generate(ctx, p, in.place(b.KeyManager, b.Environment), ask)
		})
	resultRoute(s, verb{
		"map-keys", "/map", "Say that a client which exists in the key manager is the application's, or ask an administrator to",
		http.StatusCreated,
	},
		func(ctx context.Context, p keyward.Principal, in *keysInput, b MapBody) (*keys.Result, error) {
			return k.Map(ctx, p, in.place(b.KeyManager, b.Environment), b.ClientID, b.ClientSecret)
		})
	keysRoute(s, verb{"update-keys", "/update", "Change a generated client; what is left out stays", http.StatusOK},
		func(ctx context.Context, p keyward.Principal, in *keysInput, b UpdateBody) (*keys.Result, error) {
			return k.Update(ctx, p, in.place(b.KeyManager, b.Environment),
				keys.Ask{Grants: b.Grants, Callbacks: b.Callbacks, Scopes: b.Scopes, Fields: b.Fields})
		})
	keysRoute(s, verb{"rotate-keys", "/rotate", "Replace a generated client's secret; its id stays", http.StatusOK},
		func(ctx context.Context, p keyward.Principal, in *keysInput, b RotateBody) (*keys.Result, error) {
			return k.Rotate(ctx, p, in.place(b.KeyManager, b.Environment), keys.RotateAsk{Overlap: time.Duration(b.Overlap)})
		})
	keysRoute(s,
		verb{"reveal-keys", "/reveal", "The secret of an approved client, or one whose answer was lost within 10 minutes", http.StatusOK},
		func(ctx context.Context, p keyward.Principal, in *keysInput, b PlaceBody) (*keys.Result, error) {
			return k.Reveal(ctx, p, in.place(b.KeyManager, b.Environment))
		})
	keysRoute(s, verb{"token-keys", "/token", "A token by client credentials, for trying out; it is stored nowhere", http.StatusOK},
		func(ctx context.Context, p keyward.Principal, in *keysInput, b KeysTokenBody) (*wire.AccessToken, error) {
			return k.Token(ctx, p, in.place(b.KeyManager, b.Environment),
				keys.TokenAsk{Scopes: b.Scopes, Audience: b.Audience, Resources: b.Resources, Secret: b.ClientSecret})
		})
	s.endRoutes()
	s.approvalRoutes()
	s.optionsRoute()
}

// endRoutes go on with what stands still, or end it.
func (s *Server) endRoutes() {
	k := s.deps.Keys
	resultRoute(s, verb{"retry-keys", "/retry", "Go on at once with what failed or waits for its server", http.StatusOK},
		func(ctx context.Context, p keyward.Principal, in *keysInput, b PlaceBody) (*keys.Result, error) {
			return k.Retry(ctx, p, in.place(b.KeyManager, b.Environment))
		})
	quietRoute(s,
		verb{"cancel-keys", "/cancel", "Give up a request, registration, rotation or change that is under way", http.StatusNoContent},
		func(ctx context.Context, p keyward.Principal, in *keysInput, b PlaceBody) error {
			return k.Cancel(ctx, p, in.place(b.KeyManager, b.Environment))
		})
	resultRoute(s, verb{"revoke-keys", "/revoke", "Put a client out of use now; it stays listed as revoked", http.StatusOK},
		func(ctx context.Context, p keyward.Principal, in *keysInput, b PlaceBody) (*keys.Result, error) {
			return k.Revoke(ctx, p, in.place(b.KeyManager, b.Environment))
		})
	quietRoute(s, verb{"delete-keys", "/delete", "Delete a generated client, or unmap a mapped one", http.StatusNoContent},
		func(ctx context.Context, p keyward.Principal, in *keysInput, b PlaceBody) error {
			return k.Delete(ctx, p, in.place(b.KeyManager, b.Environment))
		})
	quietRoute(s,
		verb{"dismiss-keys", "/dismiss", "Forget registrations that failed with their outcome unknown", http.StatusNoContent},
		func(ctx context.Context, p keyward.Principal, in *keysInput, b PlaceBody) error {
			return k.Dismiss(ctx, p, in.place(b.KeyManager, b.Environment))
		})
}

// verb is one thing to do with keys.
type verb struct {
	id, path, summary string
	status            int
}

func (v verb) operation() huma.Operation {
	return huma.Operation{
		OperationID: v.id, Method: http.MethodPost, Path: keysPath + v.path, Tags: []string{"keys"},
		Summary: v.summary, DefaultStatus: v.status,
	}
}

func keysRoute[B, R any](
	s *Server, v verb, h func(context.Context, keyward.Principal, *keysInput, B) (*R, error),
) {
	route(s, v.operation(), func(ctx context.Context, p keyward.Principal, in *keysInput) (*answerOf[R], error) {
		body, err := decode[B](in.RawBody)
		if err != nil {
			return nil, err
		}
		return answered(h(ctx, p, in, body))
	})
	s.describeBody(http.MethodPost, keysPath+v.path, s.schemaOf(reflect.TypeFor[B]()))
}

func quietRoute[B any](s *Server, v verb, h func(context.Context, keyward.Principal, *keysInput, B) error) {
	route(s, v.operation(), func(ctx context.Context, p keyward.Principal, in *keysInput) (*nothing, error) {
		body, err := decode[B](in.RawBody)
		if err != nil {
			return nil, err
		}
		return &nothing{}, h(ctx, p, in, body)
	})
	s.describeBody(http.MethodPost, keysPath+v.path, s.schemaOf(reflect.TypeFor[B]()))
}
