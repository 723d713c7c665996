package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/token"
	"keyward.dev/keyward/internal/wire"
)

const (
	trialCallback = "https://keyward.invalid/callback"
	rightsFix     = "the server's answer says what is missing; docs/connectors.md lists the rights that the type needs"
	lookAgain     = time.Second // between two looks for a client whose making nobody saw the end of
	looks         = 3
	makeLimit     = 15 * time.Second
)

// trial makes a client, has a fresh token judged, if possible one of that client, and deletes the client again. What was
// begun at the server is taken back until the time of until, even when nobody waits any more.
func (c *check) trial(ctx, until context.Context) {
	l := Line{Step: stepRegistration, Expected: "a trial client is created, and deleted again", Fix: rightsFix}
	name := nobody()
	var made *connector.Registered
	l = timed(ctx, c.atLeast(makeLimit), l, func(ctx context.Context, l *Line) { made = c.make(ctx, l, name) })
	if made == nil {
		c.fresh(ctx, connector.TokenRequest{})
	} else {
		c.fresh(ctx, connector.TokenRequest{ClientID: made.ClientID, Secret: made.ClientSecret})
	}
	began := time.Now()
	c.takeBack(until, &l, name, made)
	l.Millis += time.Since(began).Milliseconds()
	c.say(l)
}

// make gives the client that the server made; nil for none, or for one that nobody knows of.
func (c *check) make(ctx context.Context, l *Line, name string) *connector.Registered {
	spec := c.server.Spec
	switch {
	case spec.Type == keyward.TypeResident:
		l.not("clients of the resident key manager are created here")
		return nil
	case !c.creates():
		l.not("its settings allow nobody to create clients")
		return nil
	case !c.order.Register:
		l.not("not requested: it creates a client at the server for a moment")
		return nil
	case c.opened != nil:
		l.not("%s", c.unopened())
		return nil
	}
	err := c.probe.store.Write(ctx, c.order.Actor, func(tx *store.Tx) error {
		return tx.Audit(keyward.AuditEntry{
			Tenant: c.server.Tenant, Action: "checked", Kind: string(keyward.KindKeyManager), Name: c.server.Name,
			Detail: "with a trial client " + name,
		})
	})
	if err != nil {
		c.probe.log.ErrorContext(ctx, "a check's trial client could not be noted in the audit trail", "error", err)
		l.not("skipped, because it could not be recorded in the audit trail")
		return nil
	}
	made, err := c.register(ctx, l, c.registration(name))
	if err != nil && c.blind && !asked(err) {
		l.not(afterDiscovery)
		return nil
	}
	if err != nil {
		l.failed(err, c.secretValues()...)
		l.Fix = c.refused(err)
		f, ok := errors.AsType[*wire.Failure](err)
		if !ok || !f.Uncertain() {
			return nil
		}
		return &connector.Registered{} // it may be there
	}
	return &made
}

// register makes the client as it is asked for, or else with what the type or the server wants of one besides.
func (c *check) register(ctx context.Context, l *Line, ask connector.Registration) (connector.Registered, error) {
	made, err := c.conn.Register(ctx, ask)
	if len(ask.Callbacks) > 0 {
		return made, err
	}
	ask.Callbacks = []string{trialCallback}
	switch f, told := errors.AsType[*wire.Failure](err); {
	case keyward.CodeOf(err) == keyward.CodeInvalidInput:
		// The type wants to know more of a client with this grant (Auth0: its API), and has asked the server nothing.
		ask.Grants = []string{"authorization_code"}
		return c.conn.Register(ctx, ask)
	case told && f.Status == http.StatusBadRequest && strings.Contains(f.Code+f.Description, "redirect_uri"):
		if made, err = c.conn.Register(ctx, ask); err == nil {
			l.Seen = "with a callback, which the server requires of every client (keys generate --callback): "
		}
	}
	return made, err
}

// refused says what to change about a registration that the server did not make.
func (c *check) refused(err error) string {
	by := c.management(err)
	f, told := errors.AsType[*wire.Failure](err)
	switch {
	case !told:
		return "follow the message; or set spec.clients.create to false, and map existing clients"
	case by.Credentials == "" && (f.Status == http.StatusUnauthorized || f.Status == http.StatusForbidden):
		return "the server requires credentials for this: give them in spec.connection; docs/connectors.md says which the type accepts"
	case f.Status == http.StatusBadRequest && f.Code != "invalid_client":
		return "the server does not create clients as requested: its answer says what is missing; docs/connectors.md says what the " +
			"type needs"
	default:
		return by.For(err, rightsFix)
	}
}

