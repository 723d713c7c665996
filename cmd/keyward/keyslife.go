package main

import "fmt"

type keysRetryCmd struct {
	place
	outputFlag
}

// Run goes on with what stands still.
func (cmd *keysRetryCmd) Run(s *session) error {
	var answer keysAnswer
	if err := cmd.send(s, "retry", cmd.request(), &answer); err != nil {
		return err
	}
	if cmd.Output == "table" {
		_, err := fmt.Fprintf(s.out, "keys of %s in %s (%s): %s\n", cmd.Application, cmd.KeyManager, cmd.Environment, answer.State)
		if err != nil || answer.ClientSecret == "" {
			return err
		}
	}
	return cmd.printKeys(s, answer)
}

type keysCancelCmd struct{ place }

// Run gives up what is under way.
func (cmd *keysCancelCmd) Run(s *session) error {
	if err := cmd.send(s, "cancel", cmd.request(), nil); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.out, "keys of %s in %s (%s) cancelled\n", cmd.Application, cmd.KeyManager, cmd.Environment)
	return err
}
