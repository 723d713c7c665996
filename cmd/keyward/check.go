package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/manifest/files"
	"keyward.dev/keyward/internal/output"
	"keyward.dev/keyward/internal/past"
	"keyward.dev/keyward/internal/remote"
)

type keymanagerCheckCmd struct {
	Name      string `arg:"" optional:"" help:"a registered key manager"`
	File      string `short:"f" placeholder:"FILE" help:"manifest of one that is not saved yet (- for standard input)"`
	TokenFile string `placeholder:"FILE" help:"only judge this access token, as a gateway would"`
	Register  bool   `negatable:"" default:"true" help:"make a trial client at the server and delete it again"`
	output.Flag
}

// checkLine is one step of a check.
type checkLine struct {
	Step     string `json:"step"`
	Verdict  string `json:"verdict"`
	Millis   int64  `json:"millis"`
	Expected string `json:"expected"`
	Seen     string `json:"seen"`
	Fix      string `json:"fix,omitempty"`
}

// checkReport is a whole check.
type checkReport struct {
	Name    string      `json:"name"`
	Verdict string      `json:"verdict"`
	Millis  int64       `json:"millis"`
	Steps   []checkLine `json:"steps"`
}

// checkEvent is what is told while a check runs.
type checkEvent struct {
	Step    *checkLine      `json:"step"`
	Report  *checkReport    `json:"report"`
	Problem *remote.Problem `json:"problem"`
}

var errCheckFailed = errors.New("a step of the check failed")

// Run checks a key manager, or has a token judged by it. A step that failed makes the exit code 1.
func (cmd *keymanagerCheckCmd) Run(s *session) error {
	if (cmd.Name == "") == (cmd.File == "") {
		return usageError{errors.New("keymanager check needs the name of a registered key manager, or -f with the manifest of one")}
	}
	if cmd.File == "-" && cmd.TokenFile == "-" {
		return usageError{errors.New("only one of -f and --token-file can be standard input")}
	}
	c, err := s.client()
	if err != nil {
		return err
	}
	body := map[string]any{}
	segments := []string{"key-managers", cmd.Name}
	var declared files.Source
	if cmd.File != "" {
		if declared, err = cmd.manifest(s); err != nil {
			return err
		}
		body["manifest"], segments = declared.Value, segments[:1]
		if tenant := declared.Tenant(); tenant != "" && c.Tenant == keyward.DefaultTenant {
			c.Tenant = tenant // as for apply, what the manifest says is enough
		}
	}
	if cmd.TokenFile != "" {
		err = cmd.judge(s, c, append(segments, "check-token"), body)
	} else {
		err = cmd.check(s, c, append(segments, "check"), body)
	}
	if cmd.File != "" {
		err = files.LocateOne(err, declared)
	}
	return err
}

// manifest reads the one key manager of the file.
func (cmd *keymanagerCheckCmd) manifest(s *session) (files.Source, error) {
	sources, err := s.manifests(cmd.File)
	if err == nil && len(sources) != 1 {
		err = usageError{fmt.Errorf("%s has %d manifests: check takes one", cmd.File, len(sources))}
	}
	if err != nil {
		return files.Source{}, err
	}
	return sources[0], nil
}

// check runs the live checks. The table is written line by line, as the steps are taken.
func (cmd *keymanagerCheckCmd) check(s *session, c *remote.Client, segments []string, body map[string]any) error {
	body["register"] = cmd.Register
	table := cmd.Output == "table"
	heading := checkRow("STEP", "VERDICT", "TIME", "SEEN") + "\n" // before the first step: a check that is refused has none
	var report *checkReport
	err := remote.Lines(s.ctx, c, c.Path(segments), body, func(e checkEvent) error {
		switch {
		case e.Problem != nil:
			return e.Problem.Refusal()
		case e.Report != nil:
			report = e.Report
		case e.Step != nil && table:
			_, err := io.WriteString(s.out, heading+e.Step.text())
			heading = ""
			return err
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case report == nil:
		return errors.New("the control plane ended the check before its end")
	case !table:
		err = cmd.Print(s.out, report, nil)
	}
	if err == nil && report.Verdict == "fail" {
		err = errCheckFailed
	}
	return err
}

// checkRow has columns of a width of their own: no line waits for the next.
func checkRow(step, verdict, time, seen string) string {
	return strings.TrimRight(fmt.Sprintf("%-14s  %-9s  %8s  %s", step, verdict, time, seen), " ")
}

// text is the step's row, and below it what a person may have to change.
func (l *checkLine) text() string {
	text := checkRow(l.Step, l.Verdict, fmt.Sprintf("%d ms", l.Millis), l.Seen) + "\n"
	if l.Verdict == "fail" || l.Verdict == "warn" {
		text += checkRow("", "", "", "expected: "+l.Expected) + "\n"
	}
	if l.Fix != "" {
		text += checkRow("", "", "", "to change: "+l.Fix) + "\n"
	}
	return text
}

// judgement is what gateways make of a token by one key manager's settings.
type judgement struct {
	KeyManager  string         `json:"keyManager"`
	Status      int            `json:"status"`
	Code        string         `json:"code"`
	Detail      string         `json:"detail,omitempty"`
	Fingerprint string         `json:"fingerprint,omitempty"`
	Issuer      string         `json:"issuer,omitempty"`
	ClientID    string         `json:"clientId,omitempty"`
	ClientClaim string         `json:"clientClaim,omitempty"`
	Subject     string         `json:"subject,omitempty"`
	Audience    []string       `json:"audience,omitempty"`
	Scopes      []string       `json:"scopes,omitempty"`
	Mapped      map[string]any `json:"mapped,omitempty"`
	Unmapped    []string       `json:"unmapped,omitempty"`
	Steps       []past.Step    `json:"steps"`
}

// judge has the token judged. One that gateways refuse makes the exit code 1.
func (cmd *keymanagerCheckCmd) judge(s *session, c *remote.Client, segments []string, body map[string]any) error {
	token, err := s.readToken(cmd.TokenFile)
	if err != nil {
		return err
	}
	body["token"] = token
	var j judgement
	if err := c.Call(s.ctx, http.MethodPost, c.Path(segments), body, &j); err != nil {
		return err
	}
	if cmd.Output == "table" {
		err = j.print(s.out)
	} else {
		err = cmd.Print(s.out, j, nil)
	}
	if err == nil && j.Code != "" {
		err = errors.New("gateways refuse the token")
	}
	return err
}

func (j judgement) print(w io.Writer) error {
	var b strings.Builder
	verdict := "gateways take the token"
	if j.Code != "" {
		verdict = j.Code
	}
	fmt.Fprintf(&b, "%d %s\n", j.Status, verdict)
	facts := [][2]string{
		{"detail", j.Detail}, {"key manager", j.KeyManager}, {"token", j.Fingerprint}, {"issuer", j.Issuer}, {"client id", j.ClientID},
		{"subject", j.Subject}, {"audience", strings.Join(j.Audience, " ")}, {"scopes", strings.Join(j.Scopes, " ")},
	}
	for _, name := range slices.Sorted(maps.Keys(j.Mapped)) {
		facts = append(facts, [2]string{"mapped " + name, fmt.Sprint(j.Mapped[name])})
	}
	for _, name := range j.Unmapped {
		facts = append(facts, [2]string{"not mapped", name + ", which the token does not have: backends do not get it"})
	}
	printSteps(&b, facts, j.Steps)
	_, err := io.WriteString(w, output.Plain(b.String()))
	return err
}
