package ownclient_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/auth0server"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/plane"
)

// TestAServerThatAnswersWithAnotherClient has made none: that of an application stays as it is, and is deleted by nobody.
func TestAServerThatAnswersWithAnotherClient(t *testing.T) {
	r := newRig(t)
	r.server.Add("mapped", "secret")
	r.server.Repeat("mapped")
	r.declare(`"enabled":false`, "")
	r.MustApply(plane.Manifest(keyward.KindApplication, "mobile", `{}`), plane.Manifest(keyward.KindOAuthClient, "mobile-corp",
		`{"application":"mobile","keyManager":"corp","clientId":"mapped"}`))
	r.declare(wanted, "")
	failed := r.must("another client", 1, keyward.ClientFailed)[0]
	if !strings.Contains(failed.Reason, "a client that was there before, mapped") || failed.Orphan {
		t.Errorf("another client: %+v", failed)
	}
	r.declare(`"enabled":false`, "")
	r.must("switched off", 1)

	r.server.Repeat("")
	r.declare(wanted, "")
	r.must("a client of its own", 2, keyward.ClientActive)
}

// TestAnInterruptedClientThatWasMappedSince is the application's: nobody signs in by it, nobody deletes it, and another is made.
func TestAnInterruptedClientThatWasMappedSince(t *testing.T) {
	key, err := issuer.NewKey("vendor", "RS256")
	if err != nil {
		t.Fatal(err)
	}
	for state, about := range map[keyward.ClientState]string{
		keyward.ClientPending: `{`, keyward.ClientFailed: `{"orphan":true,"search":true,`,
	} {
		t.Run(string(state), func(t *testing.T) {
			r := newRig(t)
			s := contract.Start(t, func(origin string) http.Handler { return auth0server.Build(origin, key) })
			r.MustApply(plane.Manifest(keyward.KindKeyManager, "corp", fmt.Sprintf(
				`{"type":"auth0","issuer":%q,"connection":{"clientId":%q,"clientSecret":%q},"signIn":{%s}}`,
				s.URL+"/", auth0server.ManagementClient, auth0server.ManagementSecret, wanted)))
			r.must("declared", 0, keyward.ClientActive)
			one := r.stored()
			made := one.ClientID
			// Its id is unknown again, as where the server's answer was lost.
			one.State, one.ClientID, one.Body = state, "", json.RawMessage(strings.Replace(string(one.Body), "{", about, 1))
			delete(one.Secrets, store.OwnHandle)
			if err := r.Store.Write(t.Context(), "test", func(tx *store.Tx) error { return tx.PutOwnClient(one) }); err != nil {
				t.Fatal(err)
			}
			r.MustApply(plane.Manifest(keyward.KindApplication, "mobile", `{}`), plane.Manifest(keyward.KindOAuthClient, "mobile-corp",
				fmt.Sprintf(`{"application":"mobile","keyManager":"corp","clientId":%q}`, made)))
			s.Forget()
			if again := r.must("settled", 0, keyward.ClientActive)[0]; again.ClientID == made || again.ID == one.ID {
				t.Errorf("the application's is taken over: %+v", again)
			}
			for _, q := range s.Seen() {
				if q.Method == http.MethodDelete {
					t.Errorf("the application's is deleted: %s", q.URI)
				}
			}
		})
	}
}
