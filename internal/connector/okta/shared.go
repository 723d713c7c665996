package okta

import (
	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
)

// shared is an organization: its credentials open the clients of all its authorization servers.
func shared() *connector.Shared {
	return &connector.Shared{
		Fields: append([]connector.Field{
			{
				Name: "connection.orgUrl", Title: "Address of the organization", Type: connector.FieldURL, Required: true,
				Help: "As in https://acme.okta.com: the credentials are sent there, and every issuer must begin with it.",
			},
			apiToken(),
		}, serviceApp()...),
		Beside: []string{"proofScope"},
		Reuse:  true, // clients are the organization's
		Check: func(c *keyward.ConnectionSpec) []keyward.FieldError {
			if !given(c.Connection, "apiToken") && !given(c.Connection, "clientId") {
				return []keyward.FieldError{connector.Fault("spec.connection.apiToken", "is required, or clientId and clientKey")}
			}
			return checkCredentials(c.Connection)
		},
		Foreign: func(c *keyward.ConnectionSpec, declared string) string {
			org, _ := c.Connection["orgUrl"].(string)
			if connector.SameOrigin(org, declared) {
				return ""
			}
			return "is not an address of the organization " + org
		},
	}
}
