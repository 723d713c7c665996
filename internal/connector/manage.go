package connector

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/wire"
)

// Doer makes a call to a management API, with the credential that it takes.
type Doer func(context.Context, wire.Call) (*wire.Answer, error)

// Service makes calls to a management API with the token of a management application.
type Service struct {
	Line

	Account wire.Account
	Absent  func(*wire.Answer) bool // tells a 401 for an object that is not there from a refusal; nil = there is no such
}

// Do is a Doer. A token that is refused is fetched anew once; without an application nothing is sent.
func (s Service) Do(ctx context.Context, k wire.Call) (*wire.Answer, error) {
	if s.Account.ClientID == "" {
		return nil, keyward.Errorf(keyward.CodeCreationDisabled,
			"the key manager has no management application: set spec.connection.clientId, or map a client that exists")
	}
	return s.Tokens.Do(ctx, s.Caller, s.Account, k, s.Absent)
}

// AsAdministrator gives the call an administrator's name and password. The password goes out as it is (RFC 7617), not
// form-encoded as client credentials are: it is no client's.
func AsAdministrator(k wire.Call, user, password string) wire.Call {
	credential := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	if k.Header = k.Header.Clone(); k.Header == nil {
		k.Header = http.Header{}
	}
	k.Header.Set("Authorization", "Basic "+credential)
	k.Secrets = slices.Concat(k.Secrets, []string{password, credential})
	return k
}

// Look reads the client at an address, whose member must hold this id. It is nil without an error where there is none;
// gone knows that answer.
func Look(
	ctx context.Context, do Doer, address string, gone func(*wire.Answer) bool, member, id string,
) (map[string]json.RawMessage, error) {
	get := wire.Call{Op: "read the client", Method: http.MethodGet, URL: address}
	a, err := do(ctx, get)
	if err != nil || gone(a) {
		return nil, wire.Harmless(err)
	}
	members, ok := a.Object()
	seen := wire.Member(members, member)
	switch {
	case a.Status != http.StatusOK || !ok || !strings.EqualFold(seen, id):
		return nil, wire.Harmless(get.Failure(a))
	case seen != id:
		return nil, nil //nolint:nilnil // another client, whose id differs in case: tokens carry that one
	}
	return members, nil
}

// Remove deletes the client at an address. A client that is gone already is no error; gone knows that answer.
func Remove(ctx context.Context, do Doer, address string, gone func(*wire.Answer) bool) error {
	del := wire.Call{Op: "delete the client", Method: http.MethodDelete, URL: address}
	a, err := do(ctx, del)
	switch {
	case err != nil:
		return err
	case a.Status == http.StatusNoContent || a.Status == http.StatusOK || gone(a):
		return nil
	default:
		return del.Failure(a)
	}
}

// NotFound is how most servers say that there is no such client. A page for people is no word of theirs: what runs a server, or
// stands before it, shows one about everything while the server is away.
func NotFound(a *wire.Answer) bool { return a.Status == http.StatusNotFound && !a.Page() }

// SecretOf makes the call and gives the member of its answer that is a secret.
func SecretOf(ctx context.Context, do Doer, k wire.Call, member string) (string, error) {
	a, err := do(ctx, k)
	if err != nil {
		return "", err
	}
	members, ok := a.Object()
	secret := wire.Member(members, member)
	if a.Status != http.StatusOK || !ok || secret == "" {
		return "", k.Failure(a)
	}
	return secret, nil
}

// MaxPages are read of a vendor's list at most.
const MaxPages = 100

// TooLong is the failure of a search whose list has no end.
func TooLong(op string) error {
	return &wire.Failure{Op: op, Status: http.StatusOK, Sent: true, Harmless: true,
		Description: fmt.Sprintf("the list has more than %d pages", MaxPages)}
}
