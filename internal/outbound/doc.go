// Package outbound owns how addresses that other people enter are reached: the operator's rule for key managers' endpoints,
// key set URLs and upstreams, and each key manager's own policy, its proxy, authorities, client certificate and limits. It
// does not own what is said to those addresses, nor retries.
package outbound
