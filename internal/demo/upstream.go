package demo

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

const maxEcho = 64 << 10 // of a request's body

// echo is what the sample upstream answers: the request as it arrived behind the gateway.
type echo struct {
	Message string            `json:"message"`
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Query   string            `json:"query,omitempty"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body,omitempty"`
	Caller  json.RawMessage   `json:"caller,omitempty"` // the claims of the backend JWT, decoded
}

// upstreamHandler shows what a backend gets from the gateway.
func upstreamHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEcho))
		if err != nil {
			http.Error(w, "the request is too long for the sample upstream", http.StatusRequestEntityTooLarge)
			return
		}
		answer := echo{
			Message: "The sample upstream got this request.", Method: r.Method, Path: r.URL.EscapedPath(),
			Query: r.URL.RawQuery, Headers: map[string]string{}, Body: string(body),
			Caller: decodeClaims(r.Header.Get(backendHeader)),
		}
		for name, values := range r.Header {
			answer.Headers[name] = strings.Join(values, ", ")
		}
		w.Header().Set("Content-Type", "application/json")
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		_ = encoder.Encode(answer) // the caller may be gone; there is nobody left to tell
	})
}

const backendHeader = "X-JWT-Assertion"

// decodeClaims shows a backend JWT's payload. A real backend verifies it with the gateway's /.well-known/jwks.json.
func decodeClaims(token string) json.RawMessage {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || !json.Valid(claims) {
		return nil
	}
	return claims
}
