package main

import (
	"fmt"
	"net/http"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/output"
	"keyward.dev/keyward/internal/remote"
	console "keyward.dev/keyward/internal/session"
)

type tokenCmd struct {
	Create tokenCreateCmd `cmd:"" help:"Create an API token, and print nothing else. It is shown once."`
	List   tokenListCmd   `cmd:"" help:"List API tokens, without their values."`
	Revoke tokenRevokeCmd `cmd:"" help:"Revoke an API token."`
}

type tokenCreateCmd struct {
	User string `required:"" placeholder:"U" help:"the user that the token is for"`
}

// Run makes an API token.
func (cmd *tokenCreateCmd) Run(s *session) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	var answer struct{ Token string }
	if err := c.Call(s.ctx, http.MethodPost, c.Path([]string{"tokens"}), map[string]string{"user": cmd.User}, &answer); err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.out, answer.Token)
	return err
}

type tokenListCmd struct{ output.Flag }

// Run lists the API tokens.
func (cmd *tokenListCmd) Run(s *session) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	tokens, err := remote.List[keyward.APIToken](s.ctx, c, []string{"tokens"})
	if err != nil {
		return err
	}
	rows := [][]string{{"ID", "USER", "CREATED", "LAST USED", "STATE"}}
	for _, t := range tokens {
		state := "valid"
		if t.RevokedAt != nil {
			state = "revoked"
		}
		rows = append(rows, []string{t.ID, t.User, t.CreatedAt.Format(time.RFC3339), ago(t.LastUsed), state})
	}
	return cmd.Print(s.out, tokens, rows)
}

type tokenRevokeCmd struct {
	ID string `arg:""`
}

// Run revokes an API token.
func (cmd *tokenRevokeCmd) Run(s *session) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	if err := c.Call(s.ctx, http.MethodDelete, c.Path([]string{"tokens", cmd.ID}), nil, nil); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "token %s revoked\n", cmd.ID)
	return err
}

type userCmd struct {
	ResetPassword userResetCmd    `cmd:"" name:"reset-password" help:"Create a one-time link to choose a password. It is shown once."`
	Sessions      userSessionsCmd `cmd:"" help:"List who is signed in to the console, in which browser and since when."`
	SignOut       userSignOutCmd  `cmd:"" help:"Sign a person out everywhere."`
}

type userResetCmd struct {
	Name string `arg:"" help:"the user"`
}

// Run makes the link.
func (cmd *userResetCmd) Run(s *session) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	var answer struct {
		Link    string
		Expires time.Time
	}
	path := c.Path([]string{"users", cmd.Name, "password-reset"})
	if err := c.Call(s.ctx, http.MethodPost, path, nil, &answer); err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.out, answer.Link)
	return err
}

type userSessionsCmd struct {
	Name string `arg:"" optional:"" help:"a user, or KEYMANAGER|SUB; default: everybody"`
	output.Flag
}

// Run lists sessions, those that were used last first.
func (cmd *userSessionsCmd) Run(s *session) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	query := []string{"everybody", "true"}
	if cmd.Name != "" {
		query = []string{"user", cmd.Name}
	}
	all, err := remote.Whole[console.Listed](s.ctx, c, []string{"sessions"}, query...)
	if err != nil {
		return err
	}
	rows := [][]string{{"USER", "NAME", "SIGNED IN", "LAST SEEN", "BROWSER"}}
	for _, one := range all {
		rows = append(rows, []string{one.User, one.Name, ago(&one.Since), ago(&one.Seen), one.Browser})
	}
	return cmd.Print(s.out, all, rows)
}

type userSignOutCmd struct {
	Name string `arg:"" help:"a user, or KEYMANAGER|SUB"`
}

// Run ends every session of somebody.
func (cmd *userSignOutCmd) Run(s *session) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	return c.Call(s.ctx, http.MethodPost, c.Path([]string{"sessions", "end"}), map[string]string{"user": cmd.Name}, nil)
}
