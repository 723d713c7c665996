package keyward_test

import (
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/secret"
)

func TestPasswordsHaveAMinimum(t *testing.T) {
	for length, fine := range map[int]bool{0: true, 1: false, 7: false, 8: true, 100: true} { // 0: none is set
		u := keyward.UserSpec{Password: secret.New(strings.Repeat("x", length))}
		refused := false
		for _, f := range u.Validate() {
			refused = refused || f.Path == "spec.password"
		}
		if refused == fine {
			t.Errorf("a password of %d characters is refused: %v", length, refused)
		}
	}
	short := keyward.UserSpec{Password: secret.New("ééééééé")} // more bytes than characters
	if len(short.Validate()) == 0 {
		t.Error("seven characters are accepted")
	}
	kept := keyward.UserSpec{Password: secret.Stored()}
	if faults := kept.Validate(); len(faults) > 0 {
		t.Errorf("a stored password is kept: %v", faults)
	}
}
