package keyward_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"keyward.dev/keyward"
)

const module = "keyward.dev/keyward"

// floors says on which floor of the house a room stands. Imports point down only; docs in ARCHITECTURE.md.
func floors() map[string]int {
	return map[string]int{
		"cmd/keyward": 6,
		"daemon":      5, "demo": 5, "output": 5, "remote": 5,
		"rest": 4, "syncapi": 4, "gateway": 4, "web": 4,
		"control": 3, "declare": 3, "keys": 3, "entitle": 3, "feed": 3, "resident": 3, "enforce": 3, "probe": 3,
		"health": 3, "reconcile": 3, "ownclient": 3, "account": 3, "session": 3, "tryout": 3,
		"store": 2, "keymanager": 2, "registry": 2, "tally": 2, "quota": 2,
		"access": 1, "connector": 1, "wire": 1, "throttle": 1, "password": 1, "manifest": 1, "view": 1, "onepath": 1, "seal": 1,
		"stream": 1, "needs": 1, "past": 1, "config": 1, "token": 1, "outbound": 1, "rollover": 1,
		"":       0, // the root: the nouns
		"secret": 0, "pathtemplate": 0, "strictjson": 0,
	}
}

// sameFloor lists the imports between rooms of one floor that the design wants.
func sameFloor() []string {
	return []string{
		"control -> declare", "control -> feed", "declare -> keys", "connector -> wire", "entitle -> keys", "resident -> entitle",
		"health -> probe", "control -> account", "session -> account", "resident -> account", "reconcile -> keys", "reconcile -> entitle",
		"keys -> account", "ownclient -> keys", "ownclient -> declare",
		"wire -> outbound", "wire -> token", "token -> outbound", "connector -> outbound",
		"wire -> rollover", "token -> rollover", "token -> throttle", "connector -> rollover",
		"view -> needs",
		" -> secret", " -> pathtemplate", // what nouns are made of
		"config -> outbound", "config -> seal", "config -> stream", // so that every fault of the settings is told at once
	}
}

// The two columns share the rooms of floor 1 that are in neither list, and the root.
func controlColumn() []string {
	return []string{
		"rest", "syncapi", "web", "control", "declare", "access", "keys", "feed", "resident", "store", "keymanager", "connector",
		"wire", "manifest", "password", "probe", "health", "reconcile", "ownclient", "account", "session", "tryout",
	}
}

func dataColumn() []string {
	return []string{"gateway", "enforce", "registry", "tally", "quota", "view", "onepath"}
}

// only says which rooms may import what. Names from net/http that make a server are looked for one by one, below.
func only() map[string][]string {
	return map[string][]string{
		"database/sql":                     {"store"},
		"github.com/jackc/pgx/v5":          {"store"},
		"modernc.org/sqlite":               {"store"},
		"github.com/pressly/goose/v3":      {"store"},
		"github.com/nats-io/nats-server":   {"stream"},
		"github.com/nats-io/nats.go":       {"stream"},
		"github.com/danielgtaylor/huma/v2": {"rest"},
		"github.com/alecthomas/kong":       {"cmd/keyward"},
		"net/http/pprof":                   {},
		"testing":                          {},
		"log":                              {},
	}
}

// closed says whose inner rooms, the folders below it, are for that room alone.
func closed() []string { return []string{"store"} }

// serverRooms may use the half of net/http that serves.
func serverRooms() []string {
	return []string{"rest", "syncapi", "web", "resident", "gateway", "daemon", "demo", "testbed"}
}

func serverNames() []string {
	return []string{
		"Server", "Handler", "HandlerFunc", "ResponseWriter", "ServeMux", "NewServeMux", "Serve", "ServeTLS",
		"ListenAndServe", "ListenAndServeTLS", "Handle", "HandleFunc",
	}
}

// exceptions are the only ones, each with its reason. One that is not needed any more is a failure too.
func exceptions() map[string]string {
	return map[string]string{
		"variable cmd/keyward/version.go version":        "the linker sets it in a release and can set nothing else",
		"variable cmd/keyward/version.go commit":         "the linker sets it in a release and can set nothing else",
		"variable internal/testbed/plane/plane.go first": "a database made once for a test program, and only copied",
		"variable internal/strictjson/parse.go foldSeed": "a hash seed, made once per process and never written",
	}
}

const (
	maxFileLines     = 400
	maxFunctionLines = 60
	maxPackageFiles  = 20
	maxPackageLines  = 3000
)

func vagueNames() []string {
	return []string{
		"util", "utils", "common", "helper", "helpers", "type", "types", "model", "models", "service", "services",
		"pkg", "misc", "shared", "base", "lib", "mock", "mocks",
	}
}

// source is one Go file that is not a test.
type source struct {
	path  string // from the module's root, with slashes
	room  string // "" for the root, "store" for internal/store and what is below it, "cmd/keyward"
	file  *ast.File
	lines int
}

