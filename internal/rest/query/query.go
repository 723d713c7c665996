// Package query owns which parameters the query of an address may have: those that the OpenAPI document names for the operation,
// each once; and which name was meant by one that is not there. It does not own what parameters may say.
package query

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"keyward.dev/keyward"
)

// Fault says why a query is not taken: it would be read in part, and what was asked for would not be what is answered, or done. nil =
// all of it is read.
func Fault(op *huma.Operation, address url.URL) error {
	values, err := url.ParseQuery(address.RawQuery)
	if err != nil {
		return keyward.Errorf(keyward.CodeInvalidInput, "the query of the address is malformed: %q", address.RawQuery)
	}
	known := map[string]*huma.Param{}
	for _, p := range op.Parameters {
		if p.In == "query" {
			known[p.Name] = p
		}
	}
	names := slices.Sorted(maps.Keys(known))
	var faults []keyward.FieldError
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch p := known[name]; {
		case p == nil:
			faults = append(faults, keyward.Fault(name, "is not a parameter of this address: %s", advice(name, names)))
		case len(values[name]) > 1:
			faults = append(faults, keyward.Fault(name, "is given more than once"))
		case p.Schema != nil && p.Schema.Type == huma.TypeBoolean && values.Get(name) != "true" && values.Get(name) != "false":
			faults = append(faults, keyward.Fault(name, "must be true or false"))
		}
	}
	return keyward.Invalid(faults)
}

// advice names the parameter that was meant, or all that there are.
func advice(name string, names []string) string {
	if len(names) == 0 {
		return "it has none"
	}
	if meant := Meant(name, names); meant != "" {
		return "did you mean " + meant + "?"
	}
	return "it has " + strings.Join(names, ", ")
}

// Meant gives the one of the names that somebody seems to have meant; empty where none is near.
func Meant[S ~string](name S, names []S) S {
	var best S
	far := len(name)/2 + 1
	for _, one := range names {
		if d := distance(plain(string(name)), plain(string(one))); d < far {
			best, far = one, d
		}
	}
	return best
}

// plain is a name without what people write in other ways.
func plain(name string) string {
	const longest = 40 // of a name that is compared: what is longer is no slip of the pen
	return strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(name[:min(len(name), longest)]))
}

// distance is how many letters have to be put in, left out or changed to make one of the other.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost = 1 + min(before, row[j], row[j+1])
			}
			before, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