// secretValues are those that no text may show.
func (c *check) secretValues() []string {
	var list []string
	for _, v := range c.server.Secrets {
		list = append(list, v)
	}
	return list
}

// registration is a client as a developer would ask for it, with a grant that the server offers.
func (c *check) registration(name string) connector.Registration {
	r := connector.Registration{
		Name: name, ObjectID: name, Tenant: c.server.Tenant, KeyManagerID: c.server.ID, ApplicationID: name,
		Environment: string(c.server.Spec.EnvironmentsOrDefault()[0]),
		Grants:      []string{"client_credentials"}, Fields: map[string]any{},
	}
	offered := c.server.Spec.Clients.GrantTypes
	if len(offered) == 0 {
		offered = c.server.Status.GrantTypes
	}
	if len(offered) > 0 && !slices.Contains(offered, "client_credentials") && slices.Contains(offered, "authorization_code") {
		r.Grants, r.Callbacks = []string{"authorization_code"}, []string{trialCallback}
	}
	return r
}

// takeBack deletes the trial client, and says by name what is left.
func (c *check) takeBack(ctx context.Context, l *Line, name string, made *connector.Registered) {
	switch {
	case made == nil:
		return
	case made.ClientID == "":
		made = c.lookFor(ctx, l, name)
		if made == nil {
			return
		}
	default:
		l.Seen += "client " + made.ClientID + " was made"
	}
	left := "client " + made.ClientID + ", named " + name + ", is left at the server: delete it there"
	switch err := c.conn.Delete(ctx, made.Handle); {
	case errors.Is(err, connector.ErrUnsupported):
		l.Verdict, l.Seen = Warn, l.Seen+"; the server offers no way to delete it"
		l.Fix = left + ". Keys that developers delete stay there too; --no-register leaves this step out"
		return
	case err != nil:
		l.Verdict, l.Seen = Fail, l.Seen+"; "+words(err, made.ClientSecret, made.Handle.AccessToken)
		l.Fix = left
		return
	}
	l.Seen += " and deleted"
	reader, reads := c.conn.(connector.Reader)
	if !reads {
		return
	}
	switch still, err := reader.Read(ctx, made.Handle); {
	case err != nil:
		l.Seen += "; whether it was deleted could not be checked"
	case still != nil:
		l.Verdict, l.Seen, l.Fix = Fail, l.Seen+", and is still there", left
	default:
		l.Seen += ", and is gone"
	}
}

// lookFor looks for a client whose making ended in doubt.
func (c *check) lookFor(ctx context.Context, l *Line, name string) *connector.Registered {
	l.Fix = "the server may have made a client named " + name + ": look for it there and delete it"
	finder, searches := c.conn.(connector.Finder)
	if !searches {
		return nil
	}
	for look := range looks {
		if look > 0 {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(lookAgain):
			}
		}
		found, err := finder.Find(ctx, name)
		if err == nil && found != nil {
			l.Seen += "; client " + found.ClientID + " was there nevertheless"
			l.Fix = rightsFix
			return found
		}
		if err != nil {
			l.Seen += "; " + words(err)
			return nil
		}
	}
	l.Seen += fmt.Sprintf("; the server was searched %d times and has no client of that name", looks)
	return nil
}

// fresh gets a token and has it judged as a gateway would: by the trial client, whose tokens are what developers get,
// or else by a client of the key manager's own.
func (c *check) fresh(ctx context.Context, trial connector.TokenRequest) {
	l := Line{Step: stepFresh, Expected: "gateways accept a fresh token, and introspection calls it active"}
	c.step(ctx, l, func(ctx context.Context, l *Line) {
		value, own, ok := c.obtain(ctx, l, trial)
		if !ok {
			return
		}
		c.judged(ctx, l, value)
		if c.asks {
			c.active(ctx, l, value, own)
		} else if l.Verdict == Pass {
			l.Seen += "; introspection was not asked"
		}
	})
}

