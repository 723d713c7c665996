package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"keyward.dev/keyward"
)

type holdCmd struct {
	Kind   string `arg:"" help:"KeyManager, Application, Subscription or OAuthClient"`
	Name   string `arg:""`
	Reason string `required:"" placeholder:"TEXT" help:"the reason, shown to administrators and auditors"`
	Until  string `placeholder:"TIME" help:"when the hold ends by itself, as in 2027-01-31T18:00:00Z"`
}

// Run switches an object off on every gateway.
func (cmd *holdCmd) Run(s *session) error {
	body := map[string]any{"reason": cmd.Reason}
	end := ""
	if cmd.Until != "" {
		until, err := time.Parse(time.RFC3339, cmd.Until)
		if err != nil {
			return usageError{fmt.Errorf("--until %q is not a time with its zone, as in 2027-01-31T18:00:00Z", cmd.Until)}
		}
		body["until"], end = until, " until "+until.Format(time.RFC3339)
	}
	ref, err := s.setHold(cmd.Kind, cmd.Name, "hold", body)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s held%s\n", ref, end)
	return err
}

type unholdCmd struct {
	Kind string `arg:"" help:"KeyManager, Application, Subscription or OAuthClient"`
	Name string `arg:""`
}

// Run lifts a hold.
func (cmd *unholdCmd) Run(s *session) error {
	ref, err := s.setHold(cmd.Kind, cmd.Name, "unhold", nil)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s not held\n", ref)
	return err
}

func (s *session) setHold(kindText, name, verb string, body any) (keyward.Ref, error) {
	kind, err := parseKind(kindText)
	if err != nil {
		return keyward.Ref{}, err
	}
	if !kind.Holdable() {
		return keyward.Ref{}, usageError{fmt.Errorf("objects of kind %s cannot be held: only %s can", kind, keyward.HoldableNames())}
	}
	c, err := s.client()
	if err != nil {
		return keyward.Ref{}, err
	}
	var answer json.RawMessage
	err = c.Call(s.ctx, http.MethodPost, c.Path([]string{kind.Plural(), name, verb}), body, &answer)
	return keyward.Ref{Kind: kind, Tenant: s.cli.Tenant, Name: name}, err
}
