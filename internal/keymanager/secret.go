package keymanager

import (
	"fmt"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
)

// SecretPaths lists the paths of the spec's secret fields that were given, as a value or as the marker for a stored
// one: connection.initialAccessToken, introspection.clientSecret. Those of introspection come in the order of names.
func SecretPaths(spec *keyward.KeyManagerSpec) []string {
	var paths []string
	if t, ok := catalog.TypeOf(spec.Type); ok {
		paths = secretFields(t.Connection(), spec.Connection)
	}
	own := spec.Introspection.IntrospectionSecrets()
	for _, path := range sortedKeys(own) {
		if !own[path].IsZero() {
			paths = append(paths, path)
		}
	}
	return paths
}

func secretFields(fields []connector.Field, connection map[string]any) []string {
	var paths []string
	for _, f := range fields {
		if v, given := connection[f.Name]; given && f.Secret && v != nil {
			paths = append(paths, "connection."+f.Name)
		}
	}
	return paths
}

// TakeSecrets moves the values of secret fields out of the spec, by path, and leaves the marker for a stored secret in
// their place. Paths that held the marker already are listed in kept: what is stored for them stays.
func TakeSecrets(spec *keyward.KeyManagerSpec) (values map[string]string, kept []string, faults []keyward.FieldError) {
	values = map[string]string{}
	for _, path := range SecretPaths(spec) {
		if v, own := spec.Introspection.IntrospectionSecrets()[path]; own {
			if v.IsStored() {
				kept = append(kept, path)
			} else {
				values[path] = v.Reveal()
				*v = keyward.StoredSecret()
			}
			continue
		}
		keeps, fault := takeSecret(spec.Connection, path, values)
		kept, faults = append(kept, keeps...), append(faults, fault...)
	}
	return values, kept, faults
}

// takeSecret moves one secret out of a connection.
func takeSecret(connection map[string]any, path string, values map[string]string) (kept []string, faults []keyward.FieldError) {
	name := strings.TrimPrefix(path, "connection.")
	value, stored, fault := readSecret(connection[name])
	if fault != "" {
		return nil, []keyward.FieldError{fieldError("spec."+path, "%s", fault)}
	}
	connection[name] = keyward.StoredSecret()
	if stored {
		return []string{path}, nil
	}
	values[path] = value
	return nil, nil
}

// readSecret reads a secret field as JSON or a program left it in a map: a text, a keyward.Secret, or the marker.
func readSecret(v any) (value string, stored bool, fault string) {
	switch s := v.(type) {
	case string:
		if s == "" {
			return "", false, "cannot be empty: leave the field out"
		}
		return s, false, ""
	case keyward.Secret:
		return s.Reveal(), s.IsStored(), ""
	case map[string]any:
		if len(s) == 1 && s["stored"] == true {
			return "", true, ""
		}
		for ref := range s {
			if ref == "env" || ref == "file" {
				return "", false, fmt.Sprintf("{%s: …} is resolved by the command line, on the machine where it runs: send the value", ref)
			}
		}
	}
	return "", false, "is a string, or {stored: true} to keep the stored one"
}

func fieldError(path, format string, args ...any) keyward.FieldError {
	return keyward.FieldError{Path: path, Code: keyward.CodeInvalidInput, Message: fmt.Sprintf(format, args...)}
}
