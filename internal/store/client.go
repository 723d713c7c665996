package store

import (
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store/database"
	"keyward.dev/keyward/internal/store/secrets"
)

func clientNoun() noun {
	return noun{
		kind: keyward.KindOAuthClient, table: "oauth_clients",
		own:  []string{"application_id", "key_manager_id", "environment", "client_id", "rule", "state"},
		fill: fillClient, clear: clearClient,
		link: func(p *put) error {
			if err := p.tx.markClient(p.o.ID); err != nil {
				return err
			}
			return enqueueClient(p)
		},
		drop: func(tx *Tx, o *keyward.Object) error { return tx.markClient(o.ID) },
		by: map[keyward.Kind]string{
			keyward.KindApplication: "x.application_id = %s",
			keyward.KindKeyManager:  "x.key_manager_id = %s",
		},
		owner: "x.application_id",
	}
}

// firstLook is how long after its last change a client is compared with its server: what was asked for has an effect by
// then, and hardly anybody else has changed it.
const firstLook = 30 * time.Second

// enqueueClient lets the key manager be told what a client that Keyward makes may carry, and has the client looked at
// there. What its developer asked for is what it says while it is made: later it says what the server gave.
func enqueueClient(p *put) error {
	status, err := p.o.ClientStatus()
	if err != nil || status.Mode != keyward.ClientGenerated {
		return err
	}
	if err := p.tx.EnqueueLook(p.o.ID, p.tx.now.Add(firstLook)); err != nil {
		return err
	}
	if status.State == keyward.ClientUpdating && status.Wanted != nil && status.Wanted.Restore == nil {
		if err := p.tx.ForgetLook(p.o.ID, p.tx.now.Add(firstLook)); err != nil {
			return err
		}
	}
	if status.State == keyward.ClientUpdating && status.Wanted != nil {
		return p.tx.EnqueueAnew(p.o.ID, status.Wanted.Scopes)
	}
	return p.tx.Enqueue(p.o.ID, status.Scopes)
}

func fillClient(p *put) ([]any, error) {
	o, spec := p.o, specOf[*keyward.OAuthClientSpec](p.o)
	p.search = spec.Application + " " + spec.KeyManager + " " + spec.Shown()
	if p.old != nil && !p.old.gone {
		if err := p.tx.markClient(o.ID); err != nil { // the key manager whose rule it may have been
			return nil, err
		}
	}
	var status keyward.OAuthClientStatus
	if len(o.Status) > 0 {
		if err := json.Unmarshal(o.Status, &status); err != nil {
			return nil, fmt.Errorf("read the status of %s: %w", o.Ref(), err)
		}
	}
	if status.State == "" {
		status.State = keyward.ClientActive
	}
	application, err := p.refer(keyward.KindApplication, spec.Application, "spec.application")
	if err != nil {
		return nil, err
	}
	manager, foreign, err := p.manager(spec.KeyManager, "spec.keyManager")
	if err != nil {
		return nil, err
	}
	rule, err := p.rule()
	if err != nil {
		return nil, err
	}
	active, err := p.activeClient()
	if err != nil {
		return nil, err
	}
	if active && spec.ClientID == "" && rule == "" {
		p.invalid("spec.clientId", "is required for an active client")
	}
	if len(p.faults) > 0 {
		return nil, nil
	}
	if err := p.clientFree(application, manager, rule, status.State); err != nil {
		return nil, err
	}
	if err := p.encodeClient(application, manager, foreign, active); err != nil {
		return nil, err
	}
	return []any{
		application, manager, string(spec.EnvironmentOrDefault()), spec.ClientID, rule, clientColumn(status),
	}, nil
}

// clientColumn is the state as the column has it: whether the client is to be settled, and whether it holds its place.
func clientColumn(status keyward.OAuthClientStatus) string {
	switch {
	case status.State == keyward.ClientRevoking:
		return string(keyward.ClientDeleting)
	case status.State == keyward.ClientRotating, status.State == keyward.ClientUpdating,
		status.State.InUse() && status.OldSecretUntil != nil:
		return string(keyward.ClientPending)
	case status.State == keyward.ClientDrifted:
		return string(keyward.ClientActive)
	default:
		return string(status.State)
	}
}

