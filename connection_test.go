package keyward

import (
	"slices"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward/internal/secret"
)

func TestOutboundFaultsAreAllToldAtOnce(t *testing.T) {
	second := Duration(time.Second)
	for name, c := range map[string]struct {
		policy Outbound
		paths  []string
	}{
		"nothing":    {Outbound{}, nil},
		"limits":     {Outbound{Timeout: &second, MaxAnswer: 4096}, nil},
		"a proxy":    {Outbound{Proxy: "http://proxy.example:3128/"}, nil},
		"with user":  {Outbound{Proxy: "https://proxy.example", ProxyUser: "u", ProxyPassword: secret.New("p")}, nil},
		"stored":     {Outbound{Proxy: "https://proxy.example", ProxyUser: "u", ProxyPassword: secret.Stored()}, nil},
		"no pair":    {Outbound{ProxyUser: "a:b", Key: secret.New("k")}, []string{"proxy", "proxyPassword", "proxyUser"}},
		"no user":    {Outbound{Proxy: "http://proxy.example", ProxyPassword: secret.New("p")}, []string{"proxyUser"}},
		"in the URL": {Outbound{Proxy: "http://u:p@proxy.example"}, []string{"proxy"}},
		"a path":     {Outbound{Proxy: "http://proxy.example/x"}, []string{"proxy"}},
		"a query":    {Outbound{Proxy: "http://proxy.example?x"}, []string{"proxy"}},
		"a scheme":   {Outbound{Proxy: "socks5://proxy.example"}, []string{"proxy"}},
		"everything": {
			Outbound{
				Proxy: "x", Certificate: "x",
			},
			[]string{"proxy"},
		},
	} {
		spec := &KeyManagerSpec{Type: TypeExternal, Outbound: &c.policy}
		var paths []string
		for _, f := range spec.Validate() {
			paths = append(paths, strings.TrimPrefix(f.Path, "spec.outbound."))
		}
		slices.Sort(paths)
		if !slices.Equal(paths, c.paths) {
			t.Errorf("%s: faults of %v, want %v", name, paths, c.paths)
		}
		shared := &ConnectionSpec{Type: TypeOkta, Outbound: &c.policy}
		if n := len(shared.Validate()); n != len(c.paths) {
			t.Errorf("%s: a connection has %d faults", name, n)
		}
	}
}
