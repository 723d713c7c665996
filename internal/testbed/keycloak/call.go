package keycloak

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	requestLimit = 60 * time.Second
	maxAnswer    = 8 << 20
)

// Token gets an access token by client credentials with a space-separated scope.
func (r *Realm) Token(ctx context.Context, id, secret, scope string) (string, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}
	if scope != "" {
		form.Set("scope", scope)
	}
	return token(ctx, r.Issuer, form)
}

func token(ctx context.Context, issuer string, form url.Values) (string, error) {
	var answer struct {
		Token string `json:"access_token"`
	}
	err := post(ctx, issuer+"/protocol/openid-connect/token", form, &answer)
	return answer.Token, err
}

func post(ctx context.Context, address string, form url.Values, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return fmt.Errorf("make a request: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return send(req, into)
}

// admin calls the admin API below /admin/realms.
func (s *Server) admin(ctx context.Context, method, path string, body, into any) error {
	bearer, err := s.adminToken(ctx)
	if err != nil {
		return err
	}
	var encoded []byte
	if body != nil {
		if encoded, err = json.Marshal(body); err != nil {
			return fmt.Errorf("encode a request: %w", err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, s.URL+"/admin/realms"+path, bytes.NewReader(encoded))
	if err != nil {
		return fmt.Errorf("make a request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+bearer)
	return send(req, into)
}

// adminToken keeps the administrator's token, which lives for a minute, for half of that.
func (s *Server) adminToken(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Now().Before(s.expires) {
		return s.token, nil
	}
	form := url.Values{
		"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {admin}, "password": {password},
	}
	got, err := token(ctx, s.URL+"/realms/master", form)
	if err != nil {
		return "", fmt.Errorf("sign in as the administrator: %w", err)
	}
	s.token, s.expires = got, time.Now().Add(30*time.Second)
	return got, nil
}

func send(req *http.Request, into any) error {
	resp, err := (&http.Client{Timeout: requestLimit}).Do(req)
	if err != nil {
		return fmt.Errorf("%s %s: %w", req.Method, req.URL.Path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the answer to %s %s: %w", req.Method, req.URL.Path, err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s %s: %s: %s", req.Method, req.URL.Path, resp.Status, body)
	}
	if into == nil || len(body) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("decode the answer to %s %s: %w", req.Method, req.URL.Path, err)
	}
	return nil
}
