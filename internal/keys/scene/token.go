package scene

import (
	"fmt"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/keys/wish"
)

// TokenAsk is what a token for trying out should be.
type TokenAsk struct {
	Scopes    []string // empty = what the server gives by itself
	Audience  string
	Resources []string // RFC 8707, section 2
	Secret    string   // of the client; "" = the stored one, which only a generated client has
}

// MayGive tells whether a client's tokens are got here at all, and for this ask.
func (s *Scene) MayGive(c *Client, ask TokenAsk, now time.Time) error {
	if err := s.Held(c, now); err != nil {
		return err
	}
	if !s.Spec.IsEnabled() {
		return Disabled(s.KeyManager)
	}
	if !s.Spec.GivesTokens() {
		return keyward.Errorf(keyward.CodeForbidden,
			"%s gives nobody tokens through Keyward (clients.tokens is false): ask its token endpoint", s.KeyManager.Ref())
	}
	if c.Spec.Match != nil {
		return c.OnlyRule()
	}
	if keymanager.ForMany(s.Spec) {
		return keyward.Errorf(keyward.CodeNotSupported,
			"%s is for many organizations: ask for a token at that of client %s", s.KeyManager.Ref(), c.Spec.ClientID)
	}
	if connector.IsPublic(c.Status.Fields) {
		return keyward.Errorf(keyward.CodeNotSupported,
			"client %s is public: it has no secret, and gets tokens for people only", c.Spec.ClientID)
	}
	if faults := ask.faults(); len(faults) > 0 {
		return keyward.Invalid(faults)
	}
	return nil
}

func (a TokenAsk) faults() []keyward.FieldError {
	var faults []keyward.FieldError
	for i, scope := range a.Scopes {
		if !wish.ValidScope(scope) {
			faults = append(faults, keyward.Fault(fmt.Sprintf("scopes[%d]", i), "%q is not a scope (RFC 6749, section 3.3)", scope))
		}
	}
	for i, resource := range a.Resources {
		if resource == "" {
			faults = append(faults, keyward.Fault(fmt.Sprintf("resources[%d]", i), "must not be empty"))
		}
	}
	return faults
}
