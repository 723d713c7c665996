package e2e

import (
	"context"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/program"
)

// TestDemo runs the demo as the README says, pastes what it prints into a shell in another folder, and looks at what
// came of it. Its default ports may be taken: it takes others.
func TestDemo(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"first", "beside the first"} {
		output := startDemo(t)
		var script strings.Builder
		for line := range strings.Lines(output) {
			if command, ok := strings.CutPrefix(line, "    "); ok {
				script.WriteString(command)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		defer cancel()
		sh := exec.CommandContext(ctx, "sh", "-s")
		sh.Dir = t.TempDir()
		sh.Stdin = strings.NewReader(script.String())
		sh.Env = program.Environment(nil)
		out, err := sh.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n--- script\n%s\n--- output\n%s", name, err, script.String(), out)
		}
		said := string(out)
		if n := strings.Count(said, " 200 OK"); n < 2 {
			t.Errorf("%s: %d calls passed, want one per issuer:\n%s", name, n, said)
		}
		for _, want := range []string{"401 Unauthorized", "403 Forbidden", "key_manager_not_allowed",
			"insufficient_scope", "no_subscription", "WWW-Authenticate"} {
			if !strings.Contains(strings.ToLower(said), strings.ToLower(want)) {
				t.Errorf("%s: no %s in:\n%s", name, want, said)
			}
		}
	}
}

// startDemo waits until the commands are printed, which is when all of them would work.
func startDemo(t *testing.T) string {
	t.Helper()
	cmd := exec.Command(binary.Path, "demo") //nolint:noctx // the child's life is the test's, ended by Kill
	cmd.Dir = t.TempDir()
	cmd.Env = program.Environment(nil)
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	child, err := testbed.Start("demo", cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(child.Kill)
	previous := ""
	testbed.Eventually(t, "the demo prints its commands", func() string {
		output := child.Output()
		settled := output == previous && strings.Count(output, "\n    ") >= 5
		previous = output
		if !settled {
			time.Sleep(300 * time.Millisecond)
			return "so far:\n" + output
		}
		return ""
	})
	return previous
}
