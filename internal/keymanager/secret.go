package keymanager

import (
	"fmt"
	"maps"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/secret"
)

// TakeSecrets moves the values of secret fields out of the spec, by path (connection.initialAccessToken,
// introspection.clientSecret, and each with the next value at its secret.NextPath), and leaves markers for stored secrets
// in their place. Paths that held the marker already are in kept, with the path whose stored value they have from now on.
func TakeSecrets(spec *keyward.KeyManagerSpec) (values map[string]string, kept secret.Kept, faults []keyward.FieldError) {
	values, kept = map[string]string{}, secret.Kept{}
	if t, ok := catalog.TypeOf(spec.Type); ok {
		faults = takeConnection(t.Connection(), spec.Connection, values, kept)
	}
	own := ownSecrets(spec)
	for _, path := range sortedKeys(own) {
		take(path, own[path], values, kept)
	}
	return values, kept, faults
}

// ownSecrets gives the secret fields outside the connection, by path.
func ownSecrets(spec *keyward.KeyManagerSpec) map[string]*secret.Value {
	own := map[string]*secret.Value{}
	maps.Copy(own, spec.Introspection.IntrospectionSecrets())
	maps.Copy(own, spec.Outbound.OutboundSecrets())
	maps.Copy(own, signInSecrets(spec.SignIn))
	return own
}

// takeConnection moves the secrets out of a connection.
func takeConnection(
	fields []connector.Field, connection map[string]any, values map[string]string, kept secret.Kept,
) (faults []keyward.FieldError) {
	for _, f := range fields {
		v, given := connection[f.Name]
		if !given || !f.Secret || v == nil {
			continue
		}
		path := "connection." + f.Name
		c, found := readCredential(path, v)
		if faults = append(faults, found...); len(found) > 0 {
			continue
		}
		take(path, &c.Current, values, kept)
		take(secret.NextPath(path), &c.Next, values, kept)
		connection[f.Name] = c
	}
	return faults
}

// take moves one value out, or notes what a marker keeps. What stays in its place is the marker for a stored value alone.
func take(path string, v *secret.Value, values map[string]string, kept secret.Kept) {
	switch {
	case v.IsZero():
		return
	case v.IsNext():
		kept[path] = secret.NextPath(path)
	case v.IsStored():
		kept[path] = path
	default:
		values[path] = v.Reveal()
	}
	*v = secret.Stored()
}

// readCredential reads a secret field as JSON or a program left it in a map.
func readCredential(path string, v any) (secret.Credential, []keyward.FieldError) {
	if c, ok := v.(secret.Credential); ok {
		return c, nil
	}
	both, isObject := v.(map[string]any)
	if !isObject || !secret.IsPair(both) {
		current, err := secret.Read(v)
		if err != nil {
			return secret.Credential{}, []keyward.FieldError{fieldError("spec."+path, "%v", err)}
		}
		return secret.Credential{Current: current}, nil
	}
	var c secret.Credential
	var faults []keyward.FieldError
	for _, name := range sortedKeys(both) {
		into := map[string]*secret.Value{"current": &c.Current, "next": &c.Next}[name]
		at := "spec." + path + "." + name
		switch value, err := secret.Read(both[name]); {
		case into == nil:
			faults = append(faults, fieldError(at, "is unknown: a secret has current and next"))
		case both[name] == nil: // null says nothing: the field is left out
		case err != nil:
			faults = append(faults, fieldError(at, "%v", err))
		case name == "next" && value.IsNext():
			faults = append(faults, fieldError(at, "is the next value itself: {stored: true} keeps it"))
		default:
			*into = value
		}
	}
	if both["current"] == nil {
		faults = append(faults, fieldError("spec."+path+".current", "%s", secret.LacksCurrent))
	}
	return c, faults
}

func fieldError(path, format string, args ...any) keyward.FieldError {
	return keyward.FieldError{Path: path, Code: keyward.CodeInvalidInput, Message: fmt.Sprintf(format, args...)}
}
