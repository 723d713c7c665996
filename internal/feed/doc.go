// Package feed owns the control plane's side of the stream of changes: the relay that publishes each group's log, the
// answers to gateways that ask, and the credentials, keys and withdrawal of gateways. It does not own what the log
// says, which follows from the objects in the store, nor what a gateway makes of it.
package feed
