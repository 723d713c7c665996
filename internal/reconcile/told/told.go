// Package told owns how a person at a command line is told of a reconciliation: the wait for the looks that were asked for,
// and the table. It does not own what was found.
package told

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"time"

	"keyward.dev/keyward/internal/reconcile"
)

const (
	askAgain = 300 * time.Millisecond
	patience = 2 * time.Minute // without any look taken
)

// Await has everything looked at by a POST, and waits by GETs until that is done. Progress goes to a terminal alone.
func Await(
	ctx context.Context, terminal io.Writer, call func(method string) (*reconcile.Reconciliation, error),
) (*reconcile.Reconciliation, error) {
	report, err := call(http.MethodPost)
	if err != nil {
		return nil, err
	}
	waiting, since, say := report.Waiting, time.Now(), progress(terminal)
	defer say("")
	for report.Waiting > 0 {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(askAgain):
		}
		if report, err = call(http.MethodGet); err != nil {
			return nil, err
		}
		switch {
		case report.Waiting < waiting:
			waiting, since = report.Waiting, time.Now()
			say(fmt.Sprintf("%d of %d looks at %s taken", report.Looks-waiting, report.Looks, report.KeyManager))
		case time.Since(since) > patience:
			return nil, errors.New("the control plane has not asked the server: see its log")
		}
	}
	return report, nil
}

// progress overwrites one line on a terminal, and says nothing elsewhere.
func progress(w io.Writer) func(text string) {
	f, is := w.(*os.File)
	if !is {
		return func(string) {}
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return func(string) {}
	}
	return func(text string) { _, _ = fmt.Fprint(f, "\r\033[K"+text) }
}

// Only leaves the clients of one application; without a name all.
func Only(report *reconcile.Reconciliation, application string) {
	if application != "" {
		report.Lines = slices.DeleteFunc(report.Lines, func(l reconcile.StandingClient) bool { return l.Application != application })
	}
}

// ToMend tells whether something is to be mended.
func ToMend(report *reconcile.Reconciliation) bool {
	return slices.ContainsFunc(report.Lines, func(l reconcile.StandingClient) bool { return l.Mend != "" })
}

// Table has a row for each client, below a heading, with what was found and what mends it on lines of their own: both are
// sentences and commands, which no column is wide enough for. The last row says what was not searched.
func Table(report *reconcile.Reconciliation) [][]string {
	rows := [][]string{{"VERDICT", "APPLICATION", "ENVIRONMENT", "CLIENT"}}
	for _, l := range report.Lines {
		who, client := l.Application, l.ClientID
		if l.Tenant != "" {
			who = l.Tenant + "/" + who
		}
		if client == "" {
			client = l.Name
		}
		rows = append(rows, []string{string(l.Verdict), who, string(l.Environment), client})
		for _, found := range l.Found {
			rows = append(rows, below(found))
		}
		if l.Mend != "" {
			rows = append(rows, below("to repair: "+l.Mend))
		}
	}
	if report.Note != "" {
		rows = append(rows, []string{"not searched"}, below(report.Note))
	}
	return rows
}

// below is a line that belongs to the row above it.
func below(text string) []string { return []string{"  " + text} }
