// Package gateway owns the HTTP door of the data plane: it asks for a decision on each request, answers refusals, and
// carries what may pass to its backend and back. It does not own the decision itself, which is the enforce room's, nor
// listeners and their certificates, which are the daemon's.
package gateway
