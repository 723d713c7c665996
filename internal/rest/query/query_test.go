package query

import (
	"errors"
	"net/url"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"keyward.dev/keyward"
)

// TestFault: what the document does not name is refused with what was meant.
func TestFault(t *testing.T) {
	t.Parallel()
	op := &huma.Operation{Parameters: []*huma.Param{
		{Name: "tenant", In: "query"}, {Name: "keyManager", In: "query"}, {Name: "search", In: "query"}, {Name: "name", In: "path"},
		{Name: "held", In: "query", Schema: &huma.Schema{Type: huma.TypeBoolean}},
	}}
	for raw, want := range map[string]string{
		"":                              "",
		"tenant=acme&search=&held=true": "",
		"held=maybe":                    "held: must be true or false",
		"tennant=acme":                  "tennant: is not a parameter of this address: did you mean tenant?",
		"key-manager=a":                 "key-manager: is not a parameter of this address: did you mean keyManager?",
		"Tenant=acme":                   "Tenant: is not a parameter of this address: did you mean tenant?",
		"name=x":                        "name: is not a parameter of this address: it has held, keyManager, search, tenant",
		"=x":                            ": is not a parameter of this address: it has held, keyManager, search, tenant",
		"search=a&search=a":             "search: is given more than once",
		"search=a&zzzzzz=1&tenant=&tenant=b": "tenant: is given more than once; " +
			"zzzzzz: is not a parameter of this address: it has held, keyManager, search, tenant",
	} {
		got := ""
		if told, ok := errors.AsType[*keyward.Error](Fault(op, url.URL{RawQuery: raw})); ok {
			got = told.Words()
		}
		if got != want {
			t.Errorf("?%s: got %q, want %q", raw, got, want)
		}
	}
	if err := Fault(&huma.Operation{}, url.URL{RawQuery: "tenant=a"}); keyward.CodeOf(err) != keyward.CodeInvalidInput {
		t.Errorf("an address without parameters: %v", err)
	}
	if err := Fault(op, url.URL{RawQuery: "tenant=%zz"}); keyward.CodeOf(err) != keyward.CodeInvalidInput {
		t.Errorf("a malformed query: %v", err)
	}
}
