package keymanager

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"keyward.dev/keyward"
)

func TestIssuers(t *testing.T) {
	found := keyward.KeyManagerStatus{Issuer: "https://found.example"}
	others := []keyward.OtherIssuer{{Issuer: "https://a.example"}, {Issuer: "https://found.example"}, {Issuer: "https://a.example"}}
	for name, c := range map[string]struct {
		spec   keyward.KeyManagerSpec
		status keyward.KeyManagerStatus
		want   []string
	}{
		"none":               {keyward.KeyManagerSpec{}, keyward.KeyManagerStatus{}, nil},
		"of the metadata":    {keyward.KeyManagerSpec{}, found, []string{"https://found.example"}},
		"the declared first": {keyward.KeyManagerSpec{Issuer: "https://declared.example"}, found, []string{"https://declared.example"}},
		"each once": {
			keyward.KeyManagerSpec{OtherIssuers: others}, found, []string{"https://found.example", "https://a.example"},
		},
	} {
		if diff := cmp.Diff(c.want, Issuers(&c.spec, c.status)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestToldApart(t *testing.T) {
	type claims = map[string]any
	spec := func(rules ...claims) *keyward.KeyManagerSpec {
		s := &keyward.KeyManagerSpec{}
		for _, r := range rules {
			s.Tokens.Match = append(s.Tokens.Match, keyward.MatchRule{Claims: r})
		}
		return s
	}
	a, b := claims{"tenant": "a"}, claims{"tenant": "b"}
	for name, c := range map[string]struct {
		a, b *keyward.KeyManagerSpec
		want bool
	}{
		"no rules":                     {spec(), spec(), false},
		"rules on one side":            {spec(a), spec(), false},
		"a rule without claims":        {spec(a), spec(nil), false},
		"another value":                {spec(a), spec(b), true},
		"the same value":               {spec(a), spec(a), false},
		"another claim":                {spec(a), spec(claims{"env": "a"}), false},
		"one more claim":               {spec(a), spec(claims{"tenant": "a", "env": "x"}), false},
		"another value of one of two":  {spec(a), spec(claims{"tenant": "b", "env": "x"}), true},
		"one pair of rules agrees":     {spec(a, b), spec(b), false},
		"no pair of rules agrees":      {spec(a, b), spec(claims{"tenant": "c"}), true},
		"text is not a number":         {spec(claims{"n": "1"}), spec(claims{"n": 1.0}), true},
		"an object with other members": {spec(claims{"o": claims{"a": "b"}}), spec(claims{"o": claims{"a": "c"}}), true},
	} {
		if got := ToldApart(c.a, c.b); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		if got := ToldApart(c.b, c.a); got != c.want {
			t.Errorf("%s, the other way round: %v, want %v", name, got, c.want)
		}
	}
}
