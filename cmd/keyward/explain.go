package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

type explainCmd struct {
	Method    string `default:"GET" help:"HTTP method of the request"`
	Path      string `placeholder:"PATH" help:"path of the request, as in /orders/v1/items"`
	TokenFile string `placeholder:"FILE" help:"file with the access token (- for standard input); none without it"`
	Decision  string `placeholder:"ID" help:"a past decision (not in this build yet)"`
	Output    string `short:"o" enum:"text,table,json,yaml" default:"text" placeholder:"FORMAT" help:"text, json or yaml"`
}

// explanation is the decision with its steps, as the gateway's own code took them.
type explanation struct {
	Status      int           `json:"status"`
	Code        string        `json:"code"`
	Detail      string        `json:"detail,omitempty"`
	KeyManager  string        `json:"keyManager,omitempty"`
	API         string        `json:"api,omitempty"`
	Application string        `json:"application,omitempty"`
	Fingerprint string        `json:"fingerprint,omitempty"`
	Steps       []explainStep `json:"steps"`
}

type explainStep struct {
	Step     string `json:"step"`
	Result   string `json:"result"`
	Expected string `json:"expected,omitempty"`
	Seen     string `json:"seen,omitempty"`
	Fix      string `json:"fix,omitempty"`
}

// Run asks the control plane to decide as a gateway would.
func (cmd *explainCmd) Run(s *session) error {
	if cmd.Decision != "" {
		return notSupported("explain --decision")
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
	c, err := s.client()
	if err != nil {
		return err
	}
	var answer explanation
	if err := c.call(s.ctx, http.MethodPost, c.path([]string{"explain"}), body, &answer); err != nil {
		return err
	}
	if cmd.Output == "json" || cmd.Output == "yaml" {
		return outputFlag{Output: cmd.Output}.print(s.out, answer, nil)
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
	}, e.Steps)
	_, err := io.WriteString(w, b.String())
	return err
}

// printSteps writes what is known, and each step of a decision.
func printSteps(b *strings.Builder, facts [][2]string, steps []explainStep) {
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
