package daemon

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/control"
	"keyward.dev/keyward/internal/entitle"
	"keyward.dev/keyward/internal/feed"
	"keyward.dev/keyward/internal/health"
	"keyward.dev/keyward/internal/keys"
	"keyward.dev/keyward/internal/keys/turn"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/ownclient"
	"keyward.dev/keyward/internal/past"
	"keyward.dev/keyward/internal/probe"
	"keyward.dev/keyward/internal/reconcile"
	"keyward.dev/keyward/internal/resident"
	"keyward.dev/keyward/internal/rest"
	"keyward.dev/keyward/internal/rollover"
	"keyward.dev/keyward/internal/session"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/stream"
	"keyward.dev/keyward/internal/syncapi"
	"keyward.dev/keyward/internal/tryout"
	"keyward.dev/keyward/web"
)

// controlPlane is what the rest of the process needs of a running control plane.
type controlPlane struct {
	store *store.Store
	feed  *feed.Feed
}

// startControl opens the database and the hub, and serves the control listener.
func (p *process) startControl(ctx context.Context) (*controlPlane, error) {
	s := p.settings
	st, err := p.openStore(ctx)
	if err != nil {
		return nil, err
	}
	controlDoor, err := p.openDoor(ctx, "control", s.ControlAddress, s.ControlTLS)
	if err != nil {
		return nil, err
	}
	p.at.Control = controlDoor.url()
	publicURL := cmp.Or(s.PublicURL, p.at.Control)
	hub, err := p.openHub(st, publicURL) //nolint:contextcheck // logins at the hub outlive the start
	if err != nil {
		return nil, err
	}
	changes, err := feed.New(ctx, st, hub, feed.Options{Log: p.log, Registerer: p.metrics, Shared: !s.NATS.IsZero()})
	if err != nil {
		return nil, err
	}
	explainer, err := p.newExplainer(ctx, st)
	if err != nil {
		return nil, err
	}
	authority, err := p.newResident(st, publicURL, explainer)
	if err != nil {
		return nil, err
	}
	client := outbound.NewClient(p.rules, outbound.Options{Timeout: 15 * time.Second})
	known := rollover.New(p.log, nil)
	clients, err := p.newKeys(st, catalog.New(client, authority.Open).Measured(p.metrics).Noting(known), publicURL)
	if err != nil {
		return nil, err
	}
	useCases := control.New(st, client, authority, control.Options{
		Log: p.log, Withdrawn: changes.Withdraw, TakesNext: known.TakesNext, Ask: asking(changes), SignInClient: clients.own.Status,
	})
	if err := p.bootstrap(ctx, useCases, authority); err != nil {
		return nil, err
	}
	checks, monitor, err := p.newChecks(st, client, authority, probe.Options{
		Judge: judge{p, explainer}, Known: known, Callback: callbackOf(publicURL), SignInClient: clients.own.Stands,
	})
	if err != nil {
		return nil, err
	}
	doors, err := p.newDoors(publicURL, authority, changes, rest.Deps{
		Control: useCases, Keys: clients.Keys, Reconciler: clients.reconciler, OwnClients: clients.own, Probe: checks, Health: monitor,
		Explainer: explainer, PasswordLink: authority.PasswordLink, Caller: tryout.New(cmp.Or(s.GatewayURL, p.at.Gateway)),
		Sessions: p.newSessions(st, publicURL, authority, client, known),
	})
	if err != nil {
		return nil, err
	}
	p.runControl(ctx, clients, authority, changes, monitor)
	p.serve(ctx, controlDoor, managementServer(untilTold(ctx, doors)))
	p.checkControl(st, hub)
	return &controlPlane{store: st, feed: changes}, nil
}

// runControl begins what goes on by itself. Changes are relayed until the last call has gone; servers are looked at unasked, unless the
// settings say not to.
func (p *process) runControl(
	ctx context.Context, clients *clientele, authority *resident.Resident, changes *feed.Feed, monitor *health.Monitor,
) {
	p.run(ctx, append(clients.parts(), authority.Run)...)
	p.run(p.lasting, changes.Run) //nolint:contextcheck // it ends after ctx
	if p.settings.UnaskedLooks {
		p.run(ctx, monitor.Run)
	}
}

