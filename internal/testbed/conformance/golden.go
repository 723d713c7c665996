package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/testbed/contract"
)

// Golden holds every request against testdata/NAME.golden, with secrets blanked.
func Golden(t *testing.T, name, origin string, seen []contract.Request, secrets ...string) {
	t.Helper()
	var text strings.Builder
	for _, q := range seen {
		fmt.Fprintf(&text, "%s %s\n", q.Method, q.URI)
		for _, field := range slices.Sorted(maps.Keys(q.Header)) {
			switch field {
			case "Accept-Encoding", "Content-Length", "User-Agent":
			case "Iplanetdirectorypro", "X-Openam-Password":
				fmt.Fprintf(&text, "%s: ***\n", field)
			case "Authorization":
				scheme, _, _ := strings.Cut(q.Header.Get(field), " ")
				fmt.Fprintf(&text, "%s: %s ***\n", field, scheme)
			default:
				fmt.Fprintf(&text, "%s: %s\n", field, q.Header.Get(field))
			}
		}
		if q.Body != "" {
			fmt.Fprintf(&text, "\n%s\n", pretty(t, q))
		}
		fmt.Fprintf(&text, "\n-> %d\n\n", q.Status)
	}
	got := strings.ReplaceAll(text.String(), origin, "ORIGIN")
	got = strings.ReplaceAll(got, url.QueryEscape(origin), "ORIGIN")
	// What a real server draws anew each time, and the realm on a Keycloak that several test processes share, where its
	// name ends with the process's id.
	got = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`).ReplaceAllString(got, "UUID")
	got = regexp.MustCompile(`/realms/transcript-\d+`).ReplaceAllString(got, "/realms/transcript")
	for _, secret := range secrets {
		if secret != "" {
			got = strings.ReplaceAll(got, secret, "***")
		}
	}
	file := filepath.Join("testdata", name+".golden")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("requests changed; if that is meant, run the test with UPDATE_GOLDEN=1 (-want +got):\n%s", diff)
	}
}

func pretty(t *testing.T, q contract.Request) string {
	t.Helper()
	if strings.HasPrefix(q.Header.Get("Content-Type"), "application/json") {
		var out bytes.Buffer
		if err := json.Indent(&out, []byte(q.Body), "", "  "); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	form, err := url.ParseQuery(q.Body)
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{}
	for _, name := range slices.Sorted(maps.Keys(form)) {
		value := form.Get(name)
		if name == "client_secret" || name == "client_assertion" {
			value = "***"
		}
		lines = append(lines, name+"="+value)
	}
	return strings.Join(lines, "\n")
}

// recorder keeps the requests to a real server.
type recorder struct{ seen []contract.Request }

// RoundTrip implements http.RoundTripper.
func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	q := contract.Request{Method: req.Method, URI: req.URL.RequestURI(), Header: req.Header.Clone()}
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		var raw bytes.Buffer
		if _, err := raw.ReadFrom(body); err != nil {
			return nil, err
		}
		q.Body = raw.String()
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err == nil {
		q.Status = resp.StatusCode
	}
	r.seen = append(r.seen, q)
	return resp, err
}

// Transcript takes a client through its life at a real server. What its type cannot do is left out. It is given what the
// list says, or else a scope and an audience that the server makes.
func Transcript(t *testing.T, name, origin string, s connector.Server, entitlements ...connector.Entitlement) {
	t.Helper()
	if len(entitlements) == 0 {
		entitlements = []connector.Entitlement{{Scope: "keyward:made"}, {Audience: "urn:keyward"}}
	}
	ctx := t.Context()
	log := &recorder{}
	conn, err := catalog.New(&http.Client{Transport: log}, nil).Open(s)
	if err != nil {
		t.Fatal(err)
	}
	made, err := conn.Register(ctx, Registration())
	if err != nil {
		t.Fatal(err)
	}
	reader := ReaderOf(t, conn)
	if c, err := reader.Read(ctx, made.Handle); err != nil || c == nil || c.ClientID != made.ClientID ||
		c.Grants != nil && !slices.Equal(c.Grants, Registration().Grants) || len(c.Callbacks) != 0 {
		t.Errorf("read: %+v, error %v", c, err)
	}
	secrets := []string{made.ClientID, made.ClientSecret}
	if r, can := conn.(connector.Rotator); can {
		secret, err := r.Rotate(ctx, made.Handle)
		if err != nil {
			t.Errorf("rotate: %v", err)
		}
		secrets = append(secrets, secret)
	}
	if f, can := conn.(connector.Finder); can {
		if found, err := f.Find(ctx, Registration().Name); err != nil || found == nil {
			t.Errorf("find: %v, error %v", found, err)
		}
	}
	if l, can := conn.(connector.Lister); can {
		if list, err := l.List(ctx, Registration().Name); err != nil || len(list) != 1 {
			t.Errorf("list: %v, error %v", list, err)
		}
	}
	if _, can := conn.(connector.Entitler); can {
		Entitle(t, conn, made.Handle, entitlements)
	}
	for range 2 {
		if err := conn.Delete(ctx, made.Handle); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
	if c, err := reader.Read(ctx, made.Handle); err != nil || c != nil {
		t.Errorf("read what is gone: %+v, error %v", c, err)
	}
	Golden(t, name, origin, log.seen, secrets...)
}

// OriginOf gives scheme and host of an address.
func OriginOf(t *testing.T, at string) string {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	return u.Scheme + "://" + u.Host
}
