package main

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/output"
	"keyward.dev/keyward/internal/remote"
)

type gatewayCmd struct {
	Token  gatewayTokenCmd  `cmd:"" help:"Make a credential for one gateway; it is printed alone, once."`
	List   gatewayListCmd   `cmd:"" help:"The gateways, each with revision and lag."`
	Revoke gatewayRevokeCmd `cmd:"" help:"Withdraw a gateway: it stops serving."`
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

type gatewayListCmd struct{ output.Flag }

// Run lists the gateways.
func (cmd *gatewayListCmd) Run(s *session) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	gateways, err := remote.List[keyward.Gateway](s.ctx, c, []string{"gateways"})
	if err != nil {
		return err
	}
	rows := [][]string{{"NAME", "GROUP", "STATE", "REVISION", "LAG", "LAST SEEN"}}
	for _, g := range gateways {
		rows = append(rows, []string{
			g.Name, g.Group, gatewayState(g), strconv.FormatUint(g.Revision, 10), strconv.FormatUint(g.Lag, 10), ago(g.LastSeen),
		})
	}
	return cmd.Print(s.out, gateways, rows)
}

func gatewayState(g keyward.Gateway) string {
	switch {
	case g.RevokedAt != nil:
		return "revoked"
	case g.LastSeen == nil:
		return "never seen"
	case g.Away:
		return "away"
	case g.Stale:
		return "stale"
	default:
		return "up"
	}
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
