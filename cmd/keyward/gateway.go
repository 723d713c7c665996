package main

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"keyward.dev/keyward/internal/control"
	"keyward.dev/keyward/internal/output"
	"keyward.dev/keyward/internal/remote"
)

type gatewayCmd struct {
	Token   gatewayTokenCmd   `cmd:"" help:"Create a gateway's credential, and print nothing else. It is shown once."`
	List    gatewayListCmd    `cmd:"" help:"List gateways, each with its revision and how far it is behind."`
	Changes gatewayChangesCmd `cmd:"" help:"List the last changes, each with the gateways that have it."`
	Revoke  gatewayRevokeCmd  `cmd:"" help:"Revoke a gateway's credential. The gateway stops serving."`
}

type gatewayTokenCmd struct {
	Name  string `arg:""`
	Group string `default:"default" placeholder:"G" help:"gateway group"`
}

// Run makes a gateway's credential.
func (cmd *gatewayTokenCmd) Run(s *session) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	var answer struct{ Token string }
	body := map[string]string{"name": cmd.Name, "group": cmd.Group}
	if err := c.Call(s.ctx, http.MethodPost, c.Path([]string{"gateways"}), body, &answer); err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.out, answer.Token)
	return err
}

type gatewayListCmd struct {
	output.Flag
	Search string `placeholder:"TEXT" help:"only those with this text in their name"`
	State  string `placeholder:"S" help:"only those in this state: inUse, lacking, upToDate, behind, stale, away, never or revoked"`
}

// Run lists the gateways.
func (cmd *gatewayListCmd) Run(s *session) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	gateways, err := remote.List[control.SeenGateway](s.ctx, c, []string{"gateways"}, "search", cmd.Search, "state", cmd.State)
	if err != nil {
		return err
	}
	rows := [][]string{{"NAME", "GROUP", "STATE", "REVISION", "LAG", "LAST SEEN"}}
	for _, g := range gateways {
		rows = append(rows, []string{
			g.Name, g.Group, string(g.State), strconv.FormatUint(g.Revision, 10), strconv.FormatUint(g.Lag, 10), ago(g.LastSeen),
		})
	}
	return cmd.Print(s.out, gateways, rows)
}

type gatewayChangesCmd struct {
	Name string `arg:"" optional:"" help:"only what this gateway lacks"`
	output.Flag
}

// Run lists the last changes, each with how far it has come.
func (cmd *gatewayChangesCmd) Run(s *session) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	changes, err := remote.Whole[control.Change](s.ctx, c, []string{"changes"}, "gateway", cmd.Name)
	if err != nil {
		return err
	}
	rows := [][]string{{"GROUP", "REVISION", "ROWS", "WHAT", "IN FORCE ON", "LACKING"}}
	for _, ch := range changes {
		first := ch.Objects[0]
		what := strings.TrimSpace(string(first.Kind) + " " + first.Name)
		if first.Deleted && first.Gone {
			what += " (deleted)"
		}
		rows = append(rows, []string{
			ch.Group, strconv.FormatUint(ch.Revision, 10), strconv.Itoa(ch.Rows), what,
			fmt.Sprintf("%d of %d", ch.There, ch.Of), strings.Join(ch.Lacking, ", "),
		})
	}
	return cmd.Print(s.out, changes, rows)
}

// ago gives a time as people say it.
func ago(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return time.Since(*t).Round(time.Second).String() + " ago"
}

type gatewayRevokeCmd struct {
	Name string `arg:""`
}

// Run withdraws a gateway.
func (cmd *gatewayRevokeCmd) Run(s *session) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	if err := c.Call(s.ctx, http.MethodPost, c.Path([]string{"gateways", cmd.Name, "revoke"}), nil, nil); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "gateway %s revoked\n", cmd.Name)
	return err
}
