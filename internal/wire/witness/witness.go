// Package witness owns what connections and answers tell beside their content: the certificates of a server, how long
// they still count, whose clock says what, and how long an answer took. It does not own what is sent, nor what any of
// it means.
package witness

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"keyward.dev/keyward/internal/outbound"
)

// Origin is what was seen of one server address: scheme, host and port.
type Origin struct {
	Name    string              // https://sso.example
	Secure  bool                // https
	Reached bool                // at least one answer came
	Chain   []*x509.Certificate // the server's certificate first; nil = none was seen
	Version uint16              // of TLS; 0 = no connection
	Fault   error               // why the connection was not trusted; nil = it was, or there was none
	Err     error               // why the last request got no answer; nil = it got one

	Dated  bool          // an answer had a date
	Offset time.Duration // how far the server's clock is ahead of this machine's, to about a second
}

// Ends is when the first certificate of the chain expires; zero when none was seen.
func (o Origin) Ends() time.Time {
	var ends time.Time
	for _, c := range o.Chain {
		if ends.IsZero() || c.NotAfter.Before(ends) {
			ends = c.NotAfter
		}
	}
	return ends
}

// Witness carries requests and keeps what it saw of their servers.
type Witness struct {
	next http.RoundTripper

	mu      sync.Mutex
	origins map[string]*Origin
}

// New makes a witness in front of a transport; nil means http.DefaultTransport.
func New(next http.RoundTripper) *Witness {
	if next == nil {
		next = http.DefaultTransport
	}
	return &Witness{next: next, origins: map[string]*Origin{}}
}

// Watch gives a copy of the client whose requests the new witness sees.
func Watch(client *http.Client) (*http.Client, *Witness) {
	w := New(client.Transport)
	own := *client
	own.Transport = w
	return &own, w
}

// Unwrap gives the transport that it stands in front of.
func (w *Witness) Unwrap() http.RoundTripper { return w.next }

// Also gives a copy of another client whose requests the witness sees too.
func (w *Witness) Also(client *http.Client) *http.Client {
	own := *client
	own.Transport = also{New(client.Transport), w}
	return &own
}

// also carries requests for a witness of others.
type also struct {
	*Witness

	of *Witness
}

// RoundTrip implements http.RoundTripper.
func (a also) RoundTrip(req *http.Request) (*http.Response, error) { return a.of.see(a.next, req) }

// Origins lists what was seen, by name.
func (w *Witness) Origins() []Origin {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := make([]Origin, 0, len(w.origins))
	for _, name := range slices.Sorted(maps.Keys(w.origins)) {
		list = append(list, *w.origins[name])
	}
	return list
}

// RoundTrip implements http.RoundTripper.
func (w *Witness) RoundTrip(req *http.Request) (*http.Response, error) { return w.see(w.next, req) }

func (w *Witness) see(next http.RoundTripper, req *http.Request) (*http.Response, error) {
	began := time.Now()
	resp, err := next.RoundTrip(req)
	took := time.Since(began)
	w.mu.Lock()
	defer w.mu.Unlock()
	name := req.URL.Scheme + "://" + req.URL.Host
	o := w.origins[name]
	if o == nil {
		o = &Origin{Name: name, Secure: req.URL.Scheme == "https"}
		w.origins[name] = o
	}
	if o.Err = err; err != nil {
		o.untrusted(err)
		return resp, err
	}
	o.Reached = true
	if resp.TLS != nil {
		o.trusted(resp.TLS)
	}
	if date, ok := written(resp.Header); ok {
		o.Dated, o.Offset = true, date.Sub(began.Add(took/2))
	}
	return resp, nil
}

func (o *Origin) trusted(state *tls.ConnectionState) {
	o.Version, o.Fault, o.Chain = state.Version, nil, state.PeerCertificates
	if len(state.VerifiedChains) > 0 {
		o.Chain = state.VerifiedChains[0]
	}
}

// untrusted keeps a fault of the handshake, with the certificates that the server showed. One with a proxy is not the server's.
func (o *Origin) untrusted(err error) {
	if _, ok := errors.AsType[*outbound.ProxyError](err); ok {
		return
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		o.Fault, o.Chain = e, e.UnverifiedCertificates
		return
	}
	if e, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		o.Fault = e
		return
	}
	if e, ok := errors.AsType[tls.AlertError](err); ok {
		o.Fault = e
	}
	if errors.Is(err, http.ErrSchemeMismatch) {
		o.Fault = http.ErrSchemeMismatch
	}
}

// written is the server's time when it sent the answer: its date, and the age of one that a cache kept (RFC 9110,
// section 6.6.1; RFC 9111, section 5.1). The field has whole seconds, so their middle is the best guess.
func written(h http.Header) (time.Time, bool) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return time.Time{}, false
	}
	if age, err := strconv.ParseUint(h.Get("Age"), 10, 31); err == nil {
		date = date.Add(time.Duration(age) * time.Second)
	}
	return date.Add(500 * time.Millisecond), true
}
