package keymanager

import (
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/secret"
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
	faults := introspectionParts(i)
	for _, own := range []struct {
		path string
		c    secret.Credential
	}{
		{"introspection.clientSecret", i.ClientSecret}, {"introspection.key", i.Key}, {"introspection.token", i.Token},
	} {
		faults = append(faults, validateCredential(own.path, own.c, secrets)...)
	}
	own := i.IntrospectionSecrets()
	for _, path := range []string{i.SecretPath(), secret.NextPath(i.SecretPath())} {
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

// introspectionParts wants what the method needs, and nothing that has no part in it.
func introspectionParts(i *keyward.Introspection) []keyward.FieldError {
	var faults []keyward.FieldError
	if i.Cache != nil && *i.Cache < 0 {
		faults = append(faults, fieldError("spec.introspection.cache", "must not be negative"))
	}
	needed := map[string]bool{"clientId": true}
	switch i.MethodOrDefault() {
	case keyward.IntrospectBasic, keyward.IntrospectPost:
		needed["clientSecret"] = true
	case keyward.IntrospectJWT:
		needed["key"] = true
	case keyward.IntrospectTLS:
		needed["key"], needed["certificate"] = true, true
	case keyward.IntrospectBearer:
		fixed := i.ClientID == "" && i.ClientSecret.IsZero()
		needed = map[string]bool{"token": fixed, "clientId": !fixed, "clientSecret": !fixed}
		if i.Scope != "" && !fixed {
			needed["scope"] = true
		}
	default:
		return append(faults, fieldError("spec.introspection.method",
			"%q is not one of basic, post, private_key_jwt, tls, bearer", i.Method))
	}
	return append(faults, methodParts("spec.introspection.", i.MethodOrDefault(), needed, []methodPart{
		{"clientId", "who the gateway is at the introspection endpoint", i.ClientID != ""},
		{"clientSecret", "the gateway authenticates with it", !i.ClientSecret.IsZero()},
		{"key", "the gateway signs with it, or proves its certificate", !i.Key.IsZero()},
		{"certificate", "the gateway shows it to the server", i.Certificate != ""},
		{"token", "the gateway authenticates with it; or give clientId and clientSecret, which get one", !i.Token.IsZero()},
		{"scope", "", i.Scope != ""},
	})...)
}

// methodPart is a field that some ways to authenticate need, and why.
type methodPart struct {
	name, why string
	given     bool
}

// methodParts wants those that the method needs, and no other.
func methodParts(prefix, method string, needed map[string]bool, parts []methodPart) []keyward.FieldError {
	var faults []keyward.FieldError
	for _, part := range parts {
		switch {
		case needed[part.name] && !part.given:
			faults = append(faults, fieldError(prefix+part.name, "is required: %s", part.why))
		case part.given && !needed[part.name]:
			faults = append(faults, fieldError(prefix+part.name, "has no part in method %s: leave it out", method))
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
