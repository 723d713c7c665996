package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/secret"
)

// Role is what a serving process is.
type Role string

// The roles of keyward serve.
const (
	RoleAll     Role = ""
	RoleControl Role = "control"
	RoleGateway Role = "gateway"
)

// HasControl tells whether the role serves the control plane.
func (r Role) HasControl() bool { return r != RoleGateway }

// HasGateway tells whether the role serves traffic.
func (r Role) HasGateway() bool { return r != RoleControl }

// TLSFiles names a listener's certificate and key; both or none.
type TLSFiles struct{ Cert, Key string }

// IsZero tells that the listener has no TLS.
func (t TLSFiles) IsZero() bool { return t == TLSFiles{} }

// Settings are the parsed settings of keyward serve. What the role does not use is left at zero.
type Settings struct {
	Role           Role
	Data           string
	ControlAddress string
	GatewayAddress string
	OpsAddress     string
	PublicURL      string // without trailing slash; empty = http(s):// and the bound control address
	GatewayURL     string // likewise
	TrustedPeers   []netip.Prefix
	SessionIdle    time.Duration
	SessionLife    time.Duration
	Database       secret.Value // its URL may carry a password
	NATS           secret.Value
	NATSGateway    secret.Value
	NATSAddress    string
	NATSListen     bool // the embedded hub listens
	NATSAdvertise  string
	ControlURL     string
	GatewayToken   secret.Value
	ControlCA      []byte        // PEM
	MaxStale       time.Duration // 0 = unlimited
	SealKey        secret.Value
	AdminToken     secret.Value
	UnaskedLooks   bool // the control plane contacts key managers by itself
	OutboundDeny   []string
	OutboundAllow  []string
	ControlTLS     TLSFiles
	GatewayTLS     TLSFiles
	OpsTLS         TLSFiles
	NATSTLS        TLSFiles
	LogLevel       slog.Level
	Warnings       []string // for the log at start
}

// reader parses values and collects faults by the setting's environment name.
type reader struct {
	places   Places
	faults   []error
	warnings []string
}

// fault names the setting as people wrote it: by its place in the file when it comes from there.
func (r *reader) fault(name, format string, args ...any) {
	if place := r.places[name]; place != "" {
		name = place + " (" + name + ")"
	}
	r.faults = append(r.faults, fmt.Errorf("%s: "+format, append([]any{name}, args...)...))
}

// Parse reads the values that keyward serve uses in its role and reports every fault at once. A setting that the role
// does not use is ignored.
func Parse(v Values) (*Settings, error) { return parse(v, nil) }

// Parse is Parse of the values that names what the file decides by its place there.
func (v *Loaded) Parse() (*Settings, error) { return parse(v.Values, v.Places) }

func parse(v Values, places Places) (*Settings, error) {
	r := &reader{places: places}
	s := &Settings{Role: Role(v.Role), Data: or(v.Data, "./keyward-data")}
	switch s.Role {
	case RoleAll, RoleControl, RoleGateway:
	case "all":
		s.Role = RoleAll
	default:
		r.fault("KEYWARD_ROLE", "%q is not one of control, gateway; leave it out for both", v.Role)
	}
	if v.LogLevel != "" && s.LogLevel.UnmarshalText([]byte(v.LogLevel)) != nil {
		r.fault("KEYWARD_LOG_LEVEL", "%q is not one of debug, info, warn, error", v.LogLevel)
	}
	insecure := r.truth("KEYWARD_INSECURE", v.Insecure)
	s.OpsAddress = r.address("KEYWARD_OPS_ADDRESS", or(v.OpsAddress, "127.0.0.1:8490"))
	s.OpsTLS = r.tls("OPS", v.OpsTLSCert, v.OpsTLSKey)
	s.OutboundDeny, s.OutboundAllow = list(v.OutboundDeny), list(v.OutboundAllow)
	r.networks("KEYWARD_OUTBOUND_DENY", s.OutboundDeny)
	r.networks("KEYWARD_OUTBOUND_ALLOW", s.OutboundAllow)
	for _, p := range list(v.TrustedPeers) {
		if prefix, ok := parsePrefix(p); ok {
			s.TrustedPeers = append(s.TrustedPeers, prefix)
		} else {
			r.fault("KEYWARD_TRUSTED_PEERS", "%q is neither a network such as 10.0.0.0/8 nor an address", p)
		}
	}
	s.GatewayURL = r.url("KEYWARD_GATEWAY_URL", v.GatewayURL)
	if s.Role.HasControl() {
		r.control(s, v, insecure)
	}
	if s.Role.HasGateway() {
		r.gateway(s, v)
	}
	if s.OpsTLS.IsZero() && !loopback(s.OpsAddress) {
		r.warnings = append(r.warnings, "the ops listener is reachable from other machines without TLS")
	}
	s.Warnings = r.warnings
	return s, errors.Join(r.faults...)
}

