package probe

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/probe/remedy"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/token"
	"keyward.dev/keyward/internal/wire"
	"keyward.dev/keyward/internal/wire/witness"
)

// check is one check under way.
type check struct {
	probe   *Probe
	server  connector.Server
	own     ownClient
	bound   bool
	order   Order
	witness *witness.Witness
	base    *http.Client // by the key manager's way; client is the same, watched
	client  *http.Client
	caller  *wire.Caller
	openers *connector.Openers
	conn    connector.Connector // nil: it cannot be opened, as opening says
	opened  error
	blind   bool // discovery failed, and nothing is stored of an earlier one
	keyless bool // the keys of an issuer cannot be read
	knows   bool // the server took the connection's credentials
	asks    bool // the introspection endpoint answers as it should
	every   func(Line)
	lines   []Line
}

func newCheck(of *Check, by *http.Client, every func(Line)) *check {
	c := &check{probe: of.probe, server: of.server, own: of.own, bound: of.bound, order: of.order, every: every, lines: []Line{}}
	c.base = reach(by, of.server.ID, of.server.Way())
	c.client, c.witness = witness.Watch(c.base)
	c.caller = wire.New(c.client)
	c.openers = catalog.New(by, of.probe.resident).Watched(c.witness.Also)
	return c
}

// reach gives the client for a way. One that cannot be gone fails every request, and says why.
func reach(client *http.Client, owner string, way outbound.Policy) *http.Client {
	own, err := outbound.Under(client, owner, way)
	if err != nil {
		return &http.Client{Transport: impassable{err}}
	}
	return own
}

type impassable struct{ why error }

// RoundTrip implements http.RoundTripper.
func (i impassable) RoundTrip(*http.Request) (*http.Response, error) { return nil, i.why }

// say adds a line.
func (c *check) say(l Line) {
	if l.Verdict == Pass || l.Verdict == NotTried {
		l.Fix = ""
	}
	c.lines = append(c.lines, l)
	if c.every != nil {
		c.every(l)
	}
}

// step takes one step and says what it found.
func (c *check) step(ctx context.Context, l Line, do func(ctx context.Context, l *Line)) {
	c.say(timed(ctx, c.atLeast(stepLimit), l, do))
}

// atLeast gives the time that the key manager's outbound policy has for one exchange, where that is more than this.
func (c *check) atLeast(limit time.Duration) time.Duration {
	return max(limit, c.server.Way().Timeout, c.server.ManagementWay().Timeout)
}

