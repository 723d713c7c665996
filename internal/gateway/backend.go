package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/enforce"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/past"
)

// codeOf tells why there is no answer of the backend.
func codeOf(err error, connected bool, body *watchedBody) keyward.Code {
	var timeout net.Error
	switch {
	case body.failed.Load():
		return keyward.CodeInvalidRequest
	case connected && errors.As(err, &timeout) && timeout.Timeout():
		return keyward.CodeUpstreamTimeout
	default:
		return keyward.CodeUpstreamUnreachable
	}
}

// fail answers for a backend that did not. The error names addresses, so it is for the operator alone; publishers learn why from
// the decision, as far as the API's own upstream says it.
func (x *exchange) fail(code keyward.Code, err error) {
	detail := "The backend could not be reached."
	switch code {
	case keyward.CodeUpstreamTimeout:
		detail = "The backend did not answer in time."
	case keyward.CodeInvalidRequest:
		detail = "The request's body broke off or is malformed."
	}
	if x.r.Context().Err() == nil {
		x.gateway.log.Warn("a call failed on its way to the backend", "decision", x.decision.ID, "code", code,
			"api", x.decision.API, "error", err)
	}
	ref := &enforce.Refusal{ID: x.decision.ID, Code: code, Detail: detail}
	if code != keyward.CodeInvalidRequest && x.r.Context().Err() == nil {
		x.gateway.deps.Engine.Failed(&x.request, x.decision, ref, x.backendStep(code, err))
	}
	x.refuse(ref)
}

// backendStep says of a backend that did not answer what its API's publisher can do something about.
func (x *exchange) backendStep(code keyward.Code, err error) past.Step {
	d := x.decision
	field := "spec.upstream." + string(d.Environment)
	seen := outbound.Untrusted(d.Upstream, err)
	step := past.Step{Expected: "an answer from the backend, " + d.Upstream, Seen: seen.Error(), Fix: remedyOf(err, field)}
	if code == keyward.CodeUpstreamTimeout {
		step.Expected += fmt.Sprintf(", that begins within %s", x.gateway.patience)
		step.Fix = "see in the backend's log what took it so long"
	}
	return step
}

// remedyOf says what to change where a backend cannot be reached.
func remedyOf(err error, field string) string {
	_, isName := errors.AsType[*net.DNSError](err)
	_, distrusted := errors.AsType[*tls.CertificateVerificationError](err)
	invalid, _ := errors.AsType[x509.CertificateInvalidError](err)
	switch {
	case isName:
		return "correct the host name in " + field + ", or the DNS of the gateways"
	case distrusted && invalid.Reason == x509.Expired:
		return "have the backend's certificate renewed, or set the clock of the gateways right"
	case distrusted:
		return "have the backend send a valid certificate for this name with its whole chain; gateways are told of an authority of your " +
			"own by SSL_CERT_FILE or SSL_CERT_DIR"
	case outbound.SpeaksNoTLS(err):
		return "write http:// in " + field + ", or the port at which the backend speaks TLS"
	case errors.Is(err, outbound.ErrForbidden):
		return "correct " + field + ", or have the operator permit it (KEYWARD_OUTBOUND_DENY, KEYWARD_OUTBOUND_ALLOW)"
	default:
		return "check that the backend is up and that gateways can reach it, or correct " + field
	}
}
