package manifest

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"keyward.dev/keyward"
)

// Difference is one field that two specs have differently. A value that a side does not have is nil.
type Difference struct {
	Path string `json:"path"`
	From any    `json:"from,omitempty"`
	To   any    `json:"to,omitempty"`
}

// Diff compares what two specs say, field by field, in path order. Spelling does not count: 60s is 1m, and a list of
// one may be written as its element. A secret is its marker on both sides and never differs here; whether its value
// changed only the holder of the stored value can tell.
func Diff(from, to keyward.Spec) ([]Difference, error) {
	a, err := plain(from)
	if err != nil {
		return nil, err
	}
	b, err := plain(to)
	if err != nil {
		return nil, err
	}
	var out []Difference
	compare("spec", a, b, &out)
	return out, nil
}

func plain(spec keyward.Spec) (any, error) {
	if spec == nil || reflect.ValueOf(spec).IsNil() {
		return nil, nil
	}
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, fmt.Errorf("encode a spec to compare it: %w", err)
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return nil, fmt.Errorf("decode a spec to compare it: %w", err)
	}
	return v, nil
}

func compare(path string, a, b any, out *[]Difference) {
	if reflect.DeepEqual(a, b) {
		return
	}
	am, aIsMap := a.(map[string]any)
	bm, bIsMap := b.(map[string]any)
	if (aIsMap || a == nil) && (bIsMap || b == nil) {
		keys := map[string]bool{}
		for k := range am {
			keys[k] = true
		}
		for k := range bm {
			keys[k] = true
		}
		for _, k := range slices.Sorted(maps.Keys(keys)) {
			compare(path+"."+k, am[k], bm[k], out)
		}
		return
	}
	al, aIsList := a.([]any)
	bl, bIsList := b.([]any)
	if aIsList && bIsList {
		for i := range max(len(al), len(bl)) {
			compare(fmt.Sprintf("%s[%d]", path, i), at(al, i), at(bl, i), out)
		}
		return
	}
	*out = append(*out, Difference{Path: path, From: a, To: b})
}

func at(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return nil
}
