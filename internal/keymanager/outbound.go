package keymanager

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"time"

	"keyward.dev/keyward"
)

// The bounds of an outbound policy.
const (
	minTimeout = 100 * time.Millisecond
	maxTimeout = 45 * time.Second // what all calls of one request to the control plane may take together
	minAnswer  = 1 << 10
	maxAnswer  = 16 << 20
)

// SameRoute tells whether what is sent goes the same way by two outbound policies, nil for none: through the same proxy,
// to servers that the same authorities vouch for. Otherwise somebody else may read it.
func SameRoute(a, b *keyward.Outbound) bool {
	var none keyward.Outbound
	if a == nil {
		a = &none
	}
	if b == nil {
		b = &none
	}
	return a.Proxy == b.Proxy && a.ProxyUser == b.ProxyUser && strings.TrimSpace(a.CA) == strings.TrimSpace(b.CA)
}

// validateOutbound reads the secrets that are at hand as calls will.
func validateOutbound(o *keyward.Outbound, secrets map[string]string) []keyward.FieldError {
	var faults []keyward.FieldError
	own := o.OutboundSecrets()
	values := map[string]string{}
	for _, path := range sortedKeys(own) {
		if values[path] = own[path].Reveal(); values[path] == "" {
			values[path] = secrets[path]
		}
		if own[path].IsStored() && values[path] == "" {
			faults = append(faults, fieldError("spec."+path, "nothing is stored for it: give the value"))
		}
	}
	if o == nil {
		return nil
	}
	switch {
	case o.Certificate == "" && !o.Key.IsZero():
		faults = append(faults, fieldError("spec.outbound.certificate", "is required: the one that the key belongs to"))
	case o.Certificate != "" && o.Key.IsZero():
		faults = append(faults, fieldError("spec.outbound.key", "is required: the certificate's private key, PEM"))
	}
	if t := o.Timeout; t != nil && (t.Std() < minTimeout || t.Std() > maxTimeout) {
		faults = append(faults, fieldError("spec.outbound.timeout", "must be between %s and %s",
			keyward.Duration(minTimeout), keyward.Duration(maxTimeout)))
	}
	if o.MaxAnswer != 0 && (o.MaxAnswer < minAnswer || o.MaxAnswer > maxAnswer) {
		faults = append(faults, fieldError("spec.outbound.maxAnswer", "must be between %d and %d bytes", minAnswer, maxAnswer))
	}
	for _, field := range []struct{ path, text string }{{"spec.outbound.ca", o.CA}, {"spec.outbound.certificate", o.Certificate}} {
		if field.text == "" {
			continue
		}
		if err := certificatesOnly(field.text); err != nil {
			faults = append(faults, fieldError(field.path, "%v", err))
		}
	}
	if strings.ContainsFunc(values[keyward.OutboundPassword], func(r rune) bool { return r < ' ' || r == 0x7f }) {
		faults = append(faults, fieldError("spec."+keyward.OutboundPassword,
			"has a control character, such as a line break at its end"))
	}
	if key := values[keyward.OutboundKey]; key != "" && o.Certificate != "" && certificatesOnly(o.Certificate) == nil {
		// The library's error names no part of the key.
		if _, err := tls.X509KeyPair([]byte(o.Certificate), []byte(key)); err != nil {
			faults = append(faults, fieldError("spec.outbound.certificate", "does not go with the key: %v", err))
		}
	}
	return faults
}

// certificatesOnly says why a text is no list of certificates.
func certificatesOnly(text string) error {
	rest, n := []byte(text), 0
	for len(strings.TrimSpace(string(rest))) > 0 {
		block, after := pem.Decode(rest)
		switch {
		case block == nil:
			return errors.New("holds something else than PEM certificates")
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			return errors.New("holds a private key: give only certificates here, and treat this key as leaked")
		case block.Type != "CERTIFICATE":
			return errors.New("holds something else than PEM certificates: " + block.Type)
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return errors.New("holds a certificate that cannot be read")
		}
		rest, n = after, n+1
	}
	if n == 0 {
		return errors.New("holds no certificate")
	}
	return nil
}
