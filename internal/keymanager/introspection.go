package keymanager

import (
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/token"
)

// Unseen begins what stands for a stored secret where it is not at hand; its path follows.
const Unseen = "stored, for all that is known here: "

// validateIntrospection reads the secrets that are at hand as gateways will.
func validateIntrospection(spec *keyward.KeyManagerSpec, secrets map[string]string) []keyward.FieldError {
	i := spec.Introspection
	if i == nil {
		return nil
	}
	var faults []keyward.FieldError
	for _, own := range []struct {
		path string
		c    keyward.Credential
	}{
		{"introspection.clientSecret", i.ClientSecret}, {"introspection.key", i.Key}, {"introspection.token", i.Token},
	} {
		faults = append(faults, validateCredential(own.path, own.c, secrets)...)
	}
	own := i.IntrospectionSecrets()
	for _, path := range []string{i.SecretPath(), keyward.NextPath(i.SecretPath())} {
		value := own[path].Reveal()
		if value == "" {
			value = secrets[path]
		}
		if value != "" && !strings.HasPrefix(value, Unseen) {
			faults = append(faults, unusable(i, path, value)...)
		}
	}
	return faults
}

// unusable says why gateways could not ask with a value of the method's secret.
func unusable(i *keyward.Introspection, path, value string) []keyward.FieldError {
	switch i.MethodOrDefault() {
	case keyward.IntrospectJWT:
		if _, err := token.ParseAssertionKey(value); err != nil {
			return []keyward.FieldError{fieldError("spec."+path, "cannot sign: %v", err)}
		}
	case keyward.IntrospectTLS:
		if i.Certificate == "" {
			return nil // said already
		}
		// The error names no part of the key.
		if _, err := outbound.ClientCertificate(i.Certificate, value); err != nil {
			return []keyward.FieldError{fieldError("spec.introspection.certificate", "does not go with %s: %v",
				strings.TrimPrefix(path, "introspection."), err)}
		}
	case keyward.IntrospectBearer:
		if i.ClientID == "" && strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return []keyward.FieldError{fieldError("spec."+path,
				"has a space or another character that no token has, such as a line break at its end")}
		}
	}
	return nil
}
