// Package output owns how the command line prints what it has: tables with colours where a person reads them, JSON, YAML, and
// objects of every kind as rows of a table. It does not own what is printed, nor which columns other tables have.
package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"

	"keyward.dev/keyward/internal/health/table"
)

// Flag is the -o of every listing.
type Flag struct {
	Output string `short:"o" enum:"table,json,yaml" default:"table" placeholder:"FORMAT" help:"table, json or yaml"`
}

// Print writes value as JSON or YAML, or the table that rows describe: the first row is the heading.
func (f Flag) Print(w io.Writer, value any, rows [][]string) error {
	switch f.Output {
	case "json":
		return printJSON(w, value)
	case "yaml":
		return YAML(w, value)
	default:
		return printRows(w, rows)
	}
}

// printRows lays rows out in columns. A row that has less is empty to its end: without that the columns of those below it
// would begin anew. One of a single cell is a line of its own, which widens no column.
func printRows(w io.Writer, rows [][]string) error {
	columns := 0
	for _, row := range rows {
		columns = max(columns, len(row))
	}
	var laid strings.Builder
	t := tabwriter.NewWriter(&laid, 0, 4, 2, ' ', 0)
	oneLine := strings.NewReplacer("\n", " ", "\t", " ")
	for _, row := range rows {
		if len(row) == 1 {
			continue
		}
		for i := range columns {
			cell := ""
			if i < len(row) {
				cell = Plain(oneLine.Replace(row[i]))
			}
			_, _ = fmt.Fprint(t, cell, "\t") // it cannot fail
		}
		_, _ = fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	next, stop := iter.Pull(strings.Lines(laid.String()))
	defer stop()
	for _, row := range rows {
		line := Plain(row[0])
		if len(row) > 1 {
			line, _ = next()
		}
		if _, err := fmt.Fprintln(w, coloured(w, strings.TrimRight(line, " \n"))); err != nil {
			return err
		}
	}
	return nil
}

// Plain makes text safe to show at a terminal. What servers, tokens and other people say could move the cursor, rewrite what
// stands there or turn its order around: control characters, but for the ends of lines and tabulators, and those for
// the direction of writing become U+FFFD.
func Plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// coloured makes a line red that tells of a hold, where a person reads it and wants colours (no-color.org).
func coloured(w io.Writer, line string) string {
	if strings.Contains(line, table.Held) && os.Getenv("NO_COLOR") == "" && OnTerminal(w) {
		return "\033[31m" + line + "\033[0m"
	}
	return line
}

// OnTerminal tells whether a person reads what is written, not a program or a file.
func OnTerminal(w io.Writer) bool {
	f, is := w.(*os.File)
	if !is || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func printJSON(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(value)
}

// YAML writes value as one document. It goes through JSON, so that one set of field names and secrets' markers serves both.
func YAML(w io.Writer, value any) error {
	text, err := Document(value)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// Document gives what YAML writes.
func Document(value any) ([]byte, error) {
	b, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode the output: %w", err)
	}
	// JSON is YAML: read as a tree it keeps the order of names, and only the style has to change.
	var tree yaml.Node
	if err := yaml.Unmarshal(b, &tree); err != nil {
		return nil, fmt.Errorf("encode the output: %w", err)
	}
	plainStyle(&tree)
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(&tree); err != nil {
		return nil, fmt.Errorf("encode the output: %w", err)
	}
	return out.Bytes(), nil
}

// plainStyle lets the encoder choose the plainest form that reads back as the same value; text of several lines stays
// readable.
func plainStyle(n *yaml.Node) {
	quoted := n.Kind == yaml.ScalarNode && n.Style&yaml.DoubleQuotedStyle != 0
	n.Style = 0
	if quoted {
		n.Tag = "!!str"
		if strings.Contains(n.Value, "\n") {
			n.Style = yaml.LiteralStyle
		}
	}
	for _, child := range n.Content {
		plainStyle(child)
	}
}

// Time is a time in a table; there may be none.
func Time(at *time.Time) string {
	if at == nil {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}
