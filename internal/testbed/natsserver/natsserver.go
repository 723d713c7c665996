// Package natsserver owns starting Debian's nats-server as a separate process for tests. It does not own what is sent
// through it.
package natsserver

import (
	"context"
	"fmt"
	"os/exec"

	"keyward.dev/keyward/internal/testbed"
)

// Server is a running nats-server on loopback.
type Server struct {
	*testbed.Child
	URL string // nats://user:password@host:port of the control plane's account user, who may publish

	port, monitor int
	dir           string
}

// Credentials of the two users: the control plane publishes, gateways only subscribe.
const (
	ControlUser     = "control"
	ControlPassword = "control-password"
	GatewayUser     = "gateway"
	GatewayPassword = "gateway-password"
)

// Start runs a server and waits until it answers. It is stopped with the test.
func Start(t testbed.TB, dir string) *Server {
	t.Helper()
	s := &Server{dir: dir}
	for _, p := range []*int{&s.port, &s.monitor} {
		port, err := testbed.Port(context.Background())
		if err != nil {
			t.Fatalf("%v", err)
		}
		*p = port
	}
	s.URL = fmt.Sprintf("nats://%s:%s@127.0.0.1:%d", ControlUser, ControlPassword, s.port)
	if err := s.Restart(); err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() { s.Kill() })
	return s
}

// GatewayURL is the address with the credentials that gateways share.
func (s *Server) GatewayURL() string {
	return fmt.Sprintf("nats://%s:%s@127.0.0.1:%d", GatewayUser, GatewayPassword, s.port)
}

// Restart starts the server again on the same port; it must have been killed.
func (s *Server) Restart() error {
	path, err := testbed.Tool("nats-server")
	if err != nil {
		return err
	}
	config, err := s.writeConfig()
	if err != nil {
		return err
	}
	cmd := exec.Command(path, "-c", config) //nolint:noctx // the child's life is the test's, ended by Kill
	s.Child, err = testbed.Start("nats-server", cmd)
	if err != nil {
		return err
	}
	return s.WaitOK(context.Background(), fmt.Sprintf("http://127.0.0.1:%d/varz", s.monitor), testbed.StartupLimit)
}
