// Command around runs a command with a Keycloak around it, which every test below shares: around go test ./...
//
// It does not decide what is tested. Without it each package that needs a Keycloak starts one, which costs half a
// minute of CPU time.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"

	"keyward.dev/keyward/internal/testbed/keycloak"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "around:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, command []string) error {
	if len(command) == 0 {
		return fmt.Errorf("no command")
	}
	server, err := keycloak.Start(ctx)
	if err != nil {
		return err
	}
	defer server.Kill()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // the caller's own command
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), server.Environment()...)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", command[0], err)
	}
	return nil
}