// timed takes one step within the limit and notes how long it took.
func timed(ctx context.Context, limit time.Duration, l Line, do func(ctx context.Context, l *Line)) Line {
	began := time.Now()
	l.Verdict = Pass
	if ctx.Err() != nil {
		l.not("the check ran out of time")
		return l
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	do(ctx, &l)
	l.Millis = time.Since(began).Milliseconds()
	return l
}

func (l *Line) not(why string, args ...any) {
	l.Verdict, l.Seen = NotTried, fmt.Sprintf(why, args...)
}

// failed takes a failure's words.
func (l *Line) failed(err error, secrets ...string) {
	l.Verdict, l.Seen = Fail, words(err, secrets...)
}

// words makes a failure fit for people: what the server said, or why there is no answer.
func words(err error, secrets ...string) string {
	text := err.Error()
	if told, ok := errors.AsType[*keyward.Error](err); ok {
		text = told.Message
		for _, f := range told.Fields {
			if !strings.Contains(text, f.Message) {
				text += "; " + f.Path + ": " + f.Message
			}
		}
	} else if f, ok := errors.AsType[*wire.Failure](err); ok && f.Err != nil && !strings.Contains(text, f.Err.Error()) {
		text += ": " + f.Err.Error()
	}
	if errors.Is(err, context.DeadlineExceeded) && !strings.Contains(text, "in time") {
		text = strings.TrimSuffix(text, ": "+context.DeadlineExceeded.Error()) + ": no answer in time"
	}
	return wire.Words(text, secrets...)
}

// afterDiscovery is why a step was not tried that needs what the metadata would have told.
const afterDiscovery = "discovery failed, and what this step needs from it is not declared"

// unopened is why nothing can be asked of the server's own clients.
func (c *check) unopened() string {
	switch {
	case c.opened == nil:
		return "the type does not support this"
	case c.blind:
		return afterDiscovery
	default:
		return "spec.connection cannot be used, as the step " + stepConnection + " says"
	}
}

// asked tells that a failure is of a request, and not of a declaration that leads to none.
func asked(err error) bool {
	_, ok := errors.AsType[*wire.Failure](err)
	return ok
}

// fields say where in the declaration the parts of a request come from that gateways make too.
func (c *check) fields(address, credentials string) remedy.Fields {
	return remedy.Fields{Address: address, Credentials: credentials, Outbound: "spec.outbound"}
}

// management is fields for requests that create and manage clients: those with a Connection's credentials go its way.
func (c *check) management(err error) remedy.Fields {
	f := c.fields(c.managed(err), "")
	var given []string
	for _, path := range slices.Sorted(maps.Keys(c.server.Secrets)) {
		if strings.HasPrefix(path, "connection.") && !strings.HasSuffix(path, secret.NextPath("")) && !secret.IsNote(path) {
			given = append(given, "spec."+path)
		}
	}
	if id, _ := c.server.Spec.Connection["clientId"].(string); id != "" {
		given = append([]string{"spec.connection.clientId"}, given...)
	}
	f.Credentials = strings.Join(given, " and ")
	if c.server.Connection != "" {
		f.Credentials, f.Outbound = "the Connection's spec.connection", "the Connection's spec.outbound"
	}
	return f
}

// managed says where the address of a request about clients comes from.
func (c *check) managed(err error) string {
	if f, ok := errors.AsType[*wire.Failure](err); ok && strings.HasPrefix(f.Op, "get a token") {
		return "spec.endpoints.token"
	}
	if c.server.Connection != "" {
		return "the Connection's address"
	}
	kind, _ := catalog.TypeOf(c.server.Spec.Type)
	var fields []string
	for _, f := range kind.Connection() {
		if _, registers := c.server.Spec.Connection["initialAccessToken"]; f.Type == connector.FieldURL && !registers {
			fields = append(fields, "spec.connection."+f.Name)
		}
	}
	if len(fields) == 0 {
		return "spec.endpoints.registration"
	}
	return strings.Join(fields, " or ")
}

// introspector is fields for questions about tokens.
func (c *check) introspector() remedy.Fields {
	own := c.server.Spec.Introspection
	credentials := "spec." + own.SecretPath()
	if own.ClientID != "" {
		credentials = "spec.introspection.clientId and " + credentials
	}
	return c.fields("spec.endpoints.introspection", credentials)
}

// nobody is the name of a client or token that no server has.
func nobody() string { return "keyward-check-" + strings.ToLower(rand.Text()) }

// state points out what makes every other line moot: that gateways take no token of it.
func (c *check) state(held *keyward.Hold) {
	l := Line{Step: stepState, Verdict: Warn, Expected: "the key manager is enabled and not held"}
	switch {
	case held.Holds(time.Now()):
		l.Seen, l.Fix = "held: gateways accept none of its tokens", "lift the hold: keyward unhold key-manager "+c.server.Name
	case !c.server.Spec.IsEnabled():
		l.Seen, l.Fix = "disabled: gateways accept none of its tokens", "set spec.enabled to true"
	default:
		return
	}
	c.say(l)
}

// discovery reads the server's metadata anew. Where that fails, the check goes continue with what is stored or declared.
func (c *check) discovery(ctx context.Context) {
	spec := c.server.Spec
	l := Line{
		Step: stepDiscovery, Expected: "metadata that names the issuer",
		Fix: "correct the server's metadata, or declare the right values: they take precedence",
	}
	field := "spec.discovery"
	if spec.Discovery == "" {
		field = "spec.issuer"
	}
	c.step(ctx, l, func(ctx context.Context, l *Line) {
		if !keymanager.Discovers(spec) {
			l.not("nothing is discovered: everything is declared")
			return
		}
		found, err := keymanager.Discover(ctx, spec, c.client)
		if err != nil {
			l.failed(err)
			l.Fix = c.fields(field, "").For(err, "correct "+field+": the server's issuer exactly as it writes it, or the address of its "+
				"metadata; if that is right, correct the server's metadata")
			c.blind = c.server.Status.Issuer == ""
			return
		}
		l.Seen = "issuer " + found.Issuer
		if faults := keymanager.IssuerFaults(spec, found); len(faults) > 0 && !c.bound {
			l.Verdict, l.Seen = Fail, l.Seen+"; "+faults[0].Message
			return
		}
		if len(found.Notes) > 0 {
			l.Verdict, l.Seen = Warn, l.Seen+"; "+strings.Join(found.Notes, "; ")
		}
		before := c.server.Status
		if c.bound && (before.Issuer != found.Issuer || before.Endpoints != found.Endpoints || before.JWKS != found.JWKS) {
			l.Verdict, l.Seen = Warn, l.Seen+"; the metadata has changed since it was read: "+changes(before, found)
			l.Fix = "if the change is intended, write the new value into the spec, and the metadata is read again; gateways and this " +
				"check continue with what is stored"
			return
		}
		c.server.Status = found
	})
	c.conn, c.opened = c.openers.Open(c.server)
}

// changes names what differs between two readings of the metadata.
func changes(before, now keyward.KeyManagerStatus) string {
	var list []string
	a, b := before.Endpoints, now.Endpoints
	for _, m := range []struct{ name, before, now string }{
		{"issuer", before.Issuer, now.Issuer}, {"jwks_uri", before.JWKS, now.JWKS}, {"token_endpoint", a.Token, b.Token},
		{"introspection_endpoint", a.Introspection, b.Introspection}, {"revocation_endpoint", a.Revocation, b.Revocation},
		{"registration_endpoint", a.Registration, b.Registration},
		{"authorization_endpoint", a.Authorization, b.Authorization}, {"userinfo_endpoint", a.Userinfo, b.Userinfo},
	} {
		if m.before != m.now {
			list = append(list, fmt.Sprintf("%s was %q and is %q", m.name, m.before, m.now))
		}
	}
	return strings.Join(list, ", ")
}

// row is what gateways would be told of the key manager, as far as it is known.
func (c *check) row() (keyward.KeyManagerRow, *keyward.IntrospectionRow, []keyward.FieldError) {
	object := &keyward.Object{ID: c.server.ID, Tenant: c.server.Tenant, Name: c.server.Name}
	return keymanager.Resolve(object, c.server.Spec, c.server.Status)
}

// settings points out what apply would still want. What keys and introspection lack, their own steps say.
func (c *check) settings() {
	if c.blind {
		return
	}
	_, _, faults := c.row()
	for _, f := range faults {
		if f.Path == "spec.keys" || f.Path == "spec.endpoints.introspection" && !c.introspects() {
			continue
		}
		c.say(Line{
			Step: stepSettings, Verdict: Fail, Expected: "settings that can be saved", Seen: f.Path + " " + f.Message,
			Fix: "correct " + f.Path,
		})
	}
}

// keys reads every issuer's keys as gateways do, all at once.
func (c *check) keys(ctx context.Context) {
	row, _, faults := c.row()
	lines := make([]Line, len(row.Issuers))
	var all sync.WaitGroup
	for i, issuer := range row.Issuers {
		l := Line{
			Step: stepKeys, Expected: "a key that can verify signatures, for " + issuer.Issuer,
		}
		if issuer.Issuer == "" {
			l.Expected = "a key that can verify signatures, for the issuer that discovery would name"
		}
		all.Go(func() {
			lines[i] = timed(ctx, c.atLeast(stepLimit), l, func(ctx context.Context, l *Line) { c.keysOf(ctx, l, issuer, faults) })
		})
	}
	all.Wait()
	for _, l := range lines {
		c.keyless = c.keyless || l.Verdict == Fail
		c.say(l)
	}
}

func (c *check) keysOf(ctx context.Context, l *Line, issuer keyward.IssuerRow, faults []keyward.FieldError) {
	switch {
	case hasKeys(issuer):
	case c.blind:
		l.not(afterDiscovery)
		return
	case slices.ContainsFunc(faults, func(f keyward.FieldError) bool { return f.Path == "spec.keys" }):
		l.Verdict, l.Seen = Fail, "neither spec.keys nor the metadata says where its keys are"
		l.Fix = "set spec.keys.jwks to their address, or give them in spec.keys.pem; or have the server's metadata name its jwks_uri"
		return
	default:
		l.not("its tokens are opaque: no keys are declared")
		return
	}
	keys, notes, err := c.readKeys(ctx, issuer)
	if err != nil {
		l.failed(err)
		l.Seen = strings.Join(append([]string{l.Seen}, notes...), "; ")
		if l.Fix = soundKeys; issuer.JWKS != "" && !errors.Is(err, token.ErrNoKeys) {
			l.Seen = issuer.JWKS + ": " + l.Seen
			l.Fix = c.fields("spec.keys.jwks", "").For(err, "correct spec.keys.jwks, or the jwks_uri in the server's metadata: what "+
				"answers there is not a JWK set (RFC 7517, section 5)")
		}
		return
	}
	seen := []string{fmt.Sprintf("%d usable", len(keys))}
	for _, k := range keys {
		seen = append(seen, strings.TrimSpace(k.Name+" "+k.Alg))
	}
	l.Seen = strings.Join(append(seen, notes...), "; ")
	if slices.ContainsFunc(notes, func(note string) bool { return !token.OtherUse(note) }) {
		l.Verdict, l.Fix = Warn, "tokens signed with the keys that are left out are refused: "+soundKeys
	}
}

const soundKeys = "publish RSA keys of 2048 bits and more, or EC or Ed25519 keys, with use sig and without their private half"

// hasKeys tells whether it is known where an issuer's keys are.
func hasKeys(row keyward.IssuerRow) bool {
	return row.JWKS != "" || len(row.PEM) > 0 || len(row.Inline) > 0
}

// readKeys reads an issuer's keys as gateways do.
func (c *check) readKeys(ctx context.Context, row keyward.IssuerRow) (keys []*token.Key, notes []string, err error) {
	if row.JWKS != "" {
		return token.ReadKeys(ctx, c.client, row.JWKS)
	}
	return token.ParseKeys(row)
}

// audiences points out that a token for anybody is taken.
func (c *check) audiences() {
	l := Line{Step: stepAudiences, Verdict: Pass, Expected: "spec.tokens.audiences names the audiences that tokens must have"}
	if l.Seen = strings.Join(c.server.Spec.Tokens.Audiences, ", "); l.Seen == "" && c.server.Spec.Type != keyward.TypeResident {
		l.Verdict, l.Seen = Warn, "any: a token for another service passes too"
		l.Fix = "list in spec.tokens.audiences, or in audiences of each API, the aud that its tokens have for this gateway"
	} else if l.Seen == "" {
		l.not("any: the resident server's tokens are for this gateway alone")
	}
	c.say(l)
}