func (r *reader) control(s *Settings, v Values, insecure bool) {
	s.ControlAddress = r.address("KEYWARD_CONTROL_ADDRESS", or(v.ControlAddress, "127.0.0.1:8480"))
	s.ControlTLS = r.tls("CONTROL", v.ControlTLSCert, v.ControlTLSKey)
	r.guarded("CONTROL", s.ControlAddress, s.ControlTLS, insecure)
	s.PublicURL = r.publicURL("KEYWARD_PUBLIC_URL", v.PublicURL)
	s.SessionIdle = r.duration("KEYWARD_SESSION_IDLE", or(v.SessionIdle, "1h"))
	s.SessionLife = r.duration("KEYWARD_SESSION_LIFETIME", or(v.SessionLifetime, "12h"))
	s.Database = r.secretURL("KEYWARD_DATABASE", v.Database, "postgres", "postgresql")
	s.UnaskedLooks = r.truth("KEYWARD_UNASKED_LOOKS", or(v.UnaskedLooks, "true"))
	s.SealKey = r.sealKey(v)
	if !s.Database.IsZero() && s.SealKey.IsZero() && v.SealKeyFile == "" {
		r.fault("KEYWARD_SEAL_KEY", "is required with PostgreSQL: every control plane must have the same key")
	}
	if v.AdminToken != "" && !carriable(v.AdminToken) {
		r.fault("KEYWARD_ADMIN_TOKEN", "must have 32 or more printable characters, and no space at either end")
	}
	s.AdminToken = secret.New(v.AdminToken)
	s.NATS = r.hubURL("KEYWARD_NATS", v.NATS)
	s.NATSGateway = r.hubURL("KEYWARD_NATS_GATEWAY", v.NATSGateway)
	if !s.NATS.IsZero() {
		return
	}
	s.NATSListen = s.Role == RoleControl || v.NATSAddress != ""
	if s.NATSListen {
		s.NATSAddress = r.address("KEYWARD_NATS_ADDRESS", or(v.NATSAddress, "127.0.0.1:8470"))
		s.NATSAdvertise = v.NATSAdvertise
		s.NATSTLS = r.tls("NATS", v.NATSTLSCert, v.NATSTLSKey)
		r.guarded("NATS", s.NATSAddress, s.NATSTLS, insecure)
	}
}

// carriable tells whether a token is long enough and passes through a header field as it is, which cuts outer spaces.
func carriable(token string) bool {
	return utf8.ValidString(token) && utf8.RuneCountInString(token) >= 32 && strings.TrimSpace(token) == token &&
		!strings.ContainsFunc(token, func(c rune) bool { return !unicode.IsPrint(c) })
}

// guarded refuses a listener that other machines reach in clear text, unless that is wanted.
func (r *reader) guarded(listener, address string, files TLSFiles, insecure bool) {
	if files.IsZero() && !loopback(address) && !insecure {
		r.fault("KEYWARD_"+listener+"_ADDRESS", "%s is not on loopback and has no TLS: set KEYWARD_%s_TLS_CERT and _KEY, "+
			"or KEYWARD_INSECURE=true", address, listener)
	}
}

func (r *reader) gateway(s *Settings, v Values) {
	s.GatewayAddress = r.address("KEYWARD_GATEWAY_ADDRESS", or(v.GatewayAddress, "127.0.0.1:8400"))
	s.GatewayTLS = r.tls("GATEWAY", v.GatewayTLSCert, v.GatewayTLSKey)
	if s.GatewayTLS.IsZero() && !loopback(s.GatewayAddress) {
		r.warnings = append(r.warnings, "the gateway listener is reachable from other machines without TLS")
	}
	r.later("KEYWARD_EXTAUTHZ_ADDRESS", v.ExtauthzAddress)
	r.later("KEYWARD_FORWARDAUTH_ADDRESS", v.ForwardauthAddress)
	if s.Role != RoleGateway {
		return
	}
	s.MaxStale = r.duration("KEYWARD_MAX_STALE", v.MaxStale)
	if s.ControlURL = r.url("KEYWARD_CONTROL_URL", v.ControlURL); v.ControlURL == "" {
		r.fault("KEYWARD_CONTROL_URL", "is required in the gateway role: where the control plane is")
	}
	s.GatewayToken = r.gatewayToken(v.GatewayToken)
	s.ControlCA = r.authority("KEYWARD_CONTROL_CA", v.ControlCA)
}

// later refuses a setting of the contract that this build does not carry out yet.
func (r *reader) later(name, v string) {
	if v != "" {
		r.fault(name, "not_supported: this build does not carry it out yet")
	}
}

// networks judges a list of outbound rules; the rules themselves are made where they are used.
func (r *reader) networks(name string, entries []string) {
	if _, err := outbound.ParseRules(entries, nil); err != nil {
		r.fault(name, "%v", err)
	}
}

func (r *reader) address(name, v string) string {
	host, port, err := net.SplitHostPort(v)
	if err != nil {
		r.fault(name, "%q is not HOST:PORT", v)
		return v
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		r.fault(name, "%q has no port between 0 and 65535", v)
	}
	if strings.ContainsAny(host, " /") {
		r.fault(name, "%q has no valid host", v)
	}
	return v
}

func (r *reader) truth(name, v string) bool {
	if v == "" {
		return false
	}
	b, err := strconv.ParseBool(v)
	if err != nil {
		r.fault(name, "%q is neither true nor false", v)
	}
	return b
}

func (r *reader) duration(name, v string) time.Duration {
	if v == "" || v == "unlimited" {
		return 0
	}
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 {
		r.fault(name, "%q is not a time such as 30s, 5m or 24h", v)
		return 0
	}
	return d
}

func or(v, fallback string) string {
	if v == "" {
		return fallback
	}
	return v
}

func list(v string) []string {
	return strings.FieldsFunc(v, func(c rune) bool { return c == ',' || c == ' ' })
}

func parsePrefix(v string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(v); err == nil {
		return p.Masked(), true
	}
	if a, err := netip.ParseAddr(v); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	return netip.Prefix{}, false
}

// loopback judges HOST:PORT by what it would bind; an empty host binds everything.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return true // already a fault of its own
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
