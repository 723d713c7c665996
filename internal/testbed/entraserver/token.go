package entraserver

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"keyward.dev/keyward/internal/testbed/contract"
)

// denied answers as the token endpoint does.
func denied(x *contract.Exchange, status int, code string, number int, text string) {
	x.JSON(status, map[string]any{"error": code, "error_description": fmt.Sprintf("AADSTS%d: %s", number, text),
		"error_codes": []int{number}, "trace_id": "t-1", "correlation_id": "c-1"})
}

func (s *state) token(x *contract.Exchange) {
	resource, all := strings.CutSuffix(x.Form.Get("scope"), "/.default")
	if !all || resource == "" {
		denied(x, http.StatusBadRequest, "invalid_scope", 1002012, "The provided value for scope is not valid.")
		return
	}
	id, secret, basic := x.Credentials()
	if basic {
		id, _ = url.QueryUnescape(id) // a fault fits no client
		secret, _ = url.QueryUnescape(secret)
	}
	if id == ManagementClient && secret == ManagementSecret || id == OwnerClient && secret == OwnerSecret {
		token := s.next("graph-token-%d")
		if resource == s.origin {
			s.bearer[token] = id
		}
		x.JSON(http.StatusOK, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 3599})
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
	default:
		token, ok := x.Mint(s.key, "JWT", s.claims(app, resource))
		if !ok {
			return
		}
		x.JSON(http.StatusOK, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 3599})
	}
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
