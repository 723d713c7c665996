// Package store owns the database: objects with their references and uniqueness, sealed secrets, the audit trail, and
// the log of each gateway group, all changed in one transaction. It does not own permissions, what a vendor's answer
// means, or how the log reaches a gateway.
package store

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	keyward "keyward.dev/keyward"
	"keyward.dev/keyward/internal/seal"
)

var errLater = errors.New("being built")

// Options say where the database is and which key seals the secrets in it.
type Options struct {
	URL     string       // postgres://… ; empty = SQLite in DataDir
	DataDir string       // for SQLite only
	Key     seal.Key     // seals secrets at rest; a database made with another key is refused
	Log     *slog.Logger // nil = silent
}

// Store is an open database.
type Store struct{}

// Open opens or creates the database, brings its schema up to date, verifies the seal key, and makes what every
// installation has: the tenant default, the group default with its first key, and the signing key. It refuses a
// database that a newer Keyward wrote, one that was made with another seal key, and a SQLite file that another
// process has open as its own.
func Open(ctx context.Context, o Options) (*Store, error) { return nil, errLater }

// Close closes the database. Transactions under way fail.
func (s *Store) Close() error { return errLater }

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return errLater }

// Read runs fn over one snapshot of the database. Do not keep the Tx, and do not wait for a network in fn.
func (s *Store) Read(ctx context.Context, fn func(*Tx) error) error { return errLater }

// Write runs fn in one transaction: object rows, then the feed rows and log records that follow from them, then the
// commit. fn may run more than once, from a fresh transaction each time, so it must have no other effect. Its own
// error rolls everything back and is returned as it is. actor is who the audit trail names: a user, or system/ROOM.
func (s *Store) Write(ctx context.Context, actor string, fn func(*Tx) error) error { return errLater }

// DryRun is Write that is rolled back at its end, whatever fn returned.
func (s *Store) DryRun(ctx context.Context, actor string, fn func(*Tx) error) error { return errLater }

// Watch gives a channel that gets a value after commits of this process (several commits may give one value), and a
// function that ends the watch. Commits of another process are not seen: who must see those also polls Head.
func (s *Store) Watch() (wake <-chan struct{}, stop func()) { return nil, nil }

// Lease takes or renews the named lease for holder until ttl from now by the database's clock, and tells whether
// holder has it. A ttl of zero or less gives it back.
func (s *Store) Lease(ctx context.Context, name, holder string, ttl time.Duration) (bool, error) {
	return false, errLater
}

// NewID makes an identity that is never used again: 26 characters of 0-9 a-v, roughly in order of time.
func NewID() string { return "" }

// Tx is one transaction. It lives as long as the function that got it, and is for one goroutine.
type Tx struct{}

// Extra is what belongs to an object beside its declaration and status.
type Extra struct {
	// Secrets are the values that the spec only marks as stored, by path as in "connection.initialAccessToken". They
	// replace all stored ones; nil keeps what is stored.
	Secrets map[string]string
	// Row is what gateways hold of a key manager, an API or an OAuth client, as JSON of its *Row type; ids, tenant,
	// names and references are filled in by the store, and may be left out. nil keeps the stored row and Introspection; the
	// JSON null removes both. An OAuth client without a row is on no gateway. The rows of plans, applications and
	// subscriptions are made by the store, and Row is ignored.
	Row json.RawMessage
	// Introspection goes with the Row of a key manager (nil = none); the store fills in its ID, and its secret from
	// the stored secret "introspection.clientSecret", sealed for each group.
	Introspection *keyward.IntrospectionRow
}

// Filter chooses objects. Zero fields choose nothing out. The names in it are of objects of Tenant, which must then be set.
type Filter struct {
	Tenant      string   // empty = every tenant
	Set         string   // the manifest set
	Application string   // subscriptions and OAuth clients of it
	KeyManager  string   // OAuth clients of it, APIs that list it
	API         string   // subscriptions to it
	Plan        string   // subscriptions under it, APIs that offer it
	Owners      []string // user name and group/NAME…: applications owned by any of them, their subscriptions and clients
	Search      string   // part of name, title or what else people look for; case does not count
	After       string   // the cursor that the page before gave
	Limit       int      // at most so many; 0 = all
}

// Get gives the object, or a not_found error.
func (tx *Tx) Get(kind keyward.Kind, tenant, name string) (*keyward.Object, error) {
	return nil, errLater
}

// GetByID gives the object, or a not_found error.
func (tx *Tx) GetByID(kind keyward.Kind, id string) (*keyward.Object, error) { return nil, errLater }

