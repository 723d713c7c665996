package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"keyward.dev/keyward/internal/config"
	"keyward.dev/keyward/internal/daemon"
	"keyward.dev/keyward/internal/demo"
)

type demoCmd struct{}

// Run serves on a folder that is thrown away at the end, and prints calls that can be pasted. Only addresses are taken
// from the settings; where a default one is in use, a free port is taken.
func (*demoCmd) Run(s *session) error {
	folder, err := os.MkdirTemp("", "keyward-demo-")
	if err != nil {
		return fmt.Errorf("the demo's folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	settings, err := config.Parse(config.Values{
		Data: folder, ControlAddress: s.cli.ControlAddress, GatewayAddress: s.cli.GatewayAddress, OpsAddress: s.cli.OpsAddress,
	})
	if err != nil {
		return usageError{err}
	}
	v, _ := build()
	return daemon.Run(s.ctx, settings, daemon.Options{
		Log:     s.logger(slog.LevelError),
		Version: v,
		Listen:  demo.ListenNear,
		Started: func(ctx context.Context, at daemon.Addresses) error {
			return demo.Run(ctx, demo.Options{ControlURL: at.Control, GatewayURL: at.Gateway, AdminToken: at.AdminToken, Out: s.out})
		},
	})
}
