package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/remote"
)

type deleteCmd struct {
	Kind     string        `arg:"" help:"Connection, KeyManager, API, Plan, Application, Subscription, OAuthClient, Tenant or User"`
	Name     string        `arg:""`
	DryRun   bool          `help:"for a key manager: say what would happen, and delete nothing"`
	WithKeys bool          `help:"for an application: also delete its keys, at their key managers too, and its subscriptions"`
	Wait     time.Duration `default:"1m" help:"with --with-keys: how long to wait for key managers; the deletion continues after that"`
}

// Run deletes an object; the server refuses while something uses it.
func (cmd *deleteCmd) Run(s *session) error {
	kind, err := parseKind(cmd.Kind)
	if err != nil {
		return err
	}
	if cmd.WithKeys && kind != keyward.KindApplication {
		return usageError{fmt.Errorf("--with-keys goes with applications, which have keys")}
	}
	if cmd.DryRun && kind != keyward.KindKeyManager {
		return usageError{fmt.Errorf("--dry-run goes with key managers; apply --dry-run tells it of everything")}
	}
	if cmd.DryRun {
		return cmd.preview(s)
	}
	c, err := s.client()
	if err != nil {
		return err
	}
	var left json.RawMessage
	segments := []string{kind.Plural(), cmd.Name}
	if cmd.WithKeys {
		err = c.Call(s.ctx, http.MethodDelete, c.Path(segments, "withKeys", "true"), nil, &left)
	} else {
		err = c.Call(s.ctx, http.MethodDelete, c.Path(segments), nil, nil)
	}
	if err == nil && len(left) > 0 {
		err = cmd.await(s, c, segments)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s deleted\n", keyward.Ref{Kind: kind, Tenant: s.cli.Tenant, Name: cmd.Name})
	return err
}

const awaitPause = 500 * time.Millisecond

// await says what an application's deletion waits for, whenever that changes, until it is gone.
func (cmd *deleteCmd) await(s *session, c *remote.Client, application []string) error {
	said := ""
	for deadline := time.Now().Add(cmd.Wait); ; {
		keys, err := remote.Whole[listedKey](s.ctx, c, append(application, "keys"))
		if keyward.CodeOf(err) == keyward.CodeNotFound {
			return nil
		}
		if err != nil {
			return err
		}
		now := ""
		for _, k := range keys {
			if k.Status != nil {
				now += fmt.Sprintf("  %s in %s (%s) is %s: %s\n", k.ClientID, k.KeyManager, k.Environment, k.Status.State, k.Status.Reason)
			}
		}
		if now != said {
			if _, err := fmt.Fprintf(s.out, "waiting for %d keys\n%s", len(keys), now); err != nil {
				return err
			}
			said = now
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("application %s is out of use and is not gone yet: that goes on without you; say it again to try at once",
				cmd.Name)
		}
		select {
		case <-s.ctx.Done():
			return s.ctx.Err()
		case <-time.After(awaitPause):
		}
	}
}
