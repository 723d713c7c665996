// Package table owns how the health of key managers looks as a table on a terminal. It does not own what is known, nor how a
// table is printed.
package table

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/health"
)

// Of gives the rows of several key managers, a line each below a heading.
func Of(list []health.Summary, now time.Time) [][]string {
	rows := [][]string{{
		"NAME", "STATE", "LOOKED AT", "KEYS", "NEWEST KEY", "ROTATION", "KEYS IN", "INTROSPECTION IN", "TLS", "CLOCK",
		"CALLS IN 24H", "REFUSED", "ALERTS",
	}}
	for _, h := range list {
		attention := strings.Join(h.Alerts, ", ")
		if h.Hold != nil {
			attention = strings.TrimSuffix(ofHold(h.Hold, now)+"; "+attention, "; ")
		}
		rows = append(rows, []string{
			h.KeyManager, stateOf(h), ago(h.LookedAt, now), number(h.Keys), ago(h.NewestKey, now), ago(h.LastRotation, now),
			millis(h.KeysMillis), millis(h.IntrospectionMillis), days(h.TLSDays), offset(h.ClockOffsetMillis),
			calls(h.Calls, false), calls(h.Calls, true), attention,
		})
	}
	return rows
}

// calls is how many there were, or how many of them were refused; nothing for who may not know it.
func calls(c *health.Calls, refused bool) string {
	switch {
	case c == nil:
		return ""
	case refused:
		return strconv.FormatInt(c.Refused, 10)
	default:
		return strconv.FormatInt(c.Passed+c.Refused, 10)
	}
}

// OfHistory gives the rows of what was measured over time.
func OfHistory(samples []health.Sample) [][]string {
	rows := [][]string{{"AT", "OVER", "LOOKS", "FAILURES", "KEYS IN", "INTROSPECTION IN", "TLS", "CLOCK", "ERROR"}}
	for _, m := range samples {
		over := "one look"
		switch {
		case m.Hour:
			over = "1h"
		case m.Looks > 1:
			over = "10s"
		}
		rows = append(rows, []string{
			m.At.Format(time.RFC3339), over, strconv.Itoa(m.Looks), strconv.Itoa(m.Failures), latency(m.Keys), latency(m.Introspection),
			days(m.TLSDays), offset(m.ClockOffsetMillis), m.Error,
		})
	}
	return rows
}

// OfOne gives the rows of everything that is known of one key manager.
func OfOne(h health.Health, now time.Time) [][]string {
	rows := [][]string{{"WHAT", "ABOUT", "SEEN"}}
	if h.Hold != nil {
		rows = append(rows, []string{"hold", h.KeyManager, ofHold(h.Hold, now)},
			[]string{"", "", "gateways accept none of its tokens; to lift the hold: keyward unhold key-manager " + h.KeyManager})
	}
	rows = append(rows, []string{"state", h.KeyManager, string(h.State) + lasting(h.Since, now)})
	looked := "nobody has looked yet"
	if h.LookedAt != nil {
		looked = "looked at " + ago(h.LookedAt, now)
	}
	if h.NextLook != nil {
		looked += ", next " + until(*h.NextLook, now)
	}
	rows = append(rows, []string{"", "", looked})
	if h.Failures > 0 {
		good := "none has succeeded yet"
		if h.LastSuccess != nil {
			good = "the last good one " + ago(h.LastSuccess, now)
		}
		rows = append(rows, []string{"", "", fmt.Sprintf("failed looks in a row: %d; %s", h.Failures, good)})
	}
	for _, a := range h.Attention {
		rows = append(rows, []string{"alert", a.Code, a.Message}, []string{"", "", a.About + lasting(&a.Since, now)},
			[]string{"", "", "to change: " + a.Fix})
	}
	for _, k := range h.KeySets {
		rows = append(rows, ofKeySet(k, now)...)
	}
	if i := h.Introspection; i != nil {
		seen := i.Error
		switch {
		case seen != "":
		case i.AskedAt == nil:
			seen = "not asked yet"
		default:
			seen = fmt.Sprintf("answered %s, in %d ms", ago(i.AskedAt, now), i.Millis)
		}
		rows = append(rows, []string{"introspection", i.Endpoint, seen})
	}
	if m := h.Metadata; m != nil {
		seen := "as stored, read " + ago(&m.ReadAt, now)
		if told := cmp.Or(m.Error, m.Differ); told != "" {
			seen = told
		}
		rows = append(rows, []string{"metadata", m.Address, seen})
	}
	for _, server := range h.Servers {
		if server.TLSUntil != nil {
			rows = append(rows, []string{"TLS", server.Address, "until " + server.TLSUntil.Format(time.RFC3339)})
		}
		if server.Dated {
			rows = append(rows, []string{"clock", server.Address, offset(&server.ClockOffsetMillis)})
		}
	}
	return append(rows, ofHour(h.LastHour)...)
}

