package keymanager

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/outbound"
)

// Stored is where objects and their opened secrets are read.
type Stored interface {
	Get(kind keyward.Kind, tenant, name string) (*keyward.Object, error)
	Secrets(*keyward.Object) (map[string]string, error)
	// SignInClient gives the client that Keyward registered for the console at the server of a key manager; nil = none.
	SignInClient(keyManagerID string) (*connector.Own, error)
}

// ServerOf gives a stored key manager as its connector needs it, with its opened secrets and those of its Connection.
func ServerOf(from Stored, km *keyward.Object) (connector.Server, error) {
	s, err := ServerAlone(from, km)
	if err != nil {
		return s, err
	}
	return Connect(from, s)
}

// ServerAlone is ServerOf without what its Connection holds: what gateways ask its server needs none of that.
func ServerAlone(from Stored, km *keyward.Object) (connector.Server, error) {
	s := connector.Server{ID: km.ID, Tenant: km.Tenant, Name: km.Name}
	var err error
	if s.Spec, s.Status, err = Read(km); err != nil {
		return s, err
	}
	if s.Secrets, err = from.Secrets(km); err != nil {
		return s, fmt.Errorf("open the secrets of %s: %w", km.Ref(), err)
	}
	if !RegistersSignIn(s.Spec) {
		return s, nil
	}
	own, err := from.SignInClient(km.ID)
	if err != nil {
		return s, fmt.Errorf("look up the console's client at %s: %w", km.Ref(), err)
	}
	if s.Spec = SignedInBy(s.Spec, own); own != nil {
		s.Secrets[signInSecret], s.Secrets[signInKey] = own.Secret, own.Key
	}
	return s, nil
}

// Pack writes down how a server is reached, for when its key manager is gone. It has secrets in it.
func Pack(s connector.Server) (string, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("encode how key manager %s is reached: %w", s.Name, err)
	}
	return string(text), nil
}

// Unpack reads what Pack wrote.
func Unpack(text string) (connector.Server, error) {
	var s connector.Server
	if err := json.Unmarshal([]byte(text), &s); err != nil || s.Spec == nil {
		return s, errors.New("how the server was reached is not known any more")
	}
	return s, nil
}

// Read gives what a stored key manager declares, and what was discovered of it.
func Read(km *keyward.Object) (*keyward.KeyManagerSpec, keyward.KeyManagerStatus, error) {
	var status keyward.KeyManagerStatus
	spec, ok := km.Spec.(*keyward.KeyManagerSpec)
	if !ok {
		return nil, status, fmt.Errorf("%s has a spec of another kind", km.Ref())
	}
	if len(km.Status) > 0 {
		if err := json.Unmarshal(km.Status, &status); err != nil {
			return nil, status, fmt.Errorf("read the status of %s: %w", km.Ref(), err)
		}
	}
	return spec, status, nil
}

// Connect puts the fields and secrets of the Connection that a key manager names in the place of its own, as they are
// now: a rotation there counts for each of its key managers at once. A key manager that names none stays as it is; one
// at another address than the connection's is an invalid_input error, and gets nothing of it.
func Connect(from Stored, s connector.Server) (connector.Server, error) {
	name := s.Spec.ConnectionRef()
	if name == "" {
		return s, nil
	}
	o, err := from.Get(keyward.KindConnection, s.Tenant, name)
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		return s, keyward.Invalid([]keyward.FieldError{fieldError("spec.connection.ref", "there is no Connection %s", name)})
	}
	if err != nil {
		return s, fmt.Errorf("read the connection of key manager %s: %w", s.Name, err)
	}
	c, err := keyward.SpecOf[*keyward.ConnectionSpec](o)
	if err != nil {
		return s, err
	}
	if err := keyward.Invalid(Misfits(s.Spec, name, c)); err != nil {
		return s, err
	}
	secrets, err := from.Secrets(o)
	if err != nil {
		return s, fmt.Errorf("open the secrets of %s: %w", o.Ref(), err)
	}
	s.ConnectionWay = outbound.PolicyOf(c.Outbound.Row(), secrets)
	maps.DeleteFunc(secrets, func(path, _ string) bool { return c.Outbound.OutboundSecrets()[path] != nil })
	maps.Copy(secrets, s.Secrets)
	s.Spec, s.Secrets, s.Connection, s.ConnectionID = Through(s.Spec, c), secrets, name, o.ID
	return s, nil
}
