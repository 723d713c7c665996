package keyward

import (
	"net/url"
	"strings"

	"keyward.dev/keyward/internal/secret"
)

// ConnectionSpec declares credentials with which clients are managed in several key managers of one server or
// organization: an Okta organization with many authorization servers, a Keycloak with many realms. Key managers name it
// with `connection: {ref: NAME}`. It says where its secrets go; no gateway holds more of it than its client's id.
type ConnectionSpec struct {
	Type        KeyManagerType `json:"type"` // of every key manager that names it
	DisplayName string         `json:"displayName,omitempty"`
	Connection  map[string]any `json:"connection"`         // the type's fields; secrets in it are Secret values
	Outbound    *Outbound      `json:"outbound,omitempty"` // of the calls with these credentials; others go by the key manager's
}

// ConnectionStatus is what a person should know of a Connection.
type ConnectionStatus struct {
	Notes []string `json:"notes,omitempty"`
}

// Kind implements Spec.
func (*ConnectionSpec) Kind() Kind { return KindConnection }

// References implements Spec: a connection names no other object.
func (*ConnectionSpec) References() []Ref { return nil }

// Validate implements Spec. The type's fields are the connector's to judge.
func (s *ConnectionSpec) Validate() []FieldError {
	var f faults
	f.keyManagerType(s.Type)
	f.shown("spec.displayName", s.DisplayName)
	s.Outbound.validate(&f)
	return f
}

// connectionRef is the field of a key manager's connection that names one of kind Connection.
const connectionRef = "ref"

// ConnectionRef is the name of the Connection whose credentials count; "" where the key manager has its own.
func (s *KeyManagerSpec) ConnectionRef() string {
	name, _ := s.Connection[connectionRef].(string)
	return name
}

func (s *KeyManagerSpec) validateConnectionRef(f *faults) {
	switch name, given := s.Connection[connectionRef]; text := name.(type) {
	case string:
		f.name("spec.connection.ref", text)
	default:
		if given {
			f.add("spec.connection.ref", "must be the name of a Connection")
		}
	}
}

// Outbound says how the servers of one key manager are reached, by the control plane and by gateways: through which
// proxy, whom to trust, as whom, and within which limits. The operator's rules for addresses hold all the same.
type Outbound struct {
	Proxy         string       `json:"proxy,omitempty"` // URL, http or https; asked by CONNECT (RFC 9110, section 9.3.6)
	ProxyUser     string       `json:"proxyUser,omitempty"`
	ProxyPassword secret.Value `json:"proxyPassword,omitzero"`
	CA            string       `json:"ca,omitempty"`          // PEM; in the place of the system's authorities
	Certificate   string       `json:"certificate,omitempty"` // PEM, the client's own first; shown to servers that ask (RFC 8705)
	Key           secret.Value `json:"key,omitzero"`          // of the certificate; PEM
	Timeout       *Duration    `json:"timeout,omitempty"`     // one exchange, its answer included
	MaxAnswer     int64        `json:"maxAnswer,omitempty"`   // bytes
}

// The paths of its secrets, from the spec.
const (
	OutboundPassword = "outbound.proxyPassword"
	OutboundKey      = "outbound.key"
)

// OutboundSecrets gives the secret fields by their paths from the spec.
func (o *Outbound) OutboundSecrets() map[string]*secret.Value {
	if o == nil {
		return nil
	}
	return map[string]*secret.Value{OutboundPassword: &o.ProxyPassword, OutboundKey: &o.Key}
}

// Row gives what gateways are told of the policy; nil for none.
func (o *Outbound) Row() *OutboundRow {
	if o == nil || *o == (Outbound{}) {
		return nil
	}
	row := &OutboundRow{Proxy: o.Proxy, ProxyUser: o.ProxyUser, CA: o.CA, Certificate: o.Certificate, MaxAnswer: o.MaxAnswer}
	if o.Timeout != nil {
		row.Timeout = *o.Timeout
	}
	if o.Certificate != "" {
		row.Secrets = append(row.Secrets, OutboundKey)
	}
	if o.ProxyUser != "" {
		row.Secrets = append(row.Secrets, OutboundPassword)
	}
	return row
}

func (o *Outbound) validate(f *faults) {
	if o == nil {
		return
	}
	before := len(*f)
	f.webURL("spec.outbound.proxy", o.Proxy)
	u, err := url.Parse(o.Proxy)
	if err == nil && len(*f) == before && (strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.ForceQuery) {
		f.add("spec.outbound.proxy", "is scheme, host and port alone, as in http://proxy.example:3128")
	}
	if o.Proxy == "" && o.ProxyUser != "" {
		f.missing("spec.outbound.proxy", "the user is its")
	}
	if strings.ContainsFunc(o.ProxyUser, func(r rune) bool { return r < ' ' || r == 0x7f || r == ':' }) {
		f.add("spec.outbound.proxyUser", "must have no colon and no control character (RFC 7617, section 2)")
	}
	if o.ProxyUser == "" && !o.ProxyPassword.IsZero() {
		f.missing("spec.outbound.proxyUser", "the password is his")
	}
	if o.ProxyUser != "" && o.ProxyPassword.IsZero() {
		f.missing("spec.outbound.proxyPassword", "the user's")
	}
}

// OutboundRow is a key manager's outbound policy as gateways hold it. What is secret of it travels apart.
type OutboundRow struct {
	Proxy       string   `json:"proxy,omitempty"`
	ProxyUser   string   `json:"proxyUser,omitempty"`
	CA          string   `json:"ca,omitempty"`
	Certificate string   `json:"certificate,omitempty"`
	Timeout     Duration `json:"timeout,omitempty"`   // 0 = each call's own
	MaxAnswer   int64    `json:"maxAnswer,omitempty"` // bytes; 0 = each call's own
	Secrets     []string `json:"secrets,omitempty"`   // paths of those that an OutboundSecretsRow has; without it nothing is called
}

// OutboundSecretsRow holds what is secret of a key manager's outbound policy. It reaches only groups that serve an API
// which takes the key manager. Its ID is the key manager's.
type OutboundSecretsRow struct {
	ID      string            `json:"id"`
	Secrets map[string]Sealed `json:"secrets"`          // by path
	Digest  string            `json:"digest,omitempty"` // keyed, of the values: it stays when they are sealed anew
}
