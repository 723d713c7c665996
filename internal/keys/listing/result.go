package listing

import (
	"log/slog"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys/scene"
)

// Result is what a developer needs to use a client.
type Result struct {
	Name         string              `json:"name"`
	Application  string              `json:"application"`
	KeyManager   string              `json:"keyManager"`
	Environment  keyward.Environment `json:"environment"`
	ClientID     string              `json:"clientId"`
	ClientSecret string              `json:"clientSecret,omitempty"`
	scene.Way
	State keyward.ClientState `json:"state,omitempty" doc:"As in the list; deleted when nothing is left"`

	// As in keyward.OAuthClientStatus.
	Grants          []string   `json:"grants,omitempty"`
	Callbacks       []string   `json:"callbacks,omitempty"`
	Scopes          []string   `json:"scopes,omitempty"`
	LackingGrants   []string   `json:"lackingGrants,omitempty" doc:"Asked for and not given by the server"`
	LackingScopes   []string   `json:"lackingScopes,omitempty" doc:"Asked for and not given by the server"`
	LackingFields   []string   `json:"lackingFields,omitempty" doc:"Fields whose value the server's answer does not confirm"`
	SecretExpiresAt *time.Time `json:"secretExpiresAt,omitempty" doc:"When the server stops to take the secret"`
	OldSecretUntil  *time.Time `json:"oldSecretUntil,omitempty" doc:"Until when the secret before it is taken too"`

	Entitlement *keyward.ClientEntitlement `json:"entitlement,omitempty" doc:"What the application's subscriptions gave the client"`
}

// LogValue keeps the secret out of logs.
func (r Result) LogValue() slog.Value { return slog.StringValue(r.String()) }

// String names the client without its secret.
func (r Result) String() string { return "client " + r.ClientID + " of " + r.KeyManager }

// GoString hides the secret from %#v.
func (r Result) GoString() string { return r.String() }

// Of tells it of a client at a place; the secret is empty but where the caller may have it now.
func Of(s *scene.Scene, clientID, secret, name string, status keyward.OAuthClientStatus) *Result {
	return &Result{
		Name: name, Application: s.Place.Application, KeyManager: s.Place.KeyManager, Environment: s.Place.Environment,
		ClientID: clientID, ClientSecret: secret, Way: scene.WayOf(s.Spec, s.Server.Status, status.Fields),
		Grants: status.Grants, Callbacks: status.Callbacks, Scopes: status.Scopes, LackingGrants: status.LackingGrants,
		LackingScopes: scene.LackingScopes(status), LackingFields: status.LackingFields, SecretExpiresAt: status.SecretExpiresAt,
		State: status.State, OldSecretUntil: status.OldSecretUntil, Entitlement: status.Entitlement,
	}
}
