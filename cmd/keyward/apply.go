package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/manifest/files"
	"keyward.dev/keyward/internal/manifest/openapi"
	"keyward.dev/keyward/internal/output"
)

// filesFlag is the -f of the commands that read manifests.
type filesFlag struct {
	File []string `short:"f" required:"" sep:"none" placeholder:"FILE|DIR|-" help:"manifests: a file, a folder, or - for standard input (repeatable)"` //nolint:lll // a tag
}

type applyCmd struct {
	filesFlag
	DryRun bool   `help:"say what would happen, and change nothing"`
	Set    string `placeholder:"NAME" help:"the set that the objects belong to"`
	Prune  bool   `help:"delete objects of the set that the manifests no longer name"`
}

type diffCmd struct {
	filesFlag
	Set   string `placeholder:"NAME" help:"the set that the objects belong to"`
	Prune bool   `help:"include what --prune would delete"`
	output.Flag
}

// applyRequest is the body of POST /api/v1/apply.
type applyRequest struct {
	Objects []map[string]any `json:"objects"`
	Set     string           `json:"set,omitempty"`
	Prune   bool             `json:"prune,omitempty"`
	DryRun  bool             `json:"dryRun,omitempty"`
}

// applyResult is what happened, or would happen, to one object.
type applyResult struct {
	Kind    keyward.Kind  `json:"kind"`
	Tenant  string        `json:"tenant"`
	Name    string        `json:"name"`
	Action  string        `json:"action"`
	Changes []fieldChange `json:"changes,omitempty"`

	Findings []openapi.Finding `json:"findings,omitempty"`
}

// fieldChange is one field's old and new value.
type fieldChange struct {
	Path string `json:"path"`
	From any    `json:"from,omitempty"`
	To   any    `json:"to,omitempty"`
}

func (r applyResult) ref() keyward.Ref {
	return keyward.Ref{Kind: r.Kind, Tenant: r.Tenant, Name: r.Name}
}

// manifests reads those of the paths on this machine.
func (s *session) manifests(paths ...string) ([]files.Source, error) {
	return files.Reader{Environ: s.environ, Stdin: s.stdin}.Load(paths...)
}

// apply sends the manifests of the paths and gives one result per object.
func (s *session) apply(paths []string, set string, prune, dryRun bool) ([]applyResult, error) {
	if prune && set == "" {
		return nil, usageError{fmt.Errorf("--prune needs --set: only objects of a set are ever deleted")}
	}
	sources, err := s.manifests(paths...)
	if err != nil {
		return nil, err
	}
	c, err := s.client()
	if err != nil {
		return nil, err
	}
	req := applyRequest{Set: set, Prune: prune, DryRun: dryRun}
	for _, src := range sources {
		req.Objects = append(req.Objects, src.Value)
	}
	var answer struct {
		Results []applyResult `json:"results"`
	}
	if err := c.Call(s.ctx, http.MethodPost, c.Path([]string{"apply"}), req, &answer); err != nil {
		return nil, files.Locate(err, sources)
	}
	return answer.Results, nil
}

// printFindings tells, below an API's line, where a gateway does otherwise than its OpenAPI document says.
func printFindings(w io.Writer, findings []openapi.Finding) {
	const most = 6 // operations that are named
	for _, f := range findings {
		about := ""
		if n := len(f.Operations); n > most {
			about = fmt.Sprintf(" (%s and %d more)", strings.Join(f.Operations[:most], ", "), n-most)
		} else if n > 0 {
			about = " (" + strings.Join(f.Operations, ", ") + ")"
		}
		sign := "note"
		if f.Weaker {
			sign = "weaker"
		}
		_, _ = fmt.Fprintln(w, output.Plain(fmt.Sprintf("  %s: line %d of the OpenAPI document: %s%s", sign, f.Line, f.Message, about)))
	}
}

// Run makes the control plane match the manifests. What it has to say beside a line for each object is for people at a terminal:
// diff says it to programs.
func (cmd *applyCmd) Run(s *session) error {
	results, err := s.apply(cmd.File, cmd.Set, cmd.Prune, cmd.DryRun)
	if err != nil {
		return err
	}
	for _, r := range results {
		if _, err := fmt.Fprintf(s.out, "%s %s\n", r.ref(), r.Action); err != nil {
			return err
		}
		if output.OnTerminal(s.err) {
			printFindings(s.err, r.Findings)
		}
	}
	return nil
}

// Run shows what apply would change, field by field.
func (cmd *diffCmd) Run(s *session) error {
	results, err := s.apply(cmd.File, cmd.Set, cmd.Prune, true)
	if err != nil {
		return err
	}
	if cmd.Output != "table" {
		return cmd.Print(s.out, results, nil)
	}
	for _, r := range results {
		if r.Action == "unchanged" {
			continue
		}
		_, _ = fmt.Fprintf(s.out, "%s %s\n", r.ref(), r.Action)
		for _, c := range r.Changes {
			printChange(s, c)
		}
		printFindings(s.out, r.Findings)
	}
	return nil
}

func printChange(s *session, c fieldChange) {
	if c.From != nil {
		_, _ = fmt.Fprintf(s.out, "  - %s: %s\n", c.Path, output.Plain(compact(c.From)))
	}
	if c.To != nil {
		_, _ = fmt.Fprintf(s.out, "  + %s: %s\n", c.Path, output.Plain(compact(c.To)))
	}
}

func compact(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

type exportCmd struct {
	Set string `placeholder:"NAME" help:"only the objects of this set"`
}

// Run prints everything but generated clients as a stream of YAML documents.
func (cmd *exportCmd) Run(s *session) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	var answer struct {
		Objects []json.RawMessage `json:"objects"`
	}
	if err := c.Call(s.ctx, http.MethodGet, c.Path([]string{"export"}, "set", cmd.Set), nil, &answer); err != nil {
		return err
	}
	docs := make([]string, len(answer.Objects))
	for i, o := range answer.Objects {
		text, err := output.Document(o)
		if err != nil {
			return err
		}
		docs[i] = string(text)
	}
	_, err = fmt.Fprint(s.out, strings.Join(docs, "---\n"))
	return err
}
