package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pb33f/go-yaml"

	"keyward.dev/keyward"
)

// placedError is a fault at a place in the document.
type placedError struct {
	at   place
	what string
}

func (e *placedError) Error() string { return fmt.Sprintf("%s: %s", e.at, e.what) }

// syntaxError says where a text that is no YAML, and so no JSON either, goes wrong, and how. A text that begins as JSON is
// told what is wrong with it as JSON: the YAML library names the place where it gave up, which may be lines away.
func syntaxError(document string, err error) error {
	if trimmed := strings.TrimSpace(document); strings.HasPrefix(trimmed, "{") {
		var syntax *json.SyntaxError
		if wrong := json.Unmarshal([]byte(document), new(any)); errors.As(wrong, &syntax) && looksLikeJSON(trimmed) {
			return &placedError{placeOf(document, int(syntax.Offset)), syntax.Error() + " (it begins as JSON)"}
		}
	}
	found := regexp.MustCompile(`at L(\d+)\.C(\d+)(?:-L\d+\.C\d+)?: (.*)`).FindStringSubmatch(err.Error())
	if found == nil {
		return err
	}
	line, _ := strconv.Atoi(found[1])
	column, _ := strconv.Atoi(found[2])
	return &placedError{place{line, column}, found[3] + ": look at the line before it too, for a quote or a bracket that is not closed, " +
		"or for its indentation"}
}

// looksLikeJSON tells JSON from a YAML mapping that is written in braces: its first key is in double quotes.
func looksLikeJSON(trimmed string) bool {
	return strings.HasPrefix(strings.TrimSpace(trimmed[1:]), `"`)
}

// placeOf gives the place of the byte before an offset, which is what json.SyntaxError counts.
func placeOf(document string, offset int) place {
	before := document[:max(0, min(offset, len(document))-1)]
	line := strings.Count(before, "\n") + 1
	return place{line, len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1}
}

// errNotOpenAPI is of a text that can be read and does not say that it is an OpenAPI document.
var errNotOpenAPI = errors.New("it does not say which version it is of: begin it with openapi: 3.1.0, or look whether it is a page " +
	"about the document instead of the document")

// twice is of a member that is written twice: one of them would count, and nobody could say which.
func twice(second entry, first place) error {
	return &placedError{second.at, fmt.Sprintf("%q is written here a second time, first in line %d: leave one of them",
		second.key, first.line)}
}

// inside reports paths that refer to a part of the document that has no operations.
func (im *importer) inside(root *yaml.Node) {
	for _, path := range entries(mapping(root)["paths"]) {
		ref := mapping(path.value)["$ref"]
		if ref == nil || !strings.HasPrefix(ref.Value, "#") || im.has(path.key) {
			continue
		}
		im.add(place{ref.Line, ref.Column}, "path %s refers to %s, where no operation is", path.key, ref.Value)
	}
}

// has tells whether an operation of the path was read.
func (im *importer) has(path string) bool {
	return slices.ContainsFunc(im.operations, func(o keyward.Operation) bool { return o.Path == path })
}
