package contract

import (
	"encoding/json"
	"fmt"
	"net/http"

	"keyward.dev/keyward/internal/testbed/issuer"
)

// TokenForm is the form of a client credentials request (RFC 6749 section 4.4.2), with the client's credentials where
// they stand in the form (section 2.3.1).
func TokenForm() Members {
	return Members{
		"grant_type": {Kind: Text, Required: true, Enum: []string{"client_credentials"}},
		"scope":      {Kind: Text}, "client_id": {Kind: Text}, "client_secret": {Kind: Text},
	}
}

// IntrospectForm is the form of an introspection request (RFC 7662 section 2.1), likewise with credentials.
func IntrospectForm() Members {
	return Members{
		"token": {Kind: Text, Required: true}, "token_type_hint": {Kind: Text},
		"client_id": {Kind: Text}, "client_secret": {Kind: Text},
	}
}

// PublicKeys answers with the key's public half as a set (RFC 7517 section 5).
func PublicKeys(key *issuer.Key) func(*Exchange) {
	return func(x *Exchange) {
		set, err := issuer.JWKS(key)
		if err != nil {
			x.broken(err)
			return
		}
		x.JSON(http.StatusOK, json.RawMessage(set))
	}
}

// Mint signs an access token. Where that fails it says so to the asker and gives false.
func (x *Exchange) Mint(key *issuer.Key, typ string, claims map[string]any) (string, bool) {
	token, err := key.Mint(typ, claims)
	if err != nil {
		x.broken(err)
	}
	return token, err == nil
}

func (x *Exchange) broken(err error) {
	x.JSON(http.StatusInternalServerError, map[string]any{"error": err.Error()})
}

// Credentials gives the client's id and secret as they were sent, and whether in the Authorization field.
func (x *Exchange) Credentials() (id, secret string, basic bool) {
	id, secret, basic = x.R.BasicAuth()
	if !basic && x.R.Header.Get("Authorization") == "" {
		id, secret = x.Form.Get("client_id"), x.Form.Get("client_secret")
	}
	return id, secret, basic
}

// OAuthError answers with an error of RFC 6749 section 5.2, or of RFC 7591 section 3.2.2.
func OAuthError(w http.ResponseWriter, status int, code, description string) {
	WriteJSON(w, status, map[string]any{"error": code, "error_description": description})
}

// Strings reads a list of strings that was judged; an absent one is empty.
func Strings(v any) []string {
	list, _ := v.([]any)
	out := []string{}
	for _, item := range list {
		out = append(out, fmt.Sprint(item))
	}
	return out
}
