package keys_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/reconcile"
	"keyward.dev/keyward/internal/testbed/contract"
)

// dieInRotation makes an approved key at Okta, and kills its rotation after the old secret was ended there.
func dieInRotation(t *testing.T) (*rig, vendorOf) {
	t.Helper()
	r := newRig(t)
	v := oktaVendor(t, r)
	r.approval(manual())
	if _, err := r.keys.Generate(t.Context(), alice(), at("corp"), keys.Ask{}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.keys.Approve(t.Context(), admin(), at("corp"), ""); err != nil {
		t.Fatal(err)
	}
	r.approval(keyward.Approval{})
	err := r.process(8).do(func(p *process) error {
		_, err := p.keys.Rotate(t.Context(), alice(), at("corp"), keys.RotateAsk{})
		return err
	})
	if err == nil || r.one(keyward.ClientRotating).Status.Reason != "" {
		t.Fatalf("rotate: %v", err)
	}
	return r, v
}

// TestACancelledRotationIsTold: nobody knows which secret counts, and the client says so until a rotation has ended that.
func TestACancelledRotationIsTold(t *testing.T) {
	r, v := dieInRotation(t)
	ctx := t.Context()
	token := func() error {
		_, err := r.start().Token(ctx, alice(), at("corp"), keys.TokenAsk{})
		return err
	}
	told := func(after string) {
		t.Helper()
		s := r.one(keyward.ClientActive).Status
		if s.SecretDoubt == "" || !strings.HasSuffix(s.Reason, rotateAgain) || strings.Count(s.Reason, rotateAgain) != 1 {
			t.Errorf("after %s: it is shown as %q, in doubt %q", after, s.Reason, s.SecretDoubt)
		}
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		v.server.Order(contract.Trouble{Method: method, Part: "/", Status: 500, Times: 2})
	}
	if err := r.start().Cancel(ctx, alice(), at("corp")); err != nil {
		t.Fatal(err)
	}
	v.server.Mend()
	told("cancel")
	if err := token(); err == nil || isScope(err) {
		t.Fatalf("the walk does not end the old secret: %v", err)
	}
	r.later(time.Hour)
	if err := r.start().Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	told("a sweep")
	_, err := r.process(0).mends.Mend(ctx, alice(), at("corp"), reconcile.MendAsk{})
	wantCode(t, err, keyward.CodeConflict)
	told("mend")
	change := keys.Ask{Fields: map[string]any{"client_uri": "https://app.example"}}
	v.server.Order(contract.Trouble{Method: http.MethodPut, Part: "/", Status: 403, Times: 1})
	if _, err := r.start().Update(ctx, alice(), at("corp"), change); err == nil {
		t.Error("a refused change went through")
	}
	told("a refused change")
	if _, err := r.start().Update(ctx, alice(), at("corp"), change); err != nil {
		t.Fatal(err)
	}
	told("a change")
	if _, err := r.start().Reveal(ctx, alice(), at("corp")); err != nil { // who asked has not seen it: it may live yet
		t.Fatal(err)
	}
	told("reveal")
	_, err = r.start().Reveal(ctx, alice(), at("corp"))
	wantCode(t, err, keyward.CodeNotFound, "no secret to fetch once more", "a rotation was cancelled", rotateAgain)
	if _, err := r.start().Rotate(ctx, alice(), at("corp"), keys.RotateAsk{}); err != nil {
		t.Fatal(err)
	}
	if s := r.one(keyward.ClientActive).Status; s.Reason != "" || s.SecretDoubt != "" {
		t.Errorf("after a rotation: %q, in doubt %q", s.Reason, s.SecretDoubt)
	}
	if err := token(); err != nil && !isScope(err) {
		t.Errorf("after a rotation: %v", err)
	}
}

// TestARotationThatIsRefusedWhenMadeAgainIsTold: likewise where the server refuses what was interrupted.
func TestARotationThatIsRefusedWhenMadeAgainIsTold(t *testing.T) {
	r, v := dieInRotation(t)
	v.server.Order(contract.Trouble{Method: http.MethodGet, Part: "/", Status: 403, Times: 1})
	if err := r.start().Sweep(t.Context()); err == nil {
		t.Error("the sweep had no trouble")
	}
	if s := r.one(keyward.ClientActive).Status; s.Reason != s.SecretDoubt || !strings.HasSuffix(s.Reason, rotateAgain) {
		t.Errorf("it is shown as %q, in doubt %q", s.Reason, s.SecretDoubt)
	}
}

// TestARotationGoesOnThroughTrouble: a server that says only that it cannot serve now has refused nothing. The old secret may
// be dead, so giving up would leave the client with none.
func TestARotationGoesOnThroughTrouble(t *testing.T) {
	for _, status := range []int{404, 429, 500, 503} {
		r, v := dieInRotation(t)
		trouble := contract.Trouble{Method: http.MethodGet, Part: "/", Status: status}
		if status == 404 {
			trouble.Body = "<html>" // of what runs the server: it is being deployed
		}
		v.server.Order(trouble)
		if err := r.start().Sweep(t.Context()); err == nil {
			t.Errorf("%d: the sweep had no trouble", status)
		}
		if s := r.one(keyward.ClientRotating).Status; s.SecretDoubt != "" || !strings.Contains(s.Reason, strconv.Itoa(status)) {
			t.Errorf("%d: it is shown as %q, in doubt %q", status, s.Reason, s.SecretDoubt)
		}
		v.server.Mend()
		if err := r.start().Sweep(t.Context()); err != nil {
			t.Errorf("%d: the next sweep: %v", status, err)
		}
		if s := r.one(keyward.ClientActive).Status; s.Reason != "" {
			t.Errorf("%d: after it: %q", status, s.Reason)
		}
		if _, err := r.start().Reveal(t.Context(), alice(), at("corp")); err != nil {
			t.Errorf("%d: reveal: %v", status, err)
		}
		if _, err := r.start().Token(t.Context(), alice(), at("corp"), keys.TokenAsk{}); err != nil && !isScope(err) {
			t.Errorf("%d: the secret that is kept gets no token: %v", status, err)
		}
	}
}

// TestARotationWhoseOldSecretIsNotDeletedIsMadeAgain: it was ended before, so what stands then is dead.
func TestARotationWhoseOldSecretIsNotDeletedIsMadeAgain(t *testing.T) {
	for _, status := range []int{403, 429, 503} {
		for _, times := range []int{1, 0} { // 0 = always
			r := newRig(t)
			v := oktaVendor(t, r)
			ctx := t.Context()
			if _, err := r.keys.Generate(ctx, alice(), at("corp"), keys.Ask{}); err != nil {
				t.Fatal(err)
			}
			v.server.Order(contract.Trouble{Method: http.MethodDelete, Part: "/", Status: status, Times: times})
			_, err := r.keys.Rotate(ctx, alice(), at("corp"), keys.RotateAsk{})
			wantCode(t, err, keyward.CodeKeyManagerFailed, "the new secret is asked for again")
			r.one(keyward.ClientRotating)
			err = r.start().Sweep(ctx)
			if times == 0 && status != 403 { // no refusal: it goes on
				if r.one(keyward.ClientRotating); err == nil {
					t.Errorf("%d always: the sweep had no trouble", status)
				}
				continue
			}
			s := r.one(keyward.ClientActive).Status
			if times == 0 {
				if err == nil || !strings.HasSuffix(s.Reason, rotateAgain) {
					t.Errorf("%d always: %q, sweep: %v", status, s.Reason, err)
				}
				continue
			}
			if _, again := r.keys.Reveal(ctx, alice(), at("corp")); err != nil || s.Reason != "" || again != nil {
				t.Errorf("%d once: %q, sweep: %v, reveal: %v", status, s.Reason, err, again)
			}
			if _, err := r.keys.Token(ctx, alice(), at("corp"), keys.TokenAsk{}); err != nil && !isScope(err) {
				t.Errorf("%d once: %v", status, err)
			}
		}
	}
}
