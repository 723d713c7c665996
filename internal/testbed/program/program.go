// Package program owns building the real keyward binary and running it for tests: the roles, its data folder and
// ports, its command line, and its violent ends. It does not own what is expected of it.
package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"keyward.dev/keyward/internal/testbed"
)

// Binary is a built keyward.
type Binary struct{ Path string }

// Build compiles cmd/keyward into dir, as `make build` does: static and without the race detector.
func Build(ctx context.Context, dir string) (*Binary, error) {
	b := &Binary{Path: filepath.Join(dir, "keyward")}
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", b.Path, "keyward.dev/keyward/cmd/keyward")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build keyward: %w\n%s", err, out)
	}
	return b, nil
}

// Result is what a command of the CLI said and how it ended.
type Result struct {
	Stdout, Stderr string
	Code           int
}

// String is the whole result, for a test's message.
func (r Result) String() string {
	return fmt.Sprintf("exit %d\n--- stdout\n%s\n--- stderr\n%s", r.Code, r.Stdout, r.Stderr)
}

// Run runs a command with only these settings from the environment and the given standard input.
func (b *Binary) Run(dir string, env map[string]string, stdin string, args ...string) (Result, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.Path, args...)
	cmd.Dir = dir
	cmd.Env = Environment(env)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return Result{}, fmt.Errorf("run keyward %s: %w", strings.Join(args, " "), err)
	}
	return Result{Stdout: out.String(), Stderr: errs.String(), Code: cmd.ProcessState.ExitCode()}, nil
}

// Environment is the process's own without any setting of keyward, and these settings.
func Environment(settings map[string]string) []string {
	var env []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "KEYWARD_") {
			env = append(env, e)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		env = append(env, name+"="+settings[name])
	}
	return env
}

// Node is one keyward process with a data folder and ports of its own, which stay the same over restarts.
type Node struct {
	*testbed.Child
	Name    string
	Dir     string            // its data folder
	Env     map[string]string // its settings; change them between Kill and Start
	Shell   map[string]string // further variables of the commands that talk to it
	Args    []string
	Control string // address host:port of each listener
	Gateway string
	Ops     string
	Hub     string

	binary *Binary
}

// NewNode gives a node that is not running yet. The role is "" (everything in one), "control" or "gateway".
func (b *Binary) NewNode(t testbed.TB, name, role, dir string) *Node {
	t.Helper()
	n := &Node{
		Name: name, Dir: filepath.Join(dir, name), binary: b, Args: []string{"serve"},
		Control: testbed.Address(t), Gateway: testbed.Address(t), Ops: testbed.Address(t), Hub: testbed.Address(t),
	}
	n.Env = map[string]string{
		"KEYWARD_DATA": n.Dir, "KEYWARD_CONTROL_ADDRESS": n.Control, "KEYWARD_GATEWAY_ADDRESS": n.Gateway,
		"KEYWARD_OPS_ADDRESS": n.Ops, "KEYWARD_NATS_ADDRESS": n.Hub,
	}
	if role != "" {
		n.Args = append(n.Args, "--role", role)
	}
	t.Cleanup(func() {
		if n.Child == nil {
			return
		}
		n.Kill()
		if t.Failed() {
			t.Logf("--- what %s printed\n%s", n.Name, n.Output())
		}
	})
	return n
}

// Start runs the node and waits until it is ready.
func (n *Node) Start(t testbed.TB) {
	t.Helper()
	n.Launch(t)
	if err := n.AwaitReady(); err != nil {
		t.Fatalf("%v", err)
	}
}

// Launch runs the node without waiting.
func (n *Node) Launch(t testbed.TB) {
	t.Helper()
	cmd := exec.Command(n.binary.Path, n.Args...) //nolint:noctx // the child's life is the test's, ended by Kill
	cmd.Env = Environment(n.Env)
	cmd.Dir = filepath.Dir(n.Dir)
	var err error
	if n.Child, err = testbed.Start(n.Name, cmd); err != nil {
		t.Fatalf("%v", err)
	}
}

// AwaitReady waits until the node says that it is ready.
func (n *Node) AwaitReady() error {
	return n.WaitOK(context.Background(), "http://"+n.Ops+"/readyz", testbed.StartupLimit)
}

// AdminToken is the token of the first administrator, from the node's data folder.
func (n *Node) AdminToken() (string, error) {
	if token := n.Env["KEYWARD_ADMIN_TOKEN"]; token != "" {
		return token, nil
	}
	b, err := os.ReadFile(filepath.Join(n.Dir, "admin.token"))
	if err != nil {
		return "", fmt.Errorf("read the administrator's token: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// CLI runs a command as the administrator of this control plane.
func (n *Node) CLI(t testbed.TB, stdin string, args ...string) Result {
	t.Helper()
	token, err := n.AdminToken()
	if err != nil {
		t.Fatalf("%v", err)
	}
	return n.CLIAs(t, token, stdin, args...)
}

// CLIAs runs a command with the given API token.
func (n *Node) CLIAs(t testbed.TB, token, stdin string, args ...string) Result {
	t.Helper()
	env := map[string]string{"KEYWARD_SERVER": "http://" + n.Control, "KEYWARD_TOKEN": token}
	maps.Copy(env, n.Shell)
	result, err := n.binary.Run(filepath.Dir(n.Dir), env, stdin, args...)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return result
}