// List gives one page of objects in order of tenant and name, and the cursor of the next page, empty on the last one.
func (tx *Tx) List(kind keyward.Kind, f Filter) (objects []*keyward.Object, next string, err error) {
	return nil, "", errLater
}

// Put inserts the object when its Version is 0 (giving it an ID when it has none), and otherwise updates the one of
// that ID and Version. It sets Version, CreatedAt and UpdatedAt. Errors for people: conflict (a taken name, issuer,
// context and version, client id, place of keys; Fields names it), invalid_input (a reference to nothing, Fields names
// it), precondition_failed (another version is stored), not_found.
func (tx *Tx) Put(o *keyward.Object, e Extra) error { return errLater }

// Delete deletes the object of that ID and Version. Errors for people: in_use with Users, precondition_failed,
// not_found.
func (tx *Tx) Delete(o *keyward.Object) error { return errLater }

// Secrets gives the object's stored secrets by path.
func (tx *Tx) Secrets(o *keyward.Object) (map[string]string, error) { return nil, errLater }

// Users lists who refers to the object, at most 100.
func (tx *Tx) Users(ref keyward.Ref) ([]keyward.Ref, error) { return nil, errLater }

// ClientByVendorID gives the OAuth client with that client id in the key manager, or a not_found error.
func (tx *Tx) ClientByVendorID(keyManagerID, clientID string) (*keyward.Object, error) {
	return nil, errLater
}

// PendingClients lists OAuth clients that have been pending or deleting, unchanged since before olderThan.
func (tx *Tx) PendingClients(olderThan time.Time) ([]*keyward.Object, error) { return nil, errLater }

// PutReveal keeps a client's secret, sealed, for one more look by requester until expires.
func (tx *Tx) PutReveal(clientObjectID, requester, secret string, expires time.Time) error {
	return errLater
}

// TakeReveal gives the secret once: to its requester, before it expires. Else a not_found error.
func (tx *Tx) TakeReveal(clientObjectID, requester string, now time.Time) (string, error) {
	return "", errLater
}

// DropExpiredReveals forgets reveals that expired before now.
func (tx *Tx) DropExpiredReveals(now time.Time) error { return errLater }

// Audit adds an entry; a zero At is now, an empty Actor is the transaction's. Put, Delete and the other writes add
// their own (created, updated, deleted, token.created, gateway.revoked, …).
func (tx *Tx) Audit(e keyward.AuditEntry) error { return errLater }

// AuditFilter chooses audit entries, newest first. Zero fields choose nothing out.
type AuditFilter struct {
	Tenant, Actor, Kind, Name string
	Before                    int64 // entries with a smaller ID only: the cursor
	Limit                     int   // 0 = 100
}

// AuditEntries lists entries, newest first.
func (tx *Tx) AuditEntries(f AuditFilter) ([]keyward.AuditEntry, error) { return nil, errLater }

// CreateAPIToken stores a token of an existing user by its SHA-256. An empty ID and zero CreatedAt are filled in.
func (tx *Tx) CreateAPIToken(t *keyward.APIToken, hash []byte) error { return errLater }

// APITokenByHash gives the token, revoked or not, or a not_found error. It is gone with its user.
func (tx *Tx) APITokenByHash(hash []byte) (*keyward.APIToken, error) { return nil, errLater }

// APITokens lists a tenant's tokens, oldest first; an empty tenant is every tenant.
func (tx *Tx) APITokens(tenant string) ([]keyward.APIToken, error) { return nil, errLater }

// RevokeAPIToken revokes the token of that id in the tenant, or gives a not_found error.
func (tx *Tx) RevokeAPIToken(tenant, id string) error { return errLater }

// TouchAPIToken notes when the token was last used.
func (tx *Tx) TouchAPIToken(id string, at time.Time) error { return errLater }

// CreateGateway stores a gateway with the SHA-256 of its token. An empty ID, Group and zero CreatedAt are filled in.
// A name that a gateway has which is not revoked is a conflict.
func (tx *Tx) CreateGateway(g *keyward.Gateway, tokenHash []byte) error { return errLater }

// GatewayByTokenHash gives the gateway, revoked or not, or a not_found error.
func (tx *Tx) GatewayByTokenHash(tokenHash []byte) (*keyward.Gateway, error) { return nil, errLater }

// GatewayByName gives the gateway of the name, the revoked ones last, or a not_found error.
func (tx *Tx) GatewayByName(name string) (*keyward.Gateway, error) { return nil, errLater }

// Gateways lists all gateways by name, revoked ones included; Lag is worked out from the group's head.
func (tx *Tx) Gateways() ([]keyward.Gateway, error) { return nil, errLater }

