// Package files owns how manifests are found on a person's machine: which files are read, what references to the environment
// and to other files stand for, and at which line a fault is. It does not own what a manifest means, nor where it is sent.
package files

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"keyward.dev/keyward/internal/manifest/yamltree"
)

// Source is one manifest as it was found.
type Source struct {
	Value map[string]any // with what its references stand for
	file  string
	body  *yaml.Node // knows the line of every field
}

// Tenant is what the manifest names as its own; "" for none.
func (src Source) Tenant() string {
	metadata, _ := src.Value["metadata"].(map[string]any) // another type is the server's to refuse
	tenant, _ := metadata["tenant"].(string)              // likewise
	return tenant
}

// Reader reads manifests with what one process was started with.
type Reader struct {
	Environ []string // NAME=VALUE, as from os.Environ
	Stdin   io.Reader
}

// Load reads files, folders (every .yaml, .yml and .json below, by name) and - for standard input, and
// resolves {env: …}, {file: …} and openapi.file on this machine. What a folder holds because a manifest names it, such as
// an OpenAPI document, is no manifest. All faults are reported at once.
func (r Reader) Load(paths ...string) ([]Source, error) {
	env := map[string]string{}
	for _, line := range r.Environ {
		name, value, _ := strings.Cut(line, "=")
		env[name] = value
	}
	var files []file
	used := map[string]bool{}
	for _, path := range paths {
		found, err := manifestFiles(path)
		if err != nil {
			return nil, err
		}
		for _, name := range found {
			f := r.load(name, env, used)
			f.asked = name == path
			files = append(files, f)
		}
	}
	var sources []Source
	var faults []error
	for _, f := range files {
		if used[f.name] && !f.asked && !f.declares() {
			continue
		}
		sources, faults = append(sources, f.sources...), append(faults, f.faults...)
	}
	if len(sources) == 0 && len(faults) == 0 {
		return nil, fmt.Errorf("%s: no manifest is there", strings.Join(named(paths), ", "))
	}
	return sources, errors.Join(faults...)
}

// file is one that was read.
type file struct {
	name    string
	asked   bool // named at the command line, not found in a folder
	sources []Source
	faults  []error
}

// declares tells whether the file says of itself that it holds a manifest.
func (f file) declares() bool {
	return slices.ContainsFunc(f.sources, func(src Source) bool { return src.Value["apiVersion"] != nil })
}

// load reads one file, resolves its references, and notes the files that these name as used.
func (r Reader) load(name string, env map[string]string, used map[string]bool) file {
	found, err := r.read(name)
	if err != nil {
		return file{name: name, faults: []error{err}}
	}
	f := file{name: name}
	for _, src := range found {
		r := resolver{env: env, dir: filepath.Dir(name), src: src, used: used}
		src.Value, _ = r.resolve(src.Value, "").(map[string]any)
		f.faults = append(f.faults, r.faults...)
		f.sources = append(f.sources, src)
	}
	return f
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

func (r Reader) read(file string) ([]Source, error) {
	var text []byte
	var err error
	name := named([]string{file})[0]
	if file == "-" {
		text, err = io.ReadAll(r.Stdin)
	} else {
		text, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	var sources []Source
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
		src := Source{file: name, body: document.Content[0]}
		value, err := yamltree.Plain(src.body)
		if err != nil {
			return nil, fmt.Errorf("%s:%w", name, err)
		}
		mapping, ok := value.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%s: a manifest is a mapping", src.At(""))
		}
		src.Value = mapping
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
