package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// FollowOptions say how a gateway connects to the hub.
type FollowOptions struct {
	Access HubAccess
	Token  Token       // stands in for the password where Access has a user and no password
	TLS    *tls.Config // the roots that the hub's certificate must lead to; nil = the system's
	Log    *slog.Logger
}

// Follow delivers a group's messages in order, one call after the other, until ctx ends. A lost connection is told by
// delivering nil, perhaps beside another call, and looked for again for ever; what was sent meanwhile is lost, and the
// heartbeat tells. It returns at once when the access names no hub.
func Follow(ctx context.Context, group string, o FollowOptions, deliver func([]byte)) error {
	if len(o.Access.URLs) == 0 {
		return errors.New("the control plane names no event hub")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	opts := append(clientOptions("keyward gateway", o.Log), nats.DisconnectErrHandler(func(*nats.Conn, error) {
		if ctx.Err() == nil {
			deliver(nil)
		}
	}))
	if o.TLS != nil {
		// Given to a plain-text hub, the option would insist on TLS.
		if strings.HasPrefix(o.Access.URLs[0], "tls:") {
			opts = append(opts, nats.Secure(o.TLS))
		}
	}
	if o.Access.User != "" {
		password := o.Access.Password
		if password == "" {
			password = o.Token.Reveal()
		}
		opts = append(opts, nats.UserInfo(o.Access.User, password))
	}
	conn, err := nats.Connect(strings.Join(o.Access.URLs, ","), opts...)
	if err != nil {
		return fmt.Errorf("connect to the event hub: %w", err)
	}
	defer conn.Close()
	_, err = conn.Subscribe(Subject(group), func(m *nats.Msg) {
		if len(m.Data) > 0 { // an empty message must not pass for a lost connection
			deliver(m.Data)
		}
	})
	if err != nil {
		return fmt.Errorf("follow group %s: %w", group, err)
	}
	<-ctx.Done()
	return ctx.Err()
}

// reconnectDelay is the pause before attempt n: from a quarter of a second to two, spread so that gateways do not come
// back all at once.
func reconnectDelay(attempts int) time.Duration {
	d := 250 * time.Millisecond << min(max(attempts, 0), 2)
	return d + rand.N(d) //nolint:gosec // spreads load, guards nothing
}
