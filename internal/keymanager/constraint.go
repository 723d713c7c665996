package keymanager

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
)

// Names of what developers and APIs ask for in every type and administrators may constrain, entry by entry.
const (
	constrainedCallbacks = "callbacks"
	constrainedScopes    = "scopes"
	constrainedAudiences = "audiences"
)

// constrainable lists everything of a type that spec.clients.constraints may name.
func constrainable(t connector.Type) []connector.Field {
	return append(slices.Clone(t.DeveloperFields),
		connector.Field{Name: constrainedCallbacks, Type: connector.FieldList},
		connector.Field{Name: constrainedScopes, Type: connector.FieldList},
		connector.Field{Name: constrainedAudiences, Type: connector.FieldList})
}

// validateConstraints holds the rules against the fields that they are for.
func validateConstraints(t connector.Type, rules map[string]keyward.Constraint) []keyward.FieldError {
	const path = "spec.clients.constraints"
	if len(rules) > 0 && !t.Creates {
		return []keyward.FieldError{fieldError(path, "%s creates no clients: there is nothing to constrain", t.Title)}
	}
	var faults []keyward.FieldError
	fields := constrainable(t)
	for _, name := range sortedKeys(rules) {
		at := path + "." + name
		i := slices.IndexFunc(fields, func(f connector.Field) bool { return f.Name == name })
		switch {
		case i >= 0:
			faults = append(faults, ruleFaults(fields[i], rules[name], at)...)
		case name == "grants" || name == "grantTypes":
			faults = append(faults, fieldError(at, "is said by spec.clients.grantTypes, the list of what may be asked for"))
		default:
			faults = append(faults, fieldError(at, "is nothing that developers give; they give: %s", fieldNames(fields)))
		}
	}
	return faults
}

// ruleFaults says what is wrong with a constraint for this field.
func ruleFaults(f connector.Field, c keyward.Constraint, at string) []keyward.FieldError {
	var faults []keyward.FieldError
	allowed := f.Type.Rules()
	for _, rule := range []struct {
		name  string
		given bool
	}{{"min", c.Min != nil}, {"max", c.Max != nil}, {"regex", c.Regex != ""}} {
		if rule.given && !slices.Contains(allowed, rule.name) {
			faults = append(faults, fieldError(at+"."+rule.name, "is not a rule for a field of type %s: it takes %s", f.Type,
				strings.Join(allowed, ", ")))
		}
	}
	possible := len(c.Enum) == 0
	for i, v := range c.Enum {
		value, fault := read(entryOf(f), v)
		if fault != "" {
			faults = append(faults, fieldError(fmt.Sprintf("%s.enum[%d]", at, i), "%s", fault))
			continue
		}
		possible = possible || fits(entryOf(f), c, value)
	}
	if len(faults) == 0 && !possible {
		faults = append(faults, fieldError(at+".enum", "the other rules allow none of these values"))
	}
	return faults
}

// entryOf is the field as one entry of it: rules for a list are for each of its entries.
func entryOf(f connector.Field) connector.Field {
	if f.Type == connector.FieldList {
		f.Type = connector.FieldString
	}
	return f
}

// fits tells whether a value, in the field's own type, keeps all rules.
func fits(f connector.Field, c keyward.Constraint, value any) bool {
	if n, ok := value.(int64); ok && (c.Min != nil && n < *c.Min || c.Max != nil && n > *c.Max) {
		return false
	}
	if text, ok := value.(string); ok {
		pattern, err := c.Pattern()
		if err != nil || pattern != nil && !pattern.MatchString(text) {
			return false
		}
	}
	return len(c.Enum) == 0 || slices.ContainsFunc(c.Enum, func(v any) bool {
		one, fault := read(f, v)
		return fault == "" && reflect.DeepEqual(one, value)
	})
}

// Asked is what a developer gives for a client. Fields are those that CheckFields accepted.
type Asked struct {
	Fields    map[string]any
	Callbacks []string
	Scopes    []string
}

