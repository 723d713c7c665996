// Package proof owns whether somebody who wants a client mapped has its secret, and whether the server has such a client at
// all. It does not own who may map one, nor what is stored of it.
package proof

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/throttle"
	"keyward.dev/keyward/internal/wire"
)

const (
	limit  = 45 * time.Second // of a question to a server
	period = 6 * time.Second  // between two secrets that a requester may try at a key manager, after the first burst
	burst  = 10
	memory = 10_000 // pairs of requester and key manager whose tries are counted
)

// Prover asks servers. Its methods may be called at once.
type Prover struct {
	openers *connector.Openers
	log     *slog.Logger
	now     func() time.Time
	tries   *throttle.Throttle // by requester and key manager
}

// New makes a prover; openers reach the servers.
func New(openers *connector.Openers, log *slog.Logger, now func() time.Time) *Prover {
	return &Prover{openers: openers, log: log, now: now, tries: throttle.New(period, burst, memory)}
}

// Prove asks the server about a secret. Without one, an administrator's word counts, but not against the server's.
func (p *Prover) Prove(ctx context.Context, who keyward.Principal, s *scene.Scene, clientID, secret string) error {
	if keymanager.ForMany(s.Spec) && scene.IsAdmin(who, s.Place.Tenant) {
		return nil // what the connection sees is one organization's
	}
	if keymanager.ForMany(s.Spec) {
		return keyward.Errorf(keyward.CodeForbidden,
			"%s is for many organizations, where no secret is tried: leave the secret out, and an administrator is asked to approve",
			s.KeyManager.Ref())
	}
	if secret == "" {
		return p.Exists(ctx, s, clientID)
	}
	if wait := p.tries.Take(who.Tenant+"/"+who.User+" "+s.KeyManager.ID, p.now()); wait > 0 {
		e := keyward.Errorf(keyward.CodeTooManyRequests,
			"too many secrets were tried at %s: wait, and have the right one at hand", s.KeyManager.Ref())
		e.RetryAfter = wait
		return e
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := p.openers.Open(s.Server)
	if err != nil {
		return scene.Told(s.Place.KeyManager, err)
	}
	err = connector.ErrUnsupported
	if prover, ok := conn.(connector.Prover); ok {
		err = prover.Prove(ctx, clientID, secret)
	}
	if errors.Is(err, connector.ErrUnsupported) {
		if scene.IsAdmin(who, s.Place.Tenant) {
			return p.Exists(ctx, s, clientID)
		}
		return keyward.Errorf(keyward.CodeForbidden, "%s %s: leave the secret out, and an administrator is asked to approve",
			s.KeyManager.Ref(), untried(s.Spec, errors.Is(err, connector.ErrNoScope)))
	}
	if f, ok := errors.AsType[*wire.Failure](err); ok && (f.Code == "invalid_client" || f.Status == http.StatusUnauthorized) {
		return keyward.Invalid([]keyward.FieldError{keyward.Fault("clientSecret",
			"%s does not take it as the secret of client %s: %v; check the ID and the secret, or, for a client that may not get tokens by "+
				"client credentials, leave the secret out: an administrator then decides", s.KeyManager.Ref(), clientID, f)})
	}
	if err != nil {
		return scene.Told(s.Place.KeyManager, err)
	}
	return nil
}

// untried says why a server gives no token with which a secret could be tried.
func untried(spec *keyward.KeyManagerSpec, scope bool) string {
	kind, _ := catalog.TypeOf(spec.Type)
	named := slices.ContainsFunc(kind.AdminFields, func(f connector.Field) bool { return f.Name == "connection.proofScope" })
	switch {
	case scope && named && spec.Connection["proofScope"] == nil:
		return "gives no token without a scope, and its spec.connection.proofScope names none with which the secret could be tried"
	case scope && named:
		return fmt.Sprintf("does not give this client the scope %v of its spec.connection.proofScope, with which secrets are tried",
			spec.Connection["proofScope"])
	case scope:
		return "gives this client no token without a scope, so the secret cannot be tried"
	default:
		return "has no token endpoint at which the secret could be tried"
	}
}

// Exists refuses a client that the server says it does not have. A server that cannot be asked says nothing.
func (p *Prover) Exists(ctx context.Context, s *scene.Scene, clientID string) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := p.openers.Open(s.Server)
	if err != nil {
		return nil //nolint:nilerr // a connection that is not set up cannot be asked
	}
	reader, ok := conn.(connector.Reader)
	if !ok {
		return nil
	}
	c, err := reader.Read(ctx, connector.Handle{ClientID: clientID})
	if err != nil {
		p.log.InfoContext(ctx, "a client is mapped without a look at it",
			"keyManager", s.Place.KeyManager, "client", clientID, "error", err)
		return nil
	}
	if c != nil && c.ClientID == clientID {
		return nil
	}
	return &keyward.Error{
		Code:    keyward.CodeNotFound,
		Message: fmt.Sprintf("%s has no client %s", s.KeyManager.Ref(), clientID),
		Fields:  []keyward.FieldError{{Path: "clientId", Code: keyward.CodeNotFound, Message: "does not exist at the server"}},
	}
}
