package resident

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"

	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/wire"
)

var _ connector.Granter = (*clients)(nil)

// Token implements connector.Granter: the request takes the way of every other one, but for the network, because the
// public URL may lead past a proxy that this process cannot reach.
func (c *clients) Token(ctx context.Context, r connector.TokenRequest) (wire.AccessToken, error) {
	authority := c.backend.resident.authority(c.backend.tenant)
	params := map[string][]string{}
	if len(r.Scopes) > 0 {
		params["scope"] = []string{strings.Join(r.Scopes, " ")}
	}
	if r.Audience != "" {
		params["audience"] = []string{r.Audience}
	}
	if len(r.Resources) > 0 {
		params["resource"] = r.Resources
	}
	server := c.backend.resident.server
	caller := wire.New(&http.Client{Transport: inside(func(w http.ResponseWriter, r *http.Request) {
		server.Serve(w, withPath(r, pathToken), authority)
	})})
	return caller.Grant(ctx, wire.Grant{
		Endpoint: strings.TrimSuffix(authority.Issuer, "/") + pathToken, Methods: authMethods(), Params: params,
		ClientID: r.ClientID, Secret: r.Secret,
	})
}

// inside carries requests to a handler of this process without a connection.
type inside http.HandlerFunc

// RoundTrip implements http.RoundTripper.
func (i inside) RoundTrip(req *http.Request) (*http.Response, error) {
	a := &heard{header: http.Header{}, status: http.StatusOK}
	if req.Body == nil {
		req = req.Clone(req.Context())
		req.Body = http.NoBody
	}
	i(a, req)
	return &http.Response{
		StatusCode: a.status, Header: a.header, Body: io.NopCloser(&a.body), Request: req,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: int64(a.body.Len()),
	}, nil
}

// heard is an answer that is kept.
type heard struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (h *heard) Header() http.Header { return h.header }

// WriteHeader implements http.ResponseWriter.
func (h *heard) WriteHeader(status int) { h.status = status }

// Write implements http.ResponseWriter.
func (h *heard) Write(b []byte) (int, error) { return h.body.Write(b) }
