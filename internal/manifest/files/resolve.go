package files

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"keyward.dev/keyward/internal/manifest/openapi"
)

// resolver replaces references by values in the places that take secrets or key texts. Elsewhere a mapping with a
// member called env or file is what it says.
type resolver struct {
	env    map[string]string
	dir    string
	src    Source
	used   map[string]bool // the files that references name, added to
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
		strings.HasPrefix(path, "spec.signIn.clientSecret") || strings.HasPrefix(path, "spec.signIn.key") ||
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
	text, ok := r.read(name, "spec.openapi.file")
	if err := openapi.UTF8(string(text)); ok && err != nil {
		r.fault("spec.openapi.file", "%s: %v", name, err)
	}
	return map[string]any{"document": string(text)}
}

// read takes a file named relative to its manifest.
func (r *resolver) read(name, path string) ([]byte, bool) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(r.dir, name)
	}
	r.used[filepath.Clean(name)] = true
	text, err := os.ReadFile(name)
	if err != nil {
		r.fault(path, "%v", err)
		return nil, false
	}
	return text, true
}

func (r *resolver) fault(path, format string, args ...any) {
	r.faults = append(r.faults, fmt.Errorf("%s: %s: %s", r.src.At(path), path, fmt.Sprintf(format, args...)))
}
