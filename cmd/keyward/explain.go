package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"keyward.dev/keyward/internal/control"
	"keyward.dev/keyward/internal/output"
	"keyward.dev/keyward/internal/past"
	"keyward.dev/keyward/internal/remote"
)

type explainCmd struct {
	Method    string `default:"GET" help:"HTTP method of the request"`
	Path      string `placeholder:"PATH" help:"path of the request, as in /orders/v1/items"`
	TokenFile string `placeholder:"FILE" help:"file with the access token (- for standard input); none without it"`
	Decision  string `placeholder:"ID" help:"a past decision, by the id in X-Keyward-Decision"`
	Output    string `short:"o" enum:"text,table,json,yaml" default:"text" placeholder:"FORMAT" help:"text, json or yaml"`
}

// explanation is the decision with its steps, as the gateway's own code took them.
type explanation struct {
	Status      int         `json:"status"`
	Code        string      `json:"code"`
	Detail      string      `json:"detail,omitempty"`
	KeyManager  string      `json:"keyManager,omitempty"`
	API         string      `json:"api,omitempty"`
	Application string      `json:"application,omitempty"`
	Fingerprint string      `json:"fingerprint,omitempty"`
	Steps       []past.Step `json:"steps"`

	// Of a past decision.
	Decision string     `json:"decision,omitempty"`
	At       *time.Time `json:"at,omitempty"`
	Gateway  string     `json:"gateway,omitempty"`
	Note     string     `json:"note,omitempty"`
}

// Run asks the control plane to decide as a gateway would.
func (cmd *explainCmd) Run(s *session) error {
	if cmd.Decision != "" {
		return cmd.show(s, http.MethodGet, []string{"decisions", cmd.Decision}, nil)
	}
	if cmd.Path == "" {
		return usageError{fmt.Errorf("explain needs --path, as in /orders/v1/items")}
	}
	body := map[string]any{"method": cmd.Method, "path": cmd.Path}
	if cmd.TokenFile != "" {
		token, err := s.readToken(cmd.TokenFile)
		if err != nil {
			return err
		}
		body["token"] = token
	}
	return cmd.show(s, http.MethodPost, []string{"explain"}, body)
}

// show prints what the control plane tells of a decision.
func (cmd *explainCmd) show(s *session, method string, at []string, body any) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	answer := explanation{Steps: []past.Step{}}
	if err := c.Call(s.ctx, method, c.Path(at), body, &answer); err != nil {
		return err
	}
	if cmd.Output == "json" || cmd.Output == "yaml" {
		return output.Flag{Output: cmd.Output}.Print(s.out, answer, nil)
	}
	return answer.print(s.out)
}

