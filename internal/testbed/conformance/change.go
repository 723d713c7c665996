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
			now.Grants != nil && len(connector.Without(want.Grants, now.Grants)) != 0 {
			t.Errorf("after the change: %+v, error %v, want %+v", now, err, want)
		}
	}
	if err := ProverOf(t, c).Prove(t.Context(), made.ClientID, secret); err != nil {
		t.Errorf("the secret after a change: %v", err)
	}
}

// ChangeFields gives a client other values of the type's fields, twice: doing it again does no harm. It keeps its id, its
// secret and its grants, and has them afterwards.
func ChangeFields(t *testing.T, c connector.Connector, made connector.Registered, fields map[string]any) {
	t.Helper()
	r := Registration()
	r.Fields = fields
	keep := func(context.Context, connector.Handle) error { return nil }
	for range 2 {
		got, err := able[connector.Updater](t, c).Update(t.Context(), made.Handle, r, keep)
		if err != nil || got.ClientID != made.ClientID || got.ClientSecret != "" {
			t.Errorf("change: %v, another secret %v, error %v", got, got.ClientSecret != "", err)
		}
	}
	if got, err := ReaderOf(t, c).Read(t.Context(), made.Handle); err != nil || got == nil || got.Name != r.Name ||
		!slices.Equal(got.Grants, r.Grants) {
		t.Errorf("read after a change: %+v, error %v", got, err)
	}
}

// Overlap adds a secret beside the one that lives, ends the older one, and gives the new one.
func Overlap(t *testing.T, c connector.Connector, h connector.Handle, old string) string {
	t.Helper()
	o, p := able[connector.Overlapper](t, c), ProverOf(t, c)
	fresh, err := o.AddSecret(t.Context(), h)
	if err != nil || fresh.Value == "" || fresh.Value == old {
		t.Fatalf("a second secret: %v, error %v", fresh, err)
	}
	for _, secret := range []string{old, fresh.Value} {
		if err := p.Prove(t.Context(), h.ClientID, secret); err != nil {
			t.Errorf("while both live: %v", err)
		}
	}
	for range 2 {
		if err := o.DropSecrets(t.Context(), h, fresh.ID); err != nil {
			t.Errorf("end the older one: %v", err)
		}
	}
	if err := p.Prove(t.Context(), h.ClientID, old); err == nil {
		t.Error("the older secret lives")
	}
	if err := p.Prove(t.Context(), h.ClientID, fresh.Value); err != nil {
		t.Errorf("the newer secret: %v", err)
	}
	return fresh.Value
}
