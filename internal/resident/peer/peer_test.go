package peer

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

// TestWhoAsks: only what a trusted proxy wrote itself says who asks, and what others wrote before it does not.
func TestWhoAsks(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for name, c := range map[string]struct {
		remote    string
		forwarded []string
		want      string
	}{
		"nobody between":                {"192.0.2.1:5000", nil, "192.0.2.1"},
		"a caller's word":               {"192.0.2.1:5000", []string{"198.51.100.1"}, "192.0.2.1"},
		"a proxy":                       {"10.0.0.1:5000", []string{"198.51.100.1"}, "198.51.100.1"},
		"a caller's word before it":     {"10.0.0.1:5000", []string{"203.0.113.1, 198.51.100.1"}, "198.51.100.1"},
		"in a field of its own":         {"10.0.0.1:5000", []string{"203.0.113.1", "198.51.100.1"}, "198.51.100.1"},
		"two proxies":                   {"10.0.0.1:5000", []string{"203.0.113.1, 198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		"with a port":                   {"10.0.0.1:5000", []string{"198.51.100.1:40001"}, "198.51.100.1"},
		"IPv6 with a port":              {"10.0.0.1:5000", []string{"[2001:db8:1:2:3::4]:40001"}, "2001:db8:1:2::/64"},
		"a network of IPv6":             {"[2001:db8:1:2:3::4]:5000", nil, "2001:db8:1:2::/64"},
		"IPv4 in IPv6 is not a network": {"[::ffff:192.0.2.1]:5000", nil, "::ffff:192.0.2.1"},
		"no address":                    {"10.0.0.1:5000", []string{"198.51.100.1, unknown"}, "10.0.0.1"},
		"nothing but proxies":           {"10.0.0.1:5000", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://kw.example/", http.NoBody)
		r.RemoteAddr = c.remote
		for _, field := range c.forwarded {
			r.Header.Add("X-Forwarded-For", field)
		}
		if got := Of(With(t.Context(), r, trusted)); got != c.want {
			t.Errorf("%s: %s, not %s", name, got, c.want)
		}
	}
}
