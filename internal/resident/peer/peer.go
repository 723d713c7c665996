// Package peer owns who is at the other end of a request to the resident authorization server, for counting tries. It does
// not own what is counted, and it decides nothing about trust in what a request says.
package peer

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

type key struct{}

// With notes the peer: the address that the connection is from, or, where that is one of the trusted proxies, the last
// one in X-Forwarded-For that is not. Of IPv6 the network of one site counts, which has more addresses than could be
// remembered.
func With(ctx context.Context, r *http.Request, trusted []netip.Prefix) context.Context {
	return context.WithValue(ctx, key{}, name(from(r, trusted)))
}

// Of gives the peer that was noted.
func Of(ctx context.Context) string {
	peer, _ := ctx.Value(key{}).(string)
	return peer
}

func from(r *http.Request, trusted []netip.Prefix) string {
	peer := r.RemoteAddr
	if host, _, err := net.SplitHostPort(peer); err == nil {
		peer = host
	}
	forwarded := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, before := range slices.Backward(forwarded) {
		before = strings.TrimSpace(before)
		if whole, err := netip.ParseAddrPort(before); err == nil { // as some proxies write it
			before = whole.Addr().String()
		}
		if _, err := netip.ParseAddr(before); err != nil || !believed(peer, trusted) {
			break
		}
		peer = before
	}
	return peer
}

func believed(peer string, trusted []netip.Prefix) bool {
	addr, err := netip.ParseAddr(peer)
	addr = addr.Unmap().WithZone("")
	return err == nil && slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(addr) })
}

func name(peer string) string {
	addr, err := netip.ParseAddr(peer)
	if err != nil || !addr.Unmap().Is6() {
		return peer
	}
	site, err := addr.WithZone("").Prefix(64)
	if err != nil {
		return peer
	}
	return site.String()
}