func (s *session) readToken(file string) (string, error) {
	var text []byte
	var err error
	if file == "-" {
		text, err = io.ReadAll(s.stdin)
	} else {
		text, err = os.ReadFile(file)
	}
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

func (e explanation) print(w io.Writer) error {
	var b strings.Builder
	verdict := "passes"
	if e.Code != "" {
		verdict = e.Code
	}
	fmt.Fprintf(&b, "%d %s\n", e.Status, verdict)
	printSteps(&b, [][2]string{
		{"detail", e.Detail}, {"key manager", e.KeyManager}, {"API", e.API}, {"application", e.Application}, {"token", e.Fingerprint},
		{"at", output.Time(e.At)}, {"gateway", e.Gateway}, {"note", e.Note},
	}, e.Steps)
	_, err := io.WriteString(w, output.Plain(b.String()))
	return err
}

// printSteps writes what is known, and each step of a decision.
func printSteps(b *strings.Builder, facts [][2]string, steps []past.Step) {
	for _, line := range facts {
		if line[1] != "" {
			fmt.Fprintf(b, "%s: %s\n", line[0], line[1])
		}
	}
	for _, step := range steps {
		fmt.Fprintf(b, "%-12s %s\n", step.Result, step.Step)
		for _, line := range [][2]string{{"expected", step.Expected}, {"seen", step.Seen}, {"to change", step.Fix}} {
			if line[1] != "" {
				fmt.Fprintf(b, "             %s: %s\n", line[0], line[1])
			}
		}
	}
}

// decisionsCmd shows what gateways decided lately.
type decisionsCmd struct {
	Gateway     string    `placeholder:"NAME" help:"only of this gateway"`
	KeyManager  string    `placeholder:"K" help:"only with tokens of this key manager"`
	API         string    `name:"api" placeholder:"NAME" help:"only to this API"`
	Application string    `placeholder:"A" help:"only by this application"`
	Code        string    `placeholder:"CODE" help:"only refusals with this code"`
	Refused     bool      `help:"only calls that did not pass"`
	Since       time.Time `placeholder:"TIME" help:"only later than this time (RFC 3339)"`
	Limit       int       `placeholder:"N" help:"the largest number of decisions to show"`
	Follow      bool      `short:"f" help:"keep showing new decisions until interrupted"`
	output.Flag
}

// Run lists decisions, the newest first; with --follow, the newest last.
func (cmd *decisionsCmd) Run(s *session) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	found, err := cmd.read(s, c, "")
	if err == nil && len(found.Items) == 0 {
		err = c.KnowsTenant(s.ctx)
	}
	if err != nil {
		return err
	}
	if err := sayAway(s, found); err != nil {
		return err
	}
	if !cmd.Follow {
		return cmd.Print(s.out, found.Items, decisionRows(found.Items))
	}
	for {
		slices.Reverse(found.Items)
		if err := cmd.more(s, found.Items); err != nil {
			return err
		}
		if found, err = cmd.read(s, c, "20"); err != nil {
			if s.ctx.Err() != nil { // interrupted, as was meant
				return nil
			}
			return err
		}
	}
}

// more prints decisions as they come, one after the other, and notes the last.
func (cmd *decisionsCmd) more(s *session, items []past.Record) error {
	for _, d := range items {
		cmd.Since = d.At
		if cmd.Output != "table" {
			if err := cmd.Print(s.out, d, nil); err != nil {
				return err
			}
			continue
		}
		if _, err := fmt.Fprintln(s.out, output.Plain(strings.Join(decisionCells(d), "  "))); err != nil {
			return err
		}
	}
	return nil
}

func (cmd *decisionsCmd) read(s *session, c *remote.Client, wait string) (found control.Decisions, err error) {
	limit, since := "", ""
	if cmd.Limit > 0 {
		limit = strconv.Itoa(cmd.Limit)
	}
	if !cmd.Since.IsZero() {
		since = cmd.Since.Format(time.RFC3339Nano)
	}
	return found, c.Call(s.ctx, http.MethodGet, c.Path([]string{"decisions"}, "gateway", cmd.Gateway, "keyManager", cmd.KeyManager,
		"api", cmd.API, "application", cmd.Application, "code", cmd.Code,
		"refused", strconv.FormatBool(cmd.Refused), "since", since, "limit", limit, "wait", wait), nil, &found)
}

// sayAway tells, beside the listing, what it lacks.
func sayAway(s *session, found control.Decisions) error {
	which := strings.Join(found.Away, ", ")
	switch {
	case found.Silent == 0:
		return nil
	case which == "" && found.Silent == 1: // gateways' names are not for everybody
		which = "a gateway"
	case which == "":
		which = fmt.Sprintf("%d gateways", found.Silent)
	}
	_, err := fmt.Fprintf(s.err, "keyward: could not be asked: %s\n", which)
	return err
}

func decisionRows(items []past.Record) [][]string {
	rows := [][]string{{"AT", "STATUS", "CODE", "OPERATION", "API", "KEY MANAGER", "APPLICATION", "GATEWAY", "DECISION"}}
	for _, d := range items {
		rows = append(rows, decisionCells(d))
	}
	return rows
}

func decisionCells(d past.Record) []string {
	return []string{
		d.At.UTC().Format(time.RFC3339), strconv.Itoa(d.Status), string(d.Code), strings.TrimSpace(d.Method + " " + d.Operation), d.API,
		d.KeyManager, d.Application, d.Gateway, d.ID,
	}
}
