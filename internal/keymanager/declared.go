package keymanager

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"keyward.dev/keyward"
)

// IssuerFaults names metadata, read at their own address, that belong to another issuer than that address (OpenID Connect
// Discovery 1.0, section 4.3; RFC 8414, section 3.3), where nobody wrote down that this issuer is meant.
func IssuerFaults(spec *keyward.KeyManagerSpec, status keyward.KeyManagerStatus) []keyward.FieldError {
	if spec.Issuer != "" || !foreign(spec.Discovery, status.Issuer) {
		return nil
	}
	return []keyward.FieldError{fieldError("spec.discovery",
		"the metadata there belong to the issuer %s, whose own would be elsewhere: if that server is meant, write issuer: %s",
		status.Issuer, status.Issuer)}
}

// foreign tells that an address of metadata is none where those of the issuer belong.
func foreign(at, issuer string) bool {
	return strings.Contains(at, wellKnown) && issuer != "" && !strings.Contains(issuer, template) && !placesOf(issuer, at)
}

// GrantFaults names grants that nobody knows: neither RFC 6749 nor the server's metadata, and no absolute URI, which every
// other grant is (RFC 6749, section 4.5).
func GrantFaults(spec *keyward.KeyManagerSpec, status keyward.KeyManagerStatus) []keyward.FieldError {
	known := []string{"authorization_code", "implicit", "password", "client_credentials", "refresh_token"}
	var faults []keyward.FieldError
	for i, grant := range spec.Clients.GrantTypes {
		path := fmt.Sprintf("spec.clients.grantTypes[%d]", i)
		switch u, err := url.Parse(grant); {
		case slices.Contains(spec.Clients.GrantTypes[:i], grant):
			faults = append(faults, fieldError(path, "%q is listed twice", grant))
		case slices.Contains(known, grant), slices.Contains(status.GrantTypes, grant):
		case err != nil, !u.IsAbs(), strings.ContainsFunc(grant, unicode.IsSpace):
			faults = append(faults, fieldError(path, "%q is not a grant type that is known, nor in the server's metadata: use one of %s, "+
				"or a URI such as urn:ietf:params:oauth:grant-type:device_code", grant, strings.Join(known, ", ")))
		}
	}
	return faults
}

// validateIssuerNames refuses values that no token has as its iss: one with a colon must be a URI (RFC 7519, section 2).
func validateIssuerNames(spec *keyward.KeyManagerSpec) []keyward.FieldError {
	faults := issuerNameFaults("spec.issuer", spec.Issuer)
	for i, other := range spec.OtherIssuers {
		faults = append(faults, issuerNameFaults(fmt.Sprintf("spec.otherIssuers[%d].issuer", i), other.Issuer)...)
	}
	return faults
}

func issuerNameFaults(path, issuer string) []keyward.FieldError {
	switch u, err := url.Parse(issuer); {
	case strings.TrimSpace(issuer) != issuer, strings.ContainsFunc(issuer, unicode.IsControl):
		return []keyward.FieldError{fieldError(path, "%q has white space at an end, or a control character: an iss counts "+
			"character by character", issuer)}
	case !strings.Contains(issuer, ":"), strings.Contains(issuer, template): // a template is judged by its own rules
		return nil
	case err != nil, strings.ContainsFunc(issuer, unicode.IsSpace):
		return []keyward.FieldError{fieldError(path, "%q is not a URI, which an iss with a colon is", issuer)}
	case (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() == "":
		return []keyward.FieldError{fieldError(path, "has no host")}
	}
	return nil
}
