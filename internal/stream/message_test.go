package stream_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/stream"
)

func newSigner(t testing.TB) *stream.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := stream.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newVerifier(t testing.TB, s *stream.Signer) *stream.Verifier {
	t.Helper()
	v, err := stream.NewVerifier(s.Public(), s.Fingerprint())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// changes makes a message of n records after a position.
func changes(from keyward.Position, n int) *stream.Message {
	m := &stream.Message{Type: stream.TypeChanges, Group: "default", From: from, To: from, Time: time.Unix(1, 2).UTC()}
	for range n {
		// Spaces, angle brackets and a line separator: an encoder that rewrites records would be noticed.
		record := fmt.Appendf(nil, `{"revision":%d,"kind":"plan", "id":"<p&%d>","row":{"name":"\u2028"},"last":true}`,
			m.To.Revision+1, m.To.Revision)
		m.Records = append(m.Records, record)
		m.To = keyward.Position{Revision: m.To.Revision + 1, Chain: m.To.Chain.Next(record)}
	}
	return m
}

func TestMessageSurvivesTheWire(t *testing.T) {
	signer := newSigner(t)
	verifier := newVerifier(t, signer)
	sent := signer.Sign(changes(keyward.Position{Revision: 41, Chain: keyward.Chain{1}}, 3))
	data, err := sent.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := stream.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sent, got); diff != "" {
		t.Errorf("the message changed on its way (-sent +got):\n%s", diff)
	}
	list, err := verifier.Verify(got)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 3 || list[0].Revision != 42 || list[2].ID != "<p&43>" {
		t.Errorf("got the changes %+v", list)
	}
}

func TestForgedMessagesAreRefused(t *testing.T) {
	signer, other := newSigner(t), newSigner(t)
	verifier := newVerifier(t, signer)
	fresh := func() *stream.Message { return signer.Sign(changes(keyward.Position{Revision: 7}, 3)) }
	if _, err := verifier.Verify(fresh()); err != nil {
		t.Fatalf("the genuine message is refused: %v", err)
	}
	cases := map[string]func(*stream.Message) *stream.Message{
		"signed by another key": func(m *stream.Message) *stream.Message { return other.Sign(m) },
		"another key, named as ours": func(m *stream.Message) *stream.Message {
			m = other.Sign(m)
			m.Key = signer.Fingerprint().String()
			return m
		},
		"no signature":      func(m *stream.Message) *stream.Message { m.Signature = nil; return m },
		"records reordered": func(m *stream.Message) *stream.Message { slices.Reverse(m.Records); return m },
		"record left out":   func(m *stream.Message) *stream.Message { m.Records = m.Records[:2]; return m },
		"record repeated": func(m *stream.Message) *stream.Message {
			m.Records = append(m.Records, m.Records[2])
			return m
		},
		"record altered": func(m *stream.Message) *stream.Message {
			m.Records[1] = append([]byte(" "), m.Records[1]...)
			return m
		},
		"no records":        func(m *stream.Message) *stream.Message { m.Records = nil; return m },
		"another group":     func(m *stream.Message) *stream.Message { m.Group = "else"; return m },
		"another time":      func(m *stream.Message) *stream.Message { m.Time = m.Time.Add(1); return m },
		"another nonce":     func(m *stream.Message) *stream.Message { m.Nonce = "n"; return m },
		"another gateway":   func(m *stream.Message) *stream.Message { m.Gateway = "g"; return m },
		"another beginning": func(m *stream.Message) *stream.Message { m.From.Revision--; return m },
		"another end":       func(m *stream.Message) *stream.Message { m.To.Chain[0] ^= 1; return m },
		"another type": func(m *stream.Message) *stream.Message {
			m.Type, m.Records = stream.TypeHeartbeat, nil
			return m
		},
		"rows in disguise": func(m *stream.Message) *stream.Message { m.Type = stream.TypeRows; return m },
	}
	for name, alter := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := verifier.Verify(alter(fresh())); !errors.Is(err, stream.ErrForged) {
				t.Errorf("got %v, want ErrForged", err)
			}
		})
	}
}

