package daemon

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"testing"

	"keyward.dev/keyward/internal/config"
)

// TestToldToStopWhileItStarts: that is what it then does, wherever the start is, and no failure; what fails untold is one.
func TestToldToStopWhileItStarts(t *testing.T) {
	broken := errors.New("no such address")
	for _, c := range []struct {
		what   string
		before int // doors are opened until then
		stop   bool
		fails  bool
	}{
		{"before anything", 0, true, false},
		{"between its doors", 1, true, false},
		{"with its database open", 2, true, false},
		{"untold", 1, false, true},
	} {
		t.Run(c.what, func(t *testing.T) {
			settings, err := config.Parse(config.Values{
				Data: t.TempDir(), ControlAddress: "127.0.0.1:0", GatewayAddress: "127.0.0.1:0", OpsAddress: "127.0.0.1:0",
			})
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			doors := 0
			err = Run(ctx, settings, Options{
				Log: slog.New(slog.DiscardHandler),
				Listen: func(ctx context.Context, address string) (net.Listener, error) {
					if doors++; doors > c.before {
						if !c.stop {
							return nil, broken
						}
						stop()
					}
					return (&net.ListenConfig{}).Listen(ctx, "tcp", address)
				},
				Started: func(context.Context, Addresses) error { return errors.New("it serves all the same") },
			})
			if c.fails != errors.Is(err, broken) || !c.fails && err != nil {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}
