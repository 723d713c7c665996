package feed_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/store"
)

// event is one thing that happens to the installation. Its numbers choose among what there is at the time.
type event struct {
	Do   string
	A, B int
}

// history is everything that happens in one run.
type history struct {
	Gateways int
	Seed     uint64
	Events   []event
}

func histories() *rapid.Generator[history] {
	// Changes and pauses come more often than disasters.
	what := rapid.SampledFrom([]string{
		"change", "change", "change", "change", "change", "change", "pause", "pause", "pause", "chaos", "calm",
		"restart gateway", "tear log", "wipe gateway", "restart control", "backup", "restore", "trim", "revoke",
	})
	one := rapid.Custom(func(t *rapid.T) event {
		return event{Do: what.Draw(t, "do"), A: rapid.IntRange(0, 999).Draw(t, "a"), B: rapid.IntRange(0, 999).Draw(t, "b")}
	})
	return rapid.Custom(func(t *rapid.T) history {
		return history{
			Gateways: rapid.IntRange(1, 3).Draw(t, "gateways"),
			Seed:     rapid.Uint64().Draw(t, "seed"),
			Events:   rapid.SliceOfN(one, 6, 60).Draw(t, "events"),
		}
	})
}

// TestEveryInterleavingEndsInTheSameView plays histories against the real store, relay, hub and registry. Whatever
// happened, every gateway ends with exactly the rows of the database's log, replayed, and at its position.
func TestEveryInterleavingEndsInTheSameView(t *testing.T) {
	template := empty.Options(t)
	if f := flag.Lookup("rapid.checks"); f != nil && f.Value.String() != f.DefValue {
		t.Logf("rapid.checks is %s", f.Value)
	}
	var runs, events, changes atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		h := histories().Draw(rt, "history")
		dir, err := os.MkdirTemp(t.TempDir(), "run")
		if err != nil {
			rt.Fatal(err)
		}
		if err := copyFolder(template.DataDir, dir); err != nil {
			rt.Fatal(err)
		}
		var fault error
		var logs string
		synctest.Test(t, func(*testing.T) {
			p := &player{w: newWorld(dir, template.Key), random: rand.New(rand.NewPCG(h.Seed, 2))}
			fault = p.play(h)
			changes.Add(p.changes)
			for _, g := range p.gateways {
				logs += fmt.Sprintf("--- %s\n%s", g.name, &g.log)
			}
		})
		runs.Add(1)
		events.Add(int64(len(h.Events)))
		if err := os.RemoveAll(dir); err != nil {
			rt.Fatal(err)
		}
		if fault != nil {
			rt.Fatalf("%v\n%s", fault, logs)
		}
	})
	t.Logf("explored %d histories of %d events with %d committed transactions", runs.Load(), events.Load(), changes.Load())
}

// player plays one history.
type player struct {
	w        *world
	random   *rand.Rand
	gateways []*gateway
	backups  []string
	changes  int64
}

func (p *player) play(h history) (err error) {
	defer func() { err = errors.Join(err, p.end()) }()
	if err := p.w.start(); err != nil {
		return err
	}
	for i := range h.Gateways {
		g, err := p.w.newGateway(fmt.Sprintf("g%d", i), h.Seed+uint64(i))
		if err != nil {
			return err
		}
		p.gateways = append(p.gateways, g)
	}
	// A first backup, so that a restored database never lacks the gateways themselves.
	if err := p.backup(); err != nil {
		return err
	}
	for i, e := range h.Events {
		if err := p.do(e); err != nil {
			return fmt.Errorf("event %d, %s: %w", i, e.Do, err)
		}
	}
	for _, g := range p.gateways {
		g.source.set(0)
	}
	// A gateway that enrols late changes the log once more for all of them.
	if complaint := until(func() string {
		for _, g := range p.gateways {
			if c := p.w.agrees(g); c != "" {
				return g.name + ": " + c
			}
			if !g.registry.View().HasGatewayKey(g.registry.SigningKey().ID) {
				return g.name + " lacks its own key"
			}
		}
		return ""
	}); complaint != "" {
		dump := make([]byte, 1<<20)
		return fmt.Errorf("%s\n%s", complaint, dump[:runtime.Stack(dump, true)])
	}
	return p.againFromDisk()
}

