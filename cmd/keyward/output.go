package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/goccy/go-yaml"
)

// outputFlag is the -o of every listing.
type outputFlag struct {
	Output string `short:"o" enum:"table,json,yaml" default:"table" placeholder:"FORMAT" help:"table, json or yaml"`
}

// print writes value as JSON or YAML, or the table that rows describe: the first row is the heading.
func (o outputFlag) print(w io.Writer, value any, rows [][]string) error {
	switch o.Output {
	case "json":
		return printJSON(w, value)
	case "yaml":
		return printYAML(w, value)
	default:
		t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
		for _, row := range rows {
			_, _ = fmt.Fprintln(t, strings.TrimRight(strings.Join(row, "\t"), "\t"))
		}
		return t.Flush()
	}
}

func printJSON(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(value)
}

// printYAML goes through JSON, so that one set of field names and secrets' markers serves both.
func printYAML(w io.Writer, value any) error {
	text, err := yamlText(value)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

func yamlText(value any) ([]byte, error) {
	b, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode the output: %w", err)
	}
	var ordered any
	if err := yaml.UnmarshalWithOptions(b, &ordered, yaml.UseOrderedMap()); err != nil {
		return nil, fmt.Errorf("encode the output: %w", err)
	}
	text, err := yaml.MarshalWithOptions(ordered, yaml.Indent(2), yaml.UseLiteralStyleIfMultiline(true))
	if err != nil {
		return nil, fmt.Errorf("encode the output: %w", err)
	}
	return text, nil
}
