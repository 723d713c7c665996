// Package keys owns the life of an application's OAuth clients: generated at a key manager, mapped, changed, rotated,
// revealed once more, revoked, deleted, with their application too, and settled after an interruption. It does not own
// how a server is talked to, nor what is stored beside the clients.
//
// A generated client goes through these states; every arrow is one transaction, and no transaction waits for a server:
//
//	awaiting -> (gone)  cancelled by who asked
//	 |    | rejected
//	 |    +----> failed
//	 v approved
//	 |        register, then                 ask the server, then
//	pending ----------------> active ------------------------------> (gone)
//	   |                      | ^  |       deleting ^
//	   | refused, or          | |  +----------------+
//	   v outcome unknown      v |    revoking ------------------> revoked
//	failed        rotating, updating   (in use all the while)
//
// An active client that is not at its server what it was made, or not there at all, is drifted, and in use all the same:
// the reconciler finds that out, and Restore and Replace mend it.
//
// A failed client may be an orphan: the server may hold a client that nobody uses. A failed or revoked client takes no
// place: the next try stands beside it under a name of its own. Pending is what people call requested or being created.
// A client begins as awaiting where its tenant or key manager wants an administrator's approval: nothing is asked of the
// server until then. A mapped client awaits one where the developer does not have its secret, and is active from then on.
package keys

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keys/listing"
	"keyward.dev/keyward/internal/keys/pace"
	"keyward.dev/keyward/internal/keys/proof"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/keys/turn"
	"keyward.dev/keyward/internal/keys/wish"
	"keyward.dev/keyward/internal/store"
)

// Options adjust Keys.
type Options struct {
	Log *slog.Logger
	// Sole says that no other process works on this database, so that a pending client which this process does not know
	// is one that was interrupted.
	Sole bool
	Now  func() time.Time // default time.Now
	// Entitler gives generated clients what subscriptions allow them; nil = nobody does.
	Entitler Entitler
	Turns    *turn.Turns // shared with whoever else asks servers about clients; nil = nobody does
	// Patience is how long somebody who revokes a client waits for its server; default 5s, at most what a server may take.
	Patience time.Duration
}

// Entitler looks after what generated clients' tokens may carry.
type Entitler interface {
	// Now gives a client what is due, as far as its key manager lets it, and tells how that ended.
	Now(ctx context.Context, clientID string) *keyward.ClientEntitlement
	// Status tells the same without doing anything; nil for a client that is not Keyward's to change.
	Status(tx *store.Tx, clientID string) (*keyward.ClientEntitlement, error)
}

// Keys carries out what people ask about clients. Its methods may be called at once.
type Keys struct {
	store   *store.Store
	openers *connector.Openers
	entitle Entitler
	log     *slog.Logger
	sole    bool
	now     func() time.Time
	lead    *store.Lead

	proof *proof.Prover

	tries *pace.Pace

	shown listing.Lister

	turns *turn.Turns // by id, who of this process asks a server about a client

	patience time.Duration
}

const (
	vendorLimit  = 45 * time.Second // all calls to a server for one request
	patience     = 5 * time.Second  // of who revokes a client
	pendingAge   = 60 * time.Second // after it, another process's attempt has ended or never will
	quietAge     = 30 * time.Second // after it, a server has settled what it was asked for
	revealPeriod = 10 * time.Minute
	sweepPeriod  = 5 * time.Second

	approvedPeriod = 7 * 24 * time.Hour // for which the secret of an approved client waits for its requester
	actor          = "system/keys"
)