// againFromDisk restarts every gateway with the control plane away: the disk alone gives the same view.
func (p *player) againFromDisk() error {
	head, want, err := p.w.now().truth()
	if err != nil {
		return err
	}
	for _, g := range p.gateways {
		if err := g.stop(); err != nil {
			return err
		}
	}
	if err := p.w.stop(); err != nil {
		return err
	}
	for _, g := range p.gateways {
		if err := g.start(); err != nil {
			return err
		}
		got, err := g.registry.View().Rows()
		if err != nil {
			return err
		}
		if g.registry.View().Position() != head {
			return fmt.Errorf("gateway %s begins at %d from disk, not at %d", g.name,
				g.registry.View().Position().Revision, head.Revision)
		}
		if d := differ(want, got); d != "" {
			return fmt.Errorf("gateway %s from disk: %s", g.name, d)
		}
	}
	return nil
}

func (p *player) end() error {
	var errs []error
	for _, g := range p.gateways {
		errs = append(errs, g.stop())
	}
	return errors.Join(append(errs, p.w.stop())...)
}

func (p *player) do(e event) error {
	g := p.gateways[e.A%len(p.gateways)]
	switch e.Do {
	case "change":
		return p.change(e)
	case "pause":
		time.Sleep(time.Duration(e.A) * 2 * time.Millisecond)
		return nil
	case "chaos":
		g.source.set(20 + e.B%80)
		return nil
	case "calm":
		g.source.set(0)
		return nil
	case "restart gateway":
		return errors.Join(g.stop(), g.start())
	case "wipe gateway":
		return errors.Join(g.stop(), os.RemoveAll(g.dir), g.start())
	case "tear log":
		return errors.Join(g.stop(), tear(filepath.Join(g.dir, "log.ndjson"), e.B), g.start())
	case "restart control":
		if err := p.w.stop(); err != nil {
			return err
		}
		time.Sleep(time.Duration(e.B) * 5 * time.Millisecond)
		return p.w.start()
	case "backup":
		return p.backup()
	case "restore":
		if err := p.stopControl(); err != nil {
			return err
		}
		return errors.Join(p.w.restore(p.backups[e.B%len(p.backups)]), p.w.start())
	case "trim":
		return p.w.now().store.Write(context.Background(), "test", func(tx *store.Tx) error {
			return tx.TrimLog(keyward.DefaultGroup, e.A%10)
		})
	case "revoke":
		return p.revokeAnother(e)
	}
	return fmt.Errorf("unknown event %q", e.Do)
}

// tear cuts up to n bytes off a file's end, as a crash would.
func tear(path string, n int) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.Truncate(path, max(0, info.Size()-int64(n)))
}

// stopControl stops the control plane and waits until its database is at rest, as files that are copied must be.
func (p *player) stopControl() error {
	err := p.w.stop()
	synctest.Wait()
	return err
}

func (p *player) backup() error {
	if err := p.stopControl(); err != nil {
		return err
	}
	to := filepath.Join(p.w.dir, fmt.Sprintf("backup-%d", len(p.backups)))
	p.backups = append(p.backups, to)
	return errors.Join(copyFolder(p.w.dir, to), p.w.start())
}

// revokeAnother makes and withdraws a gateway, which gives the group a new key and seals its secrets again.
func (p *player) revokeAnother(e event) error {
	name := fmt.Sprintf("passing-%d-%d", e.A, e.B)
	f := p.w.now().feed
	if _, _, err := f.CreateGateway(context.Background(), "test", name, ""); keyward.CodeOf(err) == keyward.CodeConflict {
		return nil
	} else if err != nil {
		return err
	}
	return f.RevokeGateway(context.Background(), "test", name)
}

