package main

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/control"
	"keyward.dev/keyward/internal/output"
	"keyward.dev/keyward/internal/remote"
)

type apiCmd struct {
	Usages  apiUsagesCmd  `cmd:"" help:"Show what depends on an API, and what retiring or deleting it would do."`
	Default apiDefaultCmd `cmd:"" help:"Make an API the default version of its context."`
}

type apiDefaultCmd struct {
	Name string `arg:"" help:"an API that gateways serve"`
}

// Run moves the default version in one step.
func (cmd *apiDefaultCmd) Run(s *session) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	if err := c.Call(s.ctx, http.MethodPost, c.Path([]string{"apis", cmd.Name, "default"}), nil, nil); err != nil {
		return err
	}
	ref := keyward.Ref{Kind: keyward.KindAPI, Tenant: s.cli.Tenant, Name: cmd.Name}
	_, err = fmt.Fprintf(s.out, "%s is the default version\n", ref)
	return err
}

type apiUsagesCmd struct {
	Name string `arg:"" help:"a registered API"`
	output.Flag
}

// Run lists everything that depends on an API.
func (cmd *apiUsagesCmd) Run(s *session) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	var u control.APIUsages
	for more := true; more; more = u.Next != "" {
		before, path := u, c.Path([]string{"apis", cmd.Name, "usages"}, "limit", "500", "cursor", u.Next)
		u = control.APIUsages{}
		if err := c.Call(s.ctx, http.MethodGet, path, nil, &u); err != nil {
			return err
		}
		u.Subscriptions = append(before.Subscriptions, u.Subscriptions...)
		u.Delete.RefusedBy = append(before.Delete.RefusedBy, u.Delete.RefusedBy...)
	}
	rows := [][]string{{"KIND", "NAME", "HOW", "PASSED", "REFUSED"}}
	for _, sub := range u.Subscriptions {
		how := strings.TrimSpace(strings.Join([]string{sub.Application, string(sub.State), sub.Plan, string(sub.Approval)}, " "))
		if sub.Outside {
			how += ", no owner sees the API"
		}
		rows = append(rows, []string{"Subscription", sub.Name, how})
	}
	rows = append(rows, append([]string{"API", u.API, string(u.State) + ", calls in the last hour"}, cells(u.Calls.Calls)...))
	if err := cmd.Print(s.out, u, rows); err != nil || cmd.Output != "table" {
		return err
	}
	return printImpact(s.out, u.Retire, "retired")
}

type subscriptionsCmd struct {
	Requests subscriptionsRequestsCmd `cmd:"" help:"List subscriptions that need an approval. Developers see those of their applications."`
	Approve  subscriptionsApproveCmd  `cmd:"" help:"Approve a subscription."`
	Reject   subscriptionsRejectCmd   `cmd:"" help:"Reject a subscription, with a reason."`
	AskAgain subscriptionsAskAgainCmd `cmd:"" help:"Ask again for a rejected subscription, unchanged."`
}

type subscriptionsRequestsCmd struct{ output.Flag }

// Run lists what awaits an approval.
func (cmd *subscriptionsRequestsCmd) Run(s *session) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	requests, err := remote.List[control.SubscriptionRequest](s.ctx, c, []string{"subscription-requests"})
	if err != nil {
		return err
	}
	rows := [][]string{{"NAME", "APPLICATION", "API", "PLAN", "REQUESTER", "SINCE", "REQUEST"}}
	for _, r := range requests {
		rows = append(rows, []string{r.Name, r.Application, r.API, r.Plan, r.Requester, r.Since.Format(time.RFC3339), r.ID})
	}
	return cmd.Print(s.out, requests, rows)
}

// subscriptionRequestArg says about which request something is decided.
type subscriptionRequestArg struct {
	Name    string `arg:"" help:"the subscription"`
	Request string `placeholder:"ID" help:"only this request, as requests shows it; one that replaced it is left alone"`
}

type subscriptionsApproveCmd struct{ subscriptionRequestArg }

// Run approves a request.
func (cmd *subscriptionsApproveCmd) Run(s *session) error {
	return cmd.decide(s, "approve", "approved", map[string]string{"request": cmd.Request})
}

type subscriptionsRejectCmd struct {
	subscriptionRequestArg
	Reason string `required:"" placeholder:"TEXT" help:"the reason, shown to the person who asked"`
}

// Run rejects a request.
func (cmd *subscriptionsRejectCmd) Run(s *session) error {
	return cmd.decide(s, "reject", "rejected", map[string]string{"request": cmd.Request, "reason": cmd.Reason})
}

type subscriptionsAskAgainCmd struct{ subscriptionRequestArg }

// Run asks for it again.
func (cmd *subscriptionsAskAgainCmd) Run(s *session) error {
	return cmd.decide(s, "ask-again", "asked for again", map[string]string{"request": cmd.Request})
}

func (a subscriptionRequestArg) decide(s *session, verb, done string, body map[string]string) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	if err := c.Call(s.ctx, http.MethodPost, c.Path([]string{"subscriptions", a.Name, verb}), body, nil); err != nil {
		return err
	}
	ref := keyward.Ref{Kind: keyward.KindSubscription, Tenant: s.cli.Tenant, Name: a.Name}
	_, err = fmt.Fprintf(s.out, "%s %s\n", ref, done)
	return err
}
