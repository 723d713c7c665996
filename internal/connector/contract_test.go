package connector_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/wire"
)

// cloud is a vendor's contract server with a key manager that may manage its clients.
type cloud struct {
	name    string // of the transcript
	server  *contract.Server
	spec    *keyward.KeyManagerSpec
	secrets map[string]string
	build   func() http.Handler // the same server again, empty
	create  string              // part of the path that creates
}

func rsaKey(t *testing.T) *issuer.Key {
	t.Helper()
	key, err := issuer.NewKey("contract", "RS256")
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// walkContract takes a client through its whole life, then plays every request again with one change each: the server
// must refuse all but those that are listed.
func (c cloud) walkContract(t *testing.T, allowed ...string) {
	t.Helper()
	ctx := t.Context()
	conn := open(t, serverAt(t, c.spec, c.secrets))
	made, err := conn.Register(ctx, registration())
	if err != nil {
		t.Fatal(err)
	}
	reader := readerOf(t, conn)
	if got, err := reader.Read(ctx, made.Handle); err != nil || got == nil || got.ClientID != made.ClientID ||
		got.Name != registration().Name || !slices.Equal(got.Grants, registration().Grants) {
		t.Errorf("read: %+v, error %v", got, err)
	}
	if err := proverOf(t, conn).Prove(ctx, made.ClientID, made.ClientSecret); err != nil {
		t.Errorf("prove: %v", err)
	}
	secret, err := rotatorOf(t, conn).Rotate(ctx, made.Handle)
	if err != nil || secret == "" || secret == made.ClientSecret {
		t.Fatalf("rotate: %v", err)
	}
	if err := proverOf(t, conn).Prove(ctx, made.ClientID, secret); err != nil {
		t.Errorf("the new secret: %v", err)
	}
	if err := proverOf(t, conn).Prove(ctx, made.ClientID, made.ClientSecret); err == nil || errors.Is(err, connector.ErrUnsupported) {
		t.Errorf("the old secret lives: %v", err)
	}
	if found, err := finderOf(t, conn).Find(ctx, registration().Name); err != nil || found == nil || found.ClientID != made.ClientID {
		t.Errorf("find: %v, error %v", found, err)
	}
	if found, err := finderOf(t, conn).Find(ctx, "keyward-ab"); err != nil || found != nil {
		t.Errorf("find another name: %v, error %v", found, err)
	}
	for range 2 {
		if err := conn.Delete(ctx, made.Handle); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
	if got, err := reader.Read(ctx, made.Handle); err != nil || got != nil {
		t.Errorf("read what is gone: %v, error %v", got, err)
	}
	secrets := []string{made.ClientSecret, secret}
	for _, value := range c.secrets {
		secrets = append(secrets, value)
	}
	golden(t, c.name, c.server.URL, c.server.Seen(), secrets...)
	report := contract.Mutate(c.build, c.server.Seen())
	t.Logf("%d mutations", report.Played)
	if len(report.Broken) > 0 {
		t.Errorf("refused unchanged: %q", report.Broken)
	}
	for _, name := range report.Accepted {
		if !slices.ContainsFunc(allowed, func(a string) bool { return strings.HasSuffix(name, a) }) {
			t.Errorf("accepted: %s", name)
		}
	}
	for _, a := range allowed {
		if !slices.ContainsFunc(report.Accepted, func(name string) bool { return strings.HasSuffix(name, a) }) {
			t.Errorf("listed as accepted, and is not: %s", a)
		}
	}
}

// failContract makes the creating call fail in each way and looks at what the connector makes of it.
func (c cloud) failContract(t *testing.T) {
	t.Helper()
	conn := open(t, serverAt(t, c.spec, c.secrets))
	for _, f := range []struct {
		name      string
		trouble   contract.Trouble
		uncertain bool
		words     string
	}{
		{"broken", contract.Trouble{Status: 500, Body: `{"error":"server_error"}`}, true, "500"},
		{"proxy", contract.Trouble{Status: 502}, true, "502"},
		{"too many", contract.Trouble{Status: 429, RetryAfter: "3600"}, false, "429"},
		{"half an answer", contract.Trouble{Half: true}, true, "broke off"},
	} {
		f.trouble.Method, f.trouble.Part = http.MethodPost, c.create
		c.server.Order(f.trouble)
		r := registration()
		r.Name = "keyward-" + strings.ReplaceAll(f.name, " ", "-")
		_, err := conn.Register(t.Context(), r)
		c.server.Mend()
		var failure *wire.Failure
		if !errors.As(err, &failure) || failure.Uncertain() != f.uncertain || !strings.Contains(err.Error(), f.words) {
			t.Errorf("%s: %v (%+v)", f.name, err, failure)
		}
		found, err := finderOf(t, conn).Find(t.Context(), r.Name)
		if err != nil || (found != nil) != f.trouble.Half {
			t.Errorf("%s: found %v, error %v", f.name, found, err)
		}
	}
	c.server.Order(contract.Trouble{Method: http.MethodPost, Part: c.create, Delay: time.Minute})
	short, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, err := conn.Register(short, registration())
	c.server.Mend()
	var failure *wire.Failure
	if !errors.As(err, &failure) || !failure.Uncertain() {
		t.Errorf("a server that does not answer in time: %v", err)
	}
	if _, err := conn.Register(t.Context(), registration()); err != nil {
		t.Errorf("after all that: %v", err)
	}
	c.server.Order(contract.Trouble{Method: http.MethodPost, Part: c.create, Status: 429, RetryAfter: "0", Times: 2})
	again := registration()
	again.Name = "keyward-patient"
	if _, err := conn.Register(t.Context(), again); err != nil {
		t.Errorf("a short pause is waited for: %v", err)
	}
}

// wrongSecrets tries the key manager with a wrong credential: in the vendor's words, without the credential.
func (c cloud) wrongSecrets(t *testing.T, words string) {
	t.Helper()
	wrong := map[string]string{}
	for path := range c.secrets {
		wrong[path] = "the-wrong-secret"
	}
	conn := open(t, serverAt(t, c.spec, wrong))
	_, err := conn.Register(t.Context(), registration())
	var f *wire.Failure
	if !errors.As(err, &f) || f.Uncertain() || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "the-wrong") {
		t.Errorf("wrong credential: %v", err)
	}
	if err := conn.Delete(t.Context(), connector.Handle{ClientID: "x", URI: "x"}); err == nil {
		t.Error("a refused credential counts as a client that is gone")
	}
	if c, err := readerOf(t, conn).Read(t.Context(), connector.Handle{ClientID: "x", URI: "x"}); err == nil {
		t.Errorf("a refused credential counts as a client that is not there: %v", c)
	}
}

func readerOf(t *testing.T, c connector.Connector) connector.Reader {
	t.Helper()
	r, ok := c.(connector.Reader)
	if !ok {
		t.Fatalf("%T reads nothing", c)
	}
	return r
}
