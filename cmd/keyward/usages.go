package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/control"
	"keyward.dev/keyward/internal/output"
)

type keymanagerUsagesCmd struct {
	Name string `arg:"" help:"a registered key manager"`
	output.Flag
}

// cells are how calls ended, in a table.
func cells(c control.Calls) []string {
	return []string{strconv.FormatInt(c.Passed, 10), strconv.FormatInt(c.Refused, 10)}
}

func (s *session) usages(name string) (u control.Usages, err error) {
	c, err := s.client()
	if err != nil {
		return u, err
	}
	return u, c.Call(s.ctx, http.MethodGet, c.Path([]string{"key-managers", name, "usages"}), nil, &u)
}

// Run lists everything that depends on a key manager.
func (cmd *keymanagerUsagesCmd) Run(s *session) error {
	u, err := s.usages(cmd.Name)
	if err != nil {
		return err
	}
	rows := [][]string{{"KIND", "NAME", "HOW", "PASSED", "REFUSED", "LAST USED"}}
	for _, a := range u.APIs {
		how := "names it"
		if a.All {
			how = "takes every key manager"
		}
		rows = append(rows, append(append([]string{"API", a.Name, how}, cells(a.Calls)...), ""))
	}
	for _, name := range u.Applications {
		rows = append(rows, []string{"Application", name, "has clients in it", "", "", ""})
	}
	for _, client := range u.Clients {
		how := strings.Join([]string{string(client.Mode), string(client.State), "for", string(client.Environment)}, " ")
		row := append([]string{"OAuthClient", client.Name, how}, cells(client.Calls)...)
		rows = append(rows, append(row, output.Time(client.LastUsedAt)))
	}
	rows = append(rows, beyond("Application", u.Counts.Applications, len(u.Applications))...)
	rows = append(rows, beyond("OAuthClient", u.Counts.Clients, len(u.Clients))...)
	if u.Calls.Nobody != nil && *u.Calls.Nobody != (control.Calls{}) {
		rows = append(rows, append(append([]string{"OAuthClient", "", "no application has it"}, cells(*u.Calls.Nobody)...), ""))
	}
	rows = append(rows, append(append([]string{"KeyManager", u.KeyManager, "calls in the last hour"}, cells(u.Calls.Calls)...), ""))
	if err := cmd.Print(s.out, u, rows); err != nil || cmd.Output != "table" {
		return err
	}
	return printImpact(s.out, u.Disable, "disabled")
}

// beyond says how many there are that a listing has not.
func beyond(kind string, all, listed int) [][]string {
	if all <= listed {
		return nil
	}
	return [][]string{{kind, "", fmt.Sprintf("and %d more", all-listed)}}
}

// printImpact says what would follow.
func printImpact(w io.Writer, i control.Impact, done string) error {
	lines := []string{fmt.Sprintf("if it were %s, as many calls would be refused as passed in the last hour: %d", done, i.Calls)}
	if len(i.APIs) > 0 {
		lines = append(lines, fmt.Sprintf("if it were %s, no caller could reach: %s", done, strings.Join(i.APIs, ", ")))
	}
	if len(i.Applications) > 0 {
		lines = append(lines, fmt.Sprintf("if it were %s, these could call nothing: %s", done, strings.Join(i.Applications, ", ")))
	}
	if more := i.ApplicationCount - len(i.Applications); more > 0 {
		lines = append(lines, fmt.Sprintf("and as many more: %d", more))
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(w, output.Plain(line)); err != nil {
			return err
		}
	}
	return nil
}

// keymanagerTrafficCmd shows hours as they are counted.
type keymanagerTrafficCmd struct {
	Name string `arg:"" help:"a registered key manager"`
	output.Flag
}

// Run shows the hours, the latest last.
func (cmd *keymanagerTrafficCmd) Run(s *session) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	var t control.Traffic
	if err := c.Call(s.ctx, http.MethodGet, c.Path([]string{"key-managers", cmd.Name, "traffic"}), nil, &t); err != nil {
		return err
	}
	rows := [][]string{{"HOUR", "PASSED", "REFUSED", "WHY"}}
	for _, h := range t.Hours {
		var why []string
		for _, code := range slices.Sorted(maps.Keys(h.Codes)) {
			why = append(why, fmt.Sprintf("%s %d", code, h.Codes[code]))
		}
		rows = append(rows, append(append([]string{output.Time(&h.Start)}, cells(h.Calls)...), strings.Join(why, ", ")))
	}
	return cmd.Print(s.out, t, rows)
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
	return printImpact(s.out, u.Delete, "deleted")
}
