package connector_test

import (
	"encoding/json"
	"testing"

	"keyward.dev/keyward"
)

// specOf reads a spec as REST does.
func specOf(t *testing.T, text string) *keyward.KeyManagerSpec {
	t.Helper()
	var spec keyward.KeyManagerSpec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return &spec
}

func paths(faults []keyward.FieldError) []string {
	out := []string{}
	for _, f := range faults {
		out = append(out, f.Path)
	}
	return out
}