// newResident makes the built-in authorization servers.
func (p *process) newResident(st *store.Store, publicURL string, subjects resident.Subjects) (*resident.Resident, error) {
	s := p.settings
	return resident.New(st, resident.Options{
		PublicURL: publicURL, Log: p.log, Subjects: subjects, SessionIdle: s.SessionIdle, SessionLifetime: s.SessionLife,
		TrustedPeers: s.TrustedPeers,
	})
}

// newSessions makes the console's sessions.
func (p *process) newSessions(
	st *store.Store, publicURL string, authority *resident.Resident, outside *http.Client, known *rollover.Memory,
) *session.Sessions {
	return session.New(st, session.Options{
		Callback: callbackOf(publicURL), Client: catalog.ConsoleClient, Issuer: authority.Issuer,
		Inside: authority.Client(), Outside: outside, Known: known, Idle: p.settings.SessionIdle, Lifetime: p.settings.SessionLife,
		Now: time.Now, Log: p.log,
	})
}

// callbackOf is where authorization servers send people back to the console.
func callbackOf(publicURL string) string {
	return strings.TrimSuffix(publicURL, "/") + resident.CallbackPath
}

// asking asks gateways about their decisions.
func asking(f *feed.Feed) func(context.Context, string, past.Query) ([]past.Record, error) {
	return func(ctx context.Context, gateway string, q past.Query) ([]past.Record, error) {
		question, err := json.Marshal(q)
		if err != nil {
			return nil, fmt.Errorf("encode a question: %w", err)
		}
		answer, err := f.Ask(ctx, gateway, question)
		if err != nil {
			return nil, err
		}
		return q.Read(answer)
	}
}

// checkControl says what a control plane needs to be ready.
func (p *process) checkControl(st *store.Store, hub *stream.Hub) {
	p.checks = append(p.checks,
		check{"database", func(ctx context.Context) (string, error) { return "", st.Ping(ctx) }},
		check{"hub", func(context.Context) (string, error) { return hubNote(hub), nil }},
	)
}

