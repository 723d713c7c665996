package main

import (
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"keyward.dev/keyward/internal/testbed"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"keyward": main})
}

// TestScripts runs the program as people do, each script in a folder and on ports of its own. A script starts it with
// exec keyward serve &keyward& and waits with ready.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("KEYWARD_DATA", env.WorkDir+"/data")
			for _, name := range []string{"CONTROL", "GATEWAY", "OPS"} {
				port, err := testbed.Port(t.Context())
				if err != nil {
					return fmt.Errorf("the %s listener: %w", name, err)
				}
				env.Setenv("KEYWARD_"+name+"_ADDRESS", fmt.Sprintf("127.0.0.1:%d", port))
			}
			env.Setenv("KEYWARD_SERVER", "http://"+env.Getenv("KEYWARD_CONTROL_ADDRESS"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"ready": ready, "mode": mode},
	})
}

// ready waits until the server says that it is.
func ready(ts *testscript.TestScript, _ bool, _ []string) {
	address := "http://" + ts.Getenv("KEYWARD_OPS_ADDRESS") + "/readyz"
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		resp, err := http.Get(address) //nolint:gosec,noctx // the script's own server
		if err != nil {
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return
		}
	}
	ts.Fatalf("the server is not ready")
}

// mode holds a file's permissions: mode FILE 600.
func mode(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := fmt.Sprintf("%o", info.Mode().Perm()); got != args[1] {
		ts.Fatalf("%s has mode %s, want %s", args[0], got, args[1])
	}
}
