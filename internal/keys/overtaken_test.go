package keys_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/testbed/conformance"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/oktaserver"
)

// TestWhoIsOvertakenIsToldSo: two control planes rotate one client at once. One does it at a time, and the others are told
// that somebody was quicker, not that something went wrong.
func TestWhoIsOvertakenIsToldSo(t *testing.T) {
	key := conformance.SigningKey(t)
	s := contract.Start(t, func(o string) http.Handler { return oktaserver.Build(o, key) })
	r := newRig(t)
	r.keyManager("okta", fmt.Sprintf(
		`{"type":"okta","issuer":"%s/oauth2/%s","connection":{"apiToken":{"stored":true},"proofScope":%q}}`,
		s.URL, oktaserver.Server, oktaserver.Scope), map[string]string{"connection.apiToken": oktaserver.APIToken})
	if _, err := r.keys.Generate(t.Context(), alice(), at("okta"), keys.Ask{}); err != nil {
		t.Fatal(err)
	}
	var planes []*keys.Keys
	for range 2 {
		k, err := keys.New(r.store, r.openers(), keys.Options{Now: r.now}) // not the only ones
		if err != nil {
			t.Fatal(err)
		}
		planes = append(planes, k)
	}
	errs := make([]error, 8)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { _, errs[i] = planes[i%2].Rotate(t.Context(), alice(), at("okta"), keys.RotateAsk{}) })
	}
	all.Wait()
	if !slices.Contains(errs, nil) {
		t.Errorf("nobody rotated: %v", errs)
	}
	for _, err := range errs {
		if code := keyward.CodeOf(err); err != nil && code != keyward.CodeConflict && code != keyward.CodeKeysExist {
			t.Errorf("told: %v", err)
		}
	}
	if _, err := planes[0].Token(t.Context(), alice(), at("okta"), keys.TokenAsk{}); err != nil {
		t.Errorf("the stored secret: %v", err)
	}

	one := r.one(keyward.ClientActive)
	err := r.store.Read(t.Context(), func(tx *storeTx) error {
		o, err := tx.Get(keyward.KindOAuthClient, keyward.DefaultTenant, one.Name)
		if err != nil {
			return err
		}
		c, err := scene.ReadClient(o)
		if err != nil {
			return err
		}
		if _, err := scene.Reload(tx, c, keyward.ClientActive); err != nil {
			return err
		}
		_, err = scene.Reload(tx, c, keyward.ClientRotating)
		return err
	})
	wantCode(t, err, keyward.CodeConflict, one.Name, "is active")
	if !errors.Is(err, scene.ErrOvertaken) {
		t.Errorf("what tells sweeps to leave it alone: %v", err)
	}
}
