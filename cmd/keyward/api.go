package main

import (
	"net/http"
	"strings"

	"keyward.dev/keyward"
)

type apiCmd struct {
	Usages apiUsagesCmd `cmd:"" help:"What depends on an API, and what retiring or deleting it would do."`
}

type apiUsagesCmd struct {
	Name string `arg:"" help:"a registered API"`
	outputFlag
}

// apiUsages say who depends on an API.
type apiUsages struct {
	API           string            `json:"api"`
	State         keyward.APIState  `json:"state"`
	Subscriptions []apiSubscription `json:"subscriptions"`
	Calls         recentCalls       `json:"calls"`
	Retire        impact            `json:"retire"`
	Delete        impact            `json:"delete"`
}

type apiSubscription struct {
	Name        string `json:"name"`
	Application string `json:"application"`
	Plan        string `json:"plan,omitempty"`
	State       string `json:"state"`
}

// Run lists everything that depends on an API.
func (cmd *apiUsagesCmd) Run(s *session) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	var u apiUsages
	if err := c.call(s.ctx, http.MethodGet, c.path([]string{"apis", cmd.Name, "usages"}), nil, &u); err != nil {
		return err
	}
	rows := [][]string{{"KIND", "NAME", "HOW", "PASSED", "REFUSED"}}
	for _, sub := range u.Subscriptions {
		how := strings.TrimSpace(strings.Join([]string{sub.Application, sub.State, sub.Plan}, " "))
		rows = append(rows, []string{"Subscription", sub.Name, how})
	}
	rows = append(rows, append([]string{"API", u.API, string(u.State) + ", calls in the last hour"}, u.Calls.cells()...))
	if err := cmd.print(s.out, u, rows); err != nil || cmd.Output != "table" {
		return err
	}
	return u.Retire.print(s.out, "retired")
}
