package conformance

import (
	"context"
	"slices"
	"testing"

	"keyward.dev/keyward/internal/connector"
)

// Change lets a client take codes too, twice, and no more: its id, name and secret stay as they are.
func Change(t *testing.T, c connector.Connector, made connector.Registered, secret string) {
	t.Helper()
	updater := able[connector.Updater](t, c)
	codes := Registration()
	codes.Grants, codes.Callbacks = append(codes.Grants, "authorization_code"), []string{"https://app.example/cb"}
	for _, want := range []connector.Registration{codes, codes, Registration()} {
		keep := func(context.Context, connector.Handle) error { return nil }
		got, err := updater.Update(t.Context(), made.Handle, want, keep)
		if err != nil || got.ClientID != made.ClientID {
			t.Errorf("change: %s, error %v", got, err)
		}
		now, err := ReaderOf(t, c).Read(t.Context(), made.Handle)
		if err != nil || now == nil || now.Name != want.Name || !slices.Equal(now.Callbacks, want.Callbacks) ||
			len(connector.Without(want.Grants, now.Grants)) != 0 {
			t.Errorf("after the change: %+v, error %v, want %+v", now, err, want)
		}
	}
	if err := ProverOf(t, c).Prove(t.Context(), made.ClientID, secret); err != nil {
		t.Errorf("the secret after a change: %v", err)
	}
}
