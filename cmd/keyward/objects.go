package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/output"
	"keyward.dev/keyward/internal/remote"
)

type getCmd struct {
	Kind string `arg:"" help:"Connection, KeyManager, API, Plan, Application, Subscription, OAuthClient, Tenant or User"`
	Name string `arg:"" optional:"" help:"one object; default: all of the kind"`
	Out  string `short:"o" name:"output" enum:"table,json,yaml," default:"" placeholder:"FORMAT" help:"table, json or yaml"`

	Set         string `help:"only objects of this manifest set"`
	Search      string `help:"only objects that a search for this text finds"`
	Application string `help:"only subscriptions and OAuth clients of this application"`
	API         string `name:"api" help:"only subscriptions to this API, or key managers whose tokens it takes"`
	Plan        string `help:"only subscriptions under this plan, or APIs that offer it"`
	KeyManager  string `help:"only OAuth clients in this key manager, or APIs that name it"`
	Connection  string `help:"only key managers that use this Connection"`
	Owner       string `help:"only applications that this user, or group/NAME, owns, or what belongs to them"`
	Held        bool   `help:"only what is held now"`
}

// narrowed is what a listing is narrowed to, as its query.
func (cmd *getCmd) narrowed() []string {
	held, documents := "", ""
	if cmd.Held {
		held = "true"
	}
	if cmd.Out == "json" || cmd.Out == "yaml" { // what is printed whole can be applied; the table shows none of it
		documents = "true"
	}
	return []string{
		"set", cmd.Set, "search", cmd.Search, "application", cmd.Application, "api", cmd.API, "plan", cmd.Plan,
		"keyManager", cmd.KeyManager, "connection", cmd.Connection, "owner", cmd.Owner, "held", held, "documents", documents,
	}
}

// Run shows one object or all of a kind.
func (cmd *getCmd) Run(s *session) error {
	kind, err := parseKind(cmd.Kind)
	if err != nil {
		return err
	}
	c, err := s.client()
	if err != nil {
		return err
	}
	out := output.Flag{Output: cmd.Out}
	if cmd.Name != "" {
		var one json.RawMessage
		if err := c.Call(s.ctx, http.MethodGet, c.Path([]string{kind.Plural(), cmd.Name}), nil, &one); err != nil {
			return err
		}
		if out.Output == "" {
			out.Output = "yaml"
		}
		return out.Print(s.out, one, output.Objects([]json.RawMessage{one}))
	}
	all, err := remote.List[json.RawMessage](s.ctx, c, []string{kind.Plural()}, cmd.narrowed()...)
	if err != nil {
		return err
	}
	return out.Print(s.out, all, output.Objects(all))
}

func parseKind(s string) (keyward.Kind, error) {
	kind, ok := keyward.ParseKind(s)
	if !ok {
		return "", usageError{fmt.Errorf("%q is not a kind: use one of %s", s, kindNames())}
	}
	return kind, nil
}

func kindNames() string {
	var names []string
	for _, kind := range keyward.Kinds() {
		names = append(names, string(kind))
	}
	return strings.Join(names, ", ")
}
