// Package shape owns how the nouns that read themselves look in the OpenAPI document: a secret, a duration, one or several of
// something. It does not own the document, nor how they are read.
package shape

import (
	"encoding/json"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/secret"
)

// Types gives for each type the one whose schema stands for it.
func Types() map[reflect.Type]reflect.Type {
	return map[reflect.Type]reflect.Type{
		reflect.TypeFor[secret.Value]():          reflect.TypeFor[secretSchema](),
		reflect.TypeFor[secret.Credential]():     reflect.TypeFor[credentialSchema](),
		reflect.TypeFor[keyward.Duration]():      reflect.TypeFor[durationSchema](),
		reflect.TypeFor[keyward.KeyManagerSet](): reflect.TypeFor[keyManagersSchema](),
		reflect.TypeFor[keyward.StringList]():    reflect.TypeFor[stringListSchema](),
		reflect.TypeFor[keyward.RateList]():      reflect.TypeFor[rateListSchema](),
		reflect.TypeFor[json.RawMessage]():       reflect.TypeFor[anySchema](),
		reflect.TypeFor[keyward.Approval]():      reflect.TypeFor[approvalSchema](),
	}
}

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
	promoted := &huma.Schema{
		Description: "What is stored as the next value takes the place of the current one",
		Type:        "object", Required: []string{"stored"},
		Properties: map[string]*huma.Schema{"stored": {Type: "string", Enum: []any{"next"}}},
	}
	current := &huma.Schema{Description: one.Description, OneOf: append(slices.Clone(one.OneOf), promoted)}
	return &huma.Schema{
		Description: "A secret; or, while it is changed at the server, its current and its next value, which are tried in order. " +
			"Each is read back as {stored: true}, which sent again keeps what is stored; {stored: next} in the place of both, or " +
			"of the current one, ends the change with the next value that is stored",
		OneOf: append(slices.Clone(current.OneOf), &huma.Schema{
			Type: "object", Required: []string{"current"},
			Properties: map[string]*huma.Schema{"current": current, "next": one},
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
