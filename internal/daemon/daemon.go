// Package daemon owns the wiring and the life of a serving process: which rooms a role needs, in which order they
// start, and that they all end together. It does not own any behaviour of those rooms; it is the only one that knows
// them all.
package daemon

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"keyward.dev/keyward/internal/config"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/quota"
)

// Options of a process.
type Options struct {
	Log     *slog.Logger
	Version string
	// Listen opens a listener at an address; nil takes exactly that address.
	Listen func(ctx context.Context, address string) (net.Listener, error)
	// Started is called once when everything serves, with how others reach it. It may be nil.
	Started func(ctx context.Context, at Addresses) error
}

// Addresses tell how a running process is reached on this machine. What its role does not serve is empty.
type Addresses struct {
	Control, Gateway, Ops string // URLs
	AdminToken            string
}

// process is what the parts of one running process share.
type process struct {
	settings *config.Settings
	o        Options
	log      *slog.Logger
	metrics  *prometheus.Registry
	rules    outbound.Rules
	folder   *folder
	parts    *errgroup.Group
	checks   []check
	counts   *quota.Counts // of the gateway in this process, if there is one
	closers  []func()
	at       Addresses

	lasting context.Context // of parts that are needed until the last call at a door has gone
	end     context.CancelFunc
	doors   sync.WaitGroup // that serve
}

// Run serves in the role that the settings say until ctx ends. What one part cannot go on without ends all of them.
func Run(ctx context.Context, s *config.Settings, o Options) error {
	rules, err := outbound.ParseRules(s.OutboundDeny, s.OutboundAllow)
	if err != nil {
		return err
	}
	p := &process{settings: s, o: o, log: o.Log, metrics: prometheus.NewRegistry(), rules: rules}
	p.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, w := range s.Warnings {
		p.log.Warn("a setting asks for attention", "about", w)
	}
	if p.folder, err = openFolder(s.Data); err != nil {
		return err
	}
	defer p.close()
	parts, partsCtx := errgroup.WithContext(ctx)
	p.parts = parts
	p.lasting, p.end = context.WithCancel(context.WithoutCancel(partsCtx))
	defer p.end()
	if err := p.start(partsCtx); err != nil {
		// What already runs is told to end; its own errors are of no interest any more.
		parts.Go(func() error { return errStartFailed })
		p.end()
		_ = parts.Wait()
		if ctx.Err() != nil { // whoever told it to stop while it started is obeyed: that the start got no further is no failure
			p.log.Info("keyward stopped before it served", "at", err)
			return nil
		}
		return err
	}
	if err := parts.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

var errStartFailed = errors.New("the start failed")

func (p *process) start(ctx context.Context) error {
	ops, err := p.openDoor(ctx, "ops", p.settings.OpsAddress, p.settings.OpsTLS)
	if err != nil {
		return err
	}
	p.at.Ops = ops.url()
	// The gateway's listener is bound before its public address is needed, and the control plane's before its own.
	var gatewayDoor *door
	if p.settings.Role.HasGateway() {
		gatewayDoor, err = p.openDoor(ctx, "gateway", p.settings.GatewayAddress, p.settings.GatewayTLS)
		if err != nil {
			return err
		}
		p.at.Gateway = gatewayDoor.url()
		p.counts = quota.New()
	}
	var control *controlPlane
	if p.settings.Role.HasControl() {
		if control, err = p.startControl(ctx); err != nil {
			return err
		}
	}
	if gatewayDoor != nil {
		if err := p.startGateway(ctx, gatewayDoor, control); err != nil {
			return err
		}
	}
	p.serve(ctx, ops, managementServer(opsHandler(p.metrics, p.checks)))
	p.run(ctx, func(ctx context.Context) error {
		<-ctx.Done()
		p.doors.Wait()
		p.end()
		return nil
	})
	p.log.Info("keyward serves", "version", p.o.Version, "control", p.at.Control, "gateway", p.at.Gateway, "ops", p.at.Ops)
	if p.o.Started != nil {
		p.run(ctx, func(ctx context.Context) error { return p.o.Started(ctx, p.at) })
	}
	return nil
}

// serve opens a door until ctx ends and the calls under way have gone.
func (p *process) serve(ctx context.Context, d *door, server *http.Server) {
	p.doors.Add(1)
	p.run(ctx, func(ctx context.Context) error {
		defer p.doors.Done()
		return d.serve(ctx, server)
	})
}

// run starts parts of the process; the end of one by ctx is no failure.
func (p *process) run(ctx context.Context, parts ...func(context.Context) error) {
	for _, part := range parts {
		p.parts.Go(func() error {
			if err := part(ctx); err != nil && ctx.Err() == nil {
				return err
			}
			return nil
		})
	}
}

// later closes something when the process ends, the last opened first.
func (p *process) later(closer func()) { p.closers = append(p.closers, closer) }

func (p *process) close() {
	for i := len(p.closers) - 1; i >= 0; i-- {
		p.closers[i]()
	}
	p.folder.close()
}
