// Package remedy owns what a person can change when a request to an authorization server fails: on the way to it, where the
// address leads, or in the credentials. It does not own what was asked, nor whether the failure matters.
package remedy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"

	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/wire"
)

// Fields say where in a declaration the parts of a request come from.
type Fields struct {
	Address     string // such as spec.endpoints.token
	Credentials string // such as spec.connection; "" = it carries none
	Outbound    string // such as spec.outbound
}

// For says what to change, by the first cause that the failure shows; where it shows none, what the caller would say.
func (f Fields) For(err error, otherwise string) string {
	for _, cause := range []func(error) string{f.proxy, rules, f.TLS, f.whole, f.reached} {
		if text := cause(err); text != "" {
			return text
		}
	}
	failure, ok := errors.AsType[*wire.Failure](err)
	if !ok {
		return otherwise
	}
	if text := f.answered(failure); text != "" {
		return text
	}
	return otherwise
}

// proxy is about failures before the server: none of them is the server's, nor of the address that people gave for it.
func (f Fields) proxy(err error) string {
	e, ok := errors.AsType[*outbound.ProxyError](err)
	switch {
	case !ok:
		return ""
	case errors.Is(err, outbound.ErrForbidden):
		return fmt.Sprintf("the proxy's own address is not permitted: correct %s.proxy, or have the operator permit it "+
			"(KEYWARD_OUTBOUND_DENY, KEYWARD_OUTBOUND_ALLOW)", f.Outbound)
	case e.Status == http.StatusProxyAuthRequired:
		return fmt.Sprintf("give the user and password that the proxy %s takes: %s.proxyUser and %s.proxyPassword", e.Proxy, f.Outbound,
			f.Outbound)
	case e.Status >= 500:
		return fmt.Sprintf("the proxy %s cannot reach the server: check that the server is up and reachable from there, or correct "+
			"%s.proxy", e.Proxy, f.Outbound)
	case e.Status != 0:
		return fmt.Sprintf("have the proxy %s let this machine through to the server, or correct %s.proxy", e.Proxy, f.Outbound)
	case outbound.SpeaksNoTLS(err):
		return fmt.Sprintf("the proxy %s speaks no TLS: write %s.proxy with http://", e.Proxy, f.Outbound)
	case untrusted(err):
		return fmt.Sprintf("it is the proxy's certificate that is not trusted: give its authority as %s.ca, or have proxy %s renew it, "+
			"or reach it by a name that it has", f.Outbound, e.Proxy)
	default:
		return fmt.Sprintf("there is no working proxy at %s: correct %s.proxy, or start it", e.Proxy, f.Outbound)
	}
}

// rules is about the operator's, and about redirects that are not followed.
func rules(err error) string {
	switch {
	case errors.Is(err, outbound.ErrDowngrade):
		return "give the https address that the redirect should lead to: one that leaves https is not followed"
	case errors.Is(err, outbound.ErrForbidden):
		return "the address is not permitted: correct it, or have the operator permit it (KEYWARD_OUTBOUND_DENY, " +
			"KEYWARD_OUTBOUND_ALLOW); link-local addresses never are"
	case errors.Is(err, outbound.ErrRedirects):
		return "the redirects form a loop: give the address that they should lead to"
	default:
		return ""
	}
}

// TLS says what to do about a connection that was not trusted; "" for another failure.
func (f Fields) TLS(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "have the server send its whole chain from an authority that this machine trusts, or give the authority's certificate " +
			"as " + f.Outbound + ".ca"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "reach the server by a name that its certificate has, or have it issued for this one"
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Reason == x509.Expired {
		return "renew the server's certificate; if it has not expired, correct this machine's clock"
	}
	switch {
	case outbound.SpeaksNoTLS(err):
		return "the server speaks no TLS at this port: write http://, or the port where it does"
	case untrusted(err):
		return "correct the TLS of the server, or of what stands in front of it"
	default:
		return ""
	}
}

// untrusted tells that it was this side that ended a handshake.
func untrusted(err error) bool {
	_, ok := errors.AsType[*tls.CertificateVerificationError](err)
	return ok
}

// whole is about an answer that began and was not read to its end.
func (f Fields) whole(err error) string {
	_, unended := errors.AsType[*outbound.Unended](err)
	switch {
	case unended:
		return "see what makes the server, or what stands in front of it, so slow; correct " + f.Address +
			" if another address is meant; " + f.Outbound + ".timeout gives an answer longer"
	case errors.Is(err, outbound.ErrTooLarge):
		return "see whether " + f.Address + " is right: what is read here is shorter; " + f.Outbound + ".maxAnswer permits more"
	default:
		return ""
	}
}

// reached is about a server that gave no answer.
func (f Fields) reached(err error) string {
	if e, ok := errors.AsType[*net.DNSError](err); ok && e.IsNotFound {
		return fmt.Sprintf("the host name %s cannot be resolved: correct %s, or this machine's DNS", e.Name, f.Address)
	}
	if alert, ok := errors.AsType[tls.AlertError](err); ok {
		return fmt.Sprintf("the server ended the handshake (%v): it may want a client certificate, %s.certificate, or another one",
			alert, f.Outbound)
	}
	timeout, isNet := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens at that address: start the server, or correct " + f.Address
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "this machine has no route to that address: correct " + f.Address + ", or the network"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), isNet && timeout.Timeout():
		return "check that the server is up and that no firewall drops the traffic; correct " + f.Address +
			" if the server is another one"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed before an answer: see the server's log; if it speaks TLS at this port, write https:// in " +
			f.Address
	default:
		return ""
	}
}

// answered is about answers whose status says enough.
func (f Fields) answered(e *wire.Failure) string {
	switch {
	case e.Code == "unauthorized_client" && f.Credentials != "": // RFC 6749, section 5.2; Keycloak says it of a wrong secret too
		return "the server's answer says which: correct " + f.Credentials + ", or let the client use this grant at the server"
	case e.Status == http.StatusUnauthorized && f.Credentials != "",
		e.Status == http.StatusBadRequest && e.Code == "invalid_client" && f.Credentials != "":
		return "the server refuses the credentials: correct " + f.Credentials
	case e.Status == http.StatusForbidden && f.Credentials != "":
		return "the server takes " + f.Credentials + ", and does not permit this: its answer says what is missing, docs/connectors.md " +
			"which rights are needed"
	case e.Status == http.StatusNotFound, e.Status == http.StatusMethodNotAllowed, e.Status == http.StatusGone:
		return "the server has nothing like that at this address: correct " + f.Address
	case e.Status == http.StatusTooManyRequests:
		return "the server asks for a pause: check again later"
	case e.Status >= 500:
		return "the server, or what stands in front of it, had an internal error: see its log"
	case e.Status >= 300 && e.Status < 400:
		return "write the address that the redirect leads to into " + f.Address
	case e.Status >= 200 && e.Status < 300:
		return "something else answers there, such as a sign-in page: correct " + f.Address
	default:
		return ""
	}
}
