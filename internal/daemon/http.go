package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"keyward.dev/keyward/internal/config"
	"keyward.dev/keyward/internal/stream"
)

// door is one bound listener with the server behind it. Binding comes first, so that a taken port is told before
// anything else starts, and so that the real address is known when port 0 was asked for.
type door struct {
	name     string
	listener net.Listener
	tls      bool
	log      *slog.Logger
}

// openDoor binds the address, with TLS when files are given.
func (p *process) openDoor(ctx context.Context, name, address string, files config.TLSFiles) (*door, error) {
	listen := p.o.Listen
	if listen == nil {
		listen = func(ctx context.Context, address string) (net.Listener, error) {
			return (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		}
	}
	listener, err := listen(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("the %s listener: %w", name, err)
	}
	d := &door{name: name, listener: listener, tls: !files.IsZero(), log: p.log}
	if !d.tls {
		return d, nil
	}
	certificate, err := stream.NewCertificate(files.Cert, files.Key, p.log)
	if err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("the %s listener: %w", name, err)
	}
	c := certificate.Config()
	c.NextProtos = []string{"h2", "http/1.1"}
	d.listener = tls.NewListener(listener, c)
	return d, nil
}

// url is how the door is reached on this machine.
func (d *door) url() string {
	scheme := "http"
	if d.tls {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(d.listener.Addr().String())
	if err != nil {
		return scheme + "://" + d.listener.Addr().String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// serve answers until ctx ends, then lets requests under way finish for a moment and cuts the rest.
func (d *door) serve(ctx context.Context, server *http.Server) error {
	server.ErrorLog = slog.NewLogLogger(d.log.Handler(), slog.LevelDebug)
	done := make(chan error, 1)
	go func() { done <- server.Serve(d.listener) }()
	select {
	case err := <-done:
		return fmt.Errorf("the %s listener: %w", d.name, err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		_ = server.Close()
	}
	if err := <-done; err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("the %s listener: %w", d.name, err)
	}
	return nil
}

// untilTold ends what waits for something to happen as soon as ctx does: a gateway's wait for a question, a person's for decisions.
// What is being done goes on.
func untilTold(ctx context.Context, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == stream.PathQuestions || r.Method == http.MethodGet && r.URL.Query().Has("wait") {
			waiting, end := context.WithCancel(r.Context())
			defer end()
			defer context.AfterFunc(ctx, end)()
			r = r.WithContext(waiting) //nolint:contextcheck // it is the request's own
		}
		next.ServeHTTP(w, r)
	})
}

// managementServer is the server of the control and ops listeners.
func managementServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 2 * time.Minute,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
	}
}