// New makes Keys over the store; openers reach the servers.
func New(s *store.Store, openers *connector.Openers, o Options) (*Keys, error) {
	if s == nil || openers == nil {
		return nil, errors.New("keys need a store and connectors")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Turns == nil {
		o.Turns = turn.New()
	}
	if o.Patience <= 0 {
		o.Patience = patience
	}
	shown := listing.Lister{Store: s, Openers: openers, Now: o.Now}
	if o.Entitler != nil {
		shown.Entitlement = o.Entitler.Status
	}
	return &Keys{
		store: s, openers: openers, entitle: o.Entitler, log: o.Log, sole: o.Sole, now: o.Now, lead: s.NewLead("keys", leasePeriod, o.Sole),
		proof: proof.New(openers, o.Log, o.Now), turns: o.Turns,
		tries: pace.New(sweepPeriod), shown: shown, patience: min(o.Patience, vendorLimit),
	}, nil
}

// Place is where a client belongs. An application has at most one usable client in each.
type Place = scene.Place

// Ask is what a generated client should be able to do.
type Ask = wish.Ask

// Listed is one client in a listing.
type Listed = listing.Listed

// Request is a client that somebody asked for and that awaits an administrator's approval.
type Request = listing.Request

// Page chooses a part of a listing.
type Page = listing.Page

// List gives an application's clients, as listing.Lister says.
func (k *Keys) List(ctx context.Context, p keyward.Principal, tenant, application string, c listing.Choice) ([]Listed, string, error) {
	return k.shown.List(ctx, p, tenant, application, c)
}

// Option is one place at which an application may have keys.
type Option = listing.Option

// Options gives the places at which an application may have keys, likewise.
func (k *Keys) Options(
	ctx context.Context, p keyward.Principal, tenant, application string, which listing.Choice,
) (options []Option, next string, err error) {
	return k.shown.Options(ctx, p, tenant, application, which)
}

// Requests gives what awaits an approval in a tenant, likewise.
func (k *Keys) Requests(ctx context.Context, p keyward.Principal, tenant string, page Page) (requests []Request, next string, err error) {
	return k.shown.Requests(ctx, p, tenant, page)
}

// Result is what a developer needs to use a client.
type Result = listing.Result

// finish does what is left to do about a client in the given state, after whoever works on it, who may have done it. With less
// time than a server may take, it is no error that this ran out: the sweep goes on.
func (k *Keys) finish(
	ctx context.Context, c *scene.Client, state keyward.ClientState, limit time.Duration, do func(context.Context) error,
) (err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	defer func() {
		if limit < vendorLimit && ctx.Err() != nil {
			err = nil
		}
	}()
	end, err := k.turns.Await(ctx, c.Object.ID)
	if err != nil {
		return err
	}
	defer end()
	now, _, err := k.again(ctx, c)
	switch {
	case err != nil || now == nil:
		return err
	case now.Status.State == keyward.ClientFailed:
		return keyward.Errorf(keyward.CodeKeyManagerFailed, "no gateway takes the client any more, but %s", now.Status.Reason)
	case now.Status.State != state:
		return nil
	}
	return do(ctx)
}

// detached gives a context that outlives the caller's patience: a call that changes a server is finished even when
// nobody waits for its answer any more.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), vendorLimit)
}

func result(s *scene.Scene, clientID, secret, name string, status keyward.OAuthClientStatus) *Result {
	return listing.Of(s, clientID, secret, name, status)
}

// at writes about a place as it is, with nothing settled there before.
func (k *Keys) at(ctx context.Context, p keyward.Principal, place Place, do func(*store.Tx, *scene.Scene) error) error {
	place, faults := place.Complete()
	if len(faults) > 0 {
		return keyward.Invalid(faults)
	}
	return k.store.Write(ctx, scene.Requester(p, place.Tenant), func(tx *store.Tx) error {
		s, err := scene.Look(tx, p, place)
		if err != nil {
			return err
		}
		return do(tx, s)
	})
}

func (k *Keys) audit(tx *store.Tx, o *keyward.Object, action, detail string) error {
	return tx.Audit(keyward.AuditEntry{
		Tenant: o.Tenant, Action: action, Kind: string(keyward.KindOAuthClient), Name: o.Name, Detail: detail,
	})
}
