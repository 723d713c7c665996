package files

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/manifest/yamltree"
)

// At gives file:line:column of a field, or of the nearest thing around it when the field is not written.
func (src Source) At(path string) string {
	line, column := yamltree.Position(src.body, path)
	return fmt.Sprintf("%s:%d:%d", src.file, line, column)
}

// Locate rewrites a refusal of several manifests, whose faults name objects[N].path, so that it names lines of their files.
// Any other error comes back as it is.
func Locate(err error, sources []Source) error {
	var refused *keyward.Error
	if !errors.As(err, &refused) {
		return err
	}
	numbered := regexp.MustCompile(`^objects\[(\d+)\]\.?(.*)$`)
	// Where there is one fault the message is about it: its number means nothing to whoever wrote the file.
	refused.Message = regexp.MustCompile(`^objects\[\d+\]\.?`).ReplaceAllString(refused.Message, "")
	inText := regexp.MustCompile(`objects\[(\d+)\]\.?`)
	elsewhere := func(text string) string {
		return inText.ReplaceAllStringFunc(text, func(found string) string {
			n, err := strconv.Atoi(inText.FindStringSubmatch(found)[1])
			if err != nil || n >= len(sources) {
				return found
			}
			return sources[n].At("")
		})
	}
	refused.Message = elsewhere(refused.Message)
	for i, f := range refused.Fields {
		refused.Fields[i].Message = elsewhere(f.Message)
		m := numbered.FindStringSubmatch(f.Path)
		if m == nil {
			continue
		}
		n, err := strconv.Atoi(m[1])
		if err != nil || n >= len(sources) {
			continue
		}
		refused.Fields[i].Path = strings.TrimSuffix(sources[n].At(m[2])+": "+m[2], ": ")
	}
	return refused
}

// LocateOne rewrites a refusal of one manifest, whose faults name manifest.path, so that it names lines of its file. Any other
// error comes back as it is.
func LocateOne(err error, src Source) error {
	var refused *keyward.Error
	if !errors.As(err, &refused) {
		return err
	}
	for i, f := range refused.Fields {
		if path, ok := strings.CutPrefix(f.Path, "manifest."); ok {
			refused.Fields[i].Path = src.At(path) + ": " + path
		}
	}
	return refused
}
