package probe

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/wire"
	"keyward.dev/keyward/internal/wire/witness"
)

const certificateDays = 21 // fewer are worth a warning

// transport judges what was seen of connections and clocks: a line for each server address.
func (c *check) transport() {
	seen := c.witness.Origins()
	for _, o := range seen {
		c.say(c.tlsLine(o))
	}
	if len(seen) == 0 {
		c.say(Line{Step: stepTLS, Verdict: NotTried, Expected: tlsExpected(), Seen: "no connection was needed"})
	}
	c.clocks(seen)
}

func tlsExpected() string {
	return fmt.Sprintf("https with a certificate that this machine trusts, for %d days and more", certificateDays)
}

func (c *check) tlsLine(o witness.Origin) Line {
	l := Line{Step: stepTLS, Verdict: Pass, Expected: tlsExpected()}
	left := daysUntil(o.Ends())
	switch {
	case !o.Secure && loopback(o.Name):
		l.Seen = o.Name + ": no TLS, and on this machine"
		if !o.Reached {
			l.not("%s", unreached(o))
		}
	case !o.Secure:
		l.Verdict, l.Seen = Warn, o.Name+": no TLS"
		l.Fix = "reach the server by https: tokens, keys and secrets pass over this connection"
	case o.Fault != nil:
		l.Verdict, l.Fix = Fail, cmp.Or(c.fields("", "").TLS(o.Fault), "correct the TLS of the server, or of what stands in front of it")
		l.Seen = o.Name + ": " + wire.Words(outbound.Untrusted(o.Name, o.Fault).Error())
		if len(o.Chain) > 0 {
			l.Seen += "; " + chainText(o.Chain)
		}
	case !o.Reached:
		l.not("%s", unreached(o))
	default:
		l.Seen = fmt.Sprintf("%s: %s, %d days left; %s", o.Name, tls.VersionName(o.Version), left, chainText(o.Chain))
		if left < certificateDays {
			l.Verdict, l.Fix = Warn, "renew the server's certificate"
		}
	}
	return l
}

// unreached says why nothing was seen of a connection.
func unreached(o witness.Origin) string {
	if _, ok := errors.AsType[*outbound.ProxyError](o.Err); ok {
		return o.Name + ": no connection: the proxy refused it"
	}
	return o.Name + ": no connection got an answer"
}

// chainText names each certificate with its end, the server's first.
func chainText(chain []*x509.Certificate) string {
	texts := make([]string, len(chain))
	for i, c := range chain {
		name := c.Subject.CommonName
		if name == "" && len(c.DNSNames) > 0 {
			name = c.DNSNames[0]
		}
		if name == "" {
			name = c.Subject.String()
		}
		if name == "" {
			name = "a certificate without a name"
		}
		texts[i] = fmt.Sprintf("%s until %s", name, c.NotAfter.UTC().Format(time.DateOnly))
	}
	return wire.Words(strings.Join(texts, " ← "))
}

func daysUntil(t time.Time) int { return int(time.Until(t) / (24 * time.Hour)) }

func loopback(address string) bool {
	_, host, _ := strings.Cut(address, "://")
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// clocks compares each server's clock with this machine's.
func (c *check) clocks(seen []witness.Origin) {
	skew := c.server.Spec.Tokens.SkewOrDefault()
	expected := fmt.Sprintf("within %s (tokens.clockSkew) of this machine's clock", skew)
	dated := false
	for _, o := range seen {
		if !o.Dated {
			continue
		}
		dated = true
		l := Line{Step: stepClock, Verdict: Pass, Expected: expected}
		l.Seen = fmt.Sprintf("%s: %+d s", o.Name, int(o.Offset.Round(time.Second).Seconds()))
		if o.Offset.Abs() > skew+time.Second { // the date has whole seconds
			l.Verdict = Warn
			l.Fix = "one of the two clocks is wrong: synchronize both by NTP. Fresh tokens are refused as not yet valid, or expired ones " +
				"pass; tokens.clockSkew allows for small differences"
		}
		c.say(l)
	}
	if !dated {
		c.say(Line{Step: stepClock, Verdict: NotTried, Expected: expected, Seen: "no answer had a Date header"})
	}
}