// RevokeGateway marks the gateway, takes its keys out of the feed and gives its group a new key, with which the
// introspection rows are sealed again. Revoking twice changes nothing.
func (tx *Tx) RevokeGateway(id string, at time.Time) error { return errLater }

// PutGatewayKey publishes the public key with which a gateway signs backend JWTs; kid is its RFC 7638 thumbprint. Other
// keys of the gateway stay until now + 10 minutes. Putting the same key again changes nothing.
func (tx *Tx) PutGatewayKey(gatewayID, kid string, jwk json.RawMessage, now time.Time) error {
	return errLater
}

// DropExpiredGatewayKeys takes keys out that expired before now, and tells how many.
func (tx *Tx) DropExpiredGatewayKeys(now time.Time) (int, error) { return 0, errLater }

// GatewayReport is what a gateway says of itself.
type GatewayReport struct {
	Revision uint64
	Stale    bool
	Build    string // empty keeps what is stored
	At       time.Time
}

// ReportGateway notes a report. It changes nothing of the feed.
func (tx *Tx) ReportGateway(id string, r GatewayReport) error { return errLater }

// Head is the group's current position, or a not_found error.
func (tx *Tx) Head(group string) (keyward.Position, error) { return keyward.Position{}, errLater }

// Record is one entry of a group's log: the exact bytes of a keyward.Change, and the position after it.
type Record struct {
	keyward.Position
	Bytes []byte
	Last  bool // the last of its transaction
}

// Records gives up to limit records after the revision, in order; none at the head. After a trim the first may not follow.
func (tx *Tx) Records(group string, after uint64, limit int) ([]Record, error) { return nil, errLater }

// ChainAt gives the group's chain value at the revision, while the log reaches back to it.
func (tx *Tx) ChainAt(group string, revision uint64) (chain keyward.Chain, ok bool, err error) {
	return chain, false, errLater
}

// Snapshot yields one put record for each row that the group holds now, in order of revision: the log without what
// was overtaken. It belongs to Head in the same transaction. Apply all of it at once; Last says nothing here.
func (tx *Tx) Snapshot(group string, yield func(record []byte) error) error { return errLater }

// Groups lists the gateway groups by name.
func (tx *Tx) Groups() ([]string, error) { return nil, errLater }

// GroupKeys gives the keys that seal secrets in the group's rows, the current one first.
func (tx *Tx) GroupKeys(group string) ([]seal.Key, error) { return nil, errLater }

// SigningKey gives the control plane's key that signs the feed. It is made once, with the database.
func (tx *Tx) SigningKey() (ed25519.PrivateKey, error) { return nil, errLater }

// TrimLog forgets all but the newest keep records of the group's log. Snapshots lose nothing.
func (tx *Tx) TrimLog(group string, keep int) error { return errLater }

// ResidentKey is a signing key of the resident authorization server.
type ResidentKey struct {
	Tenant     string
	Kid        string
	Alg        string
	PrivateJWK []byte // sealed at rest
	CreatedAt  time.Time
	ActiveFrom time.Time // signs from then on
	RetireAt   time.Time // no longer published from then on; zero = open
}

// ResidentKeys lists a tenant's keys, oldest first.
func (tx *Tx) ResidentKeys(tenant string) ([]ResidentKey, error) { return nil, errLater }

// PutResidentKey inserts the key or updates the one of its tenant and kid.
func (tx *Tx) PutResidentKey(k ResidentKey) error { return errLater }

// DropResidentKey deletes a key.
func (tx *Tx) DropResidentKey(tenant, kid string) error { return errLater }

// ResidentToken is an access token that the resident authorization server gave out. The token itself is not stored.
type ResidentToken struct {
	ID        string // the jti
	Tenant    string
	ClientID  string // the client's object id
	Subject   string
	Scopes    []string
	IssuedAt  time.Time
	ExpiresAt time.Time
	RevokedAt *time.Time
}

// PutResidentToken stores a new token.
func (tx *Tx) PutResidentToken(t ResidentToken) error { return errLater }

// ResidentToken gives the token of the tenant, revoked or not, or a not_found error.
func (tx *Tx) ResidentToken(tenant, id string) (*ResidentToken, error) { return nil, errLater }

// RevokeResidentToken marks the token; one that is not there is no error (RFC 7009, section 2.2).
func (tx *Tx) RevokeResidentToken(tenant, id string, at time.Time) error { return errLater }

// DropExpiredResidentTokens forgets tokens that expired before now, and tells how many.
func (tx *Tx) DropExpiredResidentTokens(now time.Time) (int, error) { return 0, errLater }
