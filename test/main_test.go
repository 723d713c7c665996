// Package e2e owns the end-to-end suite: the built binary, real authorization servers, databases and hubs, and nothing
// but the public contract in between. It does not own the parts it starts: those are the testbed's.
//
// A file's name begins with what it is about: token_ for which tokens pass, http_ for requests and answers on the wire, gateway_
// and second_ for several processes, keymanager_ for one that is declared, keys_ for applications' clients, vendor_ for one
// authorization server, signin_ for people, outbound_ for what the program may reach. helper_ files have no tests.
package e2e

import (
	"context"
	"fmt"
	"os"
	"testing"

	"keyward.dev/keyward/internal/testbed/keycloak"
	"keyward.dev/keyward/internal/testbed/program"
)

// binary is built once; the Keycloak that the tests share is started by the first that asks, each with a realm of its
// own in it.
var (
	binary *program.Binary
	shared keycloak.Shared
	am     sharedOpenAM
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "keyward-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	// E2E_BINARY names a binary that was built otherwise, with the race detector for example.
	if path := os.Getenv("E2E_BINARY"); path != "" {
		binary = &program.Binary{Path: path}
	} else if binary, err = program.Build(context.Background(), dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer shared.Kill()
	defer func() {
		if am.server != nil {
			am.server.Close()
		}
	}()
	return m.Run()
}
