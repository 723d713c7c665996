package entraserver

import (
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"keyward.dev/keyward/internal/testbed/contract"
)

// denied answers as the token endpoint does.
func denied(x *contract.Exchange, status int, code string, number int, text string) {
	x.JSON(status, map[string]any{"error": code, "error_description": fmt.Sprintf("AADSTS%d: %s", number, text),
		"error_codes": []int{number}, "trace_id": "t-1", "correlation_id": "c-1"})
}

func (s *state) token(x *contract.Exchange) {
	resource, all := strings.CutSuffix(x.Form.Get("scope"), "/.default")
	if !x.Redeems() && (!all || resource == "") {
		denied(x, http.StatusBadRequest, "invalid_scope", 1002012, "The provided value for scope is not valid.")
		return
	}
	if x.Form.Has("client_assertion") || x.Form.Has("client_assertion_type") {
		s.asserted(x, resource)
		return
	}
	id, secret, basic := x.Credentials()
	if basic {
		id, _ = url.QueryUnescape(id) // a fault fits no client
		secret, _ = url.QueryUnescape(secret)
	}
	if id == ManagementClient && secret == ManagementSecret || id == OwnerClient && secret == OwnerSecret {
		s.graphToken(x, id, resource)
		return
	}
	var app *application
	for _, a := range s.apps {
		if a.appID == id && a.unknown > 0 {
			a.unknown--
		} else if a.appID == id && a.principal != nil {
			app = a
		}
	}
	switch {
	case app == nil && id != ManagementClient:
		denied(x, http.StatusBadRequest, "unauthorized_client", 700016, "Application with identifier '"+id+"' was not found.")
	case !app.knows(secret):
		denied(x, http.StatusUnauthorized, "invalid_client", 7000215, "Invalid client secret provided.")
	case x.Redeems():
		more := map[string]any{"tid": Tenant, "ver": "2.0"}
		if app.groups == "SecurityGroup" { // without, there is no such claim
			more["groups"] = []string{"apis"}
		}
		s.people.Redeem(x, s.issuer(2), id, s.key, more)
	default:
		token, ok := x.Mint(s.key, "JWT", s.claims(app, resource))
		if !ok {
			return
		}
		x.JSON(http.StatusOK, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 3599})
	}
}

func (s *state) authorize(x *contract.Exchange) {
	for _, a := range s.apps {
		if a.appID == x.R.URL.Query().Get("client_id") && a.principal != nil {
			s.people.Authorize(x, a.callbacks, "")
			return
		}
	}
	denied(x, http.StatusBadRequest, "unauthorized_client", 700016, "Application was not found.")
}

func (s *state) graphToken(x *contract.Exchange, id, resource string) {
	token := s.next("graph-token-%d")
	if resource == s.origin {
		s.bearer[token] = id
	}
	x.JSON(http.StatusOK, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 3599})
}

func newAssertions() *contract.Assertions {
	return &contract.Assertions{
		Algorithms: []string{"PS256"}, Longest: 10 * time.Minute, NeedsID: true, NeedsType: true, NeedsTimes: true,
	}
}

// asserted gives a token to a client that proves itself by a certificate. The client's id is demanded beside it.
func (s *state) asserted(x *contract.Exchange, resource string) {
	id := x.Form.Get("client_id")
	switch {
	case id != ManagementClient:
		denied(x, http.StatusBadRequest, "unauthorized_client", 700016, "Application with identifier '"+id+"' was not found.")
		return
	case x.Form.Has("client_secret"):
		denied(x, http.StatusBadRequest, "invalid_request", 90023, "Both a secret and an assertion are given.")
		return
	}
	endpoint := s.origin + "/" + Tenant + "/oauth2/v2.0/token"
	switch flaw := s.assertions.Judge(x.Form, id, endpoint, s.byThumbprint); flaw {
	case contract.NoFlaw:
		s.graphToken(x, id, resource)
	case contract.UnknownKey:
		denied(x, http.StatusUnauthorized, "invalid_client", 700027, "The certificate with identifier used to sign the client "+
			"assertion is not registered on application. [Reason - The key was not found.]")
	case contract.BadSignature:
		denied(x, http.StatusUnauthorized, "invalid_client", 700027, "Client assertion failed signature validation.")
	case contract.BadIssuer:
		denied(x, http.StatusUnauthorized, "invalid_client", 700021, "Client assertion application identifier doesn't match "+
			"'client_id' parameter.")
	case contract.BadAudience:
		denied(x, http.StatusUnauthorized, "invalid_client", 700023, "Client assertion audience claim does not match.")
	case contract.Expired, contract.TooLong, contract.TooEarly, contract.BadExpiry:
		denied(x, http.StatusUnauthorized, "invalid_client", 700024, "Client assertion is not within its valid time range.")
	default:
		denied(x, http.StatusUnauthorized, "invalid_client", 50027, "JWT token is invalid or malformed: "+string(flaw))
	}
}

// byThumbprint finds a certificate by the header's SHA-256 thumbprint (RFC 7515 section 4.1.8).
func (s *state) byThumbprint(h jose.Header) []crypto.PublicKey {
	for _, certificate := range s.certificates {
		sum := sha256.Sum256(certificate.Raw)
		if h.ExtraHeaders["x5t#S256"] == base64.RawURLEncoding.EncodeToString(sum[:]) {
			return []crypto.PublicKey{certificate.PublicKey}
		}
	}
	return nil
}

func (a *application) knows(secret string) bool {
	if a == nil {
		return false
	}
	for _, p := range a.passwords {
		if p.secret != secret {
			continue
		}
		if p.unseen > 0 {
			p.unseen--
			return false
		}
		return true
	}
	return false
}

func (s *state) claims(a *application, resource string) map[string]any {
	now := time.Now().Unix()
	claims := map[string]any{
		"iss": s.issuer(2), "aud": resource, "sub": a.id, "oid": a.id, "tid": Tenant, "azp": a.appID, "azpacr": "1", "ver": "2.0",
		"iat": now, "nbf": now, "exp": now + 3599, "uti": s.next("uti-%d"),
	}
	if roles := s.rolesOf(a.principal.id, resource); len(roles) > 0 { // without any, there is no such claim
		claims["roles"] = roles
	}
	switch resource {
	case Resource, ResourceID:
		claims["aud"] = ResourceID
	case ResourceV1:
		claims["iss"], claims["ver"] = s.issuer(1), "1.0"
		claims["appid"], claims["appidacr"] = a.appID, "1"
		delete(claims, "azp")
		delete(claims, "azpacr")
	}
	return claims
}
