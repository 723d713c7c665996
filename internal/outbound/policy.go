package outbound

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"keyward.dev/keyward"
)

// Policy is how the servers of one key manager are reached, with what is secret of it. The zero value is no policy. Two
// policies are the same when they are equal.
type Policy struct {
	Proxy, ProxyUser, ProxyPassword string
	CA                              string // PEM; "" = the system's authorities
	Certificate, Key                string // PEM; shown to servers that ask
	Timeout                         time.Duration
	MaxAnswer                       int64 // bytes
}

// PolicyOf reads the policy of a row. Secrets are by path, as in the spec.
func PolicyOf(row *keyward.OutboundRow, secrets map[string]string) Policy {
	if row == nil {
		return Policy{}
	}
	return Policy{
		Proxy: row.Proxy, ProxyUser: row.ProxyUser, ProxyPassword: secrets[keyward.OutboundPassword],
		CA: row.CA, Certificate: row.Certificate, Key: secrets[keyward.OutboundKey],
		Timeout: row.Timeout.Std(), MaxAnswer: row.MaxAnswer,
	}
}

// LogValue keeps the secrets out of logs.
func (p Policy) LogValue() slog.Value { return slog.StringValue(p.String()) }

// String tells nothing but whether there is a policy.
func (p Policy) String() string {
	if p == (Policy{}) {
		return "no outbound policy"
	}
	return "an outbound policy"
}

// GoString hides the secrets from %#v.
func (p Policy) GoString() string { return p.String() }

// Digest tells policies apart, secrets included, and tells nothing of them; "" = no policy.
func (p Policy) Digest() string {
	if p == (Policy{}) {
		return ""
	}
	h := sha256.New()
	for _, part := range []string{
		p.Proxy, p.ProxyUser, p.ProxyPassword, p.CA, p.Certificate, p.Key, p.Timeout.String(), strconv.FormatInt(p.MaxAnswer, 10),
	} {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part) // a hash takes everything
	}
	return hex.EncodeToString(h.Sum(nil))
}

// transport is that of NewClient's clients. It makes those of policies, one for each owner.
type transport struct {
	*http.Transport

	rules  Rules
	policy Policy
	own    *owned
}

// owned are the transports of policies by their owners.
type owned struct {
	mu      sync.Mutex
	byOwner map[string]*transport
}

// maxOwners bounds what is kept: key managers come and go; a transport that is forgotten is made anew.
const maxOwners = 4096

// Under gives a client like the given one, which NewClient made, that keeps to a policy. The owner, a key manager's id,
// has one policy at a time: when it is another than before, the connections made under that are closed as soon as nothing
// is under way on them. An owner "" keeps nothing. A client that keeps to this very policy stays as it is. Errors name what
// is wrong with the policy, and nothing secret.
func Under(client *http.Client, owner string, p Policy) (*http.Client, error) {
	if client == nil {
		client = http.DefaultClient
	}
	base, ok := client.Transport.(*transport)
	switch {
	case ok && owner == "" && base.policy == p, !ok && policyOf(client) == p:
		return client, nil
	case !ok:
		return nil, errors.New("this client can keep to no outbound policy")
	}
	own := *client
	if p.Timeout > 0 {
		own.Timeout = p.Timeout
	}
	if owner == "" {
		made, err := base.under(p)
		own.Transport = made
		return &own, err
	}
	base.own.mu.Lock()
	defer base.own.mu.Unlock()
	before := base.own.byOwner[owner]
	if before != nil && before.policy == p {
		own.Transport = before
		return &own, nil
	}
	if before != nil {
		delete(base.own.byOwner, owner)
		defer before.CloseIdleConnections()
	}
	if p == (Policy{}) {
		return client, nil
	}
	made, err := base.under(p)
	if err != nil {
		return nil, err
	}
	if len(base.own.byOwner) >= maxOwners {
		for _, t := range base.own.byOwner {
			t.CloseIdleConnections()
		}
		clear(base.own.byOwner)
	}
	base.own.byOwner[owner] = made
	own.Transport = made
	return &own, nil
}

// under makes the transport of a policy.
func (t *transport) under(p Policy) (*transport, error) {
	fresh := t.Clone()
	made := &transport{Transport: fresh, rules: t.rules, policy: p, own: &owned{byOwner: map[string]*transport{}}}
	if p.CA != "" {
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM([]byte(p.CA)) {
			return nil, errors.New("outbound.ca holds no certificate")
		}
		fresh.TLSClientConfig.RootCAs = roots
	}
	if p.Certificate != "" {
		pair, err := tls.X509KeyPair([]byte(p.Certificate), []byte(p.Key)) // its error names no part of the key
		if err != nil {
			return nil, fmt.Errorf("outbound.certificate and its key: %w", err)
		}
		fresh.TLSClientConfig.Certificates = []tls.Certificate{pair}
	}
	if p.Proxy != "" {
		at, err := url.Parse(p.Proxy)
		if err != nil || at.Hostname() == "" || at.Scheme != "http" && at.Scheme != "https" {
			return nil, errors.New("outbound.proxy is not an http or https URL")
		}
		through := tunnel{rules: t.rules, proxy: at, user: p.ProxyUser, password: p.ProxyPassword}
		through.trust = &tls.Config{
			ServerName: at.Hostname(), RootCAs: fresh.TLSClientConfig.RootCAs, MinVersion: tls.VersionTLS12,
			NextProtos: []string{"http/1.1"},
		}
		fresh.DialContext = through.dial
	}
	return made, nil
}

// TimeoutOf gives the time that an exchange may take by the client's policy, or else the given one.
func TimeoutOf(client *http.Client, otherwise time.Duration) time.Duration {
	if p := policyOf(client); p.Timeout > 0 {
		return p.Timeout
	}
	return otherwise
}

// LimitOf gives the bytes that an answer may have by the client's policy, or else the given number.
func LimitOf(client *http.Client, otherwise int64) int64 {
	if p := policyOf(client); p.MaxAnswer > 0 {
		return p.MaxAnswer
	}
	return otherwise
}

// DigestOf is the Digest of the client's policy.
func DigestOf(client *http.Client) string { return policyOf(client).Digest() }

// policyOf looks through what watches a transport.
func policyOf(client *http.Client) Policy {
	if client == nil {
		return Policy{}
	}
	next := client.Transport
	for next != nil {
		if t, ok := next.(*transport); ok {
			return t.policy
		}
		watched, ok := next.(interface{ Unwrap() http.RoundTripper })
		if !ok {
			break
		}
		next = watched.Unwrap()
	}
	return Policy{}
}