// newDoors puts everything that the control listener serves behind one handler.
func (p *process) newDoors(
	publicURL string, authority *resident.Resident, changes *feed.Feed, deps rest.Deps,
) (http.Handler, error) {
	api, err := rest.New(deps, rest.Options{
		Version: p.o.Version, PublicURL: publicURL, Gateway: cmp.Or(p.settings.GatewayURL, p.at.Gateway), Log: p.log,
		TrustedPeers: p.settings.TrustedPeers,
	})
	if err != nil {
		return nil, err
	}
	console, err := web.New(publicURL)
	if err != nil {
		return nil, err
	}
	public, err := url.Parse(publicURL)
	if err != nil {
		return nil, fmt.Errorf("the public URL: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", api.Handler())
	mux.Handle("/{$}", console.Front())
	mux.Handle(strings.TrimSuffix(web.Path, "/"), console.Front())
	mux.Handle(web.Path, console.Handler())
	mux.Handle(stream.PathPrefix, syncapi.New(changes, p.log).Handler())
	for _, pattern := range authority.Patterns() {
		mux.Handle(pattern, authority.Handler())
	}
	return newDoor(mux, public, api.Missing), nil
}

// clientele is what looks after OAuth clients.
type clientele struct {
	*keys.Keys

	entitler   *entitle.Entitler
	reconciler *reconcile.Reconciler
	own        *ownclient.Clients
}

func (c *clientele) parts() []func(context.Context) error {
	return []func(context.Context) error{c.Run, c.entitler.Run, c.reconciler.Run, c.own.Run}
}

// newKeys makes what looks after OAuth clients, after what their tokens may carry, after what becomes of them, and after the
// console's own.
func (p *process) newKeys(st *store.Store, openers *connector.Openers, publicURL string) (*clientele, error) {
	sole, turns := p.settings.Database.IsZero(), turn.New()
	entitler, err := entitle.New(st, openers, entitle.Options{Log: p.log, Sole: sole, Turns: turns})
	if err != nil {
		return nil, err
	}
	clients, err := keys.New(st, openers, keys.Options{Log: p.log, Sole: sole, Entitler: entitler, Turns: turns})
	if err != nil {
		return nil, err
	}
	parts := reconcile.Parts{Store: st, Openers: openers, Keys: clients, Entitler: entitler, Turns: turns}
	reconciler, err := reconcile.New(parts, reconcile.Options{Log: p.log, Sole: sole, Asks: !p.settings.UnaskedLooks})
	if err != nil {
		return nil, err
	}
	own, err := ownclient.New(st, openers, ownclient.Options{
		Callback: callbackOf(publicURL), Log: p.log, Sole: sole, Looks: p.settings.UnaskedLooks,
	})
	return &clientele{clients, entitler, reconciler, own}, err
}

// newChecks makes what looks at key managers' servers, when people ask for it and all the time.
func (p *process) newChecks(st *store.Store, client *http.Client, authority *resident.Resident, o probe.Options) (
	*probe.Probe, *health.Monitor, error,
) {
	o.Log = p.log
	checks, err := probe.New(st, client, authority.Open, o)
	if err != nil {
		return nil, nil, err
	}
	monitor, err := health.New(st, checks, health.Options{
		Log: p.log, Registerer: p.metrics, Sole: p.settings.Database.IsZero(),
	})
	return checks, monitor, err
}

// hubNote tells of a hub that is away: the control plane works without it, gateways then ask by themselves.
func hubNote(hub *stream.Hub) string {
	if hub.Connected() {
		return ""
	}
	return "the event hub is out of reach; gateways ask for changes"
}

func (p *process) openStore(ctx context.Context) (*store.Store, error) {
	key, err := p.folder.sealKey(p.settings)
	if err != nil {
		return nil, err
	}
	st, err := store.Open(ctx, store.Options{
		URL: p.settings.Database.Reveal(), DataDir: p.settings.Data, Key: key, Log: p.log,
	})
	if err != nil {
		return nil, err
	}
	p.later(func() { _ = st.Close() })
	if !p.settings.Database.IsZero() {
		if err := p.takePlace(ctx, st); err != nil {
			return nil, err
		}
	}
	return st, nil
}

func (p *process) openHub(st *store.Store, publicURL string) (*stream.Hub, error) {
	s := p.settings
	o := stream.HubOptions{
		URL: s.NATS.Reveal(), GatewayURL: s.NATSGateway.Reveal(), Authenticate: feed.Login(st), Log: p.log,
	}
	if s.NATSListen {
		o.Listen, o.Advertise = s.NATSAddress, s.NATSAdvertise
		if o.Advertise == "" {
			o.Advertise = hostOf(publicURL)
		}
		if !s.NATSTLS.IsZero() {
			certificate, err := stream.NewCertificate(s.NATSTLS.Cert, s.NATSTLS.Key, p.log)
			if err != nil {
				return nil, fmt.Errorf("the event hub: %w", err)
			}
			o.TLS = certificate.Config()
		}
	}
	hub, err := stream.OpenHub(o)
	if err != nil {
		return nil, err
	}
	p.later(hub.Close)
	return hub, nil
}

// hostOf gives a URL's host without its port.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// bootstrap makes the first administrator and tells where the token is.
func (p *process) bootstrap(ctx context.Context, c *control.Control, a *resident.Resident) error {
	token, err := p.folder.adminToken(p.settings)
	if err != nil {
		return err
	}
	p.at.AdminToken = token.Reveal()
	if err := c.Bootstrap(ctx, token.Reveal()); err != nil {
		return err
	}
	return p.letAdminIn(ctx, c, a)
}

// letAdminIn leaves a one-time link for the first administrator in the data folder while that user has no password: there
// is no default one.
func (p *process) letAdminIn(ctx context.Context, c *control.Control, a *resident.Resident) error {
	value, err := c.FirstLink(ctx)
	if err != nil {
		return fmt.Errorf("make the first administrator's link: %w", err)
	}
	if value == "" {
		return p.folder.remove(adminLinkFile)
	}
	if err := p.folder.write(adminLinkFile, a.PasswordLink(keyward.DefaultTenant, value)+"\n"); err != nil {
		return err
	}
	p.log.Info("the user admin has no password yet: open the link in this file to choose one; it is good once, for 24 hours",
		"file", filepath.Join(p.folder.path, adminLinkFile), "later", "keyward user reset-password admin")
	return nil
}

// adminLinkFile holds the first administrator's link, in the data folder.
const adminLinkFile = "admin.signin"
