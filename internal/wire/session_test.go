package wire_test

import (
	"errors"
	"testing"

	"keyward.dev/keyward/internal/rollover"
	"keyward.dev/keyward/internal/wire"
)

// TestASessionIsKept: for whoever signed in with the same, until somebody finds that it is over.
func TestASessionIsKept(t *testing.T) {
	tokens, signedIn := wire.NewTokens(rollover.New(nil, nil)), 0
	signIn := func() (string, error) {
		signedIn++
		return "abcdefg"[signedIn-1 : signedIn], nil
	}
	for _, c := range []struct {
		of    []string
		fresh bool
		want  string
	}{
		{[]string{"https://am.example", "admin", "p"}, false, "a"},
		{[]string{"https://am.example", "admin", "p"}, false, "a"},
		{[]string{"https://am.example", "admin", "another"}, false, "b"},
		{[]string{"https://am.example", "adminp", ""}, false, "c"},
		{[]string{"https://am.example", "admin", "p"}, true, "d"},
		{[]string{"https://am.example", "admin", "p"}, false, "d"},
	} {
		if got, err := tokens.Session(c.of, c.fresh, signIn); err != nil || got != c.want {
			t.Errorf("%q, fresh %v: %q, error %v, want %q", c.of, c.fresh, got, err, c.want)
		}
	}
	refused := &wire.Failure{Op: "sign in", Status: 500, Sent: true}
	_, err := tokens.Session([]string{"x"}, false, func() (string, error) { return "", refused })
	if f, ok := errors.AsType[*wire.Failure](err); !ok || f.Uncertain() {
		t.Errorf("a sign-in that failed: %v", err)
	}
	if got, err := tokens.Session([]string{"x"}, false, signIn); err != nil || got != "e" {
		t.Errorf("after it: %q, error %v", got, err)
	}
}
