package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/oktaserver"
)

// ask makes a call to a vendor's server as its own administrator, and reads the answer.
func ask(ctx context.Context, method, at, body string, answer any, fields ...string) error {
	req, err := http.NewRequestWithContext(ctx, method, at, strings.NewReader(body))
	if err != nil {
		return err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(fields); i += 2 {
		req.Header.Set(fields[i], fields[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s %s: %s", method, at, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(answer)
}

// TestKeysOnOkta walks the life of a client on Okta's contract server.
func TestKeysOnOkta(t *testing.T) {
	key := contractKey(t)
	s := contract.Start(t, func(origin string) http.Handler { return oktaserver.Build(origin, key) })
	up := newUpstream(t)
	n := serve(t)
	const clients, token = "/oauth2/v1/clients", "SSWS " + oktaserver.APIToken
	v := vendor{
		name: "okta", scope: oktaserver.Scope, rotates: true,
		spec: fmt.Sprintf("type: okta, issuer: %q, connection: {apiToken: %q, proofScope: %q}",
			s.URL+"/oauth2/"+oktaserver.Server, oktaserver.APIToken, oktaserver.Scope),
		clients: func(ctx context.Context) ([]string, error) {
			var all []struct {
				ID string `json:"client_id"`
			}
			err := ask(ctx, http.MethodGet, s.URL+clients, "", &all, "Authorization", token)
			ids := make([]string, len(all))
			for i, c := range all {
				ids[i] = c.ID
			}
			return ids, err
		},
		byHand: func(ctx context.Context) (string, string, error) {
			var made struct {
				ID     string `json:"client_id"`
				Secret string `json:"client_secret"`
			}
			err := ask(ctx, http.MethodPost, s.URL+clients, `{"client_name":"by-hand","application_type":"service",
				"grant_types":["client_credentials"],"response_types":["token"]}`, &made, "Authorization", token)
			return made.ID, made.Secret, err
		},
	}
	apply(t, n, manifest("KeyManager", v.name, v.spec), orders(up.URL, "[okta]", ""), mobile())
	walkKeys(t, n, v)
	if r := n.CLI(t, "", place("map", "okta", "--client-id", "0oanobody")...); r.Code != 3 || !containsText(r.Stderr, "has no client") {
		t.Errorf("map a client that does not exist: %s", r)
	}
	if r := n.CLI(t, "", place("generate", "okta", "--scope", "no:such")...); r.Code != 3 || !containsText(r.Stderr, "no:such") {
		t.Errorf("a scope that the server lacks: %s", r)
	}
}
