package keyward

import (
	"encoding/json"
	"fmt"
	"time"
)

// OAuthClientSpec declares that a client that exists in a key manager belongs to an application. Clients that Keyward
// generates are stored under the same kind and are marked in their status.
type OAuthClientSpec struct {
	Application string          `json:"application"`
	KeyManager  string          `json:"keyManager"`
	Environment Environment     `json:"environment,omitempty"` // default production
	ClientID    string          `json:"clientId,omitempty"`
	Match       json.RawMessage `json:"match,omitempty"`
}

// Kind implements Spec.
func (*OAuthClientSpec) Kind() Kind { return KindOAuthClient }

// References implements Spec.
func (s *OAuthClientSpec) References() []Ref {
	return []Ref{{Kind: KindApplication, Name: s.Application}, {Kind: KindKeyManager, Name: s.KeyManager}}
}

// EnvironmentOrDefault is the client's environment.
func (s *OAuthClientSpec) EnvironmentOrDefault() Environment {
	if s.Environment == "" {
		return Production
	}
	return s.Environment
}

// Validate implements Spec.
func (s *OAuthClientSpec) Validate() []FieldError {
	var f faults
	f.name("spec.application", s.Application)
	f.name("spec.keyManager", s.KeyManager)
	f.oneOf("spec.environment", string(s.EnvironmentOrDefault()), string(Production), string(Sandbox))
	if len(s.Match) > 0 {
		f.unsupported("spec.match")
	} else if s.ClientID == "" {
		f.missing("spec.clientId", "the client's id in the key manager")
	}
	return f
}

// ClientMode tells who owns a client at the vendor.
type ClientMode string

// Generated clients are Keyward's to change and delete at the vendor; mapped ones never are.
const (
	ClientMapped    ClientMode = "mapped"
	ClientGenerated ClientMode = "generated"
)

// ClientState is where a client is in its life.
type ClientState string

// The states of a client. A pending one has been asked for at the vendor and nobody knows yet how that ended.
const (
	ClientPending  ClientState = "pending"
	ClientActive   ClientState = "active"
	ClientFailed   ClientState = "failed"
	ClientDeleting ClientState = "deleting"
	ClientRevoking ClientState = "revoking" // on no gateway any more; its server has still to be told
	ClientRevoked  ClientState = "revoked"  // out of use; the next client takes its place
)

// OAuthClientStatus is what Keyward knows about a client beyond its declaration.
type OAuthClientStatus struct {
	Mode       ClientMode     `json:"mode"`
	State      ClientState    `json:"state"`
	VendorName string         `json:"vendorName,omitempty"` // the name to look for at the vendor
	Reason     string         `json:"reason,omitempty"`     // why it failed, in the vendor's own words
	Orphan     bool           `json:"orphan,omitempty"`     // the vendor may hold a client of VendorName that nobody uses
	Grants     []string       `json:"grants,omitempty"`     // what the server gave; where it does not say, what was asked for
	Callbacks  []string       `json:"callbacks,omitempty"`
	Scopes     []string       `json:"scopes,omitempty"` // as Grants
	Fields     map[string]any `json:"fields,omitempty"` // the type's own fields, as the developer gave them
	Requester  string         `json:"requester,omitempty"`
	ChangedAt  *time.Time     `json:"changedAt,omitempty"`

	// What was asked for and the server did not give (RFC 7591, section 3.2.1 lets it).
	LackingGrants []string `json:"lackingGrants,omitempty"`
	LackingScopes []string `json:"lackingScopes,omitempty"`
	// SecretExpiresAt is when the server stops to take the secret (client_secret_expires_at); nil = never, or unknown.
	SecretExpiresAt *time.Time `json:"secretExpiresAt,omitempty"`
	Hold            *Hold      `json:"hold,omitempty"` // while it is held; never stored here
}

// ClientStatus reads the status of a stored OAuthClient.
func (o *Object) ClientStatus() (OAuthClientStatus, error) {
	var status OAuthClientStatus
	if len(o.Status) == 0 {
		return status, nil
	}
	if err := json.Unmarshal(o.Status, &status); err != nil {
		return status, fmt.Errorf("decode the status of %s: %w", o.Ref(), err)
	}
	return status, nil
}
