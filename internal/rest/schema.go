package rest

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/control"
	"keyward.dev/keyward/internal/declare"
	"keyward.dev/keyward/internal/health"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/manifest/openapi"
	"keyward.dev/keyward/internal/ownclient"
	"keyward.dev/keyward/internal/rest/shape"
	"keyward.dev/keyward/internal/tryout"
)

const schemaPrefix = "#/components/schemas/"

// schemas gives the registry with our own types explained, a manifest schema per kind, and the problem document.
func schemas() huma.Registry {
	r := huma.NewMapRegistry(schemaPrefix, schemaNamer())
	for from, to := range shape.Types() {
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

// schemaNames are those of types that several rooms call alike.
func schemaNames() map[reflect.Type]string {
	return map[reflect.Type]string{
		reflect.TypeFor[declare.Result]():          "ApplyResult",
		reflect.TypeFor[keys.Result]():             "Keys",
		reflect.TypeFor[keys.Request]():            "KeysRequest",
		reflect.TypeFor[Listing[keys.Request]]():   "ListingKeysRequest",
		reflect.TypeFor[keys.Listed]():             "ListedKeys",
		reflect.TypeFor[Listing[keys.Listed]]():    "ListingKeys",
		reflect.TypeFor[connector.Type]():          "ConnectorType",
		reflect.TypeFor[Listing[connector.Type]](): "ListingConnectorType",
		reflect.TypeFor[connector.Shared]():        "ConnectorShared",
		reflect.TypeFor[connector.Field]():         "ConnectorField",
		reflect.TypeFor[Listing[health.Summary]](): "ListingHealthSummary",
		reflect.TypeFor[Listing[health.Sample]]():  "ListingHealthSample",
		reflect.TypeFor[health.Health]():           "Health",
		reflect.TypeFor[tryout.Ask]():              "TryBody",
		reflect.TypeFor[tryout.Answer]():           "TryAnswer",
		reflect.TypeFor[tryout.Field]():            "HeaderField",
		reflect.TypeFor[control.Source]():          "OpenAPISource",
		reflect.TypeFor[control.Imported]():        "OpenAPIImported",
		reflect.TypeFor[openapi.Finding]():         "OpenAPIFinding",
	}
}

// schemaNamer names a schema after its type, and tells apart what rooms call alike.
func schemaNamer() func(reflect.Type, string) string {
	names := schemaNames()
	health := reflect.TypeFor[health.Health]().PkgPath()
	return func(t reflect.Type, hint string) string {
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if name, told := names[t]; told {
			return name
		}
		if t.PkgPath() == health {
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
		s := r.Schema(reflect.TypeFor[keyward.KeyManagerStatus](), true, "")
		r.SchemaFromRef(s.Ref).Properties["signInClient"] = r.Schema(reflect.TypeFor[ownclient.Standing](), true, "")
		return s
	case keyward.KindConnection:
		return r.Schema(reflect.TypeFor[keyward.ConnectionStatus](), true, "")
	case keyward.KindOAuthClient:
		return r.Schema(reflect.TypeFor[keyward.OAuthClientStatus](), true, "")
	case keyward.KindSubscription:
		return r.Schema(reflect.TypeFor[keyward.SubscriptionStatus](), true, "")
	case keyward.KindApplication:
		return r.Schema(reflect.TypeFor[keyward.ApplicationStatus](), true, "")
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
