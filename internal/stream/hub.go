package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// HubOptions say where the hub is and who may listen to it.
type HubOptions struct {
	// URL is an external NATS, nats:// or tls://, several with commas between, with the credentials that publish.
	// Empty starts the embedded server.
	URL string
	// GatewayURL is what gateways are told of an external NATS, with their read-only credentials. Empty tells them
	// URL without its credentials.
	GatewayURL string
	// Listen is the embedded server's address for gateways of other processes; empty opens no listener.
	Listen string
	// Advertise is host or host:port under which gateways reach Listen; an absent port is that of Listen.
	Advertise string
	// TLS of the embedded server's listener; nil is plain text.
	TLS *tls.Config
	// Authenticate tells which group a gateway may follow, given its id and its credential. It is asked for every
	// connection to the embedded server.
	Authenticate func(user, password string) (group string, ok bool)
	Log          *slog.Logger
}

// Hub is the control plane's side of the event hub.
type Hub struct {
	embedded *embedded // nil with an external NATS
	conn     *nats.Conn
	told     HubAccess
}

// ErrNoHub is returned while the hub cannot be reached.
var ErrNoHub = errors.New("the event hub is out of reach")

// OpenHub starts the embedded server, or begins to connect to the external one: that one need not be there yet, and is
// looked for until Close.
func OpenHub(o HubOptions) (*Hub, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.URL != "" {
		return openExternal(o)
	}
	e, err := startEmbedded(o)
	if err != nil {
		return nil, err
	}
	conn, err := nats.Connect("", append(clientOptions("keyward control", o.Log), nats.InProcessServer(e.server),
		nats.UserInfo(controlUser, e.password))...)
	if err != nil {
		e.stop()
		return nil, fmt.Errorf("connect to the embedded event hub: %w", err)
	}
	return &Hub{embedded: e, conn: conn, told: e.told(o.Advertise)}, nil
}

func openExternal(o HubOptions) (*Hub, error) {
	conn, err := nats.Connect(o.URL, clientOptions("keyward control", o.Log)...)
	if err != nil {
		return nil, fmt.Errorf("connect to the event hub: %w", err)
	}
	told := splitURLs(o.GatewayURL)
	if len(told) == 0 {
		for _, text := range splitURLs(o.URL) {
			u, err := url.Parse(text)
			if err != nil {
				conn.Close()
				return nil, errors.New("the event hub's address is not a URL")
			}
			u.User = nil
			told = append(told, u.String())
		}
	}
	return &Hub{conn: conn, told: HubAccess{URLs: told}}, nil
}

func splitURLs(list string) []string {
	var out []string
	for part := range strings.SplitSeq(list, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// Publish sends one message to a group and waits until the hub has it. It returns ErrNoHub, wrapped, while there is
// no connection.
func (h *Hub) Publish(ctx context.Context, group string, data []byte) error {
	if !h.conn.IsConnected() {
		return ErrNoHub
	}
	if err := h.conn.Publish(Subject(group), data); err != nil {
		return fmt.Errorf("%w: %w", ErrNoHub, err)
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	if err := h.conn.FlushWithContext(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrNoHub, err)
	}
	return nil
}

// Follow delivers a group's messages in order, one call after the other, until ctx ends. It is for a gateway in the
// control plane's own process; others use the Follow of this package.
func (h *Hub) Follow(ctx context.Context, group string, deliver func([]byte)) error {
	sub, err := h.conn.Subscribe(Subject(group), func(m *nats.Msg) {
		if len(m.Data) > 0 {
			deliver(m.Data)
		}
	})
	if err != nil {
		return fmt.Errorf("follow group %s: %w", group, err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	<-ctx.Done()
	return ctx.Err()
}

// Access is what a gateway of the given id is told about the hub.
func (h *Hub) Access(gatewayID string) HubAccess {
	told := HubAccess{URLs: h.told.URLs}
	if h.embedded != nil && len(told.URLs) > 0 {
		told.User = gatewayID
	}
	return told
}

// Cut ends a gateway's connections to the embedded hub and refuses it from now on. On an external NATS, where gateways
// share credentials, that is not possible.
func (h *Hub) Cut(gatewayID string) {
	if h.embedded != nil {
		h.embedded.cut(gatewayID)
	}
}

// Connected tells whether the control plane reaches its hub.
func (h *Hub) Connected() bool { return h.conn.IsConnected() }

// Close ends the connection and stops the embedded server.
func (h *Hub) Close() {
	h.conn.Close()
	if h.embedded != nil {
		h.embedded.stop()
	}
}

const (
	publishTimeout = 2 * time.Second
	serverStart    = 10 * time.Second
	maxPayload     = 1 << 20
)

// clientOptions are those of every connection: it is never given up.
func clientOptions(name string, log *slog.Logger) []nats.Option {
	return []nats.Option{
		nats.Name(name),
		nats.MaxReconnects(-1),
		nats.RetryOnFailedConnect(true),
		nats.IgnoreAuthErrorAbort(),
		nats.CustomReconnectDelay(reconnectDelay),
		nats.Timeout(2 * time.Second),
		nats.PingInterval(2 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.ReconnectBufSize(-1),
		nats.ErrorHandler(onceEach(log)),
	}
}

// onceEach logs an error when it is not the one before: a hub that refuses would otherwise fill the log.
func onceEach(log *slog.Logger) nats.ErrHandler {
	var last atomic.Pointer[string]
	return func(_ *nats.Conn, _ *nats.Subscription, err error) {
		if err == nil {
			return
		}
		text := err.Error()
		if before := last.Swap(&text); before == nil || *before != text {
			log.Warn("the event hub reports a fault", "err", err)
		}
	}
}

var _ server.Authentication = (*embedded)(nil)