// change writes one transaction of a few random writes. What the store refuses changes nothing.
func (p *player) change(e event) error {
	err := p.w.now().store.Write(context.Background(), "test", func(tx *store.Tx) error {
		random := rand.New(rand.NewPCG(uint64(e.A), uint64(e.B))) //nolint:gosec // never negative: drawn so
		for range 1 + e.A%4 {
			if err := randomWrite(tx, random); err != nil {
				return err
			}
		}
		return nil
	})
	var told *keyward.Error
	if errors.As(err, &told) {
		return nil
	}
	p.changes++
	return err
}

func randomWrite(tx *store.Tx, random *rand.Rand) error {
	n := random.IntN(4)
	o, extra := randomObject(random, n)
	before, err := tx.Get(o.Kind, keyward.DefaultTenant, o.Name)
	switch {
	case keyward.CodeOf(err) == keyward.CodeNotFound:
	case err != nil:
		return err
	case random.IntN(4) == 0:
		return tx.Delete(before)
	default:
		o.ID, o.Version = before.ID, before.Version
	}
	return tx.Put(o, extra)
}

// randomObject makes an object out of a small world, so that objects refer to each other, collide and come again.
func randomObject(random *rand.Rand, n int) (*keyward.Object, store.Extra) {
	o := &keyward.Object{Tenant: keyward.DefaultTenant}
	var extra store.Extra
	pick := func(what string) string { return fmt.Sprintf("%s%d", what, random.IntN(3)) }
	switch random.IntN(6) {
	case 0, 1:
		o.Kind, o.Name = keyward.KindKeyManager, pick("km")
		on := random.IntN(3) > 0
		o.Spec = &keyward.KeyManagerSpec{
			Type: keyward.TypeOIDC, Issuer: "https://" + o.Name + ".example", Enabled: &on, DisplayName: fmt.Sprint(random.IntN(5)),
			Introspection: &keyward.Introspection{ClientID: "gw", ClientSecret: secret.Credential{Current: secret.Stored()}},
		}
		extra.Row = fmt.Appendf(nil, `{"enabled":%v,"issuers":[{"issuer":%q}],"digest":"%d"}`,
			on, "https://"+o.Name+".example", random.IntN(5))
		if random.IntN(2) == 0 {
			extra.Secrets = map[string]string{"introspection.clientSecret": fmt.Sprint("secret ", random.IntN(3))}
			extra.Introspection = &keyward.IntrospectionRow{ClientID: "gw", Method: "basic"}
		}
	case 2:
		o.Kind, o.Name = keyward.KindAPI, pick("api")
		spec := &keyward.APISpec{
			Title: fmt.Sprint(random.IntN(5)), Context: "/" + o.Name, Version: "v1",
			Upstream:   keyward.Upstream{Production: "http://127.0.0.1:9000"},
			Operations: []keyward.Operation{{Method: "GET", Path: "/items", Scopes: []string{fmt.Sprint("s", n)}}},
		}
		if spec.KeyManagers.All = random.IntN(3) == 0; !spec.KeyManagers.All {
			spec.KeyManagers.List = []keyward.KeyManagerUse{{Name: pick("km")}}
		}
		if random.IntN(3) == 0 {
			spec.Subscription = "none"
		}
		o.Spec = spec
		extra.Row = fmt.Appendf(nil, `{"context":"/%s","version":"v1","subscription":%v}`, o.Name, spec.Subscription == "")
	case 3:
		o.Kind, o.Name, o.Spec = keyward.KindApplication, pick("app"), &keyward.ApplicationSpec{}
	case 4:
		app, api := pick("app"), pick("api")
		o.Kind, o.Name = keyward.KindSubscription, app+"-"+api
		state := []keyward.SubscriptionState{"active", "blocked", "on-hold"}[random.IntN(3)]
		o.Spec = &keyward.SubscriptionSpec{Application: app, API: api, State: state}
	case 5:
		app, km := pick("app"), pick("km")
		o.Kind, o.Name = keyward.KindOAuthClient, app+"-"+km
		o.Spec = &keyward.OAuthClientSpec{Application: app, KeyManager: km, ClientID: fmt.Sprint("client", random.IntN(6))}
		extra.Row = []byte(`{}`)
	}
	return o, extra
}