// Records are covered by where they lead; a signer that signs nonsense must not be followed either.
func TestSignedNonsenseIsRefused(t *testing.T) {
	signer := newSigner(t)
	verifier := newVerifier(t, signer)
	m := changes(keyward.Position{}, 2)
	m.From.Revision = 5 // its records claim revisions 1 and 2
	m.To.Revision = 7
	if _, err := verifier.Verify(signer.Sign(m)); !errors.Is(err, stream.ErrForged) {
		t.Errorf("wrong revisions: got %v, want ErrForged", err)
	}
	beat := &stream.Message{Type: stream.TypeHeartbeat, Records: [][]byte{[]byte(`{}`)}}
	if _, err := verifier.Verify(signer.Sign(beat)); !errors.Is(err, stream.ErrForged) {
		t.Errorf("a heartbeat with records: got %v, want ErrForged", err)
	}
}

// No two different messages have the same signed form: fields cannot flow into one another.
func TestSignatureCoversEveryField(t *testing.T) {
	signer := newSigner(t)
	verifier := newVerifier(t, signer)
	rapid.Check(t, func(rt *rapid.T) {
		draw := func() *stream.Message {
			text := rapid.StringMatching(`[ab]{0,3}`)
			return &stream.Message{
				Type: rapid.SampledFrom([]stream.Type{
					stream.TypeHeartbeat, stream.TypeSnapshot, stream.TypeWithdrawal,
				}).Draw(rt, "type"),
				Group:   text.Draw(rt, "group"),
				Gateway: text.Draw(rt, "gateway"),
				Nonce:   text.Draw(rt, "nonce"),
				Rows:    rapid.Uint64Range(0, 2).Draw(rt, "rows"),
				To:      keyward.Position{Revision: rapid.Uint64Range(0, 2).Draw(rt, "to")},
				Time:    time.Unix(0, rapid.Int64Range(0, 2).Draw(rt, "time")).UTC(),
			}
		}
		a, b := signer.Sign(draw()), signer.Sign(draw())
		same := a.Type == b.Type && a.Group == b.Group && a.Gateway == b.Gateway && a.Nonce == b.Nonce &&
			a.Rows == b.Rows && a.To == b.To && a.Time.Equal(b.Time)
		a.Signature = b.Signature
		if _, err := verifier.Verify(a); (err == nil) != same {
			rt.Fatalf("same %v, but verifying with the other's signature gave %v", same, err)
		}
	})
}

func TestVerifierTakesOnlyTheNamedKey(t *testing.T) {
	signer, other := newSigner(t), newSigner(t)
	if _, err := stream.NewVerifier(signer.Public(), signer.Fingerprint()); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.NewVerifier(other.Public(), signer.Fingerprint()); !errors.Is(err, stream.ErrForged) {
		t.Errorf("got %v, want ErrForged", err)
	}
	if _, err := stream.NewVerifier(nil, signer.Fingerprint()); !errors.Is(err, stream.ErrForged) {
		t.Errorf("no key: got %v, want ErrForged", err)
	}
}

func TestToken(t *testing.T) {
	signer := newSigner(t)
	token := stream.NewToken(signer.Fingerprint())
	again, err := stream.ParseToken(token.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	if again != token || token.Fingerprint() != signer.Fingerprint() || len(token.ID()) != 32 {
		t.Errorf("read back as %#v, wrote %#v", again.ID(), token.ID())
	}
	if stream.NewToken(signer.Fingerprint()).ID() == token.ID() {
		t.Error("two gateways have one id")
	}
	for _, form := range []string{fmt.Sprint(token), fmt.Sprintf("%#v", token), fmt.Sprintf("%+v", token), token.LogValue().String()} {
		if form != "kwg_…" {
			t.Errorf("the credential shows as %q", form)
		}
	}
	raw := token.Reveal()
	for _, bad := range []string{
		"", "kwg_", raw[4:], raw + "A", raw[:len(raw)-1], raw + "=", raw + "\n", raw[:10] + "\n" + raw[10:], "KWG_" + raw[4:], " " + raw,
	} {
		if _, err := stream.ParseToken(bad); !errors.Is(err, stream.ErrBadToken) {
			t.Errorf("%q: got %v, want ErrBadToken", bad, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	signer := newSigner(f)
	verifier := newVerifier(f, signer)
	seed, err := signer.Sign(changes(keyward.Position{}, 2)).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"type":"changes","records":[1,null,{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := stream.Decode(data)
		if err != nil {
			return
		}
		if _, err := verifier.Verify(m); err == nil && string(data) != string(seed) {
			// Other bytes may say the same; then the message must say the same too.
			if diff := cmp.Diff(m.To, changes(keyward.Position{}, 2).To); diff != "" {
				t.Errorf("a message that nobody signed is believed: %s", data)
			}
		}
	})
}
