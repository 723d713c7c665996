package contract

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"keyward.dev/keyward/internal/testbed/issuer"
)

// AssertionType is the client_assertion_type of RFC 7523 section 2.2.
const AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// AssertionForm is TokenForm for clients that have a key in the place of a secret.
func AssertionForm() Members {
	return Members{
		"grant_type": {Kind: Text, Required: true, Enum: []string{"client_credentials"}},
		"scope":      {Kind: Text}, "client_id": {Kind: Text},
		"client_assertion_type": {Kind: Text, Required: true, Enum: []string{AssertionType}},
		"client_assertion":      {Kind: Text, Required: true},
	}
}

// EitherForm is TokenForm for clients of both kinds.
func EitherForm() Members {
	form := AssertionForm()
	form["client_secret"] = Member{Kind: Text}
	for _, name := range []string{"client_assertion_type", "client_assertion"} {
		member := form[name]
		member.Required = false
		form[name] = member
	}
	return form
}

// Flaw is what is wrong with a client assertion.
type Flaw string

// The flaws. Each vendor has words of its own for them.
const (
	NoFlaw       Flaw = ""
	BadForm      Flaw = "it is not a JWT of a documented algorithm and type"
	UnknownKey   Flaw = "its header names no key of the client"
	BadSignature Flaw = "its signature is wrong"
	BadIssuer    Flaw = "iss or sub is not the client"
	BadAudience  Flaw = "aud is not what is documented"
	BadExpiry    Flaw = "exp is missing or no number"
	Expired      Flaw = "exp has passed"
	TooLong      Flaw = "exp is too far in the future"
	TooEarly     Flaw = "iat or nbf lies in the future, or is missing where it is documented"
	NoID         Flaw = "jti is missing"
	Replayed     Flaw = "jti was used before"
)

// Assertions judges the client assertions (RFC 7523 section 3) of one server as its vendor documents them.
type Assertions struct {
	Algorithms []string
	Longest    time.Duration // from now until exp; 0 = no limit is documented
	Skew       time.Duration // by which iat and nbf may lie in the future
	NeedsID    bool          // jti is documented as required
	NeedsType  bool          // typ is documented, as JWT
	NeedsTimes bool          // nbf and iat are documented

	used map[string]bool
}

// assertionClaims are those that are documented; any other is refused.
type assertionClaims struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience string   `json:"aud"` // one: every vendor documents a string
	Expiry   *float64 `json:"exp"`
	IssuedAt *float64 `json:"iat"`
	Before   *float64 `json:"nbf"`
	ID       string   `json:"jti"`
}

// Judge says what is wrong with the assertion in a form. keys finds the client's public keys by the header.
func (a *Assertions) Judge(form url.Values, client, audience string, keys func(jose.Header) []crypto.PublicKey) Flaw {
	var algorithms []jose.SignatureAlgorithm
	for _, name := range a.Algorithms {
		algorithms = append(algorithms, jose.SignatureAlgorithm(name))
	}
	signed, err := jose.ParseSignedCompact(form.Get("client_assertion"), algorithms)
	if err != nil || form.Get("client_assertion_type") != AssertionType ||
		a.NeedsType && signed.Signatures[0].Protected.ExtraHeaders[jose.HeaderType] != "JWT" {
		return BadForm
	}
	fitting := keys(signed.Signatures[0].Protected)
	if len(fitting) == 0 {
		return UnknownKey
	}
	for _, key := range fitting {
		if payload, err := signed.Verify(key); err == nil {
			return a.judgeClaims(payload, form, client, audience)
		}
	}
	return BadSignature
}

func (a *Assertions) judgeClaims(payload []byte, form url.Values, client, audience string) Flaw {
	var c assertionClaims
	if json.Unmarshal(payload, &c) != nil {
		return BadForm
	}
	if c.Issuer != client || c.Subject != client || form.Has("client_id") && form.Get("client_id") != client {
		return BadIssuer
	}
	if c.Audience != audience {
		return BadAudience
	}
	return a.judgeTimes(c)
}

func (a *Assertions) judgeTimes(c assertionClaims) Flaw {
	now := float64(time.Now().Unix())
	switch {
	case c.Expiry == nil:
		return BadExpiry
	case *c.Expiry <= now:
		return Expired
	case a.Longest > 0 && *c.Expiry > now+a.Longest.Seconds():
		return TooLong
	case c.IssuedAt != nil && *c.IssuedAt > now+a.Skew.Seconds() || c.Before != nil && *c.Before > now+a.Skew.Seconds(),
		a.NeedsTimes && (c.IssuedAt == nil || c.Before == nil):
		return TooEarly
	case c.ID == "" && a.NeedsID:
		return NoID
	case a.used[c.ID]:
		return Replayed
	}
	if c.ID != "" {
		if a.used == nil {
			a.used = map[string]bool{}
		}
		a.used[c.ID] = true
	}
	return NoFlaw
}

// Claimed is the client that a request for a token says it is of: in the form, or else in its assertion, which is not
// judged here.
func Claimed(form url.Values) string {
	if form.Has("client_id") {
		return form.Get("client_id")
	}
	parts := strings.Split(form.Get("client_assertion"), ".")
	var claims assertionClaims
	if len(parts) == 3 {
		payload, _ := base64.RawURLEncoding.DecodeString(parts[1]) // what cannot be read names nobody
		_ = json.Unmarshal(payload, &claims)                       // likewise
	}
	return claims.Issuer
}

// ByKid finds a key by the header's kid. Without one, it is the only key that there is.
func ByKid(keys []*issuer.Key) func(jose.Header) []crypto.PublicKey {
	return func(h jose.Header) []crypto.PublicKey {
		var found []crypto.PublicKey
		for _, k := range keys {
			if k.Kid == h.KeyID || h.KeyID == "" && len(keys) == 1 {
				found = append(found, k.Private.Public())
			}
		}
		return found
	}
}
