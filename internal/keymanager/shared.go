package keymanager

import (
	"fmt"
	"maps"
	"slices"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/secret"
)

// ValidateConnection judges what ConnectionSpec.Validate leaves to the type; secrets are as for Validate.
func ValidateConnection(c *keyward.ConnectionSpec, secrets map[string]string) []keyward.FieldError {
	t, ok := catalog.TypeOf(c.Type)
	switch {
	case !ok:
		return nil // the spec's own validation has said so
	case t.Shared == nil:
		return []keyward.FieldError{fieldError("spec.type", "%s", sharesNothing(t))}
	}
	faults := append(validateConnection(t.Shared.Connection(), c.Connection, secrets), validateOutbound(c.Outbound, secrets)...)
	fields := t.Shared.Connection()
	faults = append(faults, validateAccount(t, fields, c.Connection, c.Outbound, secrets)...)
	bySecret := hasField(fields, "clientSecret") && accountMethod(fields, c.Connection) == connector.BySecret
	if bySecret && c.Connection["clientSecret"] == nil {
		faults = append(faults, fieldError("spec.connection.clientSecret", "is required with clientId"))
	}
	if t.Shared.Check != nil && len(faults) == 0 {
		faults = t.Shared.Check(c)
	}
	return faults
}

func sharesNothing(t connector.Type) string {
	return fmt.Sprintf("the credentials of a key manager of type %s stand in its own connection: no other could use them", t.Name)
}

// TakeConnectionSecrets is TakeSecrets for a Connection.
func TakeConnectionSecrets(c *keyward.ConnectionSpec) (values map[string]string, kept secret.Kept, faults []keyward.FieldError) {
	values, kept = map[string]string{}, secret.Kept{}
	t, ok := catalog.TypeOf(c.Type)
	if !ok || t.Shared == nil {
		return values, kept, nil
	}
	faults = takeConnection(t.Shared.Connection(), c.Connection, values, kept)
	own := c.Outbound.OutboundSecrets()
	for _, path := range sortedKeys(own) {
		take(path, own[path], values, kept)
	}
	return values, kept, faults
}

// validateBeside judges what a key manager gives beside ref.
func validateBeside(t connector.Type, spec *keyward.KeyManagerSpec) []keyward.FieldError {
	if t.Shared == nil {
		return []keyward.FieldError{fieldError("spec.connection.ref", "%s", sharesNothing(t))}
	}
	var faults []keyward.FieldError
	own := map[string]any{}
	for _, name := range sortedKeys(spec.Connection) {
		known := slices.ContainsFunc(t.Connection(), func(f connector.Field) bool { return f.Name == name })
		switch {
		case name == "ref":
		case known && !slices.Contains(t.Shared.Beside, name):
			faults = append(faults, fieldError("spec.connection."+name, "is the Connection's to say: leave it out beside ref"))
		default:
			own[name] = spec.Connection[name]
		}
	}
	fields := slices.DeleteFunc(t.Connection(), func(f connector.Field) bool { return !slices.Contains(t.Shared.Beside, f.Name) })
	_, more := CheckFields(fields, own, "spec.connection")
	return append(faults, more...)
}

// Misfits says why a key manager cannot use a Connection: it is of another type, or at an address that the connection's
// credentials are not for.
func Misfits(spec *keyward.KeyManagerSpec, name string, c *keyward.ConnectionSpec) []keyward.FieldError {
	t, ok := catalog.TypeOf(spec.Type)
	if !ok || t.Shared == nil {
		return nil // said already
	}
	if c.Type != spec.Type {
		return []keyward.FieldError{fieldError("spec.connection.ref", "the connection %s is of type %s, not %s", name, c.Type, spec.Type)}
	}
	path := "spec.issuer"
	if spec.Issuer == "" {
		path = "spec.discovery"
	}
	if why := t.Shared.Foreign(c, connector.DeclaredAddress(spec)); why != "" {
		return []keyward.FieldError{fieldError(path, "%s (connection %s)", why, name)}
	}
	return nil
}

// Through gives a key manager's spec with the fields of its Connection in the place of ref, as connectors read it.
func Through(spec *keyward.KeyManagerSpec, c *keyward.ConnectionSpec) *keyward.KeyManagerSpec {
	whole := *spec
	whole.Connection = maps.Clone(spec.Connection)
	delete(whole.Connection, "ref")
	for name, v := range c.Connection {
		whole.Connection[name] = v
	}
	return &whole
}
