package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"keyward.dev/keyward/internal/testbed/glewlwyd"
	"keyward.dev/keyward/internal/testbed/zitadel"
)

// TestKeysOnGlewlwyd: a server that wants a callback of every client and a scope with every request for a token, and
// whose metadata leaves out a grant that it offers.
func TestKeysOnGlewlwyd(t *testing.T) {
	t.Parallel()
	s := glewlwyd.Start(t, t.TempDir())
	spec := fmt.Sprintf("type: oidc, discovery: %q, connection: {proofScope: %q}", s.Issuer, glewlwyd.Scope)
	up := newUpstream(t)
	n := serve(t)
	apply(t, n, manifest("KeyManager", "glewlwyd", spec), orders(up.URL, "[glewlwyd]", ""), mobile())
	if r := n.CLI(t, "", place("generate", "glewlwyd", "--grant", "client_credentials")...); r.Code != 3 ||
		!containsText(r.Stderr, "client_credentials is not offered") {
		t.Errorf("a grant that the metadata leaves out: %s", r)
	}
	apply(t, n, manifest("KeyManager", "glewlwyd", spec+", clients: {grantTypes: [client_credentials]}"))
	if r := n.CLI(t, "", place("generate", "glewlwyd", "--grant", "client_credentials")...); r.Code != 3 ||
		!containsText(r.Stderr, "redirect_uris is mandatory") {
		t.Errorf("without a callback: %s", r)
	}
	// No callback is asked for first, as developers do not; an unknown client is refused without a word.
	if r := n.CLI(t, "", "keymanager", "check", "glewlwyd"); r.Code != 0 || !containsText(r.Stdout, "and is gone") ||
		!containsText(r.Stdout, "which the server requires of every client") || !containsText(r.Stdout, "refused without an error code") ||
		!containsText(r.Stdout, "which gateways accept as client") {
		t.Errorf("check: %s", r)
	}
	walkKeys(t, n, vendor{
		name: "glewlwyd", scope: glewlwyd.Scope, callback: "https://app.example/cb",
		byHand: func(ctx context.Context) (string, string, error) {
			return "by-hand", "by-hand-secret", s.AddClient(ctx, "by-hand", "by-hand-secret", glewlwyd.Scope)
		},
	})
}

// TestEncryptedTokensOfZitadel: opaque tokens of five parts that begin as a JWT does. The server tells of a token only
// those whom the token's audience names, and names the client in sub alone.
func TestEncryptedTokensOfZitadel(t *testing.T) {
	t.Parallel()
	z := zitadel.Start(t)
	up := newUpstream(t)
	n := serve(t)
	apply(t, n, manifest("KeyManager", "z", fmt.Sprintf(`type: oidc, discovery: %q,
  introspection: {clientId: %s, clientSecret: %s}, tokens: {match: [{regex: "eyJ[^.]*([.][^.]+){4}"}]}, claims: {clientId: [sub]}`,
		z.Issuer, zitadel.IntrospectionClient, zitadel.IntrospectionSecret)), orders(up.URL, "[z]", ""), mobile(),
		manifest("OAuthClient", "mobile-z", "application: mobile, keyManager: z, clientId: "+zitadel.Client))
	k := madeKeys{ClientID: zitadel.Client, ClientSecret: zitadel.ClientSecret, TokenEndpoint: z.Issuer + "oauth/token"}
	token := k.token(t, vendor{scope: "openid orders:read " + zitadel.Audience})
	if parts := strings.Count(token, ".") + 1; parts != 5 {
		t.Fatalf("the token has %d parts", parts)
	}
	until(t, n.Gateway, http.MethodGet, items, token, 200, "")
	stranger := k.token(t, vendor{scope: "openid orders:read"})
	until(t, n.Gateway, http.MethodGet, items, stranger, 401, "token_inactive")
	until(t, n.Gateway, http.MethodGet, items, token[:strings.LastIndex(token, ".")], 401, "invalid_token")
}
