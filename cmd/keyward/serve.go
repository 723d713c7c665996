package main

import (
	"errors"
	"fmt"
	"log/slog"

	"keyward.dev/keyward/internal/config"
	"keyward.dev/keyward/internal/daemon"
)

type serveCmd struct{}

// Help lists the settings.
func (*serveCmd) Help() string { return config.Describe() }

// Run serves until it is told to stop.
func (*serveCmd) Run(s *session) error {
	settings, err := s.settings()
	if err != nil {
		return err
	}
	v, _ := build()
	log := s.logger(settings.LogLevel)
	return daemon.Run(s.ctx, settings, daemon.Options{Log: log, Version: v})
}

// logger gives the process its logger. Libraries that log through slog's default one, as the authorization server's
// does, are heard at debug level only: what concerns people is logged by our own doors.
func (s *session) logger(level slog.Level) *slog.Logger {
	log := slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: level}))
	if level > slog.LevelDebug {
		slog.SetDefault(slog.New(slog.DiscardHandler))
	}
	return log
}

// settings reads the settings of a serving process; a fault in them is a wrong command line.
func (s *session) settings() (*config.Settings, error) {
	v, warnings, fileErr := config.Load(s.cli.Config, s.environ, s.cli.Values)
	settings, err := v.Parse()
	if fileErr != nil || err != nil {
		return nil, usageError{fmt.Errorf("these settings cannot be used:\n%w", errors.Join(fileErr, err))}
	}
	settings.Warnings = append(warnings, settings.Warnings...)
	return settings, nil
}
