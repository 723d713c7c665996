package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"keyward.dev/keyward/internal/enforce"
	"keyward.dev/keyward/internal/gateway"
	"keyward.dev/keyward/internal/past"
	"keyward.dev/keyward/internal/registry"
	"keyward.dev/keyward/internal/stream"
	"keyward.dev/keyward/internal/tally"
	"keyward.dev/keyward/internal/token"
)

// localGateway is the name of the gateway inside keyward serve.
const localGateway = "local"

// startGateway serves the gateway listener, fed by the control plane in this process or by the one that the settings
// name.
func (p *process) startGateway(ctx context.Context, d *door, c *controlPlane) error {
	source, credential, err := p.source(ctx, c)
	if err != nil {
		return err
	}
	counted, lately := tally.New(), past.New(credential.ID())
	known, err := registry.New(source, registry.Options{
		Token: credential, Dir: filepath.Join(p.settings.Data, "gateway"), MaxStale: p.settings.MaxStale,
		Build: p.o.Version, Log: p.log, Registerer: p.metrics, Usage: counted, Answer: answering(lately),
	})
	if err != nil {
		return err
	}
	keySets, introspector, err := p.newVerifiers(token.Options{Log: p.log, Registerer: p.metrics})
	if err != nil {
		return err
	}
	minter, err := token.NewMinter(known.SigningKey().Private)
	if err != nil {
		return err
	}
	issuer := p.settings.GatewayURL
	if issuer == "" {
		issuer = p.at.Gateway
	}
	engine, err := enforce.NewEngine(keySets, introspector, minter, enforce.Options{
		Issuer: issuer, OpenSealed: known.OpenSealed, Registerer: p.metrics, Counts: p.counts, Tally: counted, Past: lately,
	})
	if err != nil {
		return err
	}
	proxy, err := gateway.New(
		gateway.Deps{View: known.View, Serving: known.Serving, Watch: known.Watch, Engine: engine, Rules: p.rules},
		gateway.Options{TrustedPeers: p.settings.TrustedPeers, Log: p.log, Registerer: p.metrics},
	)
	if err != nil {
		return err
	}
	// Calls that still come or stream on while the process ends are held to what changes meanwhile.
	p.run(p.lasting, known.Run, keySets.Run, proxy.Run) //nolint:contextcheck // it ends after ctx
	p.later(proxy.Close)
	d.listener = proxy.Listener(d.listener)
	p.serve(ctx, d, proxy.NewServer())
	p.checks = append(p.checks, check{"gateway", func(context.Context) (string, error) { return staleNote(known), known.Ready() }})
	return nil
}

// answering answers the control plane's questions about decisions. A question that cannot be read has no answer.
func answering(lately *past.Ring) func(json.RawMessage) json.RawMessage {
	return func(question json.RawMessage) json.RawMessage {
		var q past.Query
		if json.Unmarshal(question, &q) != nil {
			return nil
		}
		answer, err := json.Marshal(lately.Find(q))
		if err != nil {
			return nil
		}
		return answer
	}
}

// source gives where the gateway's changes come from, and its credential.
func (p *process) source(ctx context.Context, c *controlPlane) (registry.Source, stream.Token, error) {
	if c == nil {
		credential, err := stream.ParseToken(p.settings.GatewayToken.Reveal())
		if err != nil {
			return nil, stream.Token{}, fmt.Errorf("KEYWARD_GATEWAY_TOKEN: %w", err)
		}
		remote, err := stream.NewRemote(stream.RemoteOptions{
			URL: p.settings.ControlURL, Token: credential, CA: p.settings.ControlCA, Log: p.log,
		})
		return remote, credential, err
	}
	stored, err := p.folder.secretFile("gateway.token", func() (string, error) { return "none", nil })
	if err != nil {
		return nil, stream.Token{}, err
	}
	credential, err := c.feed.LocalToken(ctx, localGateway, stored)
	if err != nil {
		return nil, stream.Token{}, err
	}
	if err := p.folder.write("gateway.token", credential.Reveal()+"\n"); err != nil {
		return nil, stream.Token{}, err
	}
	return c.feed.Local(credential), credential, nil
}

// staleNote says how old the gateway's knowledge is when the control plane is away.
func staleNote(known *registry.Registry) string {
	stale, age := known.Stale()
	if !stale {
		return ""
	}
	if ahead := known.ClockAhead(); ahead > 0 {
		return fmt.Sprintf("stale: this gateway's clock is %s ahead of its control plane's, set both by NTP", ahead.Round(time.Second))
	}
	return fmt.Sprintf("stale: the control plane was last heard from %s ago", age.Round(time.Second))
}
