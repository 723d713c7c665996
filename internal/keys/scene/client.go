package scene

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/store"
)

// Names under which a generated client's secrets are stored.
const (
	HandlePath = "handle"             // its connector.Handle, as JSON
	SecretPath = "clientSecret"       // the built-in authorization server reads it there
	BeforePath = "clientSecretBefore" // the one that is still alive after a rotation with overlap
	SecretID   = "clientSecretId"     // the server's name of the current one, where it has two
)

// Client is a stored OAuth client with its parts read.
type Client struct {
	Object *keyward.Object
	Spec   *keyward.OAuthClientSpec
	Status keyward.OAuthClientStatus
}

// ReadClient reads a stored OAuth client; one without a status is mapped and active.
func ReadClient(o *keyward.Object) (*Client, error) {
	spec, ok := o.Spec.(*keyward.OAuthClientSpec)
	if !ok {
		return nil, fmt.Errorf("%s has a spec of another kind", o.Ref())
	}
	c := &Client{Object: o, Spec: spec, Status: keyward.OAuthClientStatus{Mode: keyward.ClientMapped, State: keyward.ClientActive}}
	if len(o.Status) > 0 {
		if err := json.Unmarshal(o.Status, &c.Status); err != nil {
			return nil, fmt.Errorf("read the status of %s: %w", o.Ref(), err)
		}
	}
	return c, nil
}

// Reload reads the client again and wants it in one of the states; in another one it is Overtaken.
func Reload(tx *store.Tx, c *Client, states ...keyward.ClientState) (*Client, error) {
	o, err := tx.GetByID(keyward.KindOAuthClient, c.Object.ID)
	if err != nil {
		return nil, err
	}
	fresh, err := ReadClient(o)
	if err != nil {
		return nil, err
	}
	for _, s := range states {
		if fresh.Status.State == s {
			return fresh, nil
		}
	}
	return nil, Overtaken(o, "is "+string(fresh.Status.State))
}

// Overtaken tells whoever asked that somebody else, at another control plane perhaps, was quicker, and how the client is
// now. It is an ErrOvertaken.
func Overtaken(o *keyward.Object, now string) error {
	return &keyward.Error{
		Code: keyward.CodeConflict, Err: ErrOvertaken,
		Message: fmt.Sprintf("%s was changed meanwhile and %s: look how it stands before you ask again", o.Ref(), now),
	}
}

// ErrOvertaken says that somebody else changed the client meanwhile.
var ErrOvertaken = errors.New("the client was changed meanwhile")

// Put stores the client with its status; extra says what else changes.
func (c *Client) Put(tx *store.Tx, extra store.Extra) error {
	status, err := json.Marshal(c.Status)
	if err != nil {
		return fmt.Errorf("encode the status of %s: %w", c.Object.Ref(), err)
	}
	c.Object.Spec, c.Object.Status = c.Spec, status
	return tx.Put(c.Object, extra)
}

// NoRow takes a client off every gateway.
func NoRow() json.RawMessage { return json.RawMessage("null") }

// GatewayRow is what gateways are told; the store fills in identities.
func (c *Client) GatewayRow() (json.RawMessage, error) {
	row, err := json.Marshal(keyward.ClientRow{ClientID: c.Spec.ClientID, Environment: c.Spec.EnvironmentOrDefault()})
	if err != nil {
		return nil, fmt.Errorf("encode the row of %s: %w", c.Object.Ref(), err)
	}
	return row, nil
}

// Over tells that nothing is left of a client but its record.
func (c *Client) Over() bool {
	return !c.Status.Orphan && (c.Status.State == keyward.ClientFailed ||
		c.Status.State == keyward.ClientRevoked && c.Status.Mode == keyward.ClientGenerated)
}

// Stand brings the client back to what it is while nothing is done to it: active, or drifted. The reason says how what was
// done ended, where a person should know; that the secret is in doubt it says for as long as it is.
func (c *Client) Stand(reason string, now time.Time) {
	if doubt := c.Status.SecretDoubt; reason == "" {
		reason = doubt
	} else if !strings.Contains(reason, doubt) {
		reason += "; " + doubt
	}
	c.Status.State, c.Status.Reason, c.Status.ChangedAt = keyward.ClientActive, reason, &now
	c.Status.Wanted, c.Status.Overlap = nil, 0
	if len(c.Status.Drift) > 0 {
		c.Status.State = keyward.ClientDrifted
	}
}

// Given notes what the server made of what was asked for.
func Given(status *keyward.OAuthClientStatus, made connector.Registered) {
	status.SecretExpiresAt, status.LackingFields = made.SecretExpiresAt, made.LackingFields
	if made.Grants != nil {
		status.LackingGrants, status.Grants = Without(status.Grants, made.Grants), made.Grants
	}
	if made.Scopes != nil {
		status.LackingScopes, status.Scopes = Without(status.Scopes, made.Scopes), made.Scopes
	}
}

// Without gives what was asked for and not given, in the order of asking.
func Without(asked, given []string) []string {
	return slices.DeleteFunc(slices.Clone(asked), func(one string) bool { return slices.Contains(given, one) })
}

// HandleOf opens what a later change of the client at its server needs.
func HandleOf(tx *store.Tx, c *Client) (connector.Handle, error) {
	handle := connector.Handle{ClientID: c.Spec.ClientID}
	secrets, err := tx.Secrets(c.Object)
	if err != nil {
		return handle, fmt.Errorf("open the secrets of %s: %w", c.Object.Ref(), err)
	}
	if text := secrets[HandlePath]; text != "" {
		if err := json.Unmarshal([]byte(text), &handle); err != nil {
			return handle, fmt.Errorf("read the handle of %s: %w", c.Object.Ref(), err)
		}
	}
	return handle, nil
}

// DropAll deletes clients of which nothing is left at a server: they only told why.
func DropAll(tx *store.Tx, clients []*Client) error {
	for _, c := range clients {
		if c.Over() {
			if err := tx.Delete(c.Object); err != nil {
				return fmt.Errorf("forget a failed client: %w", err)
			}
		}
	}
	return nil
}

// Succeeded says whether another client has the place of one that failed.
func Succeeded(tx *store.Tx, c *Client) (bool, error) {
	clients, err := clientsAt(tx, Place{
		Tenant: c.Object.Tenant, Application: c.Spec.Application, KeyManager: c.Spec.KeyManager,
		Environment: c.Spec.EnvironmentOrDefault(),
	})
	return err == nil && (&Scene{Clients: clients}).Taking() != nil, err
}

// DropFailed forgets the failed and revoked clients of an application or a key manager that left nothing at a server, so that they
// do not stand in the way of its deletion. Possible orphans stay.
func DropFailed(tx *store.Tx, of *keyward.Object) error {
	filter := store.Filter{Tenant: of.Tenant}
	switch of.Kind {
	case keyward.KindApplication:
		filter.Application = of.Name
	case keyward.KindKeyManager: // a global one has clients in every tenant
		filter = store.Filter{ManagerID: of.ID}
	default:
		return nil
	}
	objects, _, err := tx.List(keyward.KindOAuthClient, filter)
	if err != nil {
		return fmt.Errorf("list the clients of %s: %w", of.Ref(), err)
	}
	for _, o := range objects {
		c, err := ReadClient(o)
		if err != nil {
			return err
		}
		if err := DropAll(tx, []*Client{c}); err != nil {
			return err
		}
	}
	return nil
}
