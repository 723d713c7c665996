package okta

import (
	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
)

func apiToken() connector.Field {
	return connector.Field{
		Name: "connection.apiToken", Title: "API token", Type: connector.FieldString, Secret: true,
		Help: "Made under Security, API, Tokens, by a user who may manage applications and authorization servers.",
	}
}

// shared is an organization: its API token opens the clients of all its authorization servers.
func shared() *connector.Shared {
	token := apiToken()
	token.Required = true
	return &connector.Shared{
		Fields: []connector.Field{
			{
				Name: "connection.orgUrl", Title: "Address of the organization", Type: connector.FieldURL, Required: true,
				Help: "As in https://acme.okta.com: the API token is sent there, and every issuer must begin with it.",
			},
			token,
		},
		Beside: []string{"proofScope"},
		Reuse:  true, // clients are the organization's
		Foreign: func(c *keyward.ConnectionSpec, declared string) string {
			org, _ := c.Connection["orgUrl"].(string)
			if connector.SameOrigin(org, declared) {
				return ""
			}
			return "is not an address of the organization " + org
		},
	}
}
