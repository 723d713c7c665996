// Package config owns the settings: where they come from (file, environment, flags), their defaults, and every fault
// in them at once. It does not own what is done with them; that is the daemon's and the commands'.
package config

import (
	"fmt"
	"reflect"
	"strings"
)

// Values are the settings as people write them, all text. The env tag is the one source of their names: KEYWARD_X_Y is
// xY in the file and --x-y as a flag.
//
//nolint:lll // one line per setting reads as the table it is
type Values struct {
	Data               string `env:"KEYWARD_DATA" name:"data" placeholder:"DIR" hidden:"" help:"data folder (./keyward-data)"`
	ControlAddress     string `env:"KEYWARD_CONTROL_ADDRESS" name:"control-address" placeholder:"ADDR" hidden:"" help:"console, REST API, resident key manager, gateway sync (127.0.0.1:8480)"`
	GatewayAddress     string `env:"KEYWARD_GATEWAY_ADDRESS" name:"gateway-address" placeholder:"ADDR" hidden:"" help:"proxied traffic (127.0.0.1:8400)"`
	OpsAddress         string `env:"KEYWARD_OPS_ADDRESS" name:"ops-address" placeholder:"ADDR" hidden:"" help:"/healthz /readyz /metrics (127.0.0.1:8490)"`
	PublicURL          string `env:"KEYWARD_PUBLIC_URL" name:"public-url" placeholder:"URL" hidden:"" help:"how others reach the control plane"`
	GatewayURL         string `env:"KEYWARD_GATEWAY_URL" name:"gateway-url" placeholder:"URL" hidden:"" help:"how callers reach the gateway"`
	TrustedPeers       string `env:"KEYWARD_TRUSTED_PEERS" name:"trusted-peers" placeholder:"NETS" hidden:"" help:"networks whose Forwarded headers are believed"`
	ExtauthzAddress    string `env:"KEYWARD_EXTAUTHZ_ADDRESS" name:"extauthz-address" placeholder:"ADDR" hidden:"" help:"Envoy ext_authz (off)"`
	ForwardauthAddress string `env:"KEYWARD_FORWARDAUTH_ADDRESS" name:"forwardauth-address" placeholder:"ADDR" hidden:"" help:"forward-auth (off)"`
	SessionIdle        string `env:"KEYWARD_SESSION_IDLE" name:"session-idle" placeholder:"TIME" hidden:"" help:"people are signed out after this time without a request (1h)"`
	SessionLifetime    string `env:"KEYWARD_SESSION_LIFETIME" name:"session-lifetime" placeholder:"TIME" hidden:"" help:"people sign in again after this time (12h)"`
	Database           string `env:"KEYWARD_DATABASE" name:"database" placeholder:"URL" hidden:"" help:"postgres://… (SQLite in the data folder)"`
	NATS               string `env:"KEYWARD_NATS" name:"nats" placeholder:"URL" hidden:"" help:"nats://… of an external hub (embedded)"`
	NATSGateway        string `env:"KEYWARD_NATS_GATEWAY" name:"nats-gateway" placeholder:"URL" hidden:"" help:"the external hub with the gateways' read-only credentials"`
	NATSAddress        string `env:"KEYWARD_NATS_ADDRESS" name:"nats-address" placeholder:"ADDR" hidden:"" help:"where the embedded hub listens for gateways (127.0.0.1:8470)"`
	NATSAdvertise      string `env:"KEYWARD_NATS_ADVERTISE" name:"nats-advertise" placeholder:"HOST" hidden:"" help:"what gateways are told of the embedded hub"`
	ControlURL         string `env:"KEYWARD_CONTROL_URL" name:"control-url" placeholder:"URL" hidden:"" help:"gateway role: the control plane"`
	GatewayToken       string `env:"KEYWARD_GATEWAY_TOKEN" name:"gateway-token" placeholder:"TOKEN" hidden:"" help:"gateway role: the credential for it"`
	ControlCA          string `env:"KEYWARD_CONTROL_CA" name:"control-ca" placeholder:"FILE" hidden:"" help:"gateway role: its certificate authority"`
	MaxStale           string `env:"KEYWARD_MAX_STALE" name:"max-stale" placeholder:"TIME" hidden:"" help:"gateway role: serve no longer than this without a heartbeat (unlimited)"`
	SealKey            string `env:"KEYWARD_SEAL_KEY" name:"seal-key" placeholder:"KEY" hidden:"" help:"encrypts secrets at rest (generated with SQLite)"`
	SealKeyFile        string `env:"KEYWARD_SEAL_KEY_FILE" name:"seal-key-file" placeholder:"FILE" hidden:"" help:"file that holds the seal key"`
	AdminToken         string `env:"KEYWARD_ADMIN_TOKEN" name:"admin-token" placeholder:"TOKEN" hidden:"" help:"API token of the first administrator (generated)"`
	OutboundDeny       string `env:"KEYWARD_OUTBOUND_DENY" name:"outbound-deny" placeholder:"NETS" hidden:"" help:"loopback, private and CIDRs that entered addresses may not reach"`
	OutboundAllow      string `env:"KEYWARD_OUTBOUND_ALLOW" name:"outbound-allow" placeholder:"NETS" hidden:"" help:"the only networks that entered addresses may reach"`
	ControlTLSCert     string `env:"KEYWARD_CONTROL_TLS_CERT" name:"control-tls-cert" placeholder:"FILE" hidden:"" help:"certificate of the control listener"`
	ControlTLSKey      string `env:"KEYWARD_CONTROL_TLS_KEY" name:"control-tls-key" placeholder:"FILE" hidden:"" help:"its key"`
	GatewayTLSCert     string `env:"KEYWARD_GATEWAY_TLS_CERT" name:"gateway-tls-cert" placeholder:"FILE" hidden:"" help:"certificate of the gateway listener"`
	GatewayTLSKey      string `env:"KEYWARD_GATEWAY_TLS_KEY" name:"gateway-tls-key" placeholder:"FILE" hidden:"" help:"its key"`
	OpsTLSCert         string `env:"KEYWARD_OPS_TLS_CERT" name:"ops-tls-cert" placeholder:"FILE" hidden:"" help:"certificate of the ops listener"`
	OpsTLSKey          string `env:"KEYWARD_OPS_TLS_KEY" name:"ops-tls-key" placeholder:"FILE" hidden:"" help:"its key"`
	NATSTLSCert        string `env:"KEYWARD_NATS_TLS_CERT" name:"nats-tls-cert" placeholder:"FILE" hidden:"" help:"certificate of the embedded hub"`
	NATSTLSKey         string `env:"KEYWARD_NATS_TLS_KEY" name:"nats-tls-key" placeholder:"FILE" hidden:"" help:"its key"`
	UnaskedLooks       string `env:"KEYWARD_UNASKED_LOOKS" name:"unasked-looks" placeholder:"false" hidden:"" help:"look at key managers' servers without being asked: health every minute, clients every six hours (true)"`
	Insecure           string `env:"KEYWARD_INSECURE" name:"insecure" placeholder:"true" hidden:"" help:"let control and hub listen beyond loopback without TLS"`
	LogLevel           string `env:"KEYWARD_LOG_LEVEL" name:"log-level" placeholder:"LEVEL" hidden:"" help:"debug, info, warn or error (info)"`
	Role               string `env:"KEYWARD_ROLE" name:"role" placeholder:"ROLE" hidden:"" help:"control or gateway (both in one process)"`
	Server             string `env:"KEYWARD_SERVER" name:"server" placeholder:"URL" help:"commands: the control plane to talk to"`
	Token              string `env:"KEYWARD_TOKEN" name:"token" placeholder:"TOKEN" help:"commands: the API token to show it"`
}

