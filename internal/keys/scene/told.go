package scene

import (
	"errors"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/wire"
)

// Told turns a connector's failure into what a person is told.
func Told(keyManager string, err error) *keyward.Error {
	var told *keyward.Error
	if errors.As(err, &told) {
		return told
	}
	var f *wire.Failure
	if errors.As(err, &f) {
		e := keyward.Errorf(keyward.CodeKeyManagerFailed, "key manager %s: %s", keyManager, f.Error())
		e.Err = err
		return e
	}
	if errors.Is(err, connector.ErrUnsupported) || errors.Is(err, connector.ErrUnmanageable) {
		return keyward.Errorf(keyward.CodeKeyManagerFailed, "key manager %s offers no way to do this", keyManager)
	}
	e := keyward.Errorf(keyward.CodeKeyManagerFailed, "key manager %s: the call failed", keyManager)
	e.Err = err
	return e
}

// Unmanageable says what is left where the server no longer takes a client's registration access token.
func Unmanageable(server connector.Server) string {
	words := "its registration access token is lost or refused, so only the server's administrator can change or delete it"
	if server.Spec.Type == keyward.TypeKeycloak {
		words += "; with spec.connection.clientId, a service account, it is managed through the admin API"
	}
	return words
}
