package rest

import (
	"encoding/json"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/control"
	"keyward.dev/keyward/internal/declare"
	"keyward.dev/keyward/internal/health"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/tryout"
)

const schemaPrefix = "#/components/schemas/"

// The schemas of types that read themselves.
type (
	secretSchema      struct{}
	credentialSchema  struct{}
	durationSchema    struct{}
	keyManagersSchema struct{}
	stringListSchema  struct{}
	rateListSchema    struct{}
	anySchema         struct{}
	approvalSchema    struct{}
)

// Schema implements huma.SchemaProvider.
func (secretSchema) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Description: "A secret: written as a string, read back as {stored: true}, which sent again keeps what is stored",
		OneOf: []*huma.Schema{
			{Type: "string"},
			{
				Type: "object", Required: []string{"stored"},
				Properties: map[string]*huma.Schema{"stored": {Type: "boolean", Enum: []any{true}}},
			},
		},
	}
}

// Schema implements huma.SchemaProvider.
func (credentialSchema) Schema(r huma.Registry) *huma.Schema {
	one := secretSchema{}.Schema(r)
	return &huma.Schema{
		Description: "A secret; or, while it is changed at the server, its current and its next value, which are tried in order. " +
			"Each is read back as {stored: true}, which sent again keeps what is stored",
		OneOf: append(one.OneOf, &huma.Schema{
			Type: "object", Required: []string{"current"},
			Properties: map[string]*huma.Schema{"current": one, "next": one},
		}),
	}
}

// Schema implements huma.SchemaProvider.
func (durationSchema) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: "string", Description: "A duration with its unit", Examples: []any{"30s", "5m", "24h"}}
}

// Schema implements huma.SchemaProvider.
func (keyManagersSchema) Schema(r huma.Registry) *huma.Schema {
	use := r.Schema(reflect.TypeFor[keyward.KeyManagerUse](), true, "")
	return &huma.Schema{
		Description: "The word all, or a list of key managers: names, or objects that ask more of their tokens",
		OneOf: []*huma.Schema{
			{Type: "string", Enum: []any{"all"}},
			{Type: "array", Items: &huma.Schema{OneOf: []*huma.Schema{{Type: "string"}, use}}},
		},
	}
}

// Schema implements huma.SchemaProvider.
func (stringListSchema) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{{Type: "string"}, {Type: "array", Items: &huma.Schema{Type: "string"}}}}
}

// Schema implements huma.SchemaProvider.
func (rateListSchema) Schema(r huma.Registry) *huma.Schema {
	rate := r.Schema(reflect.TypeFor[keyward.Rate](), true, "")
	return &huma.Schema{OneOf: []*huma.Schema{rate, {Type: "array", Items: rate}}}
}

// Schema implements huma.SchemaProvider.
func (anySchema) Schema(huma.Registry) *huma.Schema { return &huma.Schema{} }

// Schema implements huma.SchemaProvider.
func (approvalSchema) Schema(huma.Registry) *huma.Schema {
	mode := func() *huma.Schema {
		return &huma.Schema{Type: "string", Enum: []any{string(keyward.ApprovalAuto), string(keyward.ApprovalManual)}}
	}
	return &huma.Schema{
		Description: "Whether generated keys await an administrator's approval: one word, or one by environment",
		OneOf: []*huma.Schema{mode(), {
			Type: "object", AdditionalProperties: false,
			Properties: map[string]*huma.Schema{"production": mode(), "sandbox": mode()},
		}},
	}
}

// schemas gives the registry with our own types explained, a manifest schema per kind, and the problem document.
func schemas() huma.Registry {
	r := huma.NewMapRegistry(schemaPrefix, schemaName)
	for from, to := range map[reflect.Type]reflect.Type{
		reflect.TypeFor[keyward.Secret]():        reflect.TypeFor[secretSchema](),
		reflect.TypeFor[keyward.Credential]():    reflect.TypeFor[credentialSchema](),
		reflect.TypeFor[keyward.Duration]():      reflect.TypeFor[durationSchema](),
		reflect.TypeFor[keyward.KeyManagerSet](): reflect.TypeFor[keyManagersSchema](),
		reflect.TypeFor[keyward.StringList]():    reflect.TypeFor[stringListSchema](),
		reflect.TypeFor[keyward.RateList]():      reflect.TypeFor[rateListSchema](),
		reflect.TypeFor[json.RawMessage]():       reflect.TypeFor[anySchema](),
		reflect.TypeFor[keyward.Approval]():      reflect.TypeFor[approvalSchema](),
	} {
		r.RegisterTypeAlias(from, to)
	}
	r.Schema(reflect.TypeFor[Problem](), true, "")
	for _, kind := range keyward.Kinds() {
		spec, _ := kind.NewSpec()
		r.Map()[string(kind)] = manifestSchema(kind, r.Schema(reflect.TypeOf(spec), true, ""), statusSchema(r, kind))
		r.Map()["Listing"+string(kind)] = listingSchema(ref(string(kind)))
	}
	return r
}

