package probe

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/rollover"
	"keyward.dev/keyward/internal/token"
	"keyward.dev/keyward/internal/wire"
)

// connection looks for a client that does not exist, which takes the connection's credentials the type's way and
// changes nothing.
func (c *check) connection(ctx context.Context) {
	l := Line{
		Step: stepConnection, Expected: "the server accepts the credentials in spec.connection",
		Fix: "correct spec.connection: the server's answer says what is missing; docs/connectors.md lists the rights that the type needs",
	}
	c.step(ctx, l, func(ctx context.Context, l *Line) {
		finder, searches := c.conn.(connector.Finder)
		switch {
		case c.opened != nil && c.blind:
			l.not(afterDiscovery)
		case c.opened != nil:
			l.failed(c.opened)
			l.Fix = "correct spec.connection"
		case c.server.Spec.Type == keyward.TypeResident:
			l.not("the resident key manager needs none")
		case !c.creates():
			l.not("it makes no clients, so it needs none")
		case !searches && c.blind && c.server.Spec.Endpoints.Registration == "":
			l.not(afterDiscovery)
		case !searches && !c.order.Register:
			l.not("the server cannot be searched, and the registration, which would try them, is left out")
		case !searches && c.management(nil).Credentials == "":
			l.not("there are none: the registration below shows whether the server requires any")
		case !searches:
			l.not("the server cannot be searched: the registration below tries them")
		default:
			switch _, err := finder.Find(ctx, nobody()); {
			case err == nil:
				l.Seen, c.knows = "the server was searched with them", true
			case c.blind && !asked(err):
				l.not(afterDiscovery)
			default:
				l.failed(err, c.secretValues()...)
				l.Fix = c.management(err).For(err, l.Fix)
			}
		}
	})
}

// creates tells whether clients can be made in it at all.
func (c *check) creates() bool {
	kind, _ := catalog.TypeOf(c.server.Spec.Type)
	return kind.Creates && c.server.Spec.MayCreate()
}

// accounts are the connection's client, where the type has one, with each value of its secret. That of a Connection for
// several key managers is not shown to the token endpoint of one.
func (c *check) accounts() []connector.TokenRequest {
	id, _ := c.server.Spec.Connection["clientId"].(string)
	if id == "" || c.server.Connection != "" {
		return nil
	}
	var requests []connector.TokenRequest
	for _, secret := range c.values("connection.clientSecret") {
		requests = append(requests, connector.TokenRequest{ClientID: id, Secret: secret})
	}
	return requests
}

// tokenEndpoint asks for a token with the connection's credentials, or else as a client that does not exist.
func (c *check) tokenEndpoint(ctx context.Context) {
	l := Line{Step: stepTokenEndpoint, Expected: "a token for the client in spec.connection (RFC 6749, section 4.4)"}
	requests := c.accounts()
	own := len(requests) > 0 && requests[0].Secret != ""
	if !own {
		l.Expected = "an unknown client is refused with invalid_client (RFC 6749, section 5.2): no client's secret is in spec.connection"
		requests = []connector.TokenRequest{{ClientID: nobody(), Secret: rand.Text()}}
	}
	c.step(ctx, l, func(ctx context.Context, l *Line) {
		if method := c.server.Text("clientAuthentication"); !own && method != "" && method != connector.BySecret {
			l.not("the client in spec.connection authenticates by %s, which the step %s tries", method, stepConnection)
			return
		}
		granter, ok := c.conn.(connector.Granter)
		if !ok {
			l.not("%s", c.unopened())
			return
		}
		ask, err := granted(ctx, granter, requests)
		f, refused := errors.AsType[*wire.Failure](err)
		wordless := refused && slices.Contains([]int{401, 403}, f.Status) && f.Code == ""
		refused = refused && slices.Contains([]int{400, 401, 403}, f.Status) && f.Code != ""
		at := c.fields("spec.endpoints.token", "")
		switch {
		case errors.Is(err, connector.ErrUnsupported) && c.blind:
			l.not(afterDiscovery)
		case errors.Is(err, connector.ErrUnsupported):
			l.not("no token endpoint is known: spec.endpoints.token says where it is")
		case own && err == nil:
			l.Seen = "client " + ask.ClientID + " got a token"
		case own && refused && f.Code != "invalid_client" && (c.knows || f.Code == "invalid_scope"):
			l.Seen = "client " + ask.ClientID + " is known there, and gets no token for so plain a request: " + words(err, ask.Secret)
		case own:
			l.failed(err, ask.Secret)
			l.Fix = at.For(err, "correct spec.connection.clientId and clientSecret, or let the client use client_credentials at the server")
		case err == nil:
			l.Verdict, l.Seen = Fail, "a client that does not exist got a token"
			l.Fix = "this server gives tokens to anybody: do not trust it"
		case refused:
			l.Seen = "a client that does not exist was refused, as it should be: " + words(err)
		case wordless:
			l.Verdict, l.Seen = Warn, "a client that does not exist was refused without an error code: "+words(err)
			l.Fix = "nothing where the step " + stepFresh + " passes, as some servers refuse so (glewlwyd); else see what stands before " +
				"the server"
		default:
			l.failed(err)
			l.Fix = at.For(err, "correct spec.endpoints.token, or what stands in front of the server")
		}
	})
}

// granted makes the requests one after the other until one is not refused as a client, and gives that, or the last.
func granted(ctx context.Context, granter connector.Granter, requests []connector.TokenRequest) (connector.TokenRequest, error) {
	for i, ask := range requests {
		_, err := granter.Token(ctx, ask)
		if f, failed := errors.AsType[*wire.Failure](err); i == len(requests)-1 || !failed || !refusal(f) {
			return ask, err
		}
	}
	return connector.TokenRequest{}, nil
}

