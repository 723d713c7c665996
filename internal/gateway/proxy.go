package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/enforce"
	"keyward.dev/keyward/internal/outbound"
)

// newTransport makes the one that carries requests to backends.
func newTransport(rules outbound.Rules, responseTimeout time.Duration) *http.Transport {
	return &http.Transport{
		DialContext:            rules.Dialer(5 * time.Second).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    5 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    256,
		IdleConnTimeout:        30 * time.Second,
		ResponseHeaderTimeout:  responseTimeout,
		ExpectContinueTimeout:  time.Second,
		DisableCompression:     true, // the caller's Accept-Encoding is the caller's
		MaxResponseHeaderBytes: 256 << 10,
	}
}

// bufferPool keeps the buffers through which bodies are copied.
type bufferPool struct{ pool sync.Pool }

// Get implements httputil.BufferPool.
func (p *bufferPool) Get() []byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		return *b
	}
	return make([]byte, 32<<10)
}

// Put implements httputil.BufferPool.
func (p *bufferPool) Put(b []byte) { p.pool.Put(&b) }

// lostGround is the cause of the end of an exchange whose decision lost its ground, with what it is refused with now.
type lostGround struct{ refusal *enforce.Refusal }

// Error implements error.
func (*lostGround) Error() string { return "what this exchange was let pass for is in force no more" }

// pass carries the request to its backend and the answer back.
func (x *exchange) pass(ctx context.Context) {
	g, d := x.gateway, x.decision
	target, err := targetURL(d)
	if err != nil {
		x.fail(keyward.CodeUpstreamUnreachable, err)
		return
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer g.follow(ctx, x, func(why *enforce.Refusal) { cancel(&lostGround{why}) })()
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	// Backends may answer while they still read; HTTP/2 always lets them.
	_ = http.NewResponseController(x.w).EnableFullDuplex()
	in := x.r.WithContext(ctx)
	body := &watchedBody{ReadCloser: x.r.Body}
	if x.r.Body != nil && x.r.Body != http.NoBody {
		in.Body = body
	}
	proxy := httputil.ReverseProxy{
		Transport:      g.transport,
		FlushInterval:  -1,
		BufferPool:     &g.buffers,
		ErrorLog:       slog.NewLogLogger(g.log.Handler(), slog.LevelDebug),
		Rewrite:        func(p *httputil.ProxyRequest) { x.rewrite(p, target, body) },
		ModifyResponse: x.cleanAnswer,
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) {
			x.last = x.last || x.isAstray(body)
			if lost := (*lostGround)(nil); errors.As(context.Cause(ctx), &lost) {
				why := *lost.refusal
				why.ID = d.ID
				x.refuse(&why)
				return
			}
			x.fail(codeOf(err, connected.Load(), body), err)
		},
	}
	proxy.ServeHTTP(&interimCleaner{x.w}, in)
	if f := framingOf(x.r); f != nil && x.isAstray(body) {
		f.spent.Store(true)
	}
}

// isAstray tells whether nobody can say where the body ends in the connection: reading it failed, or it comes in chunks
// and some are not read yet. The server reads those away, but a fault among them does not stop it from looking for the
// next request behind: it leaves that to handlers that read and write at once.
func (x *exchange) isAstray(body *watchedBody) bool {
	return body.failed.Load() || len(x.r.TransferEncoding) > 0 && !body.ended.Load()
}

// targetURL joins the upstream's path and the canonical rest. The query goes on byte for byte.
func targetURL(d *enforce.Decision) (*url.URL, error) {
	u, err := url.Parse(d.Upstream)
	if err != nil {
		return nil, err
	}
	path := strings.TrimSuffix(u.EscapedPath(), "/") + d.Path
	if path == "" {
		path = "/"
	}
	plain, err := url.PathUnescape(path)
	if err != nil {
		return nil, err
	}
	query, asked := strings.CutPrefix(d.Query, "?")
	return &url.URL{
		Scheme: u.Scheme, Host: u.Host, Path: plain, RawPath: path,
		RawQuery: query, ForceQuery: asked && query == "",
	}, nil
}

// rewrite makes the backend's request out of the caller's. It runs after the removal of hop-by-hop fields, so that no
// Connection field can take away what is set here.
func (x *exchange) rewrite(p *httputil.ProxyRequest, target *url.URL, body *watchedBody) {
	d, out := x.decision, p.Out
	out.URL = target
	out.Host = ""
	trusted := x.gateway.trusts(x.r)
	cleanHeader(out.Header, trusted, d.KeepCredential)
	x.gateway.setForwarded(out.Header, x.r, trusted)
	if d.BackendJWT != "" {
		out.Header.Set(assertionHeader, d.BackendJWT)
	}
	if up := out.Header.Get("Upgrade"); up != "" && !mayUpgrade(x.r, up) {
		out.Header.Del("Upgrade")
		out.Header.Del("Connection")
	}
	for name := range out.Trailer {
		if !mayTrail(name) {
			delete(out.Trailer, name)
		}
	}
	if len(out.Trailer) == 0 {
		out.Trailer = nil
	}
	body.from, body.to = x.r, out.Trailer
}

// mayUpgrade lets WebSocket through and nothing else: any other protocol, HTTP/2 above all, would carry requests that
// nobody decides about.
func mayUpgrade(r *http.Request, protocol string) bool {
	return strings.EqualFold(protocol, "websocket") && r.Method == http.MethodGet && r.ProtoMajor == 1
}

// watchedBody remembers a failure of the caller's body, which is no fault of the backend, and carries the values of
// announced trailers over when it ends: the proxy copies the request before they are known.
type watchedBody struct {
	io.ReadCloser
	from   *http.Request
	to     http.Header
	failed atomic.Bool
	ended  atomic.Bool
}

// Read implements io.Reader.
func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		b.ended.Store(true)
		for name := range b.to {
			b.to[name] = b.from.Trailer[name]
		}
	default:
		b.failed.Store(true)
	}
	return n, err
}
