package outbound

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	tests := []struct {
		name        string
		deny, allow []string
		address     string
		permitted   bool
	}{
		{"public by default", nil, nil, "93.184.215.14", true},
		{"loopback by default", nil, nil, "127.0.0.1", true},
		{"private by default", nil, nil, "10.1.2.3", true},
		{"link-local never", nil, nil, "169.254.169.254", false},
		{"link-local not even when allowed", nil, []string{"169.254.0.0/16"}, "169.254.169.254", false},
		{"link-local mapped", nil, nil, "::ffff:169.254.169.254", false},
		{"link-local compatible", nil, nil, "::169.254.169.254", false},
		{"link-local behind NAT64", nil, nil, "64:ff9b::a9fe:a9fe", false},
		{"link-local behind 6to4", nil, nil, "2002:a9fe:a9fe::1", false},
		{"another behind NAT64", nil, nil, "64:ff9b::5db8:d70e", true},
		{"link-local of version 6", nil, nil, "fe80::1", false},
		{"link-local of version 6 with zone", nil, nil, "fe80::1%eth0", false},
		{"metadata of version 6", nil, nil, "fd00:ec2::254", false},
		{"metadata of another cloud", nil, nil, "fd20:ce::254", false},
		{"its neighbour", nil, nil, "fd20:ce::255", true},
		{"metadata in shared space", nil, nil, "100.100.100.200", false},
		{"unspecified", nil, nil, "0.0.0.0", false},
		{"this network", nil, nil, "0.1.2.3", false},
		{"unspecified of version 6", nil, nil, "::", false},
		{"multicast", nil, nil, "224.0.0.1", false},
		{"broadcast", nil, nil, "255.255.255.255", false},
		{"loopback denied", []string{"loopback"}, nil, "127.8.8.8", false},
		{"loopback of version 6 denied", []string{"loopback"}, nil, "::1", false},
		{"loopback mapped denied", []string{"loopback"}, nil, "::ffff:127.0.0.1", false},
		{"private is not loopback", []string{"loopback"}, nil, "192.168.0.1", true},
		{"private denied", []string{"private"}, nil, "192.168.0.1", false},
		{"unique local denied", []string{"private"}, nil, "fd12::1", false},
		{"shared space denied", []string{"private"}, nil, "100.64.0.1", false},
		{"public with private denied", []string{"private"}, nil, "1.1.1.1", true},
		{"network denied", []string{"203.0.113.0/24"}, nil, "203.0.113.9", false},
		{"one address denied", []string{"203.0.113.9"}, nil, "203.0.113.9", false},
		{"its neighbour passes", []string{"203.0.113.9"}, nil, "203.0.113.8", true},
		{"allow list holds it", nil, []string{"10.0.0.0/8"}, "10.9.9.9", true},
		{"allow list lacks it", nil, []string{"10.0.0.0/8"}, "11.9.9.9", false},
		{"allow list of words", nil, []string{"loopback"}, "127.0.0.1", true},
		{"deny wins over allow", []string{"10.0.0.1"}, []string{"private"}, "10.0.0.1", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := ParseRules(tt.deny, tt.allow)
			if err != nil {
				t.Fatal(err)
			}
			err = r.Check(netip.MustParseAddr(tt.address))
			if tt.permitted && err != nil || !tt.permitted && !errors.Is(err, ErrForbidden) {
				t.Errorf("Check(%s) = %v, permitted should be %v", tt.address, err, tt.permitted)
			}
		})
	}
	if err := (Rules{}).Check(netip.Addr{}); !errors.Is(err, ErrForbidden) {
		t.Errorf("no address: %v", err)
	}
}

func TestParseRulesReportsAllFaults(t *testing.T) {
	_, err := ParseRules([]string{"loopback", "nonsense"}, []string{"10.0.0.0/99", " private "})
	if err == nil || !strings.Contains(err.Error(), "nonsense") || !strings.Contains(err.Error(), "10.0.0.0/99") {
		t.Fatalf("both faults should be named: %v", err)
	}
}

func get(t *testing.T, client *http.Client, url string) (reply, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return reply{resp}, nil
}

// reply is an answer whose body is closed when the test ends.
type reply struct{ *http.Response }

func TestClientChecksAfterResolution(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "hello")
	}))
	defer srv.Close()
	byName := strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)

	open := NewClient(Rules{}, Options{})
	defer open.CloseIdleConnections()
	resp, err := get(t, open, srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := ReadAll(resp.Response, 5); err != nil || string(body) != "hello" {
		t.Fatalf("body %q, %v", body, err)
	}
	resp, err = get(t, open, srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ReadAll(resp.Response, 4); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("a longer body: %v", err)
	}

	rules, err := ParseRules([]string{"loopback"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	closed := NewClient(rules, Options{})
	for _, url := range []string{srv.URL, byName} {
		if _, err := get(t, closed, url); !errors.Is(err, ErrForbidden) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestClientChecksRedirects(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/metadata":
			http.Redirect(w, r, "http://169.254.169.254/latest", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/once":
			http.Redirect(w, r, "/end", http.StatusFound)
		default:
			_, _ = io.WriteString(w, "end")
		}
	}))
	defer plain.Close()
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, plain.URL, http.StatusFound)
	}))
	defer secure.Close()

	roots, ok := secure.Client().Transport.(*http.Transport)
	if !ok {
		t.Fatal("no transport")
	}
	client := NewClient(Rules{}, Options{RootCAs: roots.TLSClientConfig.RootCAs})
	defer client.CloseIdleConnections()
	for _, url := range []string{plain.URL + "/metadata", secure.URL} {
		if _, err := get(t, client, url); !errors.Is(err, ErrForbidden) {
			t.Errorf("%s: %v", url, err)
		}
	}
	if _, err := get(t, client, plain.URL+"/loop"); err == nil {
		t.Error("a redirect loop should end in an error")
	}
	resp, err := get(t, client, plain.URL+"/once")
	if err != nil {
		t.Fatal(err)
	}
	if body, err := ReadAll(resp.Response, 100); err != nil || string(body) != "end" {
		t.Fatalf("one redirect: %q, %v", body, err)
	}
}
