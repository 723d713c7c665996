package connector

import "keyward.dev/keyward"

// Type describes one kind of authorization server: the fields that people fill in, and what its tokens look like.
type Type struct {
	Name            keyward.KeyManagerType `json:"name"`
	Title           string                 `json:"title"`
	Help            string                 `json:"help"`
	Creates         bool                   `json:"creates"`         // whether clients can be created in it
	AdminFields     []Field                `json:"adminFields"`     // of connection and introspection
	DeveloperFields []Field                `json:"developerFields"` // of one client; --set on the command line
	ClientIDClaims  []string               `json:"clientIdClaims"`  // default of claims.clientId
	ScopeClaims     []string               `json:"scopeClaims"`     // default of claims.scopes
	OwnClients      []string               `json:"ownClients,omitempty"`
	OwnScopes       []string               `json:"ownScopes,omitempty"` // the server's own, which no subscription gives
	Scopes          ScopeControl           `json:"scopes"`              // what is done about the scopes that APIs ask for
	PerAudience     bool                   `json:"-"`                   // a scope belongs to an audience there
	NamesScopes     bool                   `json:"-"`                   // a client is told which scopes people's tokens may have
	Limits          []string               `json:"limits,omitempty"`    // what it cannot do, and how little it was tried

	// Constraints are one key manager's: what its administrator allows in developer fields, callbacks, scopes and audiences.
	Constraints map[string]keyward.Constraint `json:"constraints,omitempty"`
	Shared      *Shared                       `json:"shared,omitempty"` // nil = every key manager has credentials of its own

	Certified  bool `json:"-"` // clientKey has its certificate beside it
	ToEndpoint bool `json:"-"` // assertions are for the token endpoint and not for the issuer (RFC 7523, section 3)

	Many   bool                                               `json:"-"` // issuers may carry {tid}, for many organizations
	Twin   func(issuer string) string                         `json:"-"` // the other issuer of the same tokens; nil = there is none
	Derive func(*keyward.KeyManagerStatus)                    `json:"-"` // adds what the vendor's discovery keeps to itself
	Check  func(*keyward.KeyManagerSpec) []keyward.FieldError `json:"-"` // what the fields alone cannot say; nil = nothing

	// OwnAudience tells whether tokens for an audience open the server itself, beside those for OwnClients; nil = none do.
	OwnAudience func(s Server, audience string) bool `json:"-"`
}

// Shared says how one set of credentials, of kind Connection, opens several key managers of a type.
type Shared struct {
	Fields []Field  `json:"fields"`           // of the Connection: spec.connection.NAME with the address that its secrets go to
	Beside []string `json:"beside,omitempty"` // fields that a key manager gives itself, beside ref

	// Reuse says that a client made through one key manager of a Connection is one in its others too.
	Reuse bool `json:"reuse,omitempty"`

	Check func(*keyward.ConnectionSpec) []keyward.FieldError `json:"-"` // what the fields alone cannot say; nil = nothing
	// Foreign says why a key manager of this declared address is not one that the connection's credentials are for; "" =
	// it is. Nothing of the connection ever goes to an address that only the key manager names.
	Foreign func(connection *keyward.ConnectionSpec, declared string) string `json:"-"`
}

// Connection gives the Connection's fields without the prefix of their part.
func (s Shared) Connection() []Field { return part(s.Fields, "connection.") }

// Connection gives the fields of spec.connection, without that prefix.
func (t Type) Connection() []Field { return part(t.AdminFields, "connection.") }

// Introspects tells whether gateways can ask servers of this type about opaque tokens.
func (t Type) Introspects() bool { return len(part(t.AdminFields, "introspection.")) > 0 }

func part(all []Field, prefix string) []Field {
	var fields []Field
	for _, f := range all {
		if len(f.Name) > len(prefix) && f.Name[:len(prefix)] == prefix {
			f.Name = f.Name[len(prefix):]
			fields = append(fields, f)
		}
	}
	return fields
}
