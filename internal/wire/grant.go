package wire

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
)

// Grant asks a token endpoint for a token with a client's own credentials (RFC 6749, section 4.4).
type Grant struct {
	Endpoint string
	Methods  []string   // token_endpoint_auth_methods_supported of the server; empty = unknown
	Params   url.Values // further parameters, such as a scope
	ClientID string
	Secret   string
}

// AccessToken is what a token endpoint gave (RFC 6749, section 5.1).
type AccessToken struct {
	Value     string `json:"access_token"`
	Type      string `json:"token_type"`
	ExpiresIn int64  `json:"expires_in,omitempty"` // in seconds, as the server says; 0 = it does not
	Scope     string `json:"scope,omitempty"`      // "" = the server does not say
}

// LogValue keeps the token out of logs.
func (t AccessToken) LogValue() slog.Value { return slog.StringValue(t.String()) }

// String tells that there is a token, and nothing of it.
func (t AccessToken) String() string { return "an access token" }

// GoString hides the token from %#v.
func (t AccessToken) GoString() string { return t.String() }

// Grant tries HTTP Basic first, then the credentials in the body (RFC 6749, section 2.3.1), because the client may be
// registered for one of the two only. A refusal is a *Failure with the server's words.
func (c *Caller) Grant(ctx context.Context, g Grant) (AccessToken, error) {
	var last error
	for _, k := range g.calls() {
		a, err := c.Do(ctx, k)
		if err != nil {
			return AccessToken{}, err
		}
		if a.Status == http.StatusOK {
			if t, ok := a.accessToken(); ok {
				return t, nil
			}
			return AccessToken{}, k.Failure(a)
		}
		f := k.Failure(a)
		if last == nil || f.Code == "invalid_scope" {
			last = f // the second try would only say that the client has another way to authenticate
		}
		if f.Code == "invalid_scope" ||
			a.Status != http.StatusUnauthorized && a.Status != http.StatusBadRequest && a.Status != http.StatusForbidden {
			return AccessToken{}, f
		}
	}
	return AccessToken{}, last
}

func (g Grant) calls() []Call {
	form := func(more url.Values) url.Values {
		all := url.Values{"grant_type": {"client_credentials"}}
		maps.Copy(all, g.Params)
		maps.Copy(all, more)
		return all
	}
	basic := Call{
		Op: "get a token with the client's secret", Method: http.MethodPost, URL: g.Endpoint,
		User: g.ClientID, Password: g.Secret, Form: form(nil),
	}
	post := Call{
		Op: basic.Op, Method: http.MethodPost, URL: g.Endpoint, Secrets: []string{g.Secret},
		Form: form(url.Values{"client_id": {g.ClientID}, "client_secret": {g.Secret}}),
	}
	onlyPost := !slices.Contains(g.Methods, "client_secret_basic") && slices.Contains(g.Methods, "client_secret_post")
	if onlyPost {
		return []Call{post}
	}
	return []Call{basic, post}
}

// accessToken reads a token answer; false when it holds no token. Some servers write the lifetime as a text.
func (a *Answer) accessToken() (AccessToken, bool) {
	o, ok := a.Object()
	if !ok {
		return AccessToken{}, false
	}
	t := AccessToken{Value: Member(o, "access_token"), Type: Member(o, "token_type"), Scope: Member(o, "scope")}
	text := Member(o, "expires_in")
	if text == "" {
		text = string(o["expires_in"])
	}
	if seconds, err := json.Number(text).Float64(); err == nil {
		t.ExpiresIn = int64(seconds)
	}
	return t, t.Value != ""
}
