package probe

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/wire"
)

// values are those of a secret that there are, the current one first.
func (c *check) values(path string) []string {
	list := []string{c.server.Secrets[path]}
	if next := c.server.Secrets[secret.NextPath(path)]; next != "" {
		list = append(list, next)
	}
	return list
}

// refusal tells that a server did not take a credential: as a token endpoint says so (RFC 6749, section 5.2), or by ending
// the TLS handshake.
func refusal(f *wire.Failure) bool {
	return f.Status == http.StatusUnauthorized || f.Status == http.StatusBadRequest && f.Code == "invalid_client" ||
		f.Status == 0 && f.Err != nil && strings.Contains(f.Err.Error(), "remote error: tls")
}

// secrets tries both values of each secret that has two, one by one, and says which of them the server takes.
func (c *check) secrets(ctx context.Context) {
	for _, path := range slices.Sorted(maps.Keys(c.server.Secrets)) {
		if len(c.values(path)) < 2 {
			continue
		}
		c.step(ctx, Line{Step: stepSecret, Expected: "the server accepts both values"},
			func(ctx context.Context, l *Line) { c.both(ctx, l, path) })
	}
}

// Why one value cannot be tried.
var (
	errNoWay = errors.New("it cannot be tried on its own")
	errBlind = errors.New(afterDiscovery)
)

// both tries the two values of a secret, and says of each what the server did, beside the secret's name.
func (c *check) both(ctx context.Context, l *Line, path string) {
	var taken [2]bool
	var seen [2]string
	for i, value := range c.values(path) {
		err := c.alone(ctx, path, value)
		switch f, failed := errors.AsType[*wire.Failure](err); {
		case errors.Is(err, errNoWay):
			c.registered(l, path)
			return
		case errors.Is(err, errBlind):
			l.not("spec.%s: %s", path, afterDiscovery)
			return
		case err != nil && (!failed || !refusal(f) && (f.Status < 400 || f.Status == http.StatusNotFound || f.Status >= 429)):
			// Something else than the secret is in the way, and says nothing about it.
			l.not("spec.%s could not be tried: %s", path, words(err, c.secretValues()...))
			return
		case err != nil:
			seen[i] = words(err, c.secretValues()...)
		default:
			taken[i], seen[i] = true, "taken"
		}
	}
	l.Seen = "spec." + path + ": current: " + seen[0] + "; next: " + seen[1]
	switch {
	case taken[0] && taken[1]:
	case taken[1]:
		l.Verdict, l.Fix = Warn, nextInUse
	case taken[0]:
		l.Verdict, l.Fix = Warn, "have the server accept the next value before it refuses the current one, or correct or drop it"
	default:
		l.Verdict, l.Fix = Fail, "give a value of spec."+path+" that the server accepts, alone or as next"
	}
}

const nextInUse = "the next secret is in use: put it in the current one's place, with {stored: next} for the whole secret"

// alone makes a harmless call with one value of a secret.
func (c *check) alone(ctx context.Context, path, value string) error {
	one := *c
	one.server.Secrets = maps.Clone(c.server.Secrets)
	one.server.Secrets[path] = value
	delete(one.server.Secrets, secret.NextPath(path))
	if strings.HasPrefix(path, "signIn.") {
		if keymanager.SignInEndpoints(c.server.Spec, c.server.Status).Token == "" {
			return errBlind
		}
		_, err := one.redeem(ctx)
		return err
	}
	if strings.HasPrefix(path, "introspection.") {
		if !c.introspects() && c.blind {
			return errBlind
		}
		if !c.introspects() {
			return errNoWay
		}
		_, err := one.ask(ctx, nobody())
		return err
	}
	conn, err := c.openers.Open(one.server)
	if err != nil && c.blind {
		return errBlind
	}
	if err != nil {
		return err
	}
	finder, searches := conn.(connector.Finder)
	if !searches {
		return errNoWay
	}
	if _, err = finder.Find(ctx, nobody()); err != nil && c.blind && !asked(err) {
		return errBlind
	}
	return err
}

// registered says what the trial registration has shown of a secret that nothing else uses.
func (c *check) registered(l *Line, path string) {
	if c.openers.TakesNext(c.server.Credential(strings.TrimPrefix(path, "connection."))) {
		l.Verdict, l.Fix = Warn, nextInUse
		l.Seen = "spec." + path + ": the registration above was refused with the current one, and not with the next one"
		return
	}
	l.not("spec.%s: only a registration uses it, and tries the next value when the current one is refused", path)
}
