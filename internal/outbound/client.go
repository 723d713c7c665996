package outbound

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// ErrTooLarge is in the chain of the error of a body that is longer than its reader allows.
var ErrTooLarge = errors.New("the answer is too large")

// Unended is in the chain of the error of a body that had begun and did not end in time.
type Unended struct {
	Came int   // bytes of it
	Err  error // the cause
}

// Error implements error.
func (e *Unended) Error() string {
	return fmt.Sprintf("the answer did not end in time: it was cut off after %d bytes", e.Came)
}

// Unwrap gives the cause.
func (e *Unended) Unwrap() error { return e.Err }

// Errors in the chain of that of a request whose redirects were not followed to their end.
var (
	ErrRedirects = errors.New("too many redirects")
	ErrDowngrade = errors.New("a redirect leaves https")
)

// maxRedirects is how many redirects a client follows.
const maxRedirects = 5

// Options adjust a client. The zero value is right for key sets and discovery.
type Options struct {
	Timeout time.Duration  // for a whole exchange, body included; default 10 s
	RootCAs *x509.CertPool // default: the system's
}

// NewClient makes a client for addresses that people enter. Every connection, those of redirects too, is checked
// against the rules after name resolution. Proxies from the environment are not used: behind one the rules would judge
// the proxy's address; Under gives a client with a proxy. A redirect from https to http is refused.
func NewClient(r Rules, o Options) *http.Client {
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	return &http.Client{
		Timeout:       o.Timeout,
		CheckRedirect: checkRedirect,
		Transport: &transport{
			Transport: &http.Transport{
				DialContext:            r.DialContext,
				ForceAttemptHTTP2:      true,
				TLSClientConfig:        &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12},
				TLSHandshakeTimeout:    5 * time.Second,
				MaxIdleConnsPerHost:    16,
				MaxIdleConns:           256,
				IdleConnTimeout:        60 * time.Second,
				MaxResponseHeaderBytes: 64 << 10,
			},
			rules: r, own: &owned{byOwner: map[string]*transport{}},
		},
	}
}

// WithCertificate gives a client like the one that NewClient or Under made which shows a certificate to its servers, in
// the place of its policy's.
func WithCertificate(client *http.Client, certificate tls.Certificate) (*http.Client, error) {
	base, ok := client.Transport.(*transport)
	if !ok {
		return nil, errors.New("this client cannot show a certificate")
	}
	own, showing := *client, *base
	showing.Transport = base.Clone()
	showing.TLSClientConfig.Certificates = []tls.Certificate{certificate}
	showing.own = &owned{byOwner: map[string]*transport{}}
	own.Transport = &showing
	return &own, nil
}

// Fresh gives a client like the given one which makes a connection for each request, so that what it sees of a server, its
// certificate too, is of now.
func Fresh(client *http.Client) *http.Client {
	own := *client
	switch base := client.Transport.(type) {
	case *transport:
		fresh := *base
		fresh.Transport = base.Clone()
		fresh.DisableKeepAlives = true
		fresh.own = &owned{byOwner: map[string]*transport{}}
		own.Transport = &fresh
	case *http.Transport:
		fresh := base.Clone()
		fresh.DisableKeepAlives = true
		own.Transport = fresh
	}
	return &own
}

func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("%w: stopped after %d", ErrRedirects, maxRedirects)
	}
	if via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https" {
		return fmt.Errorf("%w: %w for %s", ErrForbidden, ErrDowngrade, req.URL.Scheme)
	}
	return nil
}

// ReadAll reads a whole body of at most limit bytes and closes it. A longer one gives ErrTooLarge, one that does not end in time
// Unended.
func ReadAll(resp *http.Response, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if closeErr := resp.Body.Close(); err == nil && closeErr != nil {
		err = closeErr
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return nil, &Unended{Came: len(body), Err: err}
	}
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if int64(len(body)) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	}
	return body, nil
}
