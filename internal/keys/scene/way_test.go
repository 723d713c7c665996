package scene_test

import (
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys/scene"
)

// TestWayOf: what is displayed stands before what is declared and that before what the server says; a client authenticates as
// it was made to, or else in a way that its server takes, by a secret if it can; assertions are for the issuer, or for the token
// endpoint where a vendor takes no other.
func TestWayOf(t *testing.T) {
	said := keyward.KeyManagerStatus{
		Issuer: "said-issuer", Endpoints: keyward.Endpoints{Token: "said-token", Authorization: "said-authorization"},
	}
	posts := said
	posts.AuthMethods = []string{"private_key_jwt", "client_secret_post"}
	both := said
	both.AuthMethods = []string{"client_secret_post", "client_secret_basic"}
	signs, silent := said, said
	signs.AuthMethods, silent.Issuer = []string{"tls_client_auth", "private_key_jwt"}, ""
	declared := &keyward.KeyManagerSpec{Endpoints: keyward.Endpoints{Token: "declared-token"}}
	displayed := &keyward.KeyManagerSpec{
		Endpoints: keyward.Endpoints{Token: "declared-token"}, Display: map[string]string{"token": "shown", "authorization": "shown-too"},
	}
	for what, c := range map[string]struct {
		spec   *keyward.KeyManagerSpec
		status keyward.KeyManagerStatus
		fields map[string]any
		want   scene.Way
	}{
		"said": {&keyward.KeyManagerSpec{}, said, nil,
			scene.Way{"said-token", "said-authorization", "client_secret_basic", "said-issuer"}},
		"declared":  {declared, both, nil, scene.Way{"declared-token", "said-authorization", "client_secret_basic", "said-issuer"}},
		"displayed": {displayed, posts, nil, scene.Way{"shown", "shown-too", "client_secret_post", "said-issuer"}},
		"signs": {
			&keyward.KeyManagerSpec{Type: keyward.TypeKeycloak}, signs, nil,
			scene.Way{"said-token", "said-authorization", "private_key_jwt", "said-issuer"},
		},
		"signs for its endpoint": {
			&keyward.KeyManagerSpec{Type: keyward.TypeEntra}, signs, nil,
			scene.Way{"said-token", "said-authorization", "private_key_jwt", "said-token"},
		},
		"has a declared issuer": {
			&keyward.KeyManagerSpec{Issuer: "declared-issuer"}, silent, nil,
			scene.Way{"said-token", "said-authorization", "client_secret_basic", "declared-issuer"},
		},
		"has no issuer": {declared, silent, nil,
			scene.Way{"declared-token", "said-authorization", "client_secret_basic", "declared-token"}},
		"made so": {
			declared, posts, map[string]any{"token_endpoint_auth_method": "none"},
			scene.Way{"declared-token", "said-authorization", "none", "said-issuer"},
		},
	} {
		if got := scene.WayOf(c.spec, c.status, c.fields); got != c.want {
			t.Errorf("%s: %+v, wants %+v", what, got, c.want)
		}
	}
}
