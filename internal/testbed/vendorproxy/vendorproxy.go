// Package vendorproxy owns a door in front of an authorization server at which a test can hold a request before it
// gets there, or its answer before it comes back. It does not own the server behind it.
package vendorproxy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"keyward.dev/keyward/internal/testbed"
)

// Side is where a message is held.
type Side int

// A request is held before the server has seen it; an answer after the server has done what was asked.
const (
	Request Side = iota
	Answer
)

// Proxy forwards every request to one server.
type Proxy struct {
	URL    string
	target string
	client *http.Client

	mu    sync.Mutex
	holds []*Hold
}

// Hold is one message that is to be stopped on its way, or every one of its kind.
type Hold struct {
	Reached chan struct{} // closed when a message is held

	method, part string
	side         Side
	every        bool
	release      chan struct{}
	once         sync.Once
	drop         bool
}

// Start runs a proxy before the server at target, an address without a path. It is stopped with the test.
func Start(t testbed.TB, target string) *Proxy {
	t.Helper()
	p := &Proxy{target: target, client: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}}
	server := httptest.NewServer(p)
	p.URL = server.URL
	t.Cleanup(func() {
		p.releaseAll()
		server.CloseClientConnections()
		server.Close()
	})
	return p
}

// HoldNext stops the next message of a request with this method whose path contains part.
func (p *Proxy) HoldNext(method, part string, side Side) *Hold {
	return p.hold(&Hold{method: method, part: part, side: side})
}

// HoldAll stops every such message until it is ended, however often its sender gives up and asks again; later ones pass.
func (p *Proxy) HoldAll(method, part string, side Side) *Hold {
	return p.hold(&Hold{method: method, part: part, side: side, every: true})
}

func (p *Proxy) hold(h *Hold) *Hold {
	h.Reached, h.release = make(chan struct{}), make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holds = append(p.holds, h)
	return h
}

// Release lets what is held go on.
func (h *Hold) Release() { h.once.Do(func() { close(h.release) }) }

// Drop loses what is held: its sender sees a broken connection.
func (h *Hold) Drop() {
	h.once.Do(func() {
		h.drop = true
		close(h.release)
	})
}

func (p *Proxy) releaseAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range p.holds {
		h.Drop()
	}
}

// take finds the hold that is meant for the request.
func (p *Proxy) take(r *http.Request, side Side) *Hold {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range p.holds {
		if h.side != side || h.method != r.Method || !strings.Contains(r.URL.Path, h.part) {
			continue
		}
		switch held := closed(h.Reached); {
		case held && !h.every, h.every && closed(h.release):
			continue
		case !held:
			close(h.Reached)
		}
		return h
	}
	return nil
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (p *Proxy) pass(r *http.Request, side Side) {
	h := p.take(r, side)
	if h == nil {
		return
	}
	<-h.release
	if h.drop {
		panic(http.ErrAbortHandler)
	}
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 8<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	p.pass(r, Request)
	answer, err := p.forward(r, body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	p.pass(r, Answer)
	for name, values := range answer.header {
		if name != "Content-Length" && name != "Connection" {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(answer.status)
	_, _ = w.Write(answer.body)
}

// answered is an answer that has arrived whole.
type answered struct {
	status int
	header http.Header
	body   []byte
}

func (p *Proxy) forward(r *http.Request, body []byte) (*answered, error) {
	// The answer is fetched to its end even when the asker is gone: the server has done what was asked by then.
	ctx := context.WithoutCancel(r.Context())
	req, err := http.NewRequestWithContext(ctx, r.Method, p.target+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("forward: %w", err)
	}
	req.Header = r.Header.Clone()
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("forward: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	content, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		return nil, fmt.Errorf("forward: %w", err)
	}
	return &answered{status: resp.StatusCode, header: resp.Header, body: content}, nil
}