// rule gives the client's rule as the database compares it, or "".
func (p *put) rule() (string, error) {
	spec := specOf[*keyward.OAuthClientSpec](p.o)
	p.indexed("spec.clientId", spec.ClientID)
	if spec.Match == nil {
		return "", nil
	}
	p.indexed("spec.match.claim", spec.Match.Claim)
	p.indexed("spec.match.prefix", spec.Match.Prefix)
	text, err := json.Marshal(spec.Match.Canonical())
	if err != nil {
		return "", fmt.Errorf("encode the rule of %s: %w", p.o.Ref(), err)
	}
	return string(text), nil
}

// activeClient tells whether gateways may take the client's tokens: the caller says so with a row, or it was said before.
func (p *put) activeClient() (bool, error) {
	if p.extra.Row != nil || p.row == "" {
		return p.row != "", nil
	}
	var before keyward.ClientRow
	if err := json.Unmarshal([]byte(p.row), &before); err != nil {
		return false, fmt.Errorf("read the gateways' row of %s: %w", p.o.Ref(), err)
	}
	return !before.Revoked, nil
}

// encodeClient makes the gateways' row. A client that is out of use stays known to gateways, so that no rule takes up its
// tokens; one that has no id yet has none.
func (p *put) encodeClient(application, manager string, foreign, active bool) error {
	o, spec := p.o, specOf[*keyward.OAuthClientSpec](p.o)
	if spec.ClientID == "" && spec.Match == nil {
		p.row = ""
		return nil
	}
	row := keyward.ClientRow{
		ID: o.ID, KeyManagerID: manager, ClientID: spec.ClientID, ApplicationID: application,
		Environment: spec.EnvironmentOrDefault(), Revoked: !active,
	}
	if spec.Match != nil {
		match := spec.Match.Canonical()
		row.Match = &match
	}
	if foreign || row.Match != nil {
		row.Tenant = o.Tenant
	}
	return p.encode(row)
}

// markClient marks the stored client; where it is a rule, every other client of its key manager too: groups that hold a
// rule hold all of them, since who has a client's id or a longer rule comes first.
func (tx *Tx) markClient(id string) error {
	tx.marks.Row(keyward.RowClient, id)
	var manager string
	found, err := tx.run.One(`SELECT key_manager_id FROM oauth_clients WHERE id = $1 AND rule <> ''`, []any{id}, &manager)
	if found {
		tx.marks.Ruled(manager)
	}
	return err
}

// clientFree refuses a client id or a rule that the tenant's clients in the key manager have already, and a place
// (application, key manager, environment) that is taken. A failed client holds no place.
func (p *put) clientFree(application, manager, rule string, state keyward.ClientState) error {
	o, spec := p.o, specOf[*keyward.OAuthClientSpec](p.o)
	var other string
	if spec.ClientID != "" {
		found, err := p.tx.run.One(`SELECT name FROM oauth_clients WHERE tenant = $1 AND key_manager_id = $2
			AND client_id = $3 AND client_id <> '' AND id <> $4`,
			[]any{o.Tenant, manager, spec.ClientID, o.ID}, &other)
		if err != nil {
			return err
		}
		if found {
			return database.Conflict("spec.clientId", "this client of the key manager is mapped already, by %s",
				keyward.Ref{Kind: o.Kind, Tenant: o.Tenant, Name: other})
		}
	}
	if rule != "" {
		found, err := p.tx.run.One(`SELECT name FROM oauth_clients WHERE tenant = $1 AND key_manager_id = $2
			AND rule = $3 AND rule <> '' AND id <> $4`, []any{o.Tenant, manager, rule, o.ID}, &other)
		if err != nil {
			return err
		}
		if found {
			return database.Conflict("spec.match", "the key manager has this rule already, in %s: tokens that it fits can be one "+
				"application's only", keyward.Ref{Kind: o.Kind, Tenant: o.Tenant, Name: other})
		}
	}
	if state == keyward.ClientFailed {
		return nil
	}
	found, err := p.tx.run.One(`SELECT name FROM oauth_clients WHERE application_id = $1 AND key_manager_id = $2
		AND environment = $3 AND state <> 'failed' AND id <> $4`,
		[]any{application, manager, string(spec.EnvironmentOrDefault()), o.ID}, &other)
	if err != nil || !found {
		return err
	}
	message := fmt.Sprintf("the application has %s keys in this key manager already: %s", spec.EnvironmentOrDefault(),
		keyward.Ref{Kind: o.Kind, Tenant: o.Tenant, Name: other})
	return &keyward.Error{
		Code: keyward.CodeKeysExist, Message: message,
		Fields: []keyward.FieldError{{Path: "spec.environment", Code: keyward.CodeKeysExist, Message: message}},
	}
}

