package enforce

import (
	"net/http"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/walled"
)

// A gateway that was not given what is secret of an outbound policy calls nobody: not past the proxy, and not without
// the certificate. What keys came another way is believed no longer.
func TestOutboundPolicyNeedsItsSecrets(t *testing.T) {
	w := newWorld(t)
	proxy := walled.StartProxy(t, "keyward", "a-password", nil)
	corp := func(change func(*keyward.OutboundRow)) {
		row := w.keyManager("corp", w.corp)
		row.Outbound = &keyward.OutboundRow{Proxy: proxy.URL, ProxyUser: "keyward", Secrets: []string{keyward.OutboundPassword}}
		change(row.Outbound)
		w.put(keyward.RowKeyManager, "km-corp", row)
	}
	secrets := func(password string) {
		w.put(keyward.RowOutbound, "km-corp", keyward.OutboundSecretsRow{Secrets: map[string]keyward.Sealed{
			keyward.OutboundPassword: {Key: w.group.ID(), Text: w.group.Seal([]byte(password),
				seal.RowContext(keyward.RowOutbound, "km-corp", keyward.OutboundPassword))},
		}})
	}
	token, err := w.corp.Mint(issuer.Token{})
	if err != nil {
		t.Fatal(err)
	}
	want := func(what string, status, asked int) {
		t.Helper()
		w.later(2 * time.Second) // past the pause after a failure
		decision, refusal := w.engine.Decide(t.Context(), w.view, items(token))
		got := http.StatusOK
		if refusal != nil {
			got = refusal.Status()
		}
		if got != status || len(proxy.Asked()) != asked {
			t.Errorf("%s: %d (%v, %v), the proxy was asked %d times, want %d and %d", what, got, decision, refusal,
				len(proxy.Asked()), status, asked)
		}
	}
	want("without a policy", http.StatusOK, 0)
	corp(func(*keyward.OutboundRow) {})
	if w.engine.follows(w.view, w.view.KeyManager("km-corp")) {
		t.Error("keys are followed that cannot be reached")
	}
	want("without the password", http.StatusServiceUnavailable, 0)
	secrets("a-password")
	want("with the password", http.StatusOK, 1)
	want("kept", http.StatusOK, 1)
	secrets("another")
	want("with a wrong password", http.StatusServiceUnavailable, 2)
	secrets("a-password")
	want("with the password again", http.StatusOK, 3)
	w.remove(keyward.RowOutbound, "km-corp")
	want("without it again", http.StatusServiceUnavailable, 3)
	secrets("a-password")
	corp(func(r *keyward.OutboundRow) { r.MaxAnswer = 16 })
	want("with a limit that the keys do not keep to", http.StatusServiceUnavailable, 4)
}
