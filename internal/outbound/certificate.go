package outbound

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
)

// ClientCertificate gives the certificate of a key, with what stands after it: of those in certificates (PEM, a client's
// own before its issuers') the first that the key fits. While a key is changed the certificates of both stand there; one
// that may issue none begins another client's. The error is that of the first one and names no part of the key.
func ClientCertificate(certificates, key string) (tls.Certificate, error) {
	found, first := tls.X509KeyPair([]byte(certificates), []byte(key))
	err := first
	for rest := []byte(certificates); err != nil; {
		var before *pem.Block
		if before, rest = pem.Decode(rest); before == nil {
			return tls.Certificate{}, first
		}
		found, err = tls.X509KeyPair(rest, []byte(key))
	}
	for i, raw := range found.Certificate {
		if c, err := x509.ParseCertificate(raw); i > 0 && err == nil && c.BasicConstraintsValid && !c.IsCA {
			found.Certificate = found.Certificate[:i]
			break
		}
	}
	return found, nil
}