// Describe lists every setting for people: its variable, its flag and what it means.
func Describe() string {
	var b strings.Builder
	b.WriteString("Settings come from --config (KEYWARD_X_Y is xY in it), the environment and flags, the later over the earlier.\n")
	t := reflect.TypeFor[Values]()
	for _, f := range fields() {
		fmt.Fprintf(&b, "\n--%s, %s\n    %s", f.flag, f.env, t.Field(f.index).Tag.Get("help"))
	}
	return b.String()
}

// field is one setting's names and place in Values.
type field struct {
	env, flag, key string
	index          int
}

// fields lists every setting in the order of Values.
func fields() []field {
	t := reflect.TypeFor[Values]()
	out := make([]field, t.NumField())
	for i := range out {
		tag := t.Field(i).Tag
		out[i] = field{env: tag.Get("env"), flag: tag.Get("name"), key: fileKey(tag.Get("env")), index: i}
	}
	return out
}

// fileKey turns KEYWARD_X_Y into xY.
func fileKey(env string) string {
	words := strings.Split(strings.ToLower(strings.TrimPrefix(env, "KEYWARD_")), "_")
	for i := 1; i < len(words); i++ {
		words[i] = strings.ToUpper(words[i][:1]) + words[i][1:]
	}
	return strings.Join(words, "")
}

func (v *Values) get(f field) string    { return reflect.ValueOf(v).Elem().Field(f.index).String() }
func (v *Values) set(f field, s string) { reflect.ValueOf(v).Elem().Field(f.index).SetString(s) }