// Held begins what is said of a hold. It is in capitals, since nothing else that is seen of a server matters meanwhile.
const Held = "HELD"

func stateOf(h health.Summary) string {
	if h.Hold != nil {
		return Held + ", " + string(h.State)
	}
	return string(h.State)
}

// ofHold is what is known of a hold: not everybody learns why, and by whom.
func ofHold(h *keyward.Hold, now time.Time) string {
	text := Held
	if h.By != "" {
		text += " by " + h.By
	}
	text += lasting(&h.Since, now) + ", until "
	if h.Until != nil {
		text += h.Until.UTC().Format(time.RFC3339)
	} else {
		text += "somebody lifts it"
	}
	if h.Reason != "" {
		text += ": " + h.Reason
	}
	return text
}

func ofKeySet(k health.KeySet, now time.Time) [][]string {
	source := k.Source
	if source == "" {
		source = "declared, or made here"
	}
	rows := [][]string{{"keys", source, "of " + strings.Join(k.Issuers, ", ")}}
	switch {
	case k.Error != "":
		rows = append(rows, []string{"", "", k.Error})
	case k.Source != "":
		read := fmt.Sprintf("read %s, in %d ms; gateways read them every %s", ago(k.ReadAt, now), k.Millis, k.Refresh)
		rows = append(rows, []string{"", "", read})
	}
	for _, key := range k.Keys {
		rows = append(rows, []string{"", strings.TrimSpace(k.Name(key) + " " + key.Alg), "known" + lasting(&key.FirstSeen, now)})
	}
	for _, note := range k.LeftOut {
		rows = append(rows, []string{"", "left out", note})
	}
	for _, r := range k.Rotations {
		rows = append(rows, []string{
			"", "rotation", fmt.Sprintf("%s: came %s; went %s", r.At.Format(time.RFC3339), orNone(r.Added), orNone(r.Removed)),
		})
	}
	return rows
}

func ofHour(r *health.Recent) [][]string {
	if r == nil || r.Looks == 0 {
		return nil
	}
	rows := [][]string{{"last hour", "", fmt.Sprintf("%d looks, %d failed", r.Looks, r.Failures)}}
	for _, p := range []struct {
		what string
		of   *health.Percentile
	}{{"keys", r.Keys}, {"introspection", r.Introspection}} {
		if p.of != nil {
			rows = append(rows, []string{
				"", p.what, fmt.Sprintf("half within %d ms, 95%% within %d ms, all within %d ms", p.of.P50, p.of.P95, p.of.Max),
			})
		}
	}
	return rows
}

// In the cells a dash stands for what is not known.

func ago(t *time.Time, now time.Time) string {
	if t == nil {
		return "-"
	}
	return now.Sub(*t).Round(time.Second).String() + " ago"
}

func until(t, now time.Time) string {
	if left := t.Sub(now).Round(time.Second); left > 0 {
		return "in " + left.String()
	}
	return "at once"
}

func lasting(t *time.Time, now time.Time) string {
	if t == nil {
		return ""
	}
	return " for " + now.Sub(*t).Round(time.Second).String()
}

func number(n *int) string {
	if n == nil {
		return "-"
	}
	return strconv.Itoa(*n)
}

func millis(n *int64) string {
	if n == nil {
		return "-"
	}
	return fmt.Sprintf("%d ms", *n)
}

func days(n *int) string {
	if n == nil {
		return "-"
	}
	return fmt.Sprintf("%d days", *n)
}

func offset(n *int64) string {
	if n == nil {
		return "-"
	}
	return fmt.Sprintf("%+.1f s", float64(*n)/1000)
}

func latency(l *health.Latency) string {
	switch {
	case l == nil:
		return "-"
	case l.Answers == 1:
		return fmt.Sprintf("%d ms", l.Max)
	default:
		return fmt.Sprintf("%d ms, at most %d ms", l.Mean, l.Max)
	}
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}
