package testbed

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// Claims reads what a JWT says, and looks at no signature. Anything but a JWT fails the test.
func Claims(t TB, raw string) map[string]any {
	t.Helper()
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is not a JWT", raw)
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims map[string]any
	if err == nil {
		err = json.Unmarshal(text, &claims)
	}
	if err != nil {
		t.Fatalf("%q is not a JWT: %v", raw, err)
	}
	return claims
}