// obtain gets a token from the first client that can have one. own tells that it is one of the key manager's own, not the
// trial client.
func (c *check) obtain(ctx context.Context, l *Line, trial connector.TokenRequest) (value string, own, ok bool) {
	granter, ok := c.conn.(connector.Granter)
	if !ok {
		l.not("%s", c.unopened())
		return "", false, false
	}
	requests := append([]connector.TokenRequest{trial}, c.accounts()...)
	if i := c.server.Spec.Introspection; i != nil {
		for _, secret := range c.values("introspection.clientSecret") {
			requests = append(requests, connector.TokenRequest{ClientID: i.ClientID, Secret: secret})
		}
	}
	var why []string
	for _, r := range requests {
		if r.ClientID == "" || r.Secret == "" {
			continue
		}
		got, err := granter.Token(ctx, r)
		if err == nil {
			l.Seen = "client " + r.ClientID + " got a token"
			return got.Value, r.ClientID != trial.ClientID, true
		}
		if errors.Is(err, connector.ErrUnsupported) {
			why = []string{"no token endpoint is known"}
			break
		}
		why = append(why, "client "+r.ClientID+" got no token: "+words(err, r.Secret))
	}
	switch {
	case c.blind && c.server.Spec.Endpoints.Token == "":
		why = []string{afterDiscovery}
	case len(why) == 0:
		why = []string{"no client's credentials are available"}
	}
	l.not("%s", strings.Join(why, "; "))
	return "", false, false
}

// judged says what gateways make of the token.
func (c *check) judged(ctx context.Context, l *Line, value string) {
	if c.probe.judge == nil {
		return
	}
	row, introspection, _ := c.row()
	row.Enabled, row.Use = true, "" // that it is not, the first line says; the token is judged as such
	j, err := c.probe.judge.Judge(ctx, subject(c.server, row, introspection, value))
	if err != nil {
		c.probe.log.WarnContext(ctx, "a check's token could not be judged", "error", err)
		l.Seen += "; whether gateways accept it could not be determined"
		return
	}
	if j.Code == "" {
		l.Seen += ", which gateways accept as client " + j.ClientID
		return
	}
	if j.Code == keyward.CodeKeyManagerUnavailable && c.keyless {
		l.Seen += "; gateways cannot judge it without the keys, of which the step " + stepKeys + " tells"
		return
	}
	failed := j.failure()
	verdict := Fail
	if j.Code == keyward.CodeAudienceMismatch {
		verdict = Warn // the server gives audiences where clients are given their rights
	}
	l.Seen += ", which gateways refuse with " + string(j.Code) + ": " + wire.Words(failed.Seen, value)
	l.worse(verdict, failed.Fix)
}

// worse adds a trouble to those that the step has already: the worst is its verdict, and each has its fix.
func (l *Line) worse(verdict Verdict, fix string) {
	if l.Verdict != Fail {
		l.Verdict = verdict
	}
	l.Fix = strings.TrimPrefix(l.Fix+"; "+fix, "; ")
}

// active asks about the token as gateways do. What a server says of a token of the key manager's own client it need not
// say of others.
func (c *check) active(ctx context.Context, l *Line, value string, own bool) {
	asker := c.server.Spec.Introspection.ClientID
	yes, err := c.ask(ctx, value)
	f, refused := errors.AsType[*wire.Failure](err)
	switch {
	case refused && f.Status == http.StatusBadRequest && token.LooksLikeJWT(value):
		l.Seen += "; the server does not answer about tokens of this form, and gateways do not ask about them: " + words(err)
	case err != nil:
		l.Seen += "; " + words(err, append(c.secretValues(), value)...)
		l.worse(Fail, c.introspector().For(err,
			"correct spec.introspection: the server answers for other tokens"))
	case yes:
		l.Seen += "; active: true"
	default:
		l.Seen += "; the server calls its own fresh token inactive when client " + asker + " asks"
		verdict := Fail
		if own {
			verdict = Warn
			l.Seen += "; tokens of applications' clients may be treated differently, as a trial client would show"
		}
		l.worse(verdict, "let tokens name the client "+asker+" in aud: Keycloak and others answer nobody else (there: an audience mapper "+
			"for that client in a default client scope of the realm)")
	}
}
