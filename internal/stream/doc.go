// Package stream owns the stream of changes between control plane and gateways: the messages and their signatures,
// the gateway credential, and the event hub (embedded or external NATS) that carries them. It does not own what the
// messages say: the control plane's feed reads records out of the store, the gateway's registry puts them into force.
//
// The hub only carries. Everything that counts is signed by the control plane, and a gateway's credential carries the
// fingerprint of the key that may sign, so neither the hub nor a gateway's disk has to be trusted.
package stream
