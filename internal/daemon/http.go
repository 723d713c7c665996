package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"keyward.dev/keyward/internal/config"
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
func openDoor(ctx context.Context, name, address string, files config.TLSFiles, log *slog.Logger) (*door, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("the %s listener: %w", name, err)
	}
	d := &door{name: name, listener: listener, tls: !files.IsZero(), log: log}
	if !d.tls {
		return d, nil
	}
	pair := &keyPair{files: files}
	if _, err := pair.certificate(nil); err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("the %s listener's certificate: %w", name, err)
	}
	d.listener = tls.NewListener(listener, &tls.Config{
		MinVersion: tls.VersionTLS12, GetCertificate: pair.certificate, NextProtos: []string{"h2", "http/1.1"},
	})
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

// managementServer is the server of the control and ops listeners.
func managementServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 2 * time.Minute,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
	}
}

// keyPair reads a certificate and its key again when either file changes. A pair that cannot be read leaves the last
// good one in place.
type keyPair struct {
	files config.TLSFiles

	mu      sync.Mutex
	loaded  *tls.Certificate
	stamp   [2]time.Time
	checked time.Time
}

func (p *keyPair) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.loaded != nil && time.Since(p.checked) < time.Second {
		return p.loaded, nil
	}
	p.checked = time.Now()
	var stamp [2]time.Time
	for i, name := range []string{p.files.Cert, p.files.Key} {
		if info, err := os.Stat(name); err == nil {
			stamp[i] = info.ModTime()
		}
	}
	if p.loaded != nil && stamp == p.stamp {
		return p.loaded, nil
	}
	pair, err := tls.LoadX509KeyPair(p.files.Cert, p.files.Key)
	if err != nil {
		if p.loaded != nil {
			return p.loaded, nil
		}
		return nil, fmt.Errorf("read the key pair: %w", err)
	}
	p.loaded, p.stamp = &pair, stamp
	return p.loaded, nil
}