// Constrain holds what is asked for against the constraints of the key manager, and names every field that breaks one,
// with what is allowed. A constrained field must have a value, because a server's own default would keep no rule: one
// that has a single value gets it, and one whose documented default is allowed may be left out. Fields in known have
// another fault already. It gives the fields to ask for.
func Constrain(km keyward.Ref, spec *keyward.KeyManagerSpec, asked Asked, known []keyward.FieldError) (
	map[string]any, []keyward.FieldError,
) {
	t, ok := catalog.TypeOf(spec.Type)
	if !ok || len(spec.Clients.Constraints) == 0 {
		return asked.Fields, nil
	}
	fields, faults := map[string]any{}, []keyward.FieldError{}
	for name, v := range asked.Fields {
		fields[name] = v
	}
	refuse := func(path, problem string, c keyward.Constraint) {
		if !slices.ContainsFunc(known, func(f keyward.FieldError) bool { return f.Path == path }) {
			faults = append(faults, fieldError(path, "%s: %s allows %s", problem, km, c.Allows()))
		}
	}
	for _, f := range t.DeveloperFields {
		c, constrained := spec.Clients.Constraints[f.Name]
		if !constrained {
			continue
		}
		value, given := fields[f.Name]
		if !given {
			if value, given = unasked(f, c); given {
				fields[f.Name] = value
			}
		}
		switch list, _ := value.([]string); {
		case !given:
			refuse("fields."+f.Name, "is required", c)
		case f.Type == connector.FieldList:
			if slices.ContainsFunc(list, func(one string) bool { return !fits(entryOf(f), c, one) }) {
				refuse("fields."+f.Name, "has an entry that is not allowed", c)
			}
		case !fits(f, c, value):
			refuse("fields."+f.Name, "is not allowed", c)
		}
	}
	if audience, given := fields[audienceField].(string); given && !AllowsAudience(spec, audience) {
		refuse("fields."+audienceField, "is not allowed", spec.Clients.Constraints[constrainedAudiences])
	}
	for name, entries := range map[string][]string{constrainedCallbacks: asked.Callbacks, constrainedScopes: asked.Scopes} {
		c := spec.Clients.Constraints[name]
		for i, one := range entries {
			if !fits(connector.Field{Type: connector.FieldString}, c, one) {
				refuse(fmt.Sprintf("%s[%d]", name, i), "is not allowed", c)
			}
		}
	}
	slices.SortStableFunc(faults, func(a, b keyward.FieldError) int { return strings.Compare(a.Path, b.Path) })
	return fields, faults
}

// AllowsScope tells whether the constraints of a key manager let its clients have a scope, whoever gives it to them.
func AllowsScope(spec *keyward.KeyManagerSpec, scope string) bool {
	c, constrained := spec.Clients.Constraints[constrainedScopes]
	return !constrained || fits(connector.Field{Type: connector.FieldString}, c, scope)
}

// AllowedScopes says in words which they are, as in "what fits orders:.*"; empty where every one is.
func AllowedScopes(spec *keyward.KeyManagerSpec) string {
	return spec.Clients.Constraints[constrainedScopes].Allows()
}

// audienceField is the developer field with which a client is given another audience, in types that have it.
const audienceField = "audience"

// AllowsAudience tells likewise whether the tokens of a key manager's clients may be meant for an audience. Those that the
// key manager insists on itself (tokens.audiences) always may.
func AllowsAudience(spec *keyward.KeyManagerSpec, audience string) bool {
	c, constrained := spec.Clients.Constraints[constrainedAudiences]
	return !constrained || slices.Contains(spec.Tokens.Audiences, audience) ||
		fits(connector.Field{Type: connector.FieldString}, c, audience)
}

// AllowedAudiences says in words which they are, as AllowedScopes does.
func AllowedAudiences(spec *keyward.KeyManagerSpec) string {
	return spec.Clients.Constraints[constrainedAudiences].Allows()
}

// OwnAudience tells whether an audience is the server itself: a client of its own, or the API by which it is managed. What
// is meant for those opens the server, so no subscription gives it, unless the key manager insists on it. The client with
// which gateways introspect is none of them: some servers tell it only of tokens that are meant for it.
func OwnAudience(s connector.Server, audience string) bool {
	if slices.Contains(s.Spec.Tokens.Audiences, audience) {
		return false
	}
	t, _ := catalog.TypeOf(s.Spec.Type) // an unknown one cannot be stored
	manager, _ := s.Spec.Connection["clientId"].(string)
	own := func(id string) bool { return id != "" && strings.EqualFold(id, audience) }
	return own(manager) || slices.ContainsFunc(t.OwnClients, own) || t.OwnAudience != nil && t.OwnAudience(s, audience)
}

// unasked gives the value that a constrained field has when it is left out: the only one that is allowed, or the
// documented default, if that is allowed.
func unasked(f connector.Field, c keyward.Constraint) (any, bool) {
	var candidates []any
	if len(c.Enum) == 1 {
		candidates = append(candidates, c.Enum[0])
	}
	if f.Default != "" {
		candidates = append(candidates, f.Default)
	}
	for _, candidate := range candidates {
		if v, fault := read(entryOf(f), candidate); fault == "" && fits(entryOf(f), c, v) {
			if f.Type == connector.FieldList {
				return []string{fmt.Sprint(v)}, true
			}
			return v, true
		}
	}
	return nil, false
}
