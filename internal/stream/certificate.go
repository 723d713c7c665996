package stream

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Certificate reads a listener's certificate from files, and reads them again after they changed.
type Certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	files   [2][]byte // of current
	looked  time.Time
	fault   string // of the last look, so that it is told once
}

// NewCertificate reads the files for the first time. A nil log is silent.
func NewCertificate(certFile, keyFile string, log *slog.Logger) (*Certificate, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c := &Certificate{certFile: certFile, keyFile: keyFile, log: log}
	if _, err := c.load(); err != nil {
		return nil, err
	}
	return c, nil
}

// Config is a server's TLS configuration with this certificate.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}
}

// get looks at the files at most once in a second; while they cannot be used, the last certificate serves on.
func (c *Certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) > time.Second {
		c.looked = time.Now()
		c.tell(c.load())
	}
	return c.current, nil
}

// tell logs what a look brought, a lasting fault once.
func (c *Certificate) tell(changed bool, err error) {
	switch {
	case err != nil && err.Error() != c.fault:
		c.fault = err.Error()
		c.log.Warn("the certificate files cannot be used; the certificate before serves on", "file", c.certFile, "err", err)
	case err == nil && changed:
		c.log.Info("a changed certificate is served from now on", "file", c.certFile)
		c.fault = ""
	case err == nil:
		c.fault = ""
	}
}

// load reads the files and takes them when they are others than those in use. Their times say nothing: a copy may keep
// them.
func (c *Certificate) load() (changed bool, err error) {
	var files [2][]byte
	for i, name := range []string{c.certFile, c.keyFile} {
		if files[i], err = os.ReadFile(name); err != nil {
			return false, fmt.Errorf("read the certificate files: %w", err)
		}
	}
	if c.current != nil && bytes.Equal(files[0], c.files[0]) && bytes.Equal(files[1], c.files[1]) {
		return false, nil
	}
	pair, err := tls.X509KeyPair(files[0], files[1])
	if err != nil {
		return false, fmt.Errorf("read the certificate %s: %w", c.certFile, err)
	}
	c.current, c.files = &pair, files
	return true, nil
}
