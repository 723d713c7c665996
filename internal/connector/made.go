package connector

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"keyward.dev/keyward/internal/wire"
)

// ReadRegistered reads the answer to a registration as RFC 7591, section 3.2.1 and its relatives write it. It is false
// where there is no client id in it.
func ReadRegistered(a *wire.Answer) (Registered, bool) {
	members, ok := a.Object()
	id := wire.Member(members, "client_id")
	return Registered{
		ClientID: id, ClientSecret: wire.Member(members, "client_secret"), Handle: Handle{ClientID: id},
		Grants: wire.ListOf(members, "grant_types"), SecretExpiresAt: expiry(members),
	}, ok && id != ""
}

// Keep gives back a client that can be used. One without a secret that needs one, with none of the grants that were
// asked for, or with an id that is none (RFC 6749, appendix A.1), is taken back. What a server calls the secret of a public client,
// or of one with a key, is none.
func Keep(ctx context.Context, c Connector, made Registered, asked []string, fields map[string]any) (Registered, error) {
	secretless := IsPublic(fields) || signs(fields)
	if secretless {
		made.ClientSecret, made.SecretExpiresAt = "", nil
	}
	switch {
	case signs(fields) && slices.Contains(made.LackingFields, AuthenticationField):
		return Registered{}, TakeBack(ctx, c, made, "the server gave the client another authentication than private_key_jwt")
	case made.ClientSecret == "" && !secretless:
		return Registered{}, TakeBack(ctx, c, made, "the server gave the client no secret")
	case strings.ContainsFunc(made.ClientID, unicode.IsControl):
		return Registered{}, TakeBack(ctx, c, made, "the server gave the client an id with a control character")
	case useless(asked, made.Grants):
		return Registered{}, TakeBack(ctx, c, made, fmt.Sprintf("the server gave the client none of the grants %s, only %s",
			strings.Join(asked, ", "), strings.Join(made.Grants, ", ")))
	default:
		return made, nil
	}
}

// useless tells that the server gave grants and none that was asked for; a refresh is nothing without another grant.
func useless(asked, given []string) bool {
	wanted := slices.DeleteFunc(slices.Clone(asked), func(g string) bool { return g == "refresh_token" })
	return len(given) > 0 && len(wanted) > 0 && len(Without(wanted, given)) == len(wanted)
}

// expiry reads client_secret_expires_at: seconds since 1970, 0 for never (RFC 7591, section 3.2.1). What is no time is
// nothing.
func expiry(members map[string]json.RawMessage) *time.Time {
	const year9999 = 253402300799
	var seconds float64
	if json.Unmarshal(members["client_secret_expires_at"], &seconds) != nil || seconds <= 0 || seconds > year9999 {
		return nil
	}
	at := time.Unix(int64(seconds), 0).UTC()
	return &at
}

// TakeBack deletes a client that was made and cannot be used.
func TakeBack(ctx context.Context, c Connector, made Registered, why string) error {
	f := &wire.Failure{
		Op: "register the client", Status: http.StatusCreated, Sent: true, Harmless: true,
		Description: why + ", so the client was deleted again",
	}
	if err := c.Delete(ctx, made.Handle); err != nil {
		f.Harmless, f.Err = false, err
		f.Description = fmt.Sprintf("%s, and client %s could not be deleted again", why, made.ClientID)
	}
	return f
}

// ResponseTypes are those that belong to grants (RFC 7591, section 2.1).
func ResponseTypes(grants []string) []string {
	types := []string{}
	if slices.Contains(grants, "authorization_code") {
		types = append(types, "code")
	}
	if slices.Contains(grants, "implicit") {
		types = append(types, "token")
	}
	return types
}

// ClientOf reads client metadata (RFC 7591, section 2).
func ClientOf(members map[string]json.RawMessage) *Client {
	return &Client{
		ClientID: wire.Member(members, "client_id"), Name: wire.Member(members, "client_name"),
		Grants: wire.ListOf(members, "grant_types"), Callbacks: wire.ListOf(members, "redirect_uris"), Scopes: ScopesOf(members),
	}
}

// ScopesOf gives what client metadata says of scopes; nil where it says nothing.
func ScopesOf(members map[string]json.RawMessage) []string {
	var scopes []string
	if said := string(members["scope"]); said == `""` || said == "[]" {
		scopes = []string{}
	}
	for _, s := range wire.ListOf(members, "scope") {
		scopes = append(scopes, strings.Fields(s)...)
	}
	return scopes
}

// Without gives what a list has and another has not, in the list's order.
func Without(list, present []string) []string {
	var lacking []string
	for _, s := range list {
		if !slices.Contains(present, s) {
			lacking = append(lacking, s)
		}
	}
	return lacking
}
