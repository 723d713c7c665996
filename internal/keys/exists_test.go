package keys_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/oktaserver"
)

// An administrator's word does not count against the server's; a server that cannot be asked says nothing.
func TestMapWantsAClientThatExists(t *testing.T) {
	key, err := issuer.NewKey("contract", "RS256")
	if err != nil {
		t.Fatal(err)
	}
	s := contract.Start(t, func(origin string) http.Handler { return oktaserver.Build(origin, key) })
	secrets := map[string]string{"connection.apiToken": oktaserver.APIToken}
	spec := fmt.Sprintf(`{"type":"okta","issuer":"%s/oauth2/%s","connection":{"apiToken":{"stored":true}%%s}}`, s.URL, oktaserver.Server)
	r := newRig(t)
	r.keyManager("okta", fmt.Sprintf(spec, ""), secrets)
	made, err := r.keys.Generate(t.Context(), admin(), at("okta"), keys.Ask{})
	if err != nil {
		t.Fatal(err)
	}

	other := newRig(t)
	other.keyManager("okta", fmt.Sprintf(spec, ""), secrets)
	for _, id := range []string{"0oanobody", made.ClientID + "0", made.ClientID[:len(made.ClientID)-1], "../clients", "?q=x"} {
		_, err := other.keys.Map(t.Context(), admin(), at("okta"), id, "")
		wantCode(t, err, keyward.CodeNotFound, id)
		if diff := cmp.Diff([]string{"clientId"}, fieldPaths(err)); diff != "" {
			t.Errorf("fields (-want +got):\n%s", diff)
		}
	}
	if len(other.list()) != 0 {
		t.Error("what was refused is there")
	}
	// No scope is named with which a secret could be tried, so an administrator's secret is as good as none.
	_, err = other.keys.Map(t.Context(), admin(), at("okta"), "0oanobody2", "secret")
	wantCode(t, err, keyward.CodeInvalidInput, "clientSecret", "invalid_client")
	_, err = other.keys.Map(t.Context(), alice(), at("okta"), made.ClientID, made.ClientSecret)
	wantCode(t, err, keyward.CodeForbidden, "spec.connection.proofScope names none")
	if _, err := other.keys.Map(t.Context(), admin(), at("okta"), made.ClientID, made.ClientSecret); err != nil {
		t.Errorf("a client that exists: %v", err)
	}
	s.Order(contract.Trouble{Method: http.MethodGet, Part: "/oauth2/v1/clients", Status: http.StatusServiceUnavailable})
	silent := newRig(t)
	silent.keyManager("okta", fmt.Sprintf(spec, ""), secrets)
	if _, err := silent.keys.Map(t.Context(), admin(), at("okta"), "0oanobody", ""); err != nil {
		t.Errorf("a server that does not answer: %v", err)
	}
}
