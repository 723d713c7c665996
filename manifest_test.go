package keyward

import (
	"strings"
	"testing"
)

// TestShownTexts: what somebody names breaks no line, moves no cursor and reads as what it is, wherever it is shown.
func TestShownTexts(t *testing.T) {
	t.Parallel()
	for what, spec := range map[string]func(text string) Spec{
		"spec.displayName of a tenant":       func(s string) Spec { return &TenantSpec{DisplayName: s} },
		"spec.displayName of a connection":   func(s string) Spec { return &ConnectionSpec{DisplayName: s} },
		"spec.displayName of a key manager":  func(s string) Spec { return &KeyManagerSpec{DisplayName: s} },
		"spec.displayName of an application": func(s string) Spec { return &ApplicationSpec{DisplayName: s} },
		"spec.title of an API":               func(s string) Spec { return &APISpec{Title: s} },
		"spec.email of a user":               func(s string) Spec { return &UserSpec{Email: s} },
		"spec.audiences[0] of an API":        func(s string) Spec { return &APISpec{Audiences: []string{s}} },
	} {
		path, _, _ := strings.Cut(what, " ")
		told := func(text string) bool {
			for _, f := range spec(text).Validate() {
				if f.Path == path {
					return true
				}
			}
			return false
		}
		bad := []string{"a\x00@b", "a\r\n@b", "a\x1b[2J@b", "a\u0085@b"}
		if path != "spec.audiences[0]" { // which nobody reads as anything but a value
			bad = append(bad, "a\u202e@b", "a\u2066@b", strings.Repeat("a", 200)+"@b")
		}
		for _, text := range bad {
			if !told(text) {
				t.Errorf("%s: %q is taken", what, text)
			}
		}
		for _, text := range []string{"a@b", "Zoë 👩\u200d💻@\u05d0\u05d1", "\u3000 a@b <b>"} {
			if told(text) {
				t.Errorf("%s: %q is refused", what, text)
			}
		}
	}
}
