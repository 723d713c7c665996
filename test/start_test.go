package e2e

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/program"
)

// startFails runs a node that must end by itself, and gives what it said.
func startFails(t *testing.T, n *program.Node) program.Result {
	t.Helper()
	r, err := binary.Run(filepath.Dir(n.Dir), n.Env, "", n.Args...)
	if err != nil {
		t.Fatal(err)
	}
	if r.Code == 0 {
		t.Errorf("%s started: %s", n.Name, r)
	}
	return r
}

// TestTheSealKeyMustBeTheDatabases: another one is refused, and a lost one is not replaced by a new one.
func TestTheSealKeyMustBeTheDatabases(t *testing.T) {
	t.Parallel()
	n := serve(t)
	n.Kill()
	file := filepath.Join(n.Dir, "seal.key")
	n.Env["KEYWARD_SEAL_KEY"] = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	if r := startFails(t, n); !containsText(r.Stderr, "seal key") {
		t.Errorf("another seal key: %s", r)
	}
	delete(n.Env, "KEYWARD_SEAL_KEY")
	if err := os.Rename(file, file+".lost"); err != nil {
		t.Fatal(err)
	}
	if r := startFails(t, n); !containsText(r.Stderr, "seal.key is missing") {
		t.Errorf("a lost seal key: %s", r)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a new key lies in the place of the lost one")
	}
	if err := os.Rename(file+".lost", file); err != nil {
		t.Fatal(err)
	}
	n.Start(t) // the control: the right key
}

// TestATakenPortIsTold for each listener, and one data folder serves one process.
func TestATakenPortIsTold(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for _, setting := range []string{
		"KEYWARD_CONTROL_ADDRESS", "KEYWARD_GATEWAY_ADDRESS", "KEYWARD_OPS_ADDRESS", "KEYWARD_NATS_ADDRESS",
	} {
		n := binary.NewNode(t, "taken", "", t.TempDir())
		n.Env[setting] = l.Addr().String()
		if r := startFails(t, n); r.Code != 1 || !containsText(r.Stderr, l.Addr().String()) {
			t.Errorf("%s: %s", setting, r)
		}
	}
	first := serve(t)
	second := binary.NewNode(t, "second", "", t.TempDir())
	second.Env["KEYWARD_DATA"] = first.Dir
	if r := startFails(t, second); !containsText(r.Stderr, "in use by another keyward process") {
		t.Errorf("a folder in use: %s", r)
	}
}

// TestAFolderThatCannotBeUsedIsTold: a file in the folder's place, and a database that is none.
func TestAFolderThatCannotBeUsedIsTold(t *testing.T) {
	t.Parallel()
	n := binary.NewNode(t, "file", "", t.TempDir())
	if err := os.WriteFile(n.Dir, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := startFails(t, n); r.Code != 1 || !containsText(r.Stderr, "the data folder") {
		t.Errorf("a file in the folder's place: %s", r)
	}
	if err := os.Remove(n.Dir); err != nil {
		t.Fatal(err)
	}
	n.Start(t) // the control
	n.Kill()
	for _, name := range []string{"keyward.db-wal", "keyward.db-shm"} {
		_ = os.Remove(filepath.Join(n.Dir, name)) // there after a kill only
	}
	if err := os.WriteFile(filepath.Join(n.Dir, "keyward.db"), []byte("this is not a database, and long enough to tell"),
		0o600); err != nil {
		t.Fatal(err)
	}
	if r := startFails(t, n); r.Code != 1 || !containsText(r.Stderr, "keyward.db") {
		t.Errorf("a database that is none: %s", r)
	}
}

// TestACallOutlivesTheSignal: told to end, a gateway takes no new calls and lets one under way have its answer.
func TestACallOutlivesTheSignal(t *testing.T) {
	t.Parallel()
	n, up, corp := serve(t), newUpstream(t), issuer.Start(t, "corp", "ES256")
	arrived, free := make(chan struct{}), make(chan struct{})
	up.handle("/items/slow", func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-free
		_, _ = io.WriteString(w, "done")
	})
	apply(t, n, external("corp", corp, ""), orders(up.URL, "[corp]", ""), mobile("corp"))
	token := mint(t, corp, issuer.Token{})
	until(t, n.Gateway, http.MethodGet, "/orders/v1/items", token, 200, "")
	go func() {
		defer close(free)
		<-arrived
		go n.Stop()
		for {
			c, err := (&net.Dialer{Timeout: callLimit}).DialContext(t.Context(), "tcp", n.Gateway)
			if err != nil {
				return // the listener is closed: the end has begun
			}
			_ = c.Close()
			time.Sleep(10 * time.Millisecond)
		}
	}()
	if got := call(t, n.Gateway, http.MethodGet, "/orders/v1/items/slow", token); got.status != 200 || got.body != "done" {
		t.Errorf("%d %s", got.status, got.body)
	}
	<-n.Done()
}
