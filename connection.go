package keyward

// ConnectionSpec declares credentials with which clients are managed in several key managers of one server or
// organization: an Okta organization with many authorization servers, a Keycloak with many realms. Key managers name it
// with `connection: {ref: NAME}`. It says where its secrets go; no gateway ever holds any of it.
type ConnectionSpec struct {
	Type        KeyManagerType `json:"type"` // of every key manager that names it
	DisplayName string         `json:"displayName,omitempty"`
	Connection  map[string]any `json:"connection"` // the type's fields; secrets in it are Secret values
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
