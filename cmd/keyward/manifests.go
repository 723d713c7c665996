package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/manifest/yamltree"
)

// source is one manifest as it was found: its value, and the tree that knows the line of every field.
type source struct {
	file  string
	body  *yaml.Node
	value map[string]any
}

// loadManifests reads files, folders (every .yaml, .yml and .json below, by name) and - for standard input, and
// resolves {env: …}, {file: …} and openapi.file on this machine. All faults are reported at once.
func (s *session) loadManifests(paths ...string) ([]source, error) {
	var files []string
	for _, path := range paths {
		found, err := manifestFiles(path)
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	env := map[string]string{}
	for _, line := range s.environ {
		name, value, _ := strings.Cut(line, "=")
		env[name] = value
	}
	var sources []source
	var faults []error
	for _, file := range files {
		found, err := s.readManifests(file)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		for _, src := range found {
			r := resolver{env: env, dir: filepath.Dir(file), src: src}
			src.value, _ = r.resolve(src.value, "").(map[string]any)
			faults = append(faults, r.faults...)
			sources = append(sources, src)
		}
	}
	if len(sources) == 0 && len(faults) == 0 {
		return nil, fmt.Errorf("%s: no manifest is there", strings.Join(named(paths), ", "))
	}
	return sources, errors.Join(faults...)
}

func manifestFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if path == "-" {
		return []string{"-"}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read manifests: %w", err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var files []string
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasPrefix(d.Name(), ".") && p != path {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !d.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(p))) {
			files = append(files, p)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read manifests: %w", err)
	}
	return files, nil
}

// named gives the paths as people know them.
func named(paths []string) []string {
	out := slices.Clone(paths)
	for i, path := range out {
		if path == "-" {
			out[i] = "standard input"
		}
	}
	return out
}

func (s *session) readManifests(file string) ([]source, error) {
	var text []byte
	var err error
	name := named([]string{file})[0]
	if file == "-" {
		text, err = io.ReadAll(s.stdin)
	} else {
		text, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	var sources []source
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var document yaml.Node
		if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
			return sources, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s:%s", name, syntaxFault(err))
		}
		if len(document.Content) == 0 || document.Content[0].ShortTag() == "!!null" {
			continue
		}
		src := source{file: name, body: document.Content[0]}
		value, err := yamltree.Plain(src.body)
		if err != nil {
			return nil, fmt.Errorf("%s:%w", name, err)
		}
		mapping, ok := value.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%s: a manifest is a mapping", src.at(""))
		}
		src.value = mapping
		sources = append(sources, src)
	}
}

// syntaxFault puts the line in front, as with every other fault.
func syntaxFault(err error) string {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if m := regexp.MustCompile(`^line (\d+): (.*)$`).FindStringSubmatch(text); m != nil {
		return m[1] + ": " + m[2]
	}
	return " " + text
}

// resolver replaces references by values in the places that take secrets or key texts. Elsewhere a mapping with a
// member called env or file is what it says.
type resolver struct {
	env    map[string]string
	dir    string
	src    source
	faults []error
}

func (r *resolver) resolve(v any, path string) any {
	switch n := v.(type) {
	case map[string]any:
		if path == "spec.openapi" {
			return r.openAPI(n)
		}
		if len(n) == 1 && takesReference(path) {
			if name, ok := n["env"].(string); ok {
				return r.fromEnvironment(name, path)
			}
			if name, ok := n["file"].(string); ok {
				return r.fromFile(name, path)
			}
		}
		for key, item := range n {
			n[key] = r.resolve(item, strings.TrimPrefix(path+"."+key, "."))
		}
	case []any:
		for i, item := range n {
			n[i] = r.resolve(item, fmt.Sprintf("%s[%d]", path, i))
		}
	}
	return v
}

// takesReference tells whether the field is a secret, or the text of a key or certificate.
func takesReference(path string) bool {
	return path == "spec.password" || strings.HasPrefix(path, "spec.connection.") ||
		strings.HasPrefix(path, "spec.introspection.") || strings.HasPrefix(path, "spec.outbound.") ||
		strings.Contains(path, "keys.pem[") || strings.HasSuffix(path, "keys.jwksInline")
}

func (r *resolver) fromEnvironment(name, path string) any {
	value := r.env[name]
	if value == "" {
		r.fault(path, "the environment variable %s is not set", name)
	}
	return value
}

func (r *resolver) fromFile(name, path string) any {
	text, ok := r.read(name, path)
	if !ok {
		return ""
	}
	trimmed := strings.TrimRight(string(text), "\r\n")
	if strings.HasSuffix(path, "jwksInline") {
		var set any
		if err := json.Unmarshal(text, &set); err != nil {
			r.fault(path, "%s is not JSON: %v", name, err)
		}
		return set
	}
	if trimmed == "" {
		r.fault(path, "%s is empty", name)
	}
	return trimmed
}

func (r *resolver) openAPI(n map[string]any) any {
	name, ok := n["file"].(string)
	if !ok || len(n) != 1 {
		return n
	}
	text, _ := r.read(name, "spec.openapi.file")
	return map[string]any{"document": string(text)}
}

// read takes a file named relative to its manifest.
func (r *resolver) read(name, path string) ([]byte, bool) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(r.dir, name)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		r.fault(path, "%v", err)
		return nil, false
	}
	return text, true
}

func (r *resolver) fault(path, format string, args ...any) {
	r.faults = append(r.faults, fmt.Errorf("%s: %s: %s", r.src.at(path), path, fmt.Sprintf(format, args...)))
}

// at gives file:line:column of a field, or of the nearest thing around it when the field is not written.
func (src source) at(path string) string {
	line, column := yamltree.Position(src.body, path)
	return fmt.Sprintf("%s:%d:%d", src.file, line, column)
}

// locate rewrites the server's faults, which name objects[N].path, as lines of the caller's files.
func locate(err error, sources []source) error {
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
			return sources[n].at("")
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
		refused.Fields[i].Path = strings.TrimSuffix(sources[n].at(m[2])+": "+m[2], ": ")
	}
	return refused
}
