package stream

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"

	"github.com/nats-io/nats-server/v2/server"
)

// controlUser is the name of the control plane's own connection. No gateway has it: their ids are hexadecimal.
const controlUser = "keyward-control"

// embedded is the NATS server inside the control plane's process.
type embedded struct {
	server       *server.Server
	password     string // of controlUser, for this process only
	secure       bool
	authenticate func(user, password string) (string, bool)

	mu      sync.Mutex
	gone    map[string]struct{}            // gateways that were cut; ids are never used again
	clients map[string]map[uint64]struct{} // connections by gateway
}

func startEmbedded(o HubOptions) (*embedded, error) {
	e := &embedded{
		password: rand.Text(), authenticate: o.Authenticate, secure: o.TLS != nil,
		gone: make(map[string]struct{}), clients: make(map[string]map[uint64]struct{}),
	}
	opts := &server.Options{
		ServerName: "keyward", DontListen: true, NoSigs: true, NoLog: true, NoSystemAccount: true,
		MaxPayload: maxPayload, CustomClientAuthentication: e,
	}
	if o.Listen != "" {
		host, port, err := splitAddress(o.Listen)
		if err != nil {
			return nil, err
		}
		opts.DontListen, opts.Host, opts.Port = false, host, port
		opts.TLSConfig, opts.TLSTimeout = o.TLS, 5
		if port == 0 {
			opts.Port = server.RANDOM_PORT
		}
	}
	if err := probe(o.Listen); err != nil {
		return nil, err
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("set up the embedded event hub: %w", err)
	}
	s.SetLoggerV2(natsLog{o.Log}, false, false, false)
	e.server = s
	s.Start()
	if !s.ReadyForConnections(serverStart) {
		e.stop()
		return nil, fmt.Errorf("the embedded event hub cannot listen on %s", o.Listen)
	}
	return e, nil
}

// probe tells at once, and why, when the address cannot be listened on; the server itself only says that it did not
// become ready.
func probe(address string) error {
	if address == "" {
		return nil
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err != nil {
		return fmt.Errorf("the event hub cannot listen: %w", err)
	}
	return l.Close()
}

func splitAddress(address string) (string, int, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("the event hub's address: %w", err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, errors.New("the event hub's address has no port number")
	}
	return host, int(port), nil
}

// told is what gateways are told about the listener.
func (e *embedded) told(advertise string) HubAccess {
	address, ok := e.server.Addr().(*net.TCPAddr)
	if !ok {
		return HubAccess{}
	}
	host, port := advertise, strconv.Itoa(address.Port)
	if h, p, err := net.SplitHostPort(advertise); err == nil {
		host, port = h, p
	}
	if host == "" {
		host = address.IP.String()
	}
	scheme := "nats"
	if e.secure {
		scheme = "tls"
	}
	return HubAccess{URLs: []string{scheme + "://" + net.JoinHostPort(host, port)}}
}

// Check implements server.Authentication: a gateway may listen to its group and publish nothing.
func (e *embedded) Check(c server.ClientAuthentication) bool {
	if c.Kind() != server.CLIENT {
		return false
	}
	user, password := c.GetOpts().Username, c.GetOpts().Password
	if user == controlUser {
		return subtle.ConstantTimeCompare([]byte(password), []byte(e.password)) == 1
	}
	if e.authenticate == nil {
		return false
	}
	group, ok := e.authenticate(user, password)
	if !ok || !e.admit(user, c.GetID()) {
		return false
	}
	c.RegisterUser(&server.User{
		Username: user,
		Permissions: &server.Permissions{
			Publish:   &server.SubjectPermission{Deny: []string{">"}},
			Subscribe: &server.SubjectPermission{Allow: []string{Subject(group)}},
		},
	})
	return true
}

// admit notes the connection, unless the gateway was cut meanwhile.
func (e *embedded) admit(gateway string, client uint64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.gone[gateway]; ok {
		return false
	}
	live := map[uint64]struct{}{client: {}}
	for id := range e.clients[gateway] {
		if e.server.GetClient(id) != nil {
			live[id] = struct{}{}
		}
	}
	e.clients[gateway] = live
	return true
}

func (e *embedded) cut(gateway string) {
	e.mu.Lock()
	e.gone[gateway] = struct{}{}
	clients := e.clients[gateway]
	delete(e.clients, gateway)
	e.mu.Unlock()
	for id := range clients {
		_ = e.server.DisconnectClientByID(id) // fails only when the connection is gone already
	}
}

func (e *embedded) stop() {
	e.server.Shutdown()
	e.server.WaitForShutdown()
}

// natsLog passes what the server has to say to the program's log.
type natsLog struct{ log *slog.Logger }

func (l natsLog) say(level slog.Level, format string, v []any) {
	l.log.Log(context.Background(), level, "the event hub says", "what", fmt.Sprintf(format, v...))
}

// Noticef implements server.Logger.
func (l natsLog) Noticef(format string, v ...any) { l.say(slog.LevelDebug, format, v) }

// Warnf implements server.Logger.
func (l natsLog) Warnf(format string, v ...any) { l.say(slog.LevelWarn, format, v) }

// Fatalf implements server.Logger.
func (l natsLog) Fatalf(format string, v ...any) { l.say(slog.LevelError, format, v) }

// Errorf implements server.Logger.
func (l natsLog) Errorf(format string, v ...any) { l.say(slog.LevelError, format, v) }

// Debugf implements server.Logger.
func (l natsLog) Debugf(format string, v ...any) { l.say(slog.LevelDebug, format, v) }

// Tracef implements server.Logger.
func (l natsLog) Tracef(format string, v ...any) { l.say(slog.LevelDebug, format, v) }
