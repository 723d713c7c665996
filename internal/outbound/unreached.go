package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
)

// Unreached is why a request got no answer, in words for people. They name the host and port that was asked for, and nothing that
// only this machine knows: no address that a name was resolved to, no name server, no part of the URL that could be a secret.
type Unreached struct {
	Host string // with its port, as it was asked for; "" = not known
	Err  error  // the cause; for the log, and to be told apart
}

// Error implements error.
func (e *Unreached) Error() string { return why(e.Err, e.Host) }

// Unwrap gives the cause.
func (e *Unreached) Unwrap() error { return e.Err }

// NoAnswer makes the error of http.Client.Do fit for people; nil stays nil.
func NoAnswer(err error) error {
	var told *Unreached
	if err == nil || errors.As(err, &told) {
		return err
	}
	var asked *url.Error
	if !errors.As(err, &asked) {
		return &Unreached{Err: err}
	}
	return &Unreached{Host: hostOf(asked.URL), Err: asked.Err}
}

// Untrusted makes an error of a connection to an address such as https://sso.example fit for people.
func Untrusted(origin string, err error) error { return &Unreached{Host: hostOf(origin), Err: err} }

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

func why(err error, host string) string {
	if proxy, ok := errors.AsType[*ProxyError](err); ok {
		if proxy.Status != 0 { // its words are those of ask
			return "the proxy " + proxy.Proxy + " lets nothing through: " + tail(proxy.Err)
		}
		return "the proxy " + proxy.Proxy + " cannot be used: " + why(proxy.Err, proxy.Proxy)
	}
	if host == "" {
		host = "the server"
	}
	for _, words := range []func(error, string) string{ofRules, ofName, ofTLS, ofConnection} {
		if text := words(err, host); text != "" {
			return text
		}
	}
	return tail(err)
}

// ofRules is about what is not done from here. Which address a name has is not told: whoever asks could read the network.
func ofRules(err error, host string) string {
	switch {
	case errors.Is(err, ErrDowngrade):
		return host + " redirects from https to http, which is not followed"
	case errors.Is(err, ErrRedirects):
		return host + " redirects more than " + strconv.Itoa(maxRedirects) + " times"
	case errors.Is(err, ErrForbidden):
		return "the operator does not permit connections to " + host
	default:
		return ""
	}
}

func ofName(err error, _ string) string {
	e, ok := errors.AsType[*net.DNSError](err)
	switch {
	case !ok:
		return ""
	case e.IsNotFound:
		return "cannot find the host name " + e.Name
	case e.IsTimeout:
		return "cannot find the host name " + e.Name + ": the name server did not answer in time"
	default:
		return "cannot find the host name " + e.Name + ": the name server failed"
	}
}

func ofTLS(err error, host string) string {
	distrust := "the certificate of " + host + " is not trusted: "
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); unknown {
			return distrust + "it was issued by an unknown authority"
		}
		text, about := strings.CutPrefix(tail(e.Err), "certificate ")
		if about {
			text = "it " + text
		}
		return distrust + text
	}
	if SpeaksNoTLS(err) {
		return host + " speaks no TLS"
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "remote error" {
		return host + " ended the TLS handshake: " + tail(e.Err)
	}
	return ""
}

// SpeaksNoTLS tells of a server that answered in cleartext where TLS was begun.
func SpeaksNoTLS(err error) bool {
	_, ok := errors.AsType[tls.RecordHeaderError](err)
	return ok || errors.Is(err, http.ErrSchemeMismatch)
}

func ofConnection(err error, host string) string {
	timeout, isNet := errors.AsType[net.Error](err)
	number, isErrno := errors.AsType[syscall.Errno](err)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused by " + host
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no network route leads to " + host
	case errors.Is(err, context.DeadlineExceeded), isNet && timeout.Timeout():
		return host + " did not answer in time"
	case errors.Is(err, context.Canceled):
		return "the request was cancelled"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return host + " closed the connection without an answer"
	case isErrno:
		return "the connection to " + host + " failed: " + number.Error()
	case strings.Contains(err.Error(), "malformed HTTP"):
		return host + " answers with something that is not HTTP"
	default:
		if _, ok := errors.AsType[*net.OpError](err); ok { // its text has addresses
			return "the connection to " + host + " failed"
		}
		return ""
	}
}

// tail is what the innermost error says, without the name of the package that says it.
func tail(err error) string {
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
		err = next
	}
	text := err.Error()
	for _, name := range []string{"x509: ", "tls: ", "net/http: ", "http: "} {
		text = strings.TrimPrefix(text, name)
	}
	return text
}
