package openapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"keyward.dev/keyward"
)

// placedError is a fault at a place in the document.
type placedError struct {
	at   place
	what string
}

func (e *placedError) Error() string { return fmt.Sprintf("%s: %s", e.at, e.what) }

func fault(format string, args ...any) keyward.FieldError {
	return keyward.FieldError{Path: documentPath, Code: keyward.CodeInvalidInput, Message: fmt.Sprintf(format, args...)}
}

// most bounds the faults, and the findings, of a document that is wrong throughout.
const most = 500

func (r *reader) fault(at place, format string, args ...any) {
	if len(r.Faults) >= most {
		return
	}
	r.Faults = append(r.Faults, fault("%s: %s", at, fmt.Sprintf(format, args...)))
}

// once reports at its first place what is wrong in many.
func (r *reader) once(at place, message string) {
	if !r.faulted[message] {
		r.faulted[message] = true
		r.fault(at, "%s", message)
	}
}

// unreadable says why a document is none.
func (r *reader) unreadable(err error) {
	r.Faults = append(r.Faults, fault("cannot be read as an OpenAPI document: %v", err))
}

// note adds to a finding an operation that it is about, if any.
func (r *reader) note(at place, operation string, weaker bool, message string) {
	i, known := r.noted[message]
	if !known {
		if len(r.Findings) >= most {
			return
		}
		i, r.noted[message] = len(r.Findings), len(r.Findings)
		r.Findings = append(r.Findings, Finding{Message: message, Line: at.line, Weaker: weaker})
	}
	if operation != "" {
		r.Findings[i].Operations = append(r.Findings[i].Operations, operation)
	}
}

// parsed gives the tree of a text that is one document of YAML, or JSON, which is YAML too.
func parsed(document string) (*yaml.Node, error) {
	if err := UTF8(document); err != nil {
		return nil, err
	}
	var root, next yaml.Node
	texts := yaml.NewDecoder(strings.NewReader(document))
	switch err := texts.Decode(&root); {
	case errors.Is(err, io.EOF):
		return nil, errNotOpenAPI
	case err != nil:
		return nil, syntaxError(document, err)
	}
	if err := texts.Decode(&next); err == nil {
		return nil, &placedError{placeOf(&next), "a second document begins: leave one of them"}
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxError(document, err)
	}
	return &root, nil
}

// UTF8 says where a text is not UTF-8, and what to do.
func UTF8(document string) error {
	for i, c := range document {
		if _, size := utf8.DecodeRuneInString(document[i:]); c == utf8.RuneError && size == 1 {
			return &placedError{offsetPlace(document, i+1),
				fmt.Sprintf("the byte 0x%02X is not UTF-8: save the document as UTF-8", document[i])}
		}
	}
	return nil
}

// syntaxError says where a text that is no YAML, and so no JSON either, goes wrong, and how. A text that begins as JSON is
// told what is wrong with it as JSON: the YAML library names the place where it gave up, which may be lines away.
func syntaxError(document string, err error) error {
	if trimmed := strings.TrimSpace(document); strings.HasPrefix(trimmed, "{") {
		var syntax *json.SyntaxError
		if wrong := json.Unmarshal([]byte(document), new(any)); errors.As(wrong, &syntax) && looksLikeJSON(trimmed) {
			return &placedError{offsetPlace(document, int(syntax.Offset)), syntax.Error() + " (it begins as JSON)"}
		}
	}
	found := regexp.MustCompile(`^yaml: line (\d+): (.*)`).FindStringSubmatch(err.Error())
	if found == nil {
		return err
	}
	line, _ := strconv.Atoi(found[1])
	return &placedError{place{line, 0}, found[2] + ": look at the line before it too, for a quote or a bracket that is not closed, " +
		"or for its indentation"}
}

// looksLikeJSON tells JSON from a YAML mapping that is written in braces: its first key is in double quotes.
func looksLikeJSON(trimmed string) bool {
	return strings.HasPrefix(strings.TrimSpace(trimmed[1:]), `"`)
}

// offsetPlace gives the place of the byte before an offset, which is what json.SyntaxError counts.
func offsetPlace(document string, offset int) place {
	before := document[:max(0, min(offset, len(document))-1)]
	line := strings.Count(before, "\n") + 1
	return place{line, len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1}
}

// twice is of a member that is written twice: one of them would count, and nobody could say which.
func twice(second entry, first place) error {
	return &placedError{second.at, fmt.Sprintf("%q is written here a second time, first in line %d: leave one of them",
		second.key, first.line)}
}

// unescaped undoes the percent-encoding of a step in a reference's fragment.
func unescaped(step string) string {
	if plain, err := url.PathUnescape(step); err == nil {
		return plain
	}
	return step
}