// ClientByVendorID gives the tenant's OAuth client with that client id in the key manager, or a not_found error.
func (tx *Tx) ClientByVendorID(tenant, keyManagerID, clientID string) (*keyward.Object, error) {
	if clientID == "" || clientID != database.Clean(clientID) {
		return nil, database.NotFound("OAuthClient of that client id")
	}
	// The last condition says what the index says, so that it is used.
	return tx.object(clientNoun(), "OAuthClient of that client id",
		`x.tenant = $1 AND x.key_manager_id = $2 AND x.client_id = $3 AND x.client_id <> ''`, database.Clean(tenant),
		database.Clean(keyManagerID), clientID)
}

// ClientSpelledAlike gives an OAuth client of the key manager whose id differs from the given one in case alone; not_found
// when there is none. Some servers take both for the same client.
func (tx *Tx) ClientSpelledAlike(tenant, keyManagerID, clientID string) (*keyward.Object, error) {
	if clientID == "" || clientID != database.Clean(clientID) {
		return nil, database.NotFound("OAuthClient of that client id")
	}
	return tx.object(clientNoun(), "OAuthClient of that client id",
		`x.tenant = $1 AND x.key_manager_id = $2 AND lower(x.client_id) = lower($3) AND x.client_id <> $3 AND x.client_id <> '' LIMIT 1`,
		database.Clean(tenant), database.Clean(keyManagerID), clientID)
}

// HasClientID tells whether any tenant has an OAuth client of this id in the key manager, beside the object except.
func (tx *Tx) HasClientID(keyManagerID, clientID, except string) (bool, error) {
	if clientID == "" || clientID != database.Clean(clientID) {
		return false, nil
	}
	var id string
	return tx.run.One(`SELECT id FROM oauth_clients WHERE key_manager_id = $1 AND client_id = $2 AND client_id <> '' AND id <> $3 LIMIT 1`,
		[]any{keyManagerID, clientID, except}, &id)
}

// KnowsClientID tells whether any tenant has an OAuth client of this id, in whichever key manager; "" is nobody's.
func (tx *Tx) KnowsClientID(clientID string) (bool, error) {
	if clientID == "" || clientID != database.Clean(clientID) {
		return false, nil
	}
	_, err := tx.object(clientNoun(), "OAuthClient of that client id", `x.client_id = $1 AND x.client_id <> '' LIMIT 1`, clientID)
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		return false, nil
	}
	return err == nil, err
}

// PendingClients lists OAuth clients of every tenant about which a server was asked (to make, change, revoke or delete
// them) and nobody has noted how that ended, and those with two secrets, unchanged since before olderThan.
func (tx *Tx) PendingClients(olderThan time.Time) ([]*keyward.Object, error) {
	return tx.objects(clientNoun(),
		`x.state IN ('pending', 'deleting') AND x.updated_at < $1 ORDER BY x.updated_at, x.id`, database.Micros(olderThan))
}

// KeepSecrets replaces some of a client's stored secrets, by path, and leaves object, version and audit trail alone. An
// empty value forgets one.
func (tx *Tx) KeepSecrets(o *keyward.Object, changes map[string]string) error {
	values, err := tx.Secrets(o)
	if err != nil {
		return err
	}
	maps.Copy(values, changes)
	maps.DeleteFunc(values, func(_, value string) bool { return value == "" })
	sealed, err := secrets.Column(tx.store.key, o.ID, values)
	if err != nil {
		return err
	}
	_, err = tx.run.Exec(`UPDATE oauth_clients SET sealed = $1 WHERE id = $2`, sealed, o.ID)
	return err
}

// OrphanClients lists failed OAuth clients of every tenant whose server may hold a client that nobody uses.
func (tx *Tx) OrphanClients() ([]*keyward.Object, error) {
	return tx.objects(clientNoun(), `x.state = 'failed' AND x.status LIKE '%"orphan":true%' ORDER BY x.updated_at, x.id`)
}
