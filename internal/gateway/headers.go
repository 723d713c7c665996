package gateway

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// assertionHeader tells the backend who calls.
const assertionHeader = "X-JWT-Assertion"

// spelling brings a field name into the one form in which backends may see it: CGI and its heirs make no difference
// between cases, nor between the hyphen and other signs.
func spelling(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + ('a' - 'A')
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			return r
		}
		return '-'
	}, name)
}

// isPlainSpelling tells that the name has letters, digits and hyphens only.
func isPlainSpelling(name string) bool {
	for _, c := range []byte(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-':
		default:
			return false
		}
	}
	return true
}

// isOurs tells whether only the gateway may send the field to a backend, or nobody may: the identity header, what
// overrides the method or path that the decision was about, and httpoxy's Proxy.
func isOurs(spelled string) bool {
	switch spelled {
	case "x-jwt-assertion", "x-keyward-decision", "proxy",
		"x-http-method", "x-http-method-override", "x-method-override",
		"x-original-url", "x-original-uri", "x-original-path", "x-original-method", "x-original-host",
		"x-rewrite-url", "x-override-url":
		return true
	}
	return false
}

// isForwarding tells whether the field says where a request came from: to be believed from trusted peers only.
func isForwarding(spelled string) bool {
	switch spelled {
	case "forwarded", "x-real-ip", "x-client-ip", "true-client-ip", "x-cluster-client-ip", "cf-connecting-ip",
		"fastly-client-ip", "x-envoy-external-address", "x-host", "x-forwarded":
		return true
	}
	return strings.HasPrefix(spelled, "x-forwarded-")
}

// cleanHeader removes what a caller must not tell a backend. Fields of trusted peers survive in their plain spelling.
func cleanHeader(h http.Header, trusted, keepCredential bool) {
	for name := range h {
		spelled := spelling(name)
		switch {
		case isOurs(spelled),
			spelled == "authorization" && (!keepCredential || !isPlainSpelling(name)),
			isForwarding(spelled) && (!trusted || !isPlainSpelling(name)):
			delete(h, name)
		}
	}
}

// mayTrail tells whether a caller's trailer field may reach a backend: nothing that would mean something as a header of
// ours, and nothing that RFC 9110, section 6.5.1, keeps out of trailers.
func mayTrail(name string) bool {
	spelled := spelling(name)
	return !isOurs(spelled) && !isForwarding(spelled) && spelled != "authorization" &&
		httpguts.ValidTrailerHeader(http.CanonicalHeaderKey(name))
}

// setForwarded tells the backend where the request came from. What a trusted peer said comes first.
func (g *Gateway) setForwarded(out http.Header, in *http.Request, trusted bool) {
	peer := peerOf(in)
	scheme := "http"
	if in.TLS != nil {
		scheme = "https"
	}
	chain := peer
	if before := told(in.Header, trusted, "X-Forwarded-For"); before != "" {
		chain = before + ", " + peer
	}
	out.Set("X-Forwarded-For", chain)
	setUnlessTold(out, in.Header, trusted, "X-Forwarded-Host", in.Host)
	setUnlessTold(out, in.Header, trusted, "X-Forwarded-Proto", scheme)
	setUnlessTold(out, in.Header, trusted, "X-Real-Ip", peer)
	if before := told(in.Header, trusted, "Forwarded"); before != "" {
		out.Set("Forwarded", before+", "+forwardedElement(peer, scheme))
	} else {
		out.Del("Forwarded")
	}
}

// told is the whole list that a trusted peer gives in the field, lines without a word left out.
func told(in http.Header, trusted bool, name string) string {
	if !trusted {
		return ""
	}
	lines := make([]string, 0, 1)
	for _, line := range in[name] {
		if line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, ", ")
}

func setUnlessTold(out, in http.Header, trusted bool, name, value string) {
	if told := in[name]; trusted && len(told) == 1 {
		value = told[0]
	}
	out.Set(name, value)
}

// forwardedElement is an element of RFC 7239, section 4.
func forwardedElement(peer, scheme string) string {
	if strings.Contains(peer, ":") {
		peer = `"[` + peer + `]"`
	}
	return "for=" + peer + ";proto=" + scheme
}

// peerOf is the address that the connection comes from, without port.
func peerOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return "unknown"
	}
	return host
}

// trusts tells whether the peer's word about a request's origin is believed.
func (g *Gateway) trusts(r *http.Request) bool {
	if len(g.trusted) == 0 {
		return false
	}
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	addr := at.Addr().Unmap().WithZone("")
	return slices.ContainsFunc(g.trusted, func(p netip.Prefix) bool { return p.Contains(addr) })
}
