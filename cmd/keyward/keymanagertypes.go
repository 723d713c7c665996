package main

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/output"
	"keyward.dev/keyward/internal/remote"
)

type keymanagerTypesCmd struct {
	Name string `arg:"" optional:"" help:"a type; or a key manager, for its type with what its administrator allows"`
	output.Flag
}

// Run lists the types and their fields.
func (cmd *keymanagerTypesCmd) Run(s *session) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	types, err := cmd.types(s, c)
	if err != nil {
		return err
	}
	rows := [][]string{{"TYPE", "WHOSE", "FIELD", "ABOUT"}}
	for _, t := range types {
		rows = append(rows, typeRows(t)...)
	}
	return cmd.Print(s.out, types, rows)
}

// types gives all of them, or the one that is asked for. A key manager may be called like a type: its own limits go first.
func (cmd *keymanagerTypesCmd) types(s *session, c *remote.Client) ([]connector.Type, error) {
	ask := func(keyManager string) ([]connector.Type, error) {
		var answer remote.Page[connector.Type]
		err := c.Call(s.ctx, http.MethodGet, c.Path([]string{"key-manager-types"}, "keyManager", keyManager), nil, &answer)
		return answer.Items, err
	}
	types, err := ask(cmd.Name)
	if keyward.CodeOf(err) != keyward.CodeNotFound {
		return types, err
	}
	all, err := ask("")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, t := range all {
		if strings.EqualFold(string(t.Name), cmd.Name) {
			return []connector.Type{t}, nil
		}
		names = append(names, string(t.Name))
	}
	return nil, keyward.Errorf(keyward.CodeNotFound, "%q is neither a type nor a key manager of tenant %s: the types are %s", cmd.Name,
		c.Tenant, strings.Join(names, ", "))
}

// typeRows are the whole form of a type: what to know of it, and each field with what it takes.
func typeRows(t connector.Type) [][]string {
	rows := [][]string{{string(t.Name), "", "", t.Title}}
	if t.Help != "" {
		rows = append(rows, []string{"", "", "", t.Help})
	}
	add := func(whose string, fields []connector.Field) {
		for _, f := range fields {
			rows = append(rows, []string{"", whose, f.Name, aboutField(f)})
		}
	}
	add("admin", t.AdminFields)
	if t.Shared != nil {
		add("Connection", t.Shared.Fields)
	}
	add("developer", t.DeveloperFields)
	for _, field := range slices.Sorted(maps.Keys(t.Constraints)) {
		rows = append(rows, []string{"", "", "allowed", field + ": " + t.Constraints[field].Allows()})
	}
	rows = append(rows, []string{"", "", "scopes", aboutScopes(t)})
	for _, limit := range t.Limits {
		rows = append(rows, []string{"", "", "limit", limit})
	}
	return rows
}

// aboutScopes says what is done about the scopes of the APIs that an application is subscribed to.
func aboutScopes(t connector.Type) string {
	switch t.Scopes {
	case connector.ScopesManaged:
		return "manage: generated clients are given what subscribed APIs ask for, and the server what it lacks"
	case connector.ScopesAssigned:
		return "assign: generated clients are given what subscribed APIs ask for, where the server has it"
	default:
		return "check: an administrator of the server gives clients their scopes; keys list tells which are missing"
	}
}

// aboutField says what a field takes, and what it is for.
func aboutField(f connector.Field) string {
	var parts []string
	if f.Required {
		parts = append(parts, "required")
	}
	if f.Secret {
		parts = append(parts, "secret")
	}
	if len(f.Enum) > 0 {
		parts = append(parts, strings.Join(f.Enum, "|"))
	} else if f.Type != "" && f.Type != connector.FieldString {
		parts = append(parts, string(f.Type))
	}
	if f.Default != "" {
		parts = append(parts, "default "+f.Default)
	}
	help := f.Help
	if help == "" {
		help = f.Title
	}
	return strings.Join(append(parts, help), "; ")
}
