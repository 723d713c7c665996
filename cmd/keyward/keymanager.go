package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"keyward.dev/keyward/internal/health"
	"keyward.dev/keyward/internal/health/table"
	"keyward.dev/keyward/internal/output"
	"keyward.dev/keyward/internal/ownclient"
	"keyward.dev/keyward/internal/remote"
)

type keymanagerCmd struct {
	Types    keymanagerTypesCmd    `cmd:"" help:"List key manager types, with the fields for administrators and developers."`
	Discover keymanagerDiscoverCmd `cmd:"" help:"Draft a manifest from a server's metadata, and list what to check in it."`
	Usages   keymanagerUsagesCmd   `cmd:"" help:"Show what depends on a key manager, and what disabling or deleting it would do."`
	Traffic  keymanagerTrafficCmd  `cmd:"" help:"Show the calls with its tokens in each of the last 48 hours, and their outcome."`
	Check    keymanagerCheckCmd    `cmd:"" help:"Check a key manager live, before or after it is saved."`
	Health   keymanagerHealthCmd   `cmd:"" help:"Show the health of key managers' servers, and its history."`
	Refresh  keymanagerRefreshCmd  `cmd:"" help:"Read a key manager's keys now, on every gateway too, and show what was found."`

	Reconcile keymanagerReconcileCmd `cmd:"" help:"Compare generated clients with the server, and say how to repair differences."`

	ConsoleClients consoleClientsCmd `cmd:"" help:"Manage the clients that Keyward registered for signing in to its console."`
}

type consoleClientsCmd struct {
	List    consoleClientsListCmd   `cmd:"" default:"withargs" help:"List them, each with its state."`
	Retry   consoleClientRetryCmd   `cmd:"" help:"Retry at once what failed, and repair what differs at the server."`
	Rotate  consoleClientRotateCmd  `cmd:"" help:"Replace its secret at the server; where the server cannot, replace the client."`
	Dismiss consoleClientDismissCmd `cmd:"" help:"Forget one that failed, after you have looked for it at the server."`
}

type consoleClientsListCmd struct{ output.Flag }

// Run lists the console's clients, with why one is not what it should be on lines of its own.
func (cmd *consoleClientsListCmd) Run(s *session) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	all, err := remote.Whole[ownclient.Standing](s.ctx, c, []string{"console-clients"})
	if err != nil {
		return err
	}
	rows := [][]string{{"ID", "KEY MANAGER", "STATE", "CLIENT", "NAME AT THE SERVER"}}
	for _, one := range all {
		rows = append(rows, []string{one.ID, one.KeyManager, string(one.State), one.ClientID, one.Name})
		for _, words := range []string{one.Reason, one.Advice} {
			if words != "" {
				rows = append(rows, []string{"  " + words})
			}
		}
	}
	return cmd.Print(s.out, all, rows)
}

type consoleClientCmd struct {
	ID string `arg:"" help:"the ID, as console-clients list shows it"`
}

func (cmd *consoleClientCmd) act(s *session, verb string) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	return c.Call(s.ctx, http.MethodPost, c.Path([]string{"console-clients", cmd.ID, verb}), nil, nil)
}

type consoleClientRetryCmd struct{ consoleClientCmd }

// Run tries again.
func (cmd *consoleClientRetryCmd) Run(s *session) error { return cmd.act(s, "retry") }

type consoleClientRotateCmd struct{ consoleClientCmd }

// Run has the secret replaced.
func (cmd *consoleClientRotateCmd) Run(s *session) error { return cmd.act(s, "rotate") }

type consoleClientDismissCmd struct{ consoleClientCmd }

// Run forgets what failed.
func (cmd *consoleClientDismissCmd) Run(s *session) error { return cmd.act(s, "dismiss") }

type keymanagerDiscoverCmd struct {
	URL    string `arg:"" help:"an issuer, or the address of its metadata"`
	Type   string `placeholder:"T" help:"the type; default: what the metadata looks like"`
	Name   string `placeholder:"NAME" help:"name of the key manager; default: derived from the host name"`
	Proxy  string `placeholder:"URL" help:"a proxy through which the server is reached"`
	CAFile string `placeholder:"F" help:"file with the authorities that sign its certificate, in PEM"`
	Output string `short:"o" enum:"manifest,json,yaml" default:"manifest" placeholder:"FORMAT" help:"manifest, json or yaml"`
}

// drafted is a manifest filled in from a server's metadata.
type drafted struct {
	Type     string         `json:"type"`
	Why      string         `json:"why"`
	Manifest map[string]any `json:"manifest"`
	Findings []draftFinding `json:"findings"`
	Metadata map[string]any `json:"metadata"`
}

