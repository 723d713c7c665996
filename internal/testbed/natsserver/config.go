package natsserver

import (
	"fmt"
	"os"
	"path/filepath"
)

// writeConfig gives the file with two users, as an operator would set up a cluster that gateways must not write to.
func (s *Server) writeConfig() (string, error) {
	text := fmt.Sprintf(`listen: "127.0.0.1:%d"
http: "127.0.0.1:%d"
authorization {
  users = [
    {user: %q, password: %q}
    {user: %q, password: %q, permissions: {publish: {deny: ">"}, subscribe: "keyward.v1.default"}}
  ]
}
`, s.port, s.monitor, ControlUser, ControlPassword, GatewayUser, GatewayPassword)
	path := filepath.Join(s.dir, "nats.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return "", fmt.Errorf("write the configuration of nats-server: %w", err)
	}
	return path, nil
}
