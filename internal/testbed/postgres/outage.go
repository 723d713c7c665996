package postgres

import (
	"context"
	"fmt"
	"path/filepath"
)

// Halt ends the server at once, as a crash would, and keeps its data.
func (c *Cluster) Halt(ctx context.Context) error {
	return c.run(ctx, "pg_ctl", "-D", filepath.Join(c.dir, "data"), "-m", "immediate", "-w", "stop")
}

// Resume starts a halted server again on its old port.
func (c *Cluster) Resume(ctx context.Context) error {
	options := fmt.Sprintf("-p %d -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off "+
		"-c max_connections=200", c.port)
	return c.run(ctx, "pg_ctl", "-D", filepath.Join(c.dir, "data"), "-w", "-l", filepath.Join(c.dir, "log"), "-o", options, "start")
}