type house struct {
	t        *testing.T
	fset     *token.FileSet
	packages map[string][]source // by folder
	used     map[string]bool
}

// TestArchitecture holds the house's rules. It reads every Go file that is not a test.
func TestArchitecture(t *testing.T) {
	h := readHouse(t)
	for folder, files := range h.packages {
		h.checkPackage(folder, files)
		for _, s := range files {
			h.checkImports(s)
			h.checkServerNames(s)
			h.checkDeclarations(s)
		}
	}
	for key := range exceptions() {
		if !h.used[key] {
			t.Errorf("the exception %q is not needed any more: remove it", key)
		}
	}
	h.checkKinds()
}

func readHouse(t *testing.T) *house {
	h := &house{t: t, fset: token.NewFileSet(), packages: map[string][]source{}, used: map[string]bool{}}
	tree := os.DirFS(".")
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			_, nested := fs.Stat(tree, path.Join(name, "go.mod"))
			if name != "." && (nested == nil || strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules") {
				return fs.SkipDir
			}
			return nil
		case !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(h.fset, name, text, parser.ParseComments)
		if err != nil {
			return err
		}
		folder := path.Dir(name)
		h.packages[folder] = append(h.packages[folder], source{
			path: name, room: roomOf(folder), file: file, lines: strings.Count(string(text), "\n"),
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func roomOf(folder string) string {
	if folder == "." {
		return ""
	}
	if rest, ok := strings.CutPrefix(folder, "internal/"); ok {
		return strings.Split(rest, "/")[0]
	}
	return folder
}

// fault reports a broken rule unless there is an exception for it.
func (h *house) fault(rule, where, format string, args ...any) {
	key := rule + " " + where
	if _, ok := exceptions()[key]; ok {
		h.used[key] = true
		return
	}
	h.t.Errorf("%s: %s [%s]", where, fmt.Sprintf(format, args...), rule)
}

func (h *house) checkPackage(folder string, files []source) {
	name := files[0].file.Name.Name
	if slices.Contains(vagueNames(), name) || slices.Contains(vagueNames(), path.Base(folder)) {
		h.fault("vague name", folder, "a room says what it owns: %q does not", name)
	}
	lines, comments := 0, []string{}
	for _, s := range files {
		lines += s.lines
		if s.lines > maxFileLines {
			h.fault("long file", s.path, "%d lines, at most %d", s.lines, maxFileLines)
		}
		if s.file.Doc != nil {
			comments = append(comments, s.file.Doc.Text())
		}
	}
	if len(files) > maxPackageFiles {
		h.fault("many files", folder, "%d files, at most %d", len(files), maxPackageFiles)
	}
	if lines > maxPackageLines {
		h.fault("long package", folder, "%d lines, at most %d", lines, maxPackageLines)
	}
	if len(comments) != 1 {
		h.fault("package comment", folder, "has %d package comments, wants one", len(comments))
		return
	}
	sentences := regexp.MustCompile(`[.:;!?](\s+|$)`).Split(strings.TrimSpace(comments[0]), -1)
	if len(slices.DeleteFunc(sentences, func(s string) bool { return s == "" })) < 2 {
		h.fault("package comment", folder, "says in one sentence what the room owns, and in a second what it does not")
	}
	if !regexp.MustCompile(`\b(not|nor|never|nothing|no|neither|nobody)\b`).MatchString(comments[0]) {
		h.fault("package comment", folder, "does not say what the room does not own")
	}
}

func (h *house) checkImports(s source) {
	floor, known := floors()[s.room]
	isTest := s.room == "testbed" || strings.HasPrefix(s.room, "test")
	if !known && !isTest {
		h.fault("unknown room", s.path, "%q has no floor: give it one", s.room)
		return
	}
	for _, spec := range s.file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			h.t.Fatal(err)
		}
		h.checkOnly(s, imported, isTest)
		if imported != module && !strings.HasPrefix(imported, module+"/") {
			if s.room == "" && strings.Contains(strings.Split(imported, "/")[0], ".") {
				h.fault("root", s.path, "the root uses the standard library only, not %s", imported)
			}
			continue
		}
		to := roomOf(strings.TrimPrefix(strings.TrimPrefix(imported, module), "/"))
		if imported == module {
			to = ""
		}
		if to == "testbed" && !isTest {
			h.fault("testbed", s.path, "only tests use the testbed")
			continue
		}
		if !isTest && to != s.room {
			h.checkFloor(s, to, floor)
			if slices.Contains(closed(), to) && imported != module+"/internal/"+to {
				h.fault("inner room", s.path, "%s is for the room %s alone", imported, to)
			}
		}
	}
}

func (h *house) checkFloor(s source, to string, floor int) {
	edge := s.room + " -> " + to
	if floors()[to] >= floor && !slices.Contains(sameFloor(), edge) {
		h.fault("floor", s.path, "imports point down: %s does not", edge)
	}
	across := slices.Contains(controlColumn(), s.room) && slices.Contains(dataColumn(), to) ||
		slices.Contains(dataColumn(), s.room) && slices.Contains(controlColumn(), to)
	if across {
		h.fault("column", s.path, "the control plane and the data plane never import each other: %s", edge)
	}
}

func (h *house) checkOnly(s source, imported string, isTest bool) {
	for what, rooms := range only() {
		if isTest || imported != what && !strings.HasPrefix(imported, what+"/") || slices.Contains(rooms, s.room) {
			continue
		}
		if what == "log" && imported != "log" {
			continue // log/slog
		}
		if what == "testing" && imported != "testing" || what == "net/http/pprof" && imported != what {
			continue
		}
		h.fault("import", s.path, "%s belongs to %v only", imported, rooms)
	}
}

func (h *house) checkServerNames(s source) {
	if slices.Contains(serverRooms(), s.room) {
		return
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Name == "http" && pkg.Obj == nil && slices.Contains(serverNames(), sel.Sel.Name) {
			h.fault("server", s.path, "http.%s belongs to %v", sel.Sel.Name, serverRooms())
		}
		return true
	})
}

