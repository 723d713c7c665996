package store

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store/apitokens"
	"keyward.dev/keyward/internal/store/asked"
	"keyward.dev/keyward/internal/store/audited"
	"keyward.dev/keyward/internal/store/counted"
	"keyward.dev/keyward/internal/store/database"
	"keyward.dev/keyward/internal/store/depends"
	"keyward.dev/keyward/internal/store/enrolled"
	"keyward.dev/keyward/internal/store/entitled"
	"keyward.dev/keyward/internal/store/feedlog"
	"keyward.dev/keyward/internal/store/gateways"
	"keyward.dev/keyward/internal/store/issued"
	"keyward.dev/keyward/internal/store/leased"
	"keyward.dev/keyward/internal/store/looked"
	"keyward.dev/keyward/internal/store/observed"
	"keyward.dev/keyward/internal/store/secrets"
	"keyward.dev/keyward/internal/store/sought"
)

// What a transaction has of the rooms below.
type (
	feedLog  = feedlog.Log
	material = issued.Material
	queue    = entitled.Queue
	book     = observed.Book
	ledger   = counted.Ledger
	looks    = looked.Book
	asking   = asked.Book
	roll     = enrolled.Roll
	finder   = depends.Finder
	reveals  = secrets.Reveals
	trail    = audited.Trail
	fleet    = gateways.Book
	tokens   = apitokens.Book
)

// Record is one entry of a group's log.
type Record = feedlog.Record

// ResidentKey is a signing key of the resident authorization server.
type ResidentKey = issued.Key

// Entitlement is a generated client's place in the queue of what key managers are to be told.
type Entitlement = entitled.Row

// ObservedKeyManager is a key manager with when its server was and will be looked at.
type ObservedKeyManager = observed.KeyManager

// Observation is where things stand with a key manager's server.
type Observation = observed.Observation

// Sample is what was measured of a key manager's server at a time.
type Sample = observed.Sample

// Look is when a generated client was compared with its server, or a server searched, and what was found.
type Look = looked.Row

// AuditFilter chooses audit entries.
type AuditFilter = audited.Filter

// Lead is the right to do something that one of all processes on a database does at a time.
type Lead = leased.Lead

// GatewayReport is what a gateway says of itself.
type GatewayReport = gateways.Report

// SomeNames are some of very many.
type SomeNames = depends.Names

// GatewayQuestion is what one gateway is asked.
type GatewayQuestion = asked.Question

// Place says where in what an object is searched by a text is looked for.
type Place = sought.Place

// The places.
const (
	Inside    = sought.Inside
	WordStart = sought.WordStart
	NameStart = sought.NameStart
)

// OwnClient is a client that Keyward has of its own at a key manager's server, for people who sign in to the console.
type OwnClient = enrolled.Client

// Where the secrets of an OwnClient are.
const (
	OwnSecret = enrolled.SecretPath
	OwnKey    = enrolled.KeyPath
	OwnHandle = enrolled.HandlePath
	OwnServer = enrolled.ServerPath
)

// SignIn is a browser that is signed in at a tenant's resident authorization server.
type SignIn = issued.SignIn

// Given is what a user let a client have in one authorization.
type Given = issued.Given

// Code is an authorization code.
type Code = issued.Code

// Session is a browser that is signed in at the console.
type Session = issued.Session

// Reset is a one-time link with which a user chooses a password.
type Reset = issued.Reset

// ResidentToken is an access token that the resident authorization server gave out.
type ResidentToken = issued.Token

// Tx is one transaction. It lives as long as the function that got it, and is for one goroutine.
type Tx struct {
	*feedLog
	*material
	*queue
	*book
	*ledger
	*looks
	*asking
	*roll
	*finder
	*reveals
	*trail
	*fleet
	*tokens
	store  *Store
	run    *database.Run
	now    time.Time          // the time of everything that the transaction writes
	marks  *feedlog.Marks     // what the feed must look at before the commit; nil in a read
	seen   map[string]int64   // versions of the objects read so far, by id
	vacant map[string]*stored // what Vacate took away and Put has not brought back, by id

	withdrawn map[string]keyward.Ref // key managers that are global no more, by id
	undo      []func()               // gives objects back what Put set, for a transaction that is rolled back
}

