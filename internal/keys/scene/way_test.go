package scene_test

import (
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys/scene"
)

// TestWayOf: what is displayed stands before what is declared and that before what the server says; a client authenticates as
// it was made to, or else by a secret in the way that its server takes.
func TestWayOf(t *testing.T) {
	said := keyward.KeyManagerStatus{Endpoints: keyward.Endpoints{Token: "said-token", Authorization: "said-authorization"}}
	posts := said
	posts.AuthMethods = []string{"private_key_jwt", "client_secret_post"}
	both := said
	both.AuthMethods = []string{"client_secret_post", "client_secret_basic"}
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
		"said":      {&keyward.KeyManagerSpec{}, said, nil, scene.Way{"said-token", "said-authorization", "client_secret_basic"}},
		"declared":  {declared, both, nil, scene.Way{"declared-token", "said-authorization", "client_secret_basic"}},
		"displayed": {displayed, posts, nil, scene.Way{"shown", "shown-too", "client_secret_post"}},
		"made so": {
			declared, posts, map[string]any{"token_endpoint_auth_method": "none"},
			scene.Way{"declared-token", "said-authorization", "none"},
		},
	} {
		if got := scene.WayOf(c.spec, c.status, c.fields); got != c.want {
			t.Errorf("%s: %+v, wants %+v", what, got, c.want)
		}
	}
}
