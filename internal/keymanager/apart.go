package keymanager

import (
	"cmp"
	"reflect"
	"slices"

	"keyward.dev/keyward"
)

// Issuers lists the issuers whose tokens are a key manager's, each once: its own, declared or read from the server's metadata,
// and spec.otherIssuers.
func Issuers(s *keyward.KeyManagerSpec, status keyward.KeyManagerStatus) []string {
	var out []string
	if own := cmp.Or(s.Issuer, status.Issuer); own != "" {
		out = append(out, own)
	}
	for _, other := range s.OtherIssuers {
		if !slices.Contains(out, other.Issuer) {
			out = append(out, other.Issuer)
		}
	}
	return out
}

// ToldApart tells whether no token can fit two key managers that share an issuer: each of the one's rules for claims
// (spec.tokens.match) disagrees with each of the other's about the value of some claim.
func ToldApart(a, b *keyward.KeyManagerSpec) bool {
	mine, others := claimRules(a), claimRules(b)
	if len(mine) == 0 || len(others) == 0 {
		return false
	}
	for _, x := range mine {
		for _, y := range others {
			if !disagree(x, y) {
				return false
			}
		}
	}
	return true
}

func claimRules(s *keyward.KeyManagerSpec) []map[string]any {
	var out []map[string]any
	for _, m := range s.Tokens.Match {
		if len(m.Claims) > 0 {
			out = append(out, m.Claims)
		}
	}
	return out
}

func disagree(x, y map[string]any) bool {
	for claim, v := range x {
		if other, both := y[claim]; both && !reflect.DeepEqual(v, other) {
			return true
		}
	}
	return false
}
