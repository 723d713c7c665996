package demo

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const maxAnswer = 1 << 20

// newClient talks to loopback only, so it knows no proxy.
func newClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{Proxy: nil, IdleConnTimeout: 10 * time.Second}, Timeout: 10 * time.Second,
	}
}

func randomText() string {
	b := make([]byte, 24)
	_, _ = rand.Read(b) // never fails: it ends the program instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// rest calls the control plane's REST API as the administrator.
func (s *show) rest(ctx context.Context, path string, body, answer any) error {
	return s.restAs(ctx, s.options.AdminToken, path, body, answer)
}

// restAs calls it as the user that an API token is of.
func (s *show) restAs(ctx context.Context, token, path string, body, answer any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode the request to %s: %w", path, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.options.ControlURL+path, bytes.NewReader(encoded))
	if err != nil {
		return fmt.Errorf("prepare the request to %s: %w", path, err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	status, text, err := s.send(req)
	if err != nil {
		return err
	}
	if status < 200 || status > 299 {
		return &refused{path: path, status: status, text: string(text)}
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("read the answer of %s: %w", path, err)
	}
	return nil
}

// refused is an answer of the REST API that trying again does not change.
type refused struct {
	path   string
	status int
	text   string
}

// Error implements error.
func (e *refused) Error() string { return fmt.Sprintf("%s answered %d: %s", e.path, e.status, e.text) }

// token fetches one as the printed commands do: by client credentials, with client_secret_basic.
func (s *show) token(ctx context.Context, k keys, scope string) (string, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {scope}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, k.TokenEndpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return "", fmt.Errorf("prepare the request for a token: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(k.ClientID), url.QueryEscape(k.ClientSecret))
	status, text, err := s.send(req)
	if err != nil {
		return "", err
	}
	var answer struct {
		AccessToken string `json:"access_token"`
		Scope       string `json:"scope"`
	}
	if status != http.StatusOK || json.Unmarshal(text, &answer) != nil || answer.AccessToken == "" {
		return "", fmt.Errorf("%s answered %d instead of a token", k.TokenEndpoint, status)
	}
	if answer.Scope != scope {
		return "", fmt.Errorf("%s gave the scope %q instead of %q", k.TokenEndpoint, answer.Scope, scope)
	}
	return answer.AccessToken, nil
}

func (s *show) send(req *http.Request) (status int, body []byte, err error) {
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("call %s: %w", req.URL.Redacted(), err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return 0, nil, fmt.Errorf("read the answer of %s: %w", req.URL.Redacted(), err)
	}
	return resp.StatusCode, body, nil
}
