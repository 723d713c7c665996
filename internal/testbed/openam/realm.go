package openam

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// requestLimit is long because the first configuration is one request: half a minute of CPU time, which other tests take from it.
const requestLimit = 20 * time.Minute

// send makes a request and gives the answer's body; an error when the status is one.
func (s *Server) send(ctx context.Context, method, path, body string, fields ...string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make a request: %w", err)
	}
	for i := 0; i+1 < len(fields); i += 2 {
		req.Header.Set(fields[i], fields[i+1])
	}
	resp, err := (&http.Client{Timeout: requestLimit}).Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, answer)
	}
	return answer, nil
}

// admin calls the configuration API as the administrator.
func (s *Server) admin(ctx context.Context, method, path string, body any) ([]byte, error) {
	const kind = "application/json"
	if s.session == "" {
		said, err := s.send(ctx, "POST", "/json/authenticate", "{}", "Content-Type", kind, "X-OpenAM-Username", Admin,
			"X-OpenAM-Password", AdminPassword, "Accept-API-Version", "resource=2.0, protocol=1.0")
		if err != nil {
			return nil, fmt.Errorf("sign in as the administrator: %w", err)
		}
		var answer struct{ TokenID string }
		if err := json.Unmarshal(said, &answer); err != nil {
			return nil, fmt.Errorf("sign in as the administrator: %w", err)
		}
		s.session = answer.TokenID
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode a request: %w", err)
	}
	return s.send(ctx, method, "/json"+path, string(text), "Content-Type", kind, "iPlanetDirectoryPro", s.session,
		"Accept-API-Version", "protocol=1.0,resource=1.0")
}

const provider = "realm-config/services/oauth-oidc"

func (s *Server) makeRealms(ctx context.Context) error {
	template, err := s.admin(ctx, "POST", "/"+provider+"?_action=template", map[string]any{})
	if err != nil {
		return err
	}
	for _, r := range []struct {
		name      string
		jwt, open bool
	}{{"alpha", true, true}, {"bravo", false, true}, {"closed", true, false}} {
		if _, err := s.admin(ctx, "POST", "/realms?_action=create", map[string]any{"realm": "/" + r.name}); err != nil {
			return err
		}
		settings, err := settingsFrom(template, map[string]map[string]any{
			"coreOAuth2Config":     {"statelessTokensEnabled": r.jwt},
			"advancedOAuth2Config": {"tokenSigningAlgorithm": "RS256", "supportedScopes": append(Scopes(), "openid", "profile")},
			"advancedOIDCConfig":   {"allowDynamicRegistration": r.open, "generateRegistrationAccessTokens": true},
		})
		if err != nil {
			return err
		}
		if _, err := s.admin(ctx, "POST", "/realms/root/realms/"+r.name+"/"+provider+"?_action=create", settings); err != nil {
			return err
		}
	}
	return s.AddClient(ctx, "closed", Registrar, RegistrarKey, Scopes()[0])
}

// settingsFrom changes some members of a template, and leaves out those that only describe it.
func settingsFrom(template []byte, changes map[string]map[string]any) (map[string]any, error) {
	var all map[string]any
	if err := json.Unmarshal(template, &all); err != nil {
		return nil, fmt.Errorf("read the template of a realm: %w", err)
	}
	for name := range all {
		if strings.HasPrefix(name, "_") {
			delete(all, name)
		}
	}
	for name, members := range changes {
		section, ok := all[name].(map[string]any)
		if !ok {
			return nil, fmt.Errorf("the template of a realm has no %s", name)
		}
		for member, value := range members {
			section[member] = value
		}
	}
	return all, nil
}

// AddClient makes a client, as an administrator of the realm would by hand.
func (s *Server) AddClient(ctx context.Context, realm, id, secret string, scopes ...string) error {
	numbered := make([]string, len(scopes))
	for i, scope := range scopes {
		numbered[i] = fmt.Sprintf("[%d]=%s", i, scope)
	}
	_, err := s.admin(ctx, "POST", "/realms/root/realms/"+realm+"/agents?_action=create", map[string]any{
		"username": id, "agenttype": []string{"OAuth2Client"}, "userpassword": []string{secret},
		"com.forgerock.openam.oauth2provider.clientType": []string{"Confidential"},
		"com.forgerock.openam.oauth2provider.scopes":     numbered,
	})
	return err
}

// AddPerson makes somebody who can sign in to a realm.
func (s *Server) AddPerson(ctx context.Context, realm, name, password, shown string) error {
	_, err := s.admin(ctx, "POST", "/realms/root/realms/"+realm+"/users?_action=create", map[string]any{
		"username": name, "userpassword": password, "cn": []string{shown}, "sn": []string{shown}, "mail": []string{name + "@example.com"},
	})
	return err
}

// SessionCookie is called what a browser holds of its session.
const SessionCookie = "iPlanetDirectoryPro"

// SignIn gives the session of somebody who signs in to a realm, as the realm's own page gets it.
func (s *Server) SignIn(ctx context.Context, realm, name, password string) (string, error) {
	said, err := s.send(ctx, "POST", "/json/realms/root/realms/"+realm+"/authenticate", "{}", "Content-Type", "application/json",
		"X-OpenAM-Username", name, "X-OpenAM-Password", password, "Accept-API-Version", "resource=2.0, protocol=1.0")
	if err != nil {
		return "", fmt.Errorf("sign %s in: %w", name, err)
	}
	var answer struct{ TokenID string }
	if err := json.Unmarshal(said, &answer); err != nil {
		return "", fmt.Errorf("sign %s in: %w", name, err)
	}
	return answer.TokenID, nil
}

// Clients lists the ids of a realm's clients.
func (s *Server) Clients(ctx context.Context, realm string) ([]string, error) {
	said, err := s.admin(ctx, "GET", "/realms/root/realms/"+realm+"/agents?_queryFilter=true", nil)
	if err != nil {
		return nil, err
	}
	var answer struct{ Result []string }
	if err := json.Unmarshal(said, &answer); err != nil {
		return nil, fmt.Errorf("list the clients of realm %s: %w", realm, err)
	}
	return answer.Result, nil
}
