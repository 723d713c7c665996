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
// in their place. Paths that held the marker already are listed in kept: what is stored for them stays.
func TakeSecrets(spec *keyward.KeyManagerSpec) (values map[string]string, kept []string, faults []keyward.FieldError) {
	values = map[string]string{}
	if t, ok := catalog.TypeOf(spec.Type); ok {
		kept, faults = takeConnection(t.Connection(), spec.Connection, values)
	}
	own := ownSecrets(spec)
	for _, path := range sortedKeys(own) {
		kept = append(kept, take(path, own[path], values)...)
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
func takeConnection(fields []connector.Field, connection map[string]any, values map[string]string) (
	kept []string, faults []keyward.FieldError,
) {
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
		kept = append(kept, take(path, &c.Current, values)...)
		kept = append(kept, take(secret.NextPath(path), &c.Next, values)...)
		connection[f.Name] = c
	}
	return kept, faults
}

// take moves one value out; it gives the path of one that is the marker already.
func take(path string, v *secret.Value, values map[string]string) (kept []string) {
	switch {
	case v.IsZero():
	case v.IsStored():
		return []string{path}
	default:
		values[path] = v.Reveal()
		*v = secret.Stored()
	}
	return nil
}

// readCredential reads a secret field as JSON or a program left it in a map.
func readCredential(path string, v any) (secret.Credential, []keyward.FieldError) {
	if c, ok := v.(secret.Credential); ok {
		return c, nil
	}
	both, isObject := v.(map[string]any)
	if !isObject || !secret.IsPair(both) {
		current, fault := readSecret(v)
		if fault != "" {
			return secret.Credential{}, []keyward.FieldError{fieldError("spec."+path, "%s", fault)}
		}
		return secret.Credential{Current: current}, nil
	}
	var c secret.Credential
	var faults []keyward.FieldError
	for _, name := range sortedKeys(both) {
		into := map[string]*secret.Value{"current": &c.Current, "next": &c.Next}[name]
		at := "spec." + path + "." + name
		switch value, fault := readSecret(both[name]); {
		case into == nil:
			faults = append(faults, fieldError(at, "is unknown: a secret has current and next"))
		case both[name] == nil: // null says nothing: the field is left out
		case fault != "":
			faults = append(faults, fieldError(at, "%s", fault))
		default:
			*into = value
		}
	}
	if both["current"] == nil {
		faults = append(faults, fieldError("spec."+path+".current", "%s", secret.LacksCurrent))
	}
	return c, faults
}

// readSecret reads one value: a text, a secret.Value, or the marker.
func readSecret(v any) (read secret.Value, fault string) {
	switch s := v.(type) {
	case string:
		if s == "" {
			return secret.Value{}, "cannot be empty: leave the field out"
		}
		return secret.New(s), ""
	case secret.Value:
		return s, ""
	case map[string]any:
		if len(s) == 1 && s["stored"] == true {
			return secret.Stored(), ""
		}
		for ref := range s {
			if ref == "env" || ref == "file" {
				return secret.Value{}, fmt.Sprintf("{%s: …} is resolved by the command line, on the machine where it runs: send the value", ref)
			}
		}
	}
	return secret.Value{}, "is a string, or {stored: true} to keep the stored one"
}

func fieldError(path, format string, args ...any) keyward.FieldError {
	return keyward.FieldError{Path: path, Code: keyward.CodeInvalidInput, Message: fmt.Sprintf(format, args...)}
}