type draftFinding struct {
	Level   string `json:"level"`
	Field   string `json:"field"`
	Message string `json:"message"`
}

// Run prints a manifest that apply takes. What should be known of it stands in comments before it.
func (cmd *keymanagerDiscoverCmd) Run(s *session) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	body := map[string]string{"url": cmd.URL}
	if cmd.Type != "" {
		body["type"] = cmd.Type
	}
	if cmd.Name != "" {
		body["name"] = cmd.Name
	}
	if cmd.Proxy != "" {
		body["proxy"] = cmd.Proxy
	}
	if cmd.CAFile != "" {
		ca, err := os.ReadFile(cmd.CAFile)
		if err != nil {
			return fmt.Errorf("read --ca-file: %w", err)
		}
		body["ca"] = string(ca)
	}
	var d drafted
	if err := c.Call(s.ctx, http.MethodPost, c.Path([]string{"key-managers", "discover"}), body, &d); err != nil {
		return err
	}
	if cmd.Output != "manifest" {
		return output.Flag{Output: cmd.Output}.Print(s.out, d, nil)
	}
	comments := []string{fmt.Sprintf("# type %s: %s", d.Type, d.Why)}
	for _, f := range d.Findings {
		// A server's words stay within the comment.
		comments = append(comments, fmt.Sprintf("# %s %s: %s", f.Level, f.Field, strings.ReplaceAll(f.Message, "\n", " ")))
	}
	if _, err := fmt.Fprintln(s.out, output.Plain(strings.Join(comments, "\n"))); err != nil {
		return err
	}
	return output.YAML(s.out, d.Manifest)
}

type keymanagerHealthCmd struct {
	Name    string        `arg:"" optional:"" help:"a registered key manager; default: all, a line each"`
	History bool          `help:"its measurements, oldest first"`
	Since   time.Duration `placeholder:"DURATION" help:"with --history: how far back, as in 24h; default: seven days"`
	output.Flag
}

// Run tells what is known of key managers' servers.
func (cmd *keymanagerHealthCmd) Run(s *session) error {
	switch {
	case cmd.History && cmd.Name == "":
		return usageError{errors.New("--history needs the name of a key manager")}
	case cmd.Since != 0 && !cmd.History:
		return usageError{errors.New("--since belongs to --history")}
	case cmd.Since < 0:
		return usageError{errors.New("--since is a time ago, such as 24h")}
	}
	c, err := s.client()
	if err != nil {
		return err
	}
	switch {
	case cmd.History:
		return cmd.history(s, c)
	case cmd.Name == "":
		return cmd.all(s, c)
	}
	var h health.Health
	if err := c.Call(s.ctx, http.MethodGet, c.Path([]string{"key-managers", cmd.Name, "health"}), nil, &h); err != nil {
		return err
	}
	return cmd.Print(s.out, h, table.OfOne(h, time.Now()))
}

func (cmd *keymanagerHealthCmd) all(s *session, c *remote.Client) error {
	all, err := remote.List[health.Summary](s.ctx, c, []string{"key-manager-health"})
	if err != nil {
		return err
	}
	return cmd.Print(s.out, all, table.Of(all, time.Now()))
}

func (cmd *keymanagerHealthCmd) history(s *session, c *remote.Client) error {
	from := ""
	if cmd.Since > 0 {
		from = time.Now().Add(-cmd.Since).UTC().Format(time.RFC3339)
	}
	samples, err := remote.List[health.Sample](s.ctx, c, []string{"key-managers", cmd.Name, "health", "history"}, "since", from)
	if err != nil {
		return err
	}
	return cmd.Print(s.out, samples, table.OfHistory(samples))
}

type keymanagerRefreshCmd struct {
	Name string `arg:"" help:"a registered key manager"`
	output.Flag
}

// Run reads a key manager's keys now. Keys that cannot be read make the exit code 1.
func (cmd *keymanagerRefreshCmd) Run(s *session) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	var h health.Health
	if err := c.Call(s.ctx, http.MethodPost, c.Path([]string{"key-managers", cmd.Name, "refresh-keys"}), nil, &h); err != nil {
		return err
	}
	if err := cmd.Print(s.out, h, table.OfOne(h, time.Now())); err != nil {
		return err
	}
	for _, k := range h.KeySets {
		if k.Error != "" {
			return fmt.Errorf("the keys of %s cannot be read", strings.Join(k.Issuers, ", "))
		}
	}
	return nil
}
