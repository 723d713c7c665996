package okta

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/rollover"
	"keyward.dev/keyward/internal/wire"
)

// orgScopes are asked for together: what the organization has not granted the service app, its token lacks, and what may
// be managed may be read too.
func orgScopes() []string {
	return []string{"okta.clients.manage", "okta.apps.manage", "okta.authorizationServers.manage"}
}

func apiToken() connector.Field {
	return connector.Field{
		Name: "connection.apiToken", Title: "API token", Type: connector.FieldString, Secret: true,
		Help: "Made under Security, API, Tokens, by a user who may manage applications and authorization servers.",
	}
}

// serviceApp are the fields of OAuth for Okta, in the place of an API token. Okta gives its own scopes to apps with a
// private key only.
func serviceApp() []connector.Field {
	return connector.ServiceAccountWithKey("Service app's",
		"In the place of an API token: an app of the kind API Services that is granted "+strings.Join(orgScopes(), ", ")+
			" and has the admin roles for applications and authorization servers.", connector.ByAssertion)
}

// checkCredentials wants one of the two.
func checkCredentials(connection map[string]any) []keyward.FieldError {
	if given(connection, "apiToken") && (given(connection, "clientId") || given(connection, "clientKey")) {
		return []keyward.FieldError{connector.Fault("spec.connection.apiToken",
			"has no part beside a service app: leave out either it, or clientId and clientKey")}
	}
	return nil
}

func given(connection map[string]any, name string) bool {
	return connection[name] != nil && connection[name] != ""
}

// credentialed gives the way to call the organization: as a service app with tokens of its own authorization server, or
// with an API token.
func credentialed(s connector.Server, l connector.Line, org string) connector.Doer {
	if s.Text("clientId") == "" {
		return apiTokenHolder{caller: l.Caller, known: l.Known, token: s.Credential("apiToken")}.do
	}
	endpoint := org + "/oauth2/v1/token"
	return connector.Service{Line: l, Absent: unknown, Account: wire.Account{
		Endpoint: endpoint, ClientID: s.Text("clientId"), Secret: s.Credential("clientKey"), Audience: endpoint,
		Params: url.Values{"scope": {strings.Join(orgScopes(), " ")}},
	}}.Do
}

// apiTokenHolder calls with an API token, or with none, which nothing is sent for.
type apiTokenHolder struct {
	caller *wire.Caller
	known  *rollover.Memory
	token  rollover.Credential
}

func (h apiTokenHolder) do(ctx context.Context, c wire.Call) (*wire.Answer, error) {
	if h.token.Current == "" {
		return nil, keyward.Errorf(keyward.CodeCreationDisabled, "the key manager has neither an API token nor a service app: "+
			"set spec.connection.apiToken, or clientId and clientKey, or map a client that exists")
	}
	c.Secrets = append(c.Secrets, h.token.Values()...)
	return h.caller.WithSecret(ctx, h.known, h.token, func(token string) wire.Call {
		c.Header = http.Header{"Authorization": {"SSWS " + token}}
		return c
	}, refusesToken)
}

// refusesToken tells that Okta refuses the API token: 401 in its own words.
func refusesToken(a *wire.Answer) bool {
	members, _ := a.Object() // none has no such member
	return a.Status == http.StatusUnauthorized && wire.Member(members, "errorCode") == "E0000011"
}