// introspection asks about a token that never was.
func (c *check) introspection(ctx context.Context) {
	l := Line{
		Step: stepIntrospection, Expected: "active: false for a token that does not exist (RFC 7662, section 2.2)",
		Fix: "correct spec.introspection and spec.endpoints.introspection: gateways ask with these credentials",
	}
	c.step(ctx, l, func(ctx context.Context, l *Line) {
		switch {
		case c.server.Spec.Introspection == nil:
			l.not("gateways have no credentials for it: opaque tokens are refused")
			return
		case !c.introspects() && c.blind:
			l.not(afterDiscovery)
			return
		case !c.introspects():
			l.Verdict, l.Seen = Fail, "neither spec.endpoints.introspection nor the metadata says where to ask"
			l.Fix = "set spec.endpoints.introspection, or leave spec.introspection out"
			return
		}
		active, err := c.ask(ctx, nobody())
		switch {
		case err != nil:
			l.failed(err, c.secretValues()...)
			l.Fix = c.introspector().For(err, l.Fix)
		case active:
			l.Verdict, l.Seen = Fail, "active: true: the server accepts anything as a token"
			l.Fix = "do not ask this server about tokens: correct spec.endpoints.introspection, or the server"
		default:
			l.Seen, c.asks = "active: false", true
		}
	})
}

func (c *check) introspects() bool {
	return c.server.Spec.Introspection != nil && c.introspectionEndpoint() != ""
}

func (c *check) introspectionEndpoint() string {
	return c.server.Endpoint(func(e keyward.Endpoints) string { return e.Introspection })
}

// ask is a gateway's question, with the secret that the server takes, and with the server's own words when it fails.
func (c *check) ask(ctx context.Context, value string) (bool, error) {
	active, _, err := c.asked(ctx, value)
	return active, err
}

// asked tells beside how long the question took, without what got its credentials.
func (c *check) asked(ctx context.Context, value string) (active bool, took time.Duration, err error) {
	c.probe.known.Try(ctx, c.server.At(c.server.Spec.Introspection.SecretPath()), func(secret string) rollover.Outcome {
		var k wire.Call
		var caller *wire.Caller
		if k, caller, err = c.question(ctx, secret, value); err == nil {
			began := time.Now()
			active, err = answered(ctx, caller, k)
			took = time.Since(began)
		}
		switch f, failed := errors.AsType[*wire.Failure](err); {
		case err == nil:
			return rollover.Taken
		case failed && refusal(f):
			return rollover.Refused
		default:
			return rollover.Unknown
		}
	})
	return active, took, err
}

// question is one about a token, with a secret, and who sends it.
func (c *check) question(ctx context.Context, secret, value string) (wire.Call, *wire.Caller, error) {
	k := wire.Call{
		Op: "ask about a token", Method: http.MethodPost, URL: c.introspectionEndpoint(), Secrets: []string{value},
		Form: url.Values{"token": {value}, "token_type_hint": {"access_token"}},
	}
	caller, err := c.authenticate(ctx, secret, &k)
	return k, caller, err
}

// answered puts a question and tells whether the token is active, by what gateways take for an answer.
func answered(ctx context.Context, caller *wire.Caller, k wire.Call) (bool, error) {
	a, err := caller.Do(ctx, k)
	if err != nil {
		return false, err
	}
	f := k.Failure(a)
	if a.Status != http.StatusOK {
		return false, f
	}
	said, err := token.ReadAnswer(a.Header.Get("Content-Type"), a.Body)
	if err != nil {
		f.Description = "its answer " + err.Error()
		return false, f
	}
	return said.Active, nil
}

// authenticate adds to a question what the introspection's method asks for, and gives who sends it.
func (c *check) authenticate(ctx context.Context, secret string, k *wire.Call) (*wire.Caller, error) {
	own := c.server.Spec.Introspection
	k.Secrets = append(k.Secrets, secret)
	switch own.MethodOrDefault() {
	case keyward.IntrospectPost:
		k.Form.Set("client_id", own.ClientID)
		k.Form.Set("client_secret", secret)
	case keyward.IntrospectJWT:
		row, _, _ := c.row()
		key, err := token.ParseAssertionKey(secret)
		if err != nil {
			return nil, fmt.Errorf("the introspection key: %w", err)
		}
		assertion, err := key.Sign(own.ClientID, row.Issuers[0].Issuer, time.Now())
		if err != nil {
			return nil, err
		}
		k.Secrets = append(k.Secrets, assertion)
		k.Form.Set("client_id", own.ClientID)
		k.Form.Set("client_assertion_type", token.AssertionType)
		k.Form.Set("client_assertion", assertion)
	case keyward.IntrospectTLS:
		pair, err := outbound.ClientCertificate(own.Certificate, secret)
		if err != nil {
			return nil, fmt.Errorf("the introspection certificate: %w", err)
		}
		showing, err := outbound.WithCertificate(c.base, pair)
		if err != nil {
			return nil, err
		}
		k.Form.Set("client_id", own.ClientID)
		return wire.New(showing), nil
	case keyward.IntrospectBearer:
		k.Bearer = secret
		if own.ClientID == "" {
			return c.caller, nil
		}
		_, introspection, _ := c.row()
		params := url.Values{}
		if own.Scope != "" {
			params.Set("scope", own.Scope)
		}
		got, err := c.caller.Grant(ctx, wire.Grant{
			Endpoint: introspection.TokenEndpoint, Methods: []string{"client_secret_basic"}, Params: params,
			ClientID: own.ClientID, Secret: secret,
		})
		if err != nil {
			return nil, err
		}
		k.Bearer = got.Value
	default:
		k.User, k.Password = own.ClientID, secret
	}
	return c.caller, nil
}
