// Package demo owns the show: a sample upstream, a second authorization server that belongs to somebody else, what is
// declared for them, and the commands that a person can paste. It does not own starting the server that it shows: it
// is given a running one and drives it as any client would, through REST and the gateway.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"keyward.dev/keyward/internal/resident"
)

// Where the upstream and the partner listen when nobody else does.
const (
	defaultUpstream = "127.0.0.1:8481"
	defaultPartner  = "127.0.0.1:8482"
)

// Options describe the running server that is shown.
type Options struct {
	ControlURL string // of the console, the REST API and the resident authorization server, without a slash at its end
	GatewayURL string
	AdminToken string        // an API token of an administrator of the tenant default
	Out        io.Writer     // where the show is printed, in one piece
	Patience   time.Duration // how long everything may take until it works; default 30 s
	// Listen opens a listener near an address; nil = ListenNear.
	Listen func(ctx context.Context, address string) (net.Listener, error)
}

// ListenNear listens at the address, or at any free port of the same host when the address is in use.
func ListenNear(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err == nil {
		return listener, nil
	}
	host, _, splitErr := net.SplitHostPort(address)
	if splitErr != nil {
		return nil, fmt.Errorf("listen at %s: %w", address, err)
	}
	listener, anyErr := config.Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	if anyErr != nil {
		return nil, fmt.Errorf("listen at %s, or any other port: %w", address, errors.Join(err, anyErr))
	}
	return listener, nil
}

// Run starts the upstream and the partner, declares everything, sends each call of the show through the gateway until
// it ends as it should, prints the commands, and goes on serving until the context ends. It returns early only when
// something could not be made to work.
func Run(ctx context.Context, o Options) error {
	if o.Listen == nil {
		o.Listen = ListenNear
	}
	if o.Patience <= 0 {
		o.Patience = 30 * time.Second
	}
	o.ControlURL = strings.TrimSuffix(o.ControlURL, "/")
	o.GatewayURL = strings.TrimSuffix(o.GatewayURL, "/")
	upstream, err := o.Listen(ctx, defaultUpstream)
	if err != nil {
		return fmt.Errorf("start the sample upstream: %w", err)
	}
	defer func() { _ = upstream.Close() }()
	partner, err := o.Listen(ctx, defaultPartner)
	if err != nil {
		return fmt.Errorf("start the partner: %w", err)
	}
	defer func() { _ = partner.Close() }()
	s, err := newShow(o, urlOf(upstream), urlOf(partner))
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return serve(ctx, upstream, upstreamHandler()) })
	group.Go(func() error { return serve(ctx, partner, s.partner.handler) })
	group.Go(func() error { return s.run(ctx) })
	return group.Wait()
}

func urlOf(l net.Listener) string { return "http://" + l.Addr().String() }

// serve answers on the listener until the context ends.
func serve(ctx context.Context, l net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return nil
}

// partner is an authorization server with an issuer, keys and a client of its own. Keyward only trusts it.
type partner struct {
	issuer  string
	client  resident.MemoryClient
	handler http.Handler
}

func newPartner(issuer string) (*partner, error) {
	client := resident.MemoryClient{ID: "shop-at-partner", Secret: randomText(), Scopes: []string{scopeRead}}
	backend, err := resident.NewMemory(time.Now, time.Hour, client)
	if err != nil {
		return nil, fmt.Errorf("make the partner's key: %w", err)
	}
	handler := resident.NewServer(time.Now).Alone(resident.Authority{Issuer: issuer, Backend: backend})
	return &partner{issuer: issuer, client: client, handler: handler}, nil
}
