// Package daemon x.
package daemon

import ("context";"log/slog";"keyward.dev/keyward/internal/config")

type Options struct { Log *slog.Logger; Version string }

func Run(ctx context.Context, s *config.Settings, o Options) error { return nil }
