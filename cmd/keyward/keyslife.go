package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys/listing"
	"keyward.dev/keyward/internal/output"
	"keyward.dev/keyward/internal/reconcile"
	"keyward.dev/keyward/internal/reconcile/told"
	"keyward.dev/keyward/internal/remote"
)

type keysRetryCmd struct {
	place
	output.Flag
}

// Run goes on with what stands still.
func (cmd *keysRetryCmd) Run(s *session) error {
	var answer keysAnswer
	if err := cmd.send(s, "retry", cmd.request(), &answer); err != nil {
		return err
	}
	if cmd.Output == "table" && answer.State == string(keyward.ClientAwaiting) {
		return cmd.sayAwaits(s)
	}
	return showState(s, cmd.Flag, cmd.place, answer)
}

// showState says what became of a client, and prints it where it has a new secret, or was told of subscriptions.
func showState(s *session, o output.Flag, at place, answer keysAnswer) error {
	if o.Output == "table" {
		_, err := fmt.Fprintf(s.out, "keys of %s in %s (%s): %s\n", at.Application, at.KeyManager, at.Environment, answer.State)
		if err != nil || answer.ClientSecret == "" && answer.Entitlement == nil {
			return err
		}
	}
	return printKeys(s, o, answer)
}

// do sends a verb that answers with nothing, and says that it is done.
func (p place) do(s *session, verb, done string) error {
	if err := p.send(s, verb, p.request(), nil); err != nil {
		return err
	}
	return p.say(s, done)
}

// say says what became of the keys.
func (p place) say(s *session, what string) error {
	_, err := fmt.Fprintf(s.out, "keys of %s in %s (%s) %s\n", p.Application, p.KeyManager, p.Environment, what)
	return err
}

type keysCancelCmd struct{ place }

// Run gives up what is under way.
func (cmd *keysCancelCmd) Run(s *session) error {
	return cmd.do(s, "cancel", "cancelled")
}

type keysDismissCmd struct{ place }

// Run forgets a failed registration.
func (cmd *keysDismissCmd) Run(s *session) error {
	return cmd.do(s, "dismiss", "dismissed")
}

type keysDeleteCmd struct{ place }

// Run deletes or unmaps a client.
func (cmd *keysDeleteCmd) Run(s *session) error {
	return cmd.do(s, "delete", "deleted")
}

type keysRevokeCmd struct{ place }

// Run puts a client out of use.
func (cmd *keysRevokeCmd) Run(s *session) error {
	var answer keysAnswer
	if err := cmd.send(s, "revoke", cmd.request(), &answer); err != nil {
		return err
	}
	if answer.State == string(keyward.ClientRevoking) {
		return cmd.say(s, "revoked; its server has not ended it yet, which goes on: see keys list")
	}
	return cmd.say(s, "revoked")
}

// sayAwaits says that nothing is made yet.
func (p place) sayAwaits(s *session) error {
	return p.say(s, "await an administrator's approval")
}

type keysOptionsCmd struct {
	Application string `required:"" placeholder:"A" help:"the application"`
	Environment string `enum:"production,sandbox," default:"" help:"only in this environment"`
	output.Flag
}

// Run lists the places, those first where the application has keys, then those whose tokens most of its APIs take.
func (cmd *keysOptionsCmd) Run(s *session) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	at := []string{"applications", cmd.Application, "key-options"}
	options, err := remote.List[listing.Option](s.ctx, c, at, "environment", cmd.Environment)
	if err != nil {
		return err
	}
	return cmd.Print(s.out, options, listing.Table(options))
}

type keysRequestsCmd struct{ output.Flag }

// keyRequest is what awaits an approval.
type keyRequest struct {
	ID          string              `json:"id"`
	Application string              `json:"application"`
	KeyManager  string              `json:"keyManager"`
	Environment keyward.Environment `json:"environment"`
	Mode        keyward.ClientMode  `json:"mode"`
	ClientID    string              `json:"clientId,omitempty"`
	Requester   string              `json:"requester"`
	Since       time.Time           `json:"since"`
	Grants      []string            `json:"grants,omitempty"`
	Callbacks   []string            `json:"callbacks,omitempty"`
	Scopes      []string            `json:"scopes,omitempty"`
	Fields      map[string]any      `json:"fields,omitempty"`
}

// Run lists what awaits an approval.
func (cmd *keysRequestsCmd) Run(s *session) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	requests, err := remote.List[keyRequest](s.ctx, c, []string{"key-requests"})
	if err != nil {
		return err
	}
	rows := [][]string{{"APPLICATION", "KEY MANAGER", "ENVIRONMENT", "REQUESTER", "SINCE", "REQUEST", "ASKED FOR"}}
	for _, r := range requests {
		rows = append(rows, []string{
			r.Application, r.KeyManager, string(r.Environment), r.Requester, r.Since.Format(time.RFC3339), r.ID, r.wish(),
		})
	}
	return cmd.Print(s.out, requests, rows)
}

// wish is what is asked for, in one line.
func (r keyRequest) wish() string {
	if r.Mode == keyward.ClientMapped {
		return "client " + r.ClientID
	}
	parts := []string{strings.Join(r.Grants, " ")}
	if len(r.Scopes) > 0 {
		parts = append(parts, "scopes "+strings.Join(r.Scopes, " "))
	}
	if len(r.Callbacks) > 0 {
		parts = append(parts, "callbacks "+strings.Join(r.Callbacks, " "))
	}
	return strings.Join(parts, "; ")
}