// Read runs fn over one snapshot of the database. Do not keep the Tx, and do not wait for a network in fn.
func (s *Store) Read(ctx context.Context, fn func(*Tx) error) error {
	run, err := s.db.BeginRead(ctx)
	if err != nil {
		return s.settled(ctx, &s.away.reads, err)
	}
	defer run.Rollback()
	err = fn(s.tx(run, "", nil))
	if broken := run.Broken(); broken != nil && (err == nil || database.Away(broken)) {
		err = broken
	}
	return s.settled(ctx, &s.away.reads, err)
}

// Write runs fn in one transaction: object rows, then the feed rows and log records that follow from them, then the
// commit. fn may run more than once, from a fresh transaction each time, so it must have no other effect. Its own
// error rolls everything back and is returned as it is. actor is who the audit trail names: a user, or system/ROOM.
func (s *Store) Write(ctx context.Context, actor string, fn func(*Tx) error) error {
	if err := s.attempts(ctx, actor, fn, true); err != nil {
		return err
	}
	s.committed()
	return nil
}

// DryRun is Write that is rolled back at its end, whatever fn returned.
func (s *Store) DryRun(ctx context.Context, actor string, fn func(*Tx) error) error {
	return s.attempts(ctx, actor, fn, false)
}

func (s *Store) attempts(ctx context.Context, actor string, fn func(*Tx) error, keep bool) error {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 5*time.Millisecond, 250*time.Millisecond
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := s.attempt(ctx, actor, fn, keep)
		if err != nil && !passing(err) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(wait), backoff.WithMaxTries(12), backoff.WithMaxElapsedTime(30*time.Second))
	var permanent *backoff.PermanentError
	if errors.As(err, &permanent) {
		err = permanent.Unwrap()
	}
	return s.settled(ctx, &s.away.writes, err)
}

// attempt runs the transaction once. A fault of the database counts before whatever fn made of it.
func (s *Store) attempt(ctx context.Context, actor string, fn func(*Tx) error, keep bool) (err error) {
	run, err := s.db.BeginWrite(ctx)
	if err != nil {
		return err
	}
	tx := s.tx(run, actor, feedlog.NewMarks())
	tx.seen, tx.vacant = map[string]int64{}, map[string]*stored{}
	tx.withdrawn = map[string]keyward.Ref{}
	done := false
	defer func() {
		if !done {
			run.Rollback()
			for _, undo := range tx.undo {
				undo()
			}
		}
	}()
	err = fn(tx)
	if err == nil && run.Broken() == nil {
		err = tx.settle()
	}
	if err == nil && run.Broken() == nil {
		err = tx.Touch(tx.marks.Concern())
	}
	if err == nil && run.Broken() == nil {
		err = feedlog.Project(tx.feedLog, tx.marks)
	}
	if run.Broken() != nil && (err == nil || passing(run.Broken()) || database.Away(run.Broken())) {
		err = run.Broken()
	}
	if err != nil || !keep {
		return err
	}
	if err := run.Commit(); err != nil {
		return err
	}
	done = true
	return nil
}

// tx puts a transaction together. Without marks it only reads.
func (s *Store) tx(run *database.Run, actor string, marks *feedlog.Marks) *Tx {
	at := now()
	log, trail := feedlog.New(run, s.key, s.digest, at), audited.New(run, at, actor)
	return &Tx{
		feedLog: log, material: issued.New(run, s.key),
		queue: entitled.New(run), book: observed.New(run), ledger: counted.New(run), looks: looked.New(run), asking: asked.New(run),
		roll: enrolled.New(run, s.key), finder: depends.New(run), reveals: secrets.NewReveals(run, s.key), trail: trail,
		fleet: gateways.New(run, log, marks, trail, at), tokens: apitokens.New(run, trail, at),
		store: s, run: run, now: at, marks: marks,
	}
}

// now is cut to what the database keeps.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// keep makes the transaction's rollback give the object back what it had.
func (tx *Tx) keep(o *keyward.Object) {
	before := *o
	tx.undo = append(tx.undo, func() { *o = before })
}
