package keymanager

import (
	"fmt"
	"slices"
	"strings"

	"keyward.dev/keyward"
)

// validateExchange refuses what a mapped claim would mean in a token of the resident key manager.
func validateExchange(spec *keyward.KeyManagerSpec) []keyward.FieldError {
	if !spec.Tokens.Use.Exchanges() {
		return nil
	}
	var faults []keyward.FieldError
	for i, m := range spec.Claims.Mapping {
		if IsTokenClaim(m.To) {
			faults = append(faults, fieldError(fmt.Sprintf("spec.claims.mapping[%d].to", i),
				"%q decides about the token that is given in exchange: choose another name", m.To))
		}
	}
	return faults
}

// IsTokenClaim tells whether a claim of this name, in whatever case, says something about an access token itself:
// whose it is, what it is good for, which kind it is, whom it is bound to (RFC 7519, RFC 7800, RFC 8693, RFC 9068).
// Nothing that another server said may stand there in a token of the resident key manager.
func IsTokenClaim(name string) bool {
	own := append(keyward.ReservedClaims(), "azp", "appid", "cid", "scp", "cnf", "act", "may_act", "typ", "token_use", "at_hash",
		"c_hash", "s_hash", "events")
	return slices.ContainsFunc(own, func(c string) bool { return strings.EqualFold(c, name) })
}
