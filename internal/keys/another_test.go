package keys_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/testbed/registrar"
)

// A server that answers a registration with a client that was there before has made none: what was there is another's, which
// is neither deleted nor given away, and whose it is would tell of other people's applications.
func TestAServerThatAnswersWithAnotherClient(t *testing.T) {
	s := registrar.Start(t)
	s.Add("mapped", "secret")
	s.Add("gateway", "secret")
	r := newRig(t)
	secrets := registrarSecrets()
	secrets["introspection.clientSecret"] = "secret"
	asked := `,"endpoints":{"introspection":"` + s.URL + `/introspect"},` +
		`"introspection":{"clientId":"gateway","clientSecret":{"stored":true}}`
	r.keyManager("corp", oidcSpec(s.URL+"/.well-known/openid-configuration", asked), secrets)
	others := at("corp")
	others.Application = "other"
	if _, err := r.keys.Map(t.Context(), admin(), others, "mapped", ""); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"mapped", "gateway"} {
		s.Repeat(id)
		_, err := r.keys.Generate(t.Context(), alice(), at("corp"), keys.Ask{})
		wantCode(t, err, keyward.CodeKeyManagerFailed, "the id of a client that was there before")
		if strings.Contains(fmt.Sprint(err), "OAuthClient") {
			t.Errorf("told whose it is: %v", err)
		}
		if failed := r.one(keyward.ClientFailed); failed.Status.Orphan {
			t.Errorf("%s waits to be deleted: %+v", id, failed.Status)
		}
	}
	list := ids(s.Clients())
	if diff := cmp.Diff([]string{"gateway", "mapped"}, list); diff != "" {
		t.Errorf("the server's clients (-want +got):\n%s", diff)
	}

	s.Repeat("")
	if _, err := r.keys.Generate(t.Context(), alice(), at("corp"), keys.Ask{}); err != nil {
		t.Errorf("a server that makes one: %v", err)
	}
}
