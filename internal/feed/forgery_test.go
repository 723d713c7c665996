package feed_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/stream"
)

func newStranger(t *testing.T) *stream.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	must(t, err)
	s, err := stream.NewSigner(private)
	must(t, err)
	return s
}

// forgeries are what somebody who holds the hub, or sits before the internal API, may do to a message.
func forgeries(t *testing.T) map[string]func(*stream.Message) {
	stranger := newStranger(t)
	// relink makes the positions fit the records again, as somebody without the signing key can.
	relink := func(m *stream.Message) {
		if m.Type != stream.TypeChanges {
			return
		}
		m.To = m.From
		for _, r := range m.Records {
			m.To = keyward.Position{Revision: m.To.Revision + 1, Chain: m.To.Chain.Next(r)}
		}
	}
	alter := func(m *stream.Message) {
		for i, r := range m.Records {
			m.Records[i] = bytes.Replace(r, []byte(`"requests":10`), []byte(`"requests":99`), 1)
		}
	}
	return map[string]func(*stream.Message){
		"altered":              alter,
		"altered and relinked": func(m *stream.Message) { alter(m); relink(m) },
		"reordered":            func(m *stream.Message) { slices.Reverse(m.Records) },
		"cut short":            func(m *stream.Message) { m.Records = m.Records[:min(1, len(m.Records))] },
		"cut short and relinked": func(m *stream.Message) {
			m.Records = m.Records[:min(1, len(m.Records))]
			relink(m)
		},
		"unsigned":           func(m *stream.Message) { m.Signature = nil },
		"a bit flipped":      func(m *stream.Message) { m.Signature = slices.Clone(m.Signature); flip(m.Signature) },
		"a stranger's":       func(m *stream.Message) { alter(m); relink(m); stranger.Sign(m) },
		"a stranger's as us": func(m *stream.Message) { key := m.Key; alter(m); relink(m); stranger.Sign(m); m.Key = key },
		"another group's":    func(m *stream.Message) { m.Group = "else" },
		"from the future":    func(m *stream.Message) { m.Time = m.Time.Add(time.Hour) },
		"of another kind": func(m *stream.Message) {
			if m.Type == stream.TypeChanges || m.Type == stream.TypeSnapshot {
				m.Type = stream.TypeRows
			}
		},
	}
}

func flip(b []byte) {
	if len(b) > 0 {
		b[0] ^= 1
	}
}

func TestForgeriesOnTheHubChangeNothing(t *testing.T) {
	for name, forge := range forgeries(t) {
		t.Run(name, func(t *testing.T) {
			bubble(t, []string{"honest", "fooled"}, func(t *testing.T, w *world, gateways []*gateway) {
				honest, fooled := gateways[0], gateways[1]
				for _, g := range gateways {
					g.source.with(func() { g.source.deaf = true }) // the hub is all they have
				}
				fooled.source.with(func() { fooled.source.tampers = forge })
				before := fooled.registry.View().Position()
				w.put(t, planNamed("gold"), planNamed("silver"))
				eventually(t, "the same hub, untouched, brings the change", func() bool { return holdsPlan(honest, "silver") })
				time.Sleep(5 * time.Second)
				if at := fooled.registry.View().Position(); at != before {
					t.Errorf("the forged message moved the gateway from %d to %d", before.Revision, at.Revision)
				}
				fooled.source.with(func() { fooled.source.deaf = false })
				eventually(t, "the internal API mends it", func() bool { return w.agrees(fooled) == "" })
			})
		})
	}
}

func TestForgedAnswersChangeNothing(t *testing.T) {
	for name, forge := range forgeries(t) {
		t.Run(name, func(t *testing.T) {
			bubble(t, []string{"fooled"}, func(t *testing.T, w *world, gateways []*gateway) {
				fooled := gateways[0]
				w.put(t, planNamed("bronze"))
				eventually(t, "bronze is in force", func() bool { return holdsPlan(fooled, "bronze") })
				fooled.source.with(func() { fooled.source.tampers = func(m *stream.Message) { m.Signature = nil } })
				fooled.source.with(func() { fooled.source.pulled = forge })
				before := fooled.registry.View().Position()
				w.put(t, planNamed("gold"), planNamed("silver"))
				time.Sleep(6 * time.Second)
				if at := fooled.registry.View().Position(); at != before {
					t.Errorf("the forged answer moved the gateway from %d to %d", before.Revision, at.Revision)
				}
				// A gateway without anything gets no forged snapshot either.
				empty, err := w.newGateway("empty", 9)
				must(t, err)
				empty.source.with(func() { empty.source.pulled = forge })
				must(t, errors.Join(empty.stop(), os.RemoveAll(empty.dir), empty.start()))
				time.Sleep(6 * time.Second)
				if empty.registry.Serving() == nil && name != "reordered" {
					t.Errorf("a forged snapshot is served at %d", empty.registry.View().Position().Revision)
				}
				for _, g := range []*gateway{fooled, empty} {
					g.source.with(func() { g.source.pulled = nil })
					eventually(t, "the genuine answer is taken", func() bool { return w.agrees(g) == "" && g.registry.Serving() == nil })
				}
				must(t, empty.stop())
			})
		})
	}
}

