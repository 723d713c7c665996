package postgres

import "context"

// Halt ends the server at once, as a crash would, and keeps its data.
func (c *Cluster) Halt() error { return c.quit() }

// Resume starts a halted server again on its old port.
func (c *Cluster) Resume(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return c.serve(ctx)
}