// schemaName names a schema after its type, and tells apart what rooms call alike.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[declare.Result]():
		return "ApplyResult"
	case reflect.TypeFor[keys.Result]():
		return "Keys"
	case reflect.TypeFor[keys.Request]():
		return "KeysRequest"
	case reflect.TypeFor[Listing[keys.Request]]():
		return "ListingKeysRequest"
	case reflect.TypeFor[keys.Listed]():
		return "ListedKeys"
	case reflect.TypeFor[Listing[keys.Listed]]():
		return "ListingKeys"
	case reflect.TypeFor[connector.Type]():
		return "ConnectorType"
	case reflect.TypeFor[Listing[connector.Type]]():
		return "ListingConnectorType"
	case reflect.TypeFor[connector.Shared]():
		return "ConnectorShared"
	case reflect.TypeFor[connector.Field]():
		return "ConnectorField"
	case reflect.TypeFor[Listing[health.Summary]]():
		return "ListingHealthSummary"
	case reflect.TypeFor[Listing[health.Sample]]():
		return "ListingHealthSample"
	case reflect.TypeFor[health.Health]():
		return "Health"
	case reflect.TypeFor[tryout.Ask]():
		return "TryBody"
	case reflect.TypeFor[tryout.Answer]():
		return "TryAnswer"
	case reflect.TypeFor[tryout.Field]():
		return "HeaderField"
	case reflect.TypeFor[control.Source]():
		return "OpenAPISource"
	case reflect.TypeFor[control.Imported]():
		return "OpenAPIImported"
	default:
		if t.PkgPath() == reflect.TypeFor[health.Health]().PkgPath() {
			return "Health" + t.Name()
		}
		return huma.DefaultSchemaNamer(t, hint)
	}
}

func ref(name string) *huma.Schema { return &huma.Schema{Ref: schemaPrefix + name} }

func manifestSchema(kind keyward.Kind, spec, status *huma.Schema) *huma.Schema {
	text := func(description string) *huma.Schema { return &huma.Schema{Type: "string", Description: description} }
	return &huma.Schema{
		Type: "object",
		Properties: map[string]*huma.Schema{
			"apiVersion": {Type: "string", Enum: []any{keyward.APIVersion}},
			"kind":       {Type: "string", Enum: []any{string(kind)}},
			"metadata": {Type: "object", AdditionalProperties: false, Properties: map[string]*huma.Schema{
				"name": text("A DNS label, unique in its tenant"), "tenant": text("Left out for the default tenant"),
			}},
			"spec":   spec,
			"status": status,
		},
		Required:             []string{"spec"},
		AdditionalProperties: false,
	}
}

// statusSchema describes the read-only part of a kind. That of every kind can name the manifest set of its object.
func statusSchema(r huma.Registry, kind keyward.Kind) *huma.Schema {
	s := ownStatusSchema(r, kind)
	described := s
	if s.Ref != "" {
		described = r.SchemaFromRef(s.Ref)
	}
	described.Properties["set"] = &huma.Schema{Type: "string", Description: "The manifest set that owns the object; absent: none"}
	return s
}

func ownStatusSchema(r huma.Registry, kind keyward.Kind) *huma.Schema {
	switch kind {
	case keyward.KindKeyManager:
		return r.Schema(reflect.TypeFor[keyward.KeyManagerStatus](), true, "")
	case keyward.KindConnection:
		return r.Schema(reflect.TypeFor[keyward.ConnectionStatus](), true, "")
	case keyward.KindOAuthClient:
		return r.Schema(reflect.TypeFor[keyward.OAuthClientStatus](), true, "")
	case keyward.KindSubscription:
		return r.Schema(reflect.TypeFor[keyward.SubscriptionStatus](), true, "")
	case keyward.KindApplication:
		return r.Schema(reflect.TypeFor[keyward.HeldStatus](), true, "")
	default:
		return &huma.Schema{Type: "object", ReadOnly: true, Properties: map[string]*huma.Schema{}}
	}
}

func listingSchema(item *huma.Schema) *huma.Schema {
	return &huma.Schema{
		Type: "object",
		Properties: map[string]*huma.Schema{
			"items": {Type: "array", Items: item},
			"next":  {Type: "string", Description: "Cursor of the next page; absent on the last one"},
		},
		Required: []string{"items"},
	}
}

// schemaOf gives the schema of a Go type by reference.
func (s *Server) schemaOf(t reflect.Type) *huma.Schema {
	return s.api.OpenAPI().Components.Schemas.Schema(t, true, "")
}
