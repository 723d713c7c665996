package needs_test

import (
	"encoding/json"
	"slices"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/needs"
)

// A gateway that does not know a next value goes on with the current one.
func TestANextSecretNeedsNothing(t *testing.T) {
	for method, features := range map[string]int{"basic": 0, "post": 0, "bearer": 1} {
		row := json.RawMessage(`{"method":"` + method + `","secret":{"key":"k","text":"a"},"next":{"key":"k","text":"b"}}`)
		if got, err := needs.Of(keyward.RowIntrospection, row); err != nil || len(got) != features {
			t.Errorf("%s: needs %v, error %v", method, got, err)
		}
	}
}

// A gateway that knows of no outbound policies refuses a key manager that has one.
func TestAnOutboundPolicyIsAFeature(t *testing.T) {
	for _, c := range []struct {
		policy *keyward.Outbound
		needs  []string
	}{{nil, nil}, {&keyward.Outbound{}, nil}, {&keyward.Outbound{MaxAnswer: 4096}, []string{needs.Outbound}}} {
		row, err := json.Marshal(keyward.KeyManagerRow{Outbound: c.policy.Row()})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := needs.Of(keyward.RowKeyManager, row); err != nil || !slices.Equal(got, c.needs) {
			t.Errorf("%v: needs %v, error %v", c.policy, got, err)
		}
	}
}