// A recording of a genuine answer is no answer to a new question.
func TestRecordedAnswersChangeNothing(t *testing.T) {
	bubble(t, []string{"one"}, func(t *testing.T, w *world, gateways []*gateway) {
		one := gateways[0]
		var recording []*stream.Message
		must(t, w.now().feed.Local(one.token).Pull(t.Context(), stream.PullRequest{Nonce: "old"}, func(m *stream.Message) error {
			recording = append(recording, m)
			return nil
		}))
		w.put(t, planNamed("gold"))
		eventually(t, "gold is in force", func() bool { return holdsPlan(one, "gold") })
		must(t, errors.Join(one.stop(), os.RemoveAll(one.dir)))
		replay := 0
		one.source.with(func() {
			one.source.tampers = func(m *stream.Message) { m.Signature = nil }
			one.source.pulled = func(m *stream.Message) { *m = *recording[replay%len(recording)]; replay++ }
		})
		must(t, one.start())
		time.Sleep(10 * time.Second)
		var replayed int
		one.source.with(func() { replayed = replay })
		if replayed == 0 || one.registry.Serving() == nil {
			t.Errorf("after %d replayed parts the gateway serves %d", replayed, one.registry.View().Position().Revision)
		}
		one.source.with(func() { one.source.pulled = nil })
		eventually(t, "the genuine answer is taken", func() bool { return w.agrees(one) == "" })
	})
}

func TestTamperedDiskIsNotBelieved(t *testing.T) {
	cut := func(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:max(0, len(b)-n)] } }
	lines := func(change func([][]byte) [][]byte) func([]byte) []byte {
		return func(b []byte) []byte {
			list := bytes.SplitAfter(bytes.TrimSuffix(b, []byte("\n")), []byte("\n"))
			list[len(list)-1] = append(slices.Clone(list[len(list)-1]), '\n')
			return bytes.Join(change(list), nil)
		}
	}
	replace := func(from, to string) func([]byte) []byte {
		return func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(from), []byte(to)) }
	}
	for _, c := range []struct {
		name, file string
		tamper     func([]byte) []byte
		plans      string // those that are in force from the tampered disk
	}{
		{"untouched", "log.ndjson", func(b []byte) []byte { return b }, "bronze gold silver"},
		{"snapshot altered", "snapshot.ndjson", replace(`"requests":10`, `"requests":99`), ""},
		{"snapshot without its end", "snapshot.ndjson", lines(func(l [][]byte) [][]byte { return l[:len(l)-1] }), ""},
		{"snapshot torn", "snapshot.ndjson", cut(1), ""},
		{"snapshot gone on", "snapshot.ndjson", lines(func(l [][]byte) [][]byte { return append(l, l[0]) }), ""},
		{"snapshot empty", "snapshot.ndjson", func([]byte) []byte { return nil }, ""},
		{"log altered", "log.ndjson", replace(`silver`, `nickel`), "bronze gold"},
		{"log reordered", "log.ndjson", lines(func(l [][]byte) [][]byte { slices.Reverse(l); return l }), "bronze"},
		{"log without its first entry", "log.ndjson", lines(func(l [][]byte) [][]byte { return l[1:] }), "bronze"},
		{"log repeated", "log.ndjson", func(b []byte) []byte { return append(slices.Clone(b), b...) }, "bronze gold silver"},
		{"log torn", "log.ndjson", cut(1), "bronze gold"},
		{"log torn further", "log.ndjson", cut(40), "bronze gold"},
		{"log with rubbish", "log.ndjson", func(b []byte) []byte { return append(slices.Clone(b), "rubbish\n"...) }, "bronze gold silver"},
		{"log empty", "log.ndjson", func([]byte) []byte { return nil }, "bronze"},
		{"enrolment altered", "identity.json", replace(`"group":"default"`, `"group":"else"`), ""},
		{"identity of another gateway", "identity.json", replace(`"gateway":"`, `"gateway":"00`), ""},
		{"key's seal broken", "identity.json", func(b []byte) []byte {
			return bytes.Replace(b, []byte(`"key":"`), []byte(`"key":"AAAA`), 1) // a later one is the enrolment's
		}, "bronze gold silver"},
		{"heartbeat made later", "heartbeat.json", replace(`2000-01-01`, `2001-01-01`), "bronze gold silver"},
	} {
		t.Run(c.name, func(t *testing.T) { tamperedDisk(t, c.file, c.tamper, c.plans) })
	}
}