// awaited says which request is meant: by its id alone, or by the place where it waits.
type awaited struct {
	Application string `placeholder:"A" help:"the application; not needed with --request"`
	KeyManager  string `placeholder:"K" help:"the key manager; not needed with --request"`
	Environment string `enum:"production,sandbox," default:"" help:"production (default without --request) or sandbox"`
	Request     string `placeholder:"ID" help:"the request, as keys requests shows it; one that replaced it is refused"`
}

// place finds where the request waits. What the ID leads to must be what is said beside it.
func (a awaited) place(s *session) (place, error) {
	if a.Request == "" {
		if a.Application == "" || a.KeyManager == "" {
			return place{}, usageError{errors.New("say which: --request with an id of keys requests, or --application and --key-manager")}
		}
		return place{a.Application, a.KeyManager, cmp.Or(a.Environment, string(keyward.Production))}, nil
	}
	c, err := s.client()
	if err != nil {
		return place{}, err
	}
	requests, err := remote.List[keyRequest](s.ctx, c, []string{"key-requests"})
	if err != nil {
		return place{}, err
	}
	i := slices.IndexFunc(requests, func(r keyRequest) bool { return r.ID == a.Request })
	if i < 0 {
		return place{}, keyward.Errorf(keyward.CodeNotFound, "no request %s awaits an approval in tenant %s: keyward keys requests lists "+
			"those that do", a.Request, c.Tenant)
	}
	at := place{requests[i].Application, requests[i].KeyManager, string(requests[i].Environment)}
	if (place{cmp.Or(a.Application, at.Application), cmp.Or(a.KeyManager, at.KeyManager), cmp.Or(a.Environment, at.Environment)}) != at {
		return place{}, usageError{fmt.Errorf("request %s is for keys of %s in %s (%s): leave the place out, or give this one", a.Request,
			at.Application, at.KeyManager, at.Environment)}
	}
	return at, nil
}

type keysApproveCmd struct {
	awaited
	output.Flag
}

// Run approves what is asked for.
func (cmd *keysApproveCmd) Run(s *session) error {
	at, err := cmd.place(s)
	if err != nil {
		return err
	}
	req := at.request()
	req.Request = cmd.Request
	return show(s, cmd.Flag, at, "approve", req)
}

type keysRejectCmd struct {
	awaited
	Reason string `required:"" placeholder:"TEXT" help:"the reason, shown to the person who asked"`
}

// Run rejects what is asked for.
func (cmd *keysRejectCmd) Run(s *session) error {
	at, err := cmd.place(s)
	if err != nil {
		return err
	}
	req := at.request()
	req.Reason, req.Request = cmd.Reason, cmd.Request
	if err := at.send(s, "reject", req, nil); err != nil {
		return err
	}
	return at.say(s, "rejected")
}

type keymanagerReconcileCmd struct {
	Name        string `arg:"" help:"a registered key manager"`
	Application string `placeholder:"A" help:"only clients of this application"`
	Last        bool   `help:"show what was last found, and ask the server nothing"`
	Delete      string `placeholder:"NAME" help:"only delete the orphan with exactly this name at the server"`
	output.Flag
}

// Run has the server asked and tells how its clients stand. Where something is to be mended, the exit code is 1.
func (cmd *keymanagerReconcileCmd) Run(s *session) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	at := []string{"key-managers", cmd.Name, "reconciliation"}
	call := func(method string) (*reconcile.Reconciliation, error) {
		var report reconcile.Reconciliation
		return &report, c.Call(s.ctx, method, c.Path(at), nil, &report)
	}
	var report *reconcile.Reconciliation
	switch {
	case cmd.Delete != "" && cmd.Last:
		return usageError{errors.New("--last asks nothing, and --delete changes the server: give one of the two")}
	case cmd.Delete != "":
		at = append(at, "delete")
		if err := c.Call(s.ctx, http.MethodPost, c.Path(at), map[string]string{"name": cmd.Delete}, nil); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.out, "no client %s is left at the server of %s\n", cmd.Delete, cmd.Name)
		return err
	case cmd.Last:
		report, err = call(http.MethodGet)
	default:
		report, err = told.Await(s.ctx, s.err, call)
	}
	if err != nil {
		return err
	}
	told.Only(report, cmd.Application)
	if err := cmd.Print(s.out, report, told.Table(report)); err != nil {
		return err
	}
	if told.ToMend(report) {
		return errors.New("something is to be mended")
	}
	return nil
}

type keysMendCmd struct {
	place
	Accept bool `help:"accept the client as it is at the server; one that was deleted there is forgotten"`
	output.Flag
}

// Run brings a client and its server together again.
func (cmd *keysMendCmd) Run(s *session) error {
	body := struct {
		keysRequest

		Accept bool `json:"accept,omitempty"`
	}{cmd.request(), cmd.Accept}
	var answer keysAnswer
	if err := cmd.send(s, "mend", body, &answer); err != nil {
		return err
	}
	return showState(s, cmd.Flag, cmd.place, answer)
}