func (h *house) checkDeclarations(s source) {
	for _, d := range s.file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			h.checkFunction(s, d)
		case *ast.GenDecl:
			h.checkNames(s, d)
			if d.Tok == token.VAR {
				h.checkVars(s, d)
			}
		}
	}
}

func (h *house) checkFunction(s source, f *ast.FuncDecl) {
	where := s.path + " " + f.Name.Name
	length := h.fset.Position(f.End()).Line - h.fset.Position(f.Pos()).Line + 1
	if length > maxFunctionLines {
		h.fault("long function", where, "%d lines, at most %d", length, maxFunctionLines)
	}
	if f.Name.Name == "init" && f.Recv == nil {
		h.fault("init", where, "import order must not be behaviour")
	}
	if f.Name.IsExported() && f.Doc == nil && (f.Recv == nil || ast.IsExported(receiver(f))) {
		h.fault("doc comment", where, "an exported name says what it means")
	}
}

func receiver(f *ast.FuncDecl) string {
	t := f.Recv.List[0].Type
	for {
		switch e := t.(type) {
		case *ast.StarExpr:
			t = e.X
		case *ast.IndexExpr:
			t = e.X
		case *ast.IndexListExpr:
			t = e.X
		case *ast.Ident:
			return e.Name
		default:
			return ""
		}
	}
}

func (h *house) checkNames(s source, d *ast.GenDecl) {
	for _, spec := range d.Specs {
		var names []*ast.Ident
		documented := d.Doc != nil
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			names, documented = []*ast.Ident{spec.Name}, documented && len(d.Specs) == 1 || spec.Doc != nil
		case *ast.ValueSpec:
			names, documented = spec.Names, documented || spec.Doc != nil || spec.Comment != nil
		}
		for _, n := range names {
			if n.IsExported() && !documented {
				h.fault("doc comment", s.path+" "+n.Name, "an exported name says what it means")
			}
		}
	}
}

// checkVars allows compile-time guards (var _ X = …), embedded files and sentinel errors.
func (h *house) checkVars(s source, d *ast.GenDecl) {
	for _, spec := range d.Specs {
		v, ok := spec.(*ast.ValueSpec)
		if !ok {
			continue
		}
		for i, name := range v.Names {
			if name.Name == "_" || embedded(d.Doc) || embedded(v.Doc) || i < len(v.Values) && sentinel(name.Name, v.Values[i]) {
				continue
			}
			h.fault("variable", s.path+" "+name.Name, "a package has no state: pass it in, or make it a function")
		}
	}
}

func embedded(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}

func sentinel(name string, value ast.Expr) bool {
	call, ok := value.(*ast.CallExpr)
	if !ok || !strings.HasPrefix(strings.ToLower(name), "err") {
		return false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := sel.X.(*ast.Ident)
	return ok && pkg.Name == "errors" && sel.Sel.Name == "New"
}

// checkKinds notices what a new noun lacks: a root file of its own and a spec to decode into.
func (h *house) checkKinds() {
	for _, k := range keyward.Kinds() {
		file := strings.ToLower(string(k)) + ".go"
		if _, err := os.Stat(file); err != nil {
			h.t.Errorf("the noun %s has no root file %s", k, file)
		}
		spec, ok := k.NewSpec()
		if !ok || spec.Kind() != k {
			h.t.Errorf("the noun %s has no spec of its own", k)
		}
		if got, ok := keyward.ParseKind(k.Plural()); !ok || got != k {
			h.t.Errorf("the noun %s cannot be read from its plural %s", k, k.Plural())
		}
	}
}
