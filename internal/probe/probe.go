// Package probe owns the live checks of a key manager, registered or not yet saved: what its server really answers, step
// by step, each with a verdict and what to change; a look at it that changes nothing; and what gateways would make of a token
// by its settings. It does not own what a declaration means, how a server is talked to, how a token is judged, nor who may
// ask; and it stores nothing but the audit entry of a trial client.
package probe

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/rollover"
	"keyward.dev/keyward/internal/store"
)

// Verdict of one step.
type Verdict string

// The verdicts. A step that could not be tried says why in Seen.
const (
	Pass     Verdict = "pass"
	Warn     Verdict = "warn"
	Fail     Verdict = "fail"
	NotTried Verdict = "not tried"
)

// The steps, in the order in which they are taken.
const (
	stepState         = "state"
	stepDiscovery     = "discovery"
	stepSettings      = "settings"
	stepKeys          = "keys"
	stepConnection    = "connection"
	stepTokenEndpoint = "token endpoint"
	stepIntrospection = "introspection"
	stepSecret        = "secret"
	stepFresh         = "fresh token"
	stepRegistration  = "registration"
	stepSignIn        = "sign-in"
	stepSignInClient  = "sign-in client"
	stepRedirect      = "redirect URI"
	stepAudiences     = "audiences"
	stepTLS           = "TLS"
	stepClock         = "clock"
)

// Line is one step of a check.
type Line struct {
	Step     string  `json:"step"`
	Verdict  Verdict `json:"verdict" doc:"pass, warn, fail or not tried"`
	Millis   int64   `json:"millis" doc:"How long it took"`
	Expected string  `json:"expected"`
	Seen     string  `json:"seen" doc:"In the server's own words"`
	Fix      string  `json:"fix,omitempty" doc:"What to change, for a warning and a failure"`
}

// Report is a whole check.
type Report struct {
	Name    string  `json:"name" doc:"Of the key manager; empty for one without a name yet"`
	Verdict Verdict `json:"verdict" doc:"The worst of the steps: pass, warn or fail"`
	Millis  int64   `json:"millis" doc:"How long the whole check took"`
	Steps   []Line  `json:"steps"`
}

// Limits of checks. What a check begins at a server it has the time to take back.
const (
	WholeLimit = 60 * time.Second // one check, with everything
	tryLimit   = 48 * time.Second // after it, only what was begun is taken back
	stepLimit  = 7 * time.Second  // one step of it, unless the outbound policy has more for one exchange
	waitLimit  = 5 * time.Second  // for a place among the checks that run
	atOnce     = 8                // checks in this process
)

// Options adjust a Probe.
type Options struct {
	Log   *slog.Logger
	Judge Judge // nil: no token is judged
	// Known notes which of two values of introspection's secret servers take; nil = nobody else has a use for it.
	Known *rollover.Memory
	// Callback is the redirect URI of the console; "" = nobody signs in through a key manager.
	Callback string
	// SignInClient says why the console's own client at a key manager's server is not in order; "" = it is. It may be nil.
	SignInClient func(*store.Tx, *keyward.Object) (string, error)
}

// Probe carries out checks. Its methods may be called at once.
type Probe struct {
	store    *store.Store
	client   *http.Client
	fresh    *http.Client // of looks
	resident func(connector.Server) (connector.Connector, error)
	log      *slog.Logger
	judge    Judge
	known    *rollover.Memory
	callback string
	signIn   func(*store.Tx, *keyward.Object) (string, error)
	places   chan struct{}
}

// New makes a Probe. The client carries the operator's rules for outbound addresses; resident opens the built-in
// authorization server's connector.
func New(s *store.Store, client *http.Client, resident func(connector.Server) (connector.Connector, error), o Options) (*Probe, error) {
	if s == nil || client == nil {
		return nil, errors.New("checks need a store and a client")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Known == nil {
		o.Known = rollover.New(o.Log, nil)
	}
	return &Probe{
		store: s, client: client, fresh: outbound.Fresh(client), resident: resident, log: o.Log, judge: o.Judge,
		known: o.Known, callback: o.Callback, signIn: o.SignInClient, places: make(chan struct{}, atOnce),
	}, nil
}

// Order says how far a check goes, and who wants it.
type Order struct {
	Actor    string // whom the audit trail names
	Register bool   // make a trial client at the server and delete it again
}

// Check is one that can begin: its key manager was found, or its declaration can be accepted.
type Check struct {
	probe  *Probe
	server connector.Server
	held   *keyward.Hold
	own    ownClient
	bound  bool // stored secrets are used: they go to the stored addresses alone
	order  Order
}

// ownClient is the console's client, where Keyward registers it.
type ownClient struct {
	ours   bool   // it is not declared
	stands string // why it is not in order; "" = it is, or it is not stored that there should be one
}

// Saved prepares the check of a registered key manager.
func (p *Probe) Saved(ctx context.Context, tenant, name string, o Order) (*Check, error) {
	c := &Check{probe: p, bound: true, order: o}
	err := p.store.Read(ctx, func(tx *store.Tx) (err error) {
		c.server, c.own, c.held, err = p.stored(tx, tenant, name)
		if keyward.CodeOf(err) != keyward.CodeNotFound {
			return err
		}
		if km, found := tx.KeyManagerFor(tenant, name); found == nil {
			return keyward.Errorf(keyward.CodeForbidden,
				"%s is offered in every tenant: only its own administrators check it, in tenant %s", km.Ref(), km.Tenant)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Unsaved prepares the check of a declaration that is not stored, and is not stored by it. A secret marked as stored is
// taken from the key manager of that name, when every address is the same there.
func (p *Probe) Unsaved(ctx context.Context, tenant, name string, spec *keyward.KeyManagerSpec, o Order) (*Check, error) {
	server, bound, err := p.declared(ctx, tenant, name, spec)
	if err != nil {
		return nil, err
	}
	return &Check{probe: p, server: server, own: ownClient{ours: keymanager.RegistersSignIn(server.Spec)}, bound: bound, order: o}, nil
}

// Run takes the steps and gives each line to every, which may be nil, as soon as it is known. It ends within
// WholeLimit, whatever the server does, and takes back what it began even when ctx ends. A step that fails hides no
// other. Its only error is that too many checks run already.
func (c *Check) Run(ctx context.Context, every func(Line)) (*Report, error) {
	began := time.Now()
	waiting, stop := context.WithTimeout(ctx, waitLimit)
	defer stop()
	select {
	case c.probe.places <- struct{}{}:
		defer func() { <-c.probe.places }()
	case <-waiting.Done():
		return nil, keyward.Errorf(keyward.CodeTooManyRequests, "%d checks are running already: try again in a minute", atOnce)
	}
	until, cancel := context.WithDeadline(context.WithoutCancel(ctx), began.Add(WholeLimit))
	defer cancel()
	trying, stopTrying := context.WithDeadline(ctx, began.Add(tryLimit))
	defer stopTrying()
	run := newCheck(c, c.probe.client, every)
	run.state(c.held)
	run.discovery(trying)
	run.settings()
	run.keys(trying)
	run.connection(trying)
	run.tokenEndpoint(trying)
	run.introspection(trying)
	run.trial(trying, until)
	run.secrets(trying)
	run.signIn(trying)
	run.audiences()
	run.transport()
	report := &Report{Name: c.server.Name, Verdict: Pass, Steps: run.lines, Millis: time.Since(began).Milliseconds()}
	for _, l := range report.Steps {
		if l.Verdict == Fail || l.Verdict == Warn && report.Verdict == Pass {
			report.Verdict = l.Verdict
		}
	}
	return report, nil
}
