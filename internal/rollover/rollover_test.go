package rollover_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward/internal/rollover"
)

// bench is a server that takes some values, and what it was sent.
type bench struct {
	*rollover.Memory

	takes []string
	sent  []string
	down  bool
}

func (b *bench) send(value string) rollover.Outcome {
	b.sent = append(b.sent, value)
	switch {
	case b.down:
		return rollover.Unknown
	case slices.Contains(b.takes, value):
		return rollover.Taken
	default:
		return rollover.Refused
	}
}

func TestTry(t *testing.T) {
	now := time.Unix(1e9, 0)
	var log bytes.Buffer
	b := &bench{Memory: rollover.New(slog.New(slog.NewTextHandler(&log, nil)), func() time.Time { return now })}
	both := rollover.Credential{Owner: "id", Name: "default/corp", Path: "connection.apiToken", Current: "old-value", Next: "new-value"}
	alone := both
	alone.Next = ""
	for _, step := range []struct {
		what  string
		with  rollover.Credential
		takes string
		down  bool
		later time.Duration
		sent  string
		next  bool
	}{
		{"one value, refused", alone, "", false, 0, "old-value", false},
		{"one value again: it is all there is", alone, "", false, 0, "old-value", false},
		{"both, the current one taken", both, "old-value", false, 0, "old-value", false},
		{"the server changes", both, "new-value", false, 0, "old-value new-value", true},
		{"the refused one is not sent again", both, "new-value", false, 0, "new-value", true},
		{"nor after a long time", both, "new-value", false, time.Hour, "new-value", true},
		{"no answer says nothing, and is no reason to try the other", both, "", true, 0, "new-value", true},
		{"neither is taken", both, "", false, time.Hour, "new-value old-value", true},
		{"a wrong pair is not a double load", both, "", false, time.Second, "new-value", true},
		{"nor when it was asked just now", both, "", false, 8 * time.Second, "new-value", true},
		{"the other one has its turn after a while", both, "", false, 11 * time.Second, "new-value old-value", true},
		{"back to the old one", both, "old-value", false, 11 * time.Second, "new-value old-value", false},
		{"which is remembered too", both, "old-value", false, 0, "old-value", false},
	} {
		now = now.Add(step.later)
		b.takes, b.down, b.sent = []string{step.takes}, step.down, nil
		b.Try(t.Context(), step.with, b.send)
		if got := strings.Join(b.sent, " "); got != step.sent || b.TakesNext(both) != step.next {
			t.Errorf("%s: sent %q, next %v", step.what, got, b.TakesNext(both))
		}
	}
	for what, change := range map[string]func(*rollover.Credential){
		"another next value": func(c *rollover.Credential) { c.Next = "third" },
		"another object":     func(c *rollover.Credential) { c.Owner = "other" },
		"another place":      func(c *rollover.Credential) { c.Path = "introspection.token" },
	} {
		other := both
		change(&other)
		b.takes, b.sent = []string{other.Next}, nil
		if b.Try(t.Context(), other, b.send); b.sent[0] != both.Current || len(b.sent) != 2 {
			t.Errorf("%s begins anew: %v", what, b.sent)
		}
	}
	text := log.String() + fmt.Sprintf("%v %+v %#v", both, both, both)
	if !strings.Contains(text, "default/corp") || strings.Contains(text, "new-value") || strings.Contains(text, "old-value") {
		t.Errorf("the log: %s", text)
	}
}
