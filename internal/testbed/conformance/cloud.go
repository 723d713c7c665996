package conformance

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
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/wire"
)

// Cloud is a vendor's contract server with a key manager that may manage its clients.
type Cloud struct {
	Name    string // of the transcript
	Server  *contract.Server
	Spec    *keyward.KeyManagerSpec
	Secrets map[string]string
	Wrong   string              // a credential of the same form that the server does not take; "" = any text
	Build   func() http.Handler // the same server again, empty
	Create  string              // part of the path that creates
	Changed string              // part of the paths whose requests are played again with changes; "" = all

	Entitlements []connector.Entitlement // given and taken away again; nothing where the type only checks
	Fields       map[string]any          // what a change gives a client that can have no other grants; nil where it can
	Overlaps     bool                    // a client may have two live secrets
}

// SigningKey makes a key for a contract server that signs tokens.
func SigningKey(t *testing.T) *issuer.Key {
	t.Helper()
	key, err := issuer.NewKey("contract", "ES256")
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Open opens the key manager with these secrets, which may be other ones than the right ones.
func (c Cloud) Open(t *testing.T, secrets map[string]string) connector.Connector {
	t.Helper()
	return Open(t, ServerAt(t, c.Spec, secrets))
}

// Walk takes a client through its whole life, then plays every request again with one change each: the server
// must refuse all but those that are listed.
func (c Cloud) Walk(t *testing.T, allowed ...string) {
	t.Helper()
	ctx := t.Context()
	conn := c.Open(t, c.Secrets)
	made, err := conn.Register(ctx, Registration())
	if err != nil {
		t.Fatal(err)
	}
	reader := ReaderOf(t, conn)
	if got, err := reader.Read(ctx, made.Handle); err != nil || got == nil || got.ClientID != made.ClientID ||
		got.Name != Registration().Name || !slices.Equal(got.Grants, Registration().Grants) {
		t.Errorf("read: %+v, error %v", got, err)
	}
	if err := ProverOf(t, conn).Prove(ctx, made.ClientID, made.ClientSecret); err != nil {
		t.Errorf("prove: %v", err)
	}
	secret, err := RotatorOf(t, conn).Rotate(ctx, made.Handle)
	if err != nil || secret == "" || secret == made.ClientSecret {
		t.Fatalf("rotate: %v", err)
	}
	if err := ProverOf(t, conn).Prove(ctx, made.ClientID, secret); err != nil {
		t.Errorf("the new secret: %v", err)
	}
	if err := ProverOf(t, conn).Prove(ctx, made.ClientID, made.ClientSecret); err == nil || errors.Is(err, connector.ErrUnsupported) {
		t.Errorf("the old secret lives: %v", err)
	}
	if found, err := FinderOf(t, conn).Find(ctx, Registration().Name); err != nil || found == nil || found.ClientID != made.ClientID {
		t.Errorf("find: %v, error %v", found, err)
	}
	if found, err := FinderOf(t, conn).Find(ctx, "keyward-ab"); err != nil || found != nil {
		t.Errorf("find another name: %v, error %v", found, err)
	}
	secrets := append(c.abilities(t, conn, made, secret), made.ClientSecret)
	for range 2 {
		if err := conn.Delete(ctx, made.Handle); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
	if got, err := reader.Read(ctx, made.Handle); err != nil || got != nil {
		t.Errorf("read what is gone: %v, error %v", got, err)
	}
	for _, value := range c.Secrets {
		secrets = append(secrets, value)
	}
	Golden(t, c.Name, c.Server.URL, c.Server.Seen(), secrets...)
	c.replay(t, allowed)
}

// abilities tries what only some connectors can, and gives the secrets that live or lived.
func (c Cloud) abilities(t *testing.T, conn connector.Connector, made connector.Registered, secret string) []string {
	t.Helper()
	secrets := []string{secret}
	if updater, can := conn.(connector.Updater); can { // as somebody does there: the change that follows gives the name back
		renamed := Registration()
		renamed.Name, renamed.Fields = "renamed", c.Fields
		if _, err := updater.Update(t.Context(), made.Handle, renamed, nil); err != nil {
			t.Errorf("change the name: %v", err)
		}
	}
	if _, can := conn.(connector.Updater); can && c.Fields == nil {
		Change(t, conn, made, secret)
	} else if can {
		ChangeFields(t, conn, made, c.Fields)
	}
	if _, can := conn.(connector.Lister); can {
		Lists(t, conn, made, Registration().Name)
	}
	if c.Overlaps {
		secrets = append(secrets, Overlap(t, conn, made.Handle, secret))
	}
	if len(c.Entitlements) > 0 {
		Entitle(t, conn, made.Handle, c.Entitlements)
	}
	return secrets
}

// replay plays every request again with one change each: the server must refuse all but those that are listed.
func (c Cloud) replay(t *testing.T, allowed []string) {
	t.Helper()
	report := contract.Mutate(c.Build, c.Server.Seen(), c.Changed)
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

// Fail makes the creating call fail in each way and looks at what the connector makes of it.
func (c Cloud) Fail(t *testing.T) {
	t.Helper()
	conn := c.Open(t, c.Secrets)
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
		f.trouble.Method, f.trouble.Part = http.MethodPost, c.Create
		c.Server.Order(f.trouble)
		r := Registration()
		r.Name = "keyward-" + strings.ReplaceAll(f.name, " ", "-")
		_, err := conn.Register(t.Context(), r)
		c.Server.Mend()
		var failure *wire.Failure
		if !errors.As(err, &failure) || failure.Uncertain() != f.uncertain || !strings.Contains(err.Error(), f.words) {
			t.Errorf("%s: %v (%+v)", f.name, err, failure)
		}
		found, err := FinderOf(t, conn).Find(t.Context(), r.Name)
		if err != nil || (found != nil) != f.trouble.Half {
			t.Errorf("%s: found %v, error %v", f.name, found, err)
		}
	}
	c.Server.Order(contract.Trouble{Method: http.MethodPost, Part: c.Create, Delay: time.Minute})
	short, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, err := conn.Register(short, Registration())
	c.Server.Mend()
	var failure *wire.Failure
	if !errors.As(err, &failure) || !failure.Uncertain() {
		t.Errorf("a server that does not answer in time: %v", err)
	}
	if _, err := conn.Register(t.Context(), Registration()); err != nil {
		t.Errorf("after all that: %v", err)
	}
	c.Server.Order(contract.Trouble{Method: http.MethodPost, Part: c.Create, Status: 429, RetryAfter: "0", Times: 2})
	again := Registration()
	again.Name = "keyward-patient"
	if _, err := conn.Register(t.Context(), again); err != nil {
		t.Errorf("a short pause is waited for: %v", err)
	}
}

// wrong is a credential that the server refuses.
func (c Cloud) wrong() string {
	if c.Wrong != "" {
		return c.Wrong
	}
	return "the-wrong-secret"
}

// Rollover changes the credential at the server between two calls: what was declared as next goes on, and the refused one
// is not sent again.
func (c Cloud) Rollover(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	both := map[string]string{}
	for path, right := range c.Secrets {
		both[path], both[secret.NextPath(path)] = c.wrong(), right
	}
	before := len(c.Server.Seen())
	conn := c.Open(t, both)
	r := Registration()
	r.Name = "keyward-rollover"
	made, err := conn.Register(ctx, r)
	if err != nil {
		t.Fatalf("with the next secret: %v", err)
	}
	for range 3 {
		if got, err := ReaderOf(t, conn).Read(ctx, made.Handle); err != nil || got == nil {
			t.Errorf("read with the next secret: %v, error %v", got, err)
		}
	}
	if err := conn.Delete(ctx, made.Handle); err != nil {
		t.Errorf("delete with the next secret: %v", err)
	}
	refused := 0
	for _, q := range c.Server.Seen()[before:] {
		if q.Status == http.StatusUnauthorized {
			refused++
		}
	}
	if refused != 1 {
		t.Errorf("the refused secret was sent %d times", refused)
	}
}

// WrongSecrets tries the key manager with a wrong credential: in the vendor's words, without the credential.
func (c Cloud) WrongSecrets(t *testing.T, words string) {
	t.Helper()
	wrong := map[string]string{}
	for path := range c.Secrets {
		wrong[path] = c.wrong()
	}
	conn := c.Open(t, wrong)
	_, err := conn.Register(t.Context(), Registration())
	var f *wire.Failure
	if !errors.As(err, &f) || f.Uncertain() || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), c.wrong()) {
		t.Errorf("wrong credential: %v", err)
	}
	if err := conn.Delete(t.Context(), connector.Handle{ClientID: "x", URI: "x"}); err == nil {
		t.Error("a refused credential counts as a client that is gone")
	}
	if c, err := ReaderOf(t, conn).Read(t.Context(), connector.Handle{ClientID: "x", URI: "x"}); err == nil {
		t.Errorf("a refused credential counts as a client that is not there: %v", c)
	}
}
