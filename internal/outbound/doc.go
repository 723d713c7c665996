// Package outbound owns the operator's rule for addresses that other people enter: key managers' endpoints, key set
// URLs, upstreams. It does not own what is said to those addresses, nor retries.
package outbound
