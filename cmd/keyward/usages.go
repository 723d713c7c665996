package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"keyward.dev/keyward"
)

type keymanagerUsagesCmd struct {
	Name string `arg:"" help:"a registered key manager"`
	outputFlag
}

// usages say who depends on a key manager.
type usages struct {
	KeyManager   string        `json:"keyManager"`
	APIs         []usingAPI    `json:"apis"`
	Applications []string      `json:"applications"`
	Clients      []usingClient `json:"clients"`
	Disable      impact        `json:"disable"`
	Delete       impact        `json:"delete"`
}

type usingAPI struct {
	Name string `json:"name"`
	All  bool   `json:"all,omitempty"`
}

type usingClient struct {
	Name        string `json:"name"`
	Application string `json:"application"`
	Environment string `json:"environment"`
	ClientID    string `json:"clientId,omitempty"`
	Mode        string `json:"mode"`
	State       string `json:"state"`
}

// impact is what disabling or deleting it would do.
type impact struct {
	RefusedBy    []keyward.Ref `json:"refusedBy"`
	APIs         []string      `json:"apis"`
	Applications []string      `json:"applications"`
}

func (s *session) usages(name string) (u usages, err error) {
	c, err := s.client()
	if err != nil {
		return u, err
	}
	return u, c.call(s.ctx, http.MethodGet, c.path([]string{"key-managers", name, "usages"}), nil, &u)
}

// Run lists everything that depends on a key manager.
func (cmd *keymanagerUsagesCmd) Run(s *session) error {
	u, err := s.usages(cmd.Name)
	if err != nil {
		return err
	}
	rows := [][]string{{"KIND", "NAME", "HOW"}}
	for _, a := range u.APIs {
		how := "names it"
		if a.All {
			how = "takes every key manager"
		}
		rows = append(rows, []string{"API", a.Name, how})
	}
	for _, name := range u.Applications {
		rows = append(rows, []string{"Application", name, "has clients in it"})
	}
	for _, client := range u.Clients {
		rows = append(rows, []string{"OAuthClient", client.Name,
			strings.Join([]string{client.Mode, client.State, "for", client.Environment}, " ")})
	}
	if err := cmd.print(s.out, u, rows); err != nil || cmd.Output != "table" {
		return err
	}
	return u.Disable.print(s.out, "disabled")
}

// print says what would follow.
func (i impact) print(w io.Writer, done string) error {
	var lines []string
	if len(i.APIs) > 0 {
		lines = append(lines, fmt.Sprintf("if it were %s, no caller could reach: %s", done, strings.Join(i.APIs, ", ")))
	}
	if len(i.Applications) > 0 {
		lines = append(lines, fmt.Sprintf("if it were %s, these could call nothing: %s", done, strings.Join(i.Applications, ", ")))
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// preview says what deleting a key manager would do: refused as the deletion would be, or with what follows.
func (cmd *deleteCmd) preview(s *session) error {
	u, err := s.usages(cmd.Name)
	if err != nil {
		return err
	}
	ref := keyward.Ref{Kind: keyward.KindKeyManager, Tenant: s.cli.Tenant, Name: cmd.Name}
	switch {
	case len(u.Delete.RefusedBy) > 0:
		e := keyward.Errorf(keyward.CodeInUse, "%s is used by others", ref)
		e.Users = u.Delete.RefusedBy
		return e
	case ref.BuiltIn():
		return keyward.Errorf(keyward.CodeConflict, "%s is every tenant's own: disable it instead", ref)
	}
	if _, err := fmt.Fprintf(s.out, "%s would be deleted\n", ref); err != nil {
		return err
	}
	return u.Delete.print(s.out, "deleted")
}
