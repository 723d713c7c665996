package contract

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"keyward.dev/keyward/internal/testbed/issuer"
)

// Person is sub of whoever signs in at a contract server: there is one, who is signed in already.
const Person = "person-1"

// People sign in at a contract server by the authorization code flow (RFC 6749, section 4.1; OpenID Connect Core 1.0, section 3.1),
// with PKCE (RFC 7636). Its zero value has nobody at the door.
type People struct {
	codes map[string]url.Values // authorization requests that were granted
}

// AuthorizeQuery are the parameters of an authorization request.
func AuthorizeQuery() Members {
	needed, text := Member{Kind: Text, Required: true}, Member{Kind: Text}
	return Members{
		"client_id": needed, "redirect_uri": needed, "response_type": {Kind: Text, Required: true, Enum: []string{"code"}},
		"scope": needed, "state": text, "nonce": text, "code_challenge": text,
		"code_challenge_method": {Kind: Text, Enum: []string{"S256"}},
	}
}

// WithCodes adds what redeems a code to the form of a token endpoint.
func WithCodes(m Members) Members {
	grant := m["grant_type"]
	grant.Enum = append(slices.Clone(grant.Enum), "authorization_code")
	m["grant_type"] = grant
	for _, name := range []string{"code", "redirect_uri", "code_verifier"} {
		m[name] = Member{Kind: Text}
	}
	return m
}

// Authorize answers an authorization request of a client that is registered with the redirect URIs; refusal says why the server
// grants none, as an error code; "" = it does. To another address nobody is sent.
func (p *People) Authorize(x *Exchange, callbacks []string, refusal string) {
	q := x.R.URL.Query()
	if !slices.Contains(callbacks, q.Get("redirect_uri")) {
		x.JSON(http.StatusBadRequest, map[string]any{"error": "redirect_uri is not registered"})
		return
	}
	answer := url.Values{"state": {q.Get("state")}}
	if !slices.Contains(strings.Fields(q.Get("scope")), "openid") && refusal == "" {
		refusal = "invalid_scope"
	}
	if refusal != "" {
		answer.Set("error", refusal)
	} else {
		if p.codes == nil {
			p.codes = map[string]url.Values{}
		}
		code := fmt.Sprintf("code-%d", len(p.codes)+1)
		p.codes[code] = q
		answer.Set("code", code)
	}
	x.W.Header().Set("Location", q.Get("redirect_uri")+"?"+answer.Encode())
	x.W.WriteHeader(http.StatusFound)
}

// Redeems tells whether a token request is one for a code.
func (x *Exchange) Redeems() bool { return x.Form.Get("grant_type") == "authorization_code" }

// Redeem answers such a request of a client that has proved itself: with an ID token by the key, or by the client's secret (HS256)
// where there is none, which has more claims beside those that OpenID Connect Core 1.0 asks for.
func (p *People) Redeem(x *Exchange, iss, client string, key *issuer.Key, more map[string]any) {
	asked, known := p.codes[x.Form.Get("code")]
	sum := sha256.Sum256([]byte(x.Form.Get("code_verifier")))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	if !known || asked == nil || asked.Get("client_id") != client || asked.Get("redirect_uri") != x.Form.Get("redirect_uri") ||
		asked.Has("code_challenge") && asked.Get("code_challenge") != challenge {
		OAuthError(x.W, http.StatusBadRequest, "invalid_grant", "The code is not good.")
		return
	}
	p.codes[x.Form.Get("code")] = nil // once
	now := time.Now().Unix()
	claims := map[string]any{"iss": iss, "sub": Person, "aud": client, "iat": now, "exp": now + 300, "name": "Ann Lee"}
	if asked.Has("nonce") {
		claims["nonce"] = asked.Get("nonce")
	}
	for name, value := range more {
		claims[name] = value
	}
	var id string
	var ok bool
	if key != nil {
		id, ok = x.Mint(key, "JWT", claims)
	} else {
		text, err := json.Marshal(claims)
		_, secret, _ := x.Credentials()
		id, ok = issuer.HMAC([]byte(secret), `{"alg":"HS256","typ":"JWT"}`, string(text)), err == nil
	}
	if ok {
		x.JSON(http.StatusOK, map[string]any{"id_token": id, "access_token": "of-" + Person, "token_type": "Bearer", "expires_in": 300})
	}
}