func tamperedDisk(t *testing.T, file string, tamper func([]byte) []byte, plans string) {
	bubble(t, []string{"one"}, func(t *testing.T, w *world, gateways []*gateway) {
		one := gateways[0]
		w.put(t, planNamed("bronze"))
		eventually(t, "bronze is in force", func() bool { return holdsPlan(one, "bronze") })
		// A fresh folder begins with a snapshot that has bronze; the rest goes to the log.
		must(t, errors.Join(one.stop(), os.Remove(filepath.Join(one.dir, "snapshot.ndjson")), one.start()))
		eventually(t, "there is a snapshot", func() bool { return w.agrees(one) == "" })
		synctest.Wait()
		for _, name := range []string{"gold", "silver"} {
			w.put(t, planNamed(name))
			eventually(t, name+" is in force", func() bool { return holdsPlan(one, name) })
		}
		must(t, errors.Join(one.stop(), w.stop()))
		time.Sleep(time.Hour)
		path := filepath.Join(one.dir, file)
		data, err := os.ReadFile(path)
		must(t, err)
		must(t, os.WriteFile(path, tamper(slices.Clone(data)), 0o600))
		must(t, one.start())
		for _, name := range []string{"bronze", "gold", "silver", "nickel"} {
			if want := strings.Contains(plans, name); holdsPlan(one, name) != want {
				t.Errorf("holds %s: %v, want %v", name, !want, want)
			}
		}
		if serves := one.registry.Serving() == nil; serves != (plans != "") {
			t.Errorf("serves: %v", serves)
		}
		if _, age := one.registry.Stale(); age < time.Hour {
			t.Errorf("the disk makes it only %v old", age)
		}
		must(t, w.start())
		eventually(t, "the control plane mends it", func() bool { return w.agrees(one) == "" && one.registry.Serving() == nil })
		// And what it mended lasts.
		must(t, errors.Join(one.stop(), w.stop(), one.start()))
		for _, name := range []string{"bronze", "gold", "silver"} {
			if !holdsPlan(one, name) {
				t.Errorf("after mending and another restart %s is gone", name)
			}
		}
		must(t, w.start())
	})
}

func TestDiskIsClosedToOthersAndHoldsNoSecret(t *testing.T) {
	bubble(t, []string{"one"}, func(t *testing.T, w *world, gateways []*gateway) {
		one := gateways[0]
		w.put(t, withSecret()...)
		eventually(t, "the secret arrives", func() bool { _, ok := sealedSecret(t, one); return ok })
		synctest.Wait()
		row, _ := sealedSecret(t, one)
		reply, err := w.now().feed.Local(one.token).GroupKey(t.Context(), row.Secret.Key)
		must(t, err)
		private, err := one.registry.SigningKey().Private.Bytes()
		must(t, err)
		must(t, errors.Join(one.stop()))
		info, err := os.Stat(one.dir)
		must(t, err)
		if info.Mode().Perm() != 0o700 {
			t.Errorf("the folder has mode %v", info.Mode())
		}
		entries, err := os.ReadDir(one.dir)
		must(t, err)
		found := 0
		for _, e := range entries {
			info, err := e.Info()
			must(t, err)
			if info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %v", e.Name(), info.Mode())
			}
			data, err := os.ReadFile(filepath.Join(one.dir, e.Name()))
			must(t, err)
			if bytes.Contains(data, []byte(reply.Wrapped[:8])) {
				t.Error("two wrappings of one key are alike")
			}
			if bytes.Contains(data, []byte(row.Secret.Key)) {
				found++ // the search would find something
			}
			for what, secret := range map[string]string{
				"the introspection secret": theSecret, "the credential": one.token.Reveal()[4:], "the signing key": string(private),
			} {
				if bytes.Contains(data, []byte(secret)) {
					t.Errorf("%s holds %s", e.Name(), what)
				}
			}
		}
		if found == 0 {
			t.Error("no file names the group key: the search would have found nothing")
		}
		for _, line := range one.log.lines {
			if strings.Contains(line, one.token.Reveal()) || strings.Contains(line, theSecret) {
				t.Errorf("the log holds a secret: %s", line)
			}
		}
	})
}
