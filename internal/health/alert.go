package health

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/token"
)

// Alert is something that asks for a person's attention.
type Alert struct {
	Code    string    `json:"code" doc:"Such as keys_replaced; docs/key-managers.md has all of them"`
	About   string    `json:"about" doc:"The address or issuer that it is about"`
	Since   time.Time `json:"since"`
	Message string    `json:"message" doc:"In the server's own words"`
	Fix     string    `json:"fix" doc:"What to do"`
}

// What alerts there are.
const (
	keysFailing  = "keys_failing"
	askFailing   = "introspection_failing"
	keysReplaced = "keys_replaced"
	keysLeftOut  = "keys_left_out"
	metadata     = "metadata_changed"
	tlsEnding    = "tls_ending"
	clockOff     = "clock_off"
)

// alertCodes are all of them.
func alertCodes() []string {
	return []string{keysFailing, askFailing, keysReplaced, keysLeftOut, metadata, tlsEnding, clockOff}
}

const (
	replacedStands  = 24 * time.Hour // how long it is said that all keys were replaced at once
	certificateDays = 21             // fewer that a certificate has left are an alert
	keysBelieved    = 24 * time.Hour // how long gateways believe keys that they cannot read anew
	dateAccuracy    = time.Second    // of a date in an answer
)

// alerts gives those that stand. Each keeps the time at which it began.
func (s *state) alerts(before *state, at time.Time) []Alert {
	var list []Alert
	add := func(a Alert) {
		a.Since = at
		for _, old := range before.Alerts {
			if old.Code == a.Code && old.About == a.About {
				a.Since = old.Since
			}
		}
		list = append(list, a)
	}
	for _, set := range s.Sets {
		for _, a := range set.alerts(at) {
			add(a)
		}
	}
	if s.Asked != nil && s.Asked.Error != "" {
		add(Alert{
			Code: askFailing, About: s.Asked.Endpoint, Message: s.Asked.Error,
			Fix: "correct spec.introspection or the server: until then gateways can judge no opaque token of it. " +
				"keyward keymanager check tries each step",
		})
	}
	if s.Metadata != nil && s.Metadata.Differ != "" {
		add(Alert{
			Code: metadata, About: s.Metadata.Address, Message: s.Metadata.Differ,
			Fix: "if the change is intended, write the new value into the spec, and the metadata is read again; until then gateways " +
				"continue with what is stored",
		})
	}
	for _, server := range s.Servers {
		if a, ok := server.tlsAlert(at); ok {
			add(a)
		}
		if a, ok := server.clockAlert(s.Skew); ok {
			add(a)
		}
	}
	return list
}

// about names a set in alerts.
func (k KeySet) about() string {
	if k.Source != "" {
		return k.Source
	}
	return strings.Join(k.Issuers[:min(1, len(k.Issuers))], "")
}

func (k KeySet) alerts(at time.Time) []Alert {
	var list []Alert
	if k.Error != "" {
		until := "gateways that have none of its keys yet refuse its tokens"
		if k.ReadAt != nil {
			until = "gateways keep the keys that they have, at most until " + k.ReadAt.Add(keysBelieved).UTC().Format(time.RFC3339)
		}
		list = append(list, Alert{
			Code: keysFailing, About: k.about(), Message: k.Error,
			Fix: "correct the server, or spec.keys: " + until,
		})
	}
	if k.ReplacedAt != nil && at.Before(k.ReplacedAt.Add(replacedStands)) {
		list = append(list, Alert{
			Code: keysReplaced, About: k.about(),
			Message: "all keys were replaced at once: a rotation keeps old keys for a while, an address that was taken over does not",
			Fix:     "ask the server's administrators whether they did it. If nobody did, hold the key manager. This is said for 24 hours",
		})
	}
	odd := slices.DeleteFunc(slices.Clone(k.LeftOut), token.OtherUse)
	if k.Error == "" && len(odd) > 0 {
		list = append(list, Alert{
			Code: keysLeftOut, About: k.about(), Message: strings.Join(odd, "; "),
			Fix: "publish RSA keys of 2048 bits and more, or EC or Ed25519 keys, without their private half: tokens signed with the keys " +
				"that are left out are refused",
		})
	}
	return list
}

func (o Server) tlsAlert(at time.Time) (Alert, bool) {
	if o.TLSUntil == nil || daysLeft(*o.TLSUntil, at) >= certificateDays {
		return Alert{}, false
	}
	return Alert{
		Code: tlsEnding, About: o.Address, Message: fmt.Sprintf("the first certificate of its chain expires at %s",
			o.TLSUntil.UTC().Format(time.RFC3339)),
		Fix: "renew the server's certificate: once it has expired, neither gateways nor the control plane reach the server",
	}, true
}

func daysLeft(until, at time.Time) int { return int(until.Sub(at) / (24 * time.Hour)) }

func (o Server) clockAlert(skew time.Duration) (Alert, bool) {
	offset := time.Duration(o.ClockOffsetMillis) * time.Millisecond
	if !o.Dated || offset.Abs() <= skew+dateAccuracy {
		return Alert{}, false
	}
	side := "ahead of"
	if offset < 0 {
		side = "behind"
	}
	return Alert{
		Code: clockOff, About: o.Address,
		Message: fmt.Sprintf("its clock is %d s %s the control plane's, more than %s (tokens.clockSkew)",
			int64(offset.Abs().Round(time.Second).Seconds()), side, skew),
		Fix: "synchronize the clocks by NTP: fresh tokens are refused as not yet valid, or expired ones pass",
	}, true
}

// change is what a look has changed.
type change struct {
	km          *keyward.Object
	before, now *state
}

// tell says which alerts began and which ended.
func (c *change) tell(ctx context.Context, log *slog.Logger) {
	log = log.With("key_manager", c.km.Name, "tenant", c.km.Tenant)
	for _, a := range c.now.Alerts {
		if !a.in(c.before.Alerts) {
			log.WarnContext(ctx, "a key manager needs attention", "alert", a.Code, "about", a.About, "message", a.Message)
		}
	}
	for _, a := range c.before.Alerts {
		if !a.in(c.now.Alerts) {
			log.InfoContext(ctx, "an alert about a key manager has ended", "alert", a.Code, "about", a.About)
		}
	}
}

func (a Alert) in(list []Alert) bool {
	return slices.ContainsFunc(list, func(b Alert) bool { return a.Code == b.Code && a.About == b.About })
}
