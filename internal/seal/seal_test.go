package seal

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSealAndOpen(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(r, "plain")
		context := rapid.SliceOf(rapid.Byte()).Draw(r, "context")
		key := NewKey()
		text := key.Seal(plain, context)
		got, err := key.Open(text, context)
		if err != nil || !bytes.Equal(got, plain) {
			r.Fatalf("Open: %v, %v; want %v", got, err, plain)
		}
		if again := key.Seal(plain, context); again == text {
			r.Fatal("sealing twice gave one text")
		}
		if _, err := NewKey().Open(text, context); !errors.Is(err, ErrOpen) {
			r.Fatalf("another key: %v", err)
		}
		if _, err := key.Open(text, append([]byte{1}, context...)); !errors.Is(err, ErrOpen) {
			r.Fatalf("another context: %v", err)
		}
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			r.Fatal(err)
		}
		raw[rapid.IntRange(0, len(raw)-1).Draw(r, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(r, "bit")
		if _, err := key.Open(base64.RawURLEncoding.EncodeToString(raw), context); !errors.Is(err, ErrOpen) {
			r.Fatalf("altered: %v", err)
		}
	})
}

func TestOpenRefusesNonsense(t *testing.T) {
	t.Parallel()
	key := NewKey()
	good := key.Seal([]byte("x"), nil)
	if _, err := key.Open(good, nil); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "!", good + "=", good[:8], strings.Repeat("A", 27)} {
		if _, err := key.Open(text, nil); !errors.Is(err, ErrOpen) {
			t.Errorf("Open(%q): %v", text, err)
		}
	}
	// 1 + 12 + 16 bytes leave bits over in the last character, which say nothing: only one spelling opens.
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, good[len(good)-1])
	if other := good[:len(good)-1] + alphabet[last^1:last^1+1]; len(good)%4 == 3 {
		if _, err := key.Open(other, nil); !errors.Is(err, ErrOpen) {
			t.Errorf("another spelling of the same bytes opens: %v", err)
		}
	} else {
		t.Errorf("%d characters leave no bits over", len(good))
	}
	var none Key
	if none.Seal([]byte("x"), nil) != "" || !none.IsZero() || key.IsZero() {
		t.Error("the zero key seals")
	}
	if _, err := none.Open(good, nil); !errors.Is(err, ErrOpen) {
		t.Errorf("the zero key opens: %v", err)
	}
}

func TestParseKey(t *testing.T) {
	t.Parallel()
	key := NewKey()
	raw, err := base64.RawURLEncoding.DecodeString(key.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		key.Reveal(), base64.StdEncoding.EncodeToString(raw), base64.RawStdEncoding.EncodeToString(raw),
		base64.URLEncoding.EncodeToString(raw), " " + base64.StdEncoding.EncodeToString(raw) + "\n",
	} {
		if got, err := ParseKey(text); err != nil || got != key {
			t.Errorf("ParseKey of a good key: %v, %v", got, err)
		}
	}
	for _, text := range []string{"", "short", key.Reveal()[1:], key.Reveal() + "AAAA", strings.Repeat("!", 43)} {
		if got, err := ParseKey(text); err == nil {
			t.Errorf("ParseKey(%q) = %v", text, got)
		}
	}
}

func TestDerive(t *testing.T) {
	t.Parallel()
	secret := []byte("a token of enough entropy")
	one := Derive(secret, "group key")
	if one != Derive(secret, "group key") {
		t.Error("deriving twice gives two keys")
	}
	for name, other := range map[string]Key{
		"another purpose": Derive(secret, "gateway disk"), "another secret": Derive([]byte("x"), "group key"),
	} {
		if one == other || one.ID() == other.ID() {
			t.Errorf("%s gives the same key", name)
		}
	}
	if one.Derive("x") == one || one.Derive("x") == one.Derive("y") || !(Key{}).Derive("x").IsZero() {
		t.Error("Key.Derive")
	}
	a, b := one.MAC([]byte("a")), one.MAC([]byte("b"))
	if bytes.Equal(a, b) || !bytes.Equal(a, one.MAC([]byte("a"))) {
		t.Error("MAC")
	}
}

func TestKeyNeverPrints(t *testing.T) {
	t.Parallel()
	key := NewKey()
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("text", "key", key, "in", struct{ K Key }{key})
	printed := log.String() + fmt.Sprintf("%v %+v %#v %s %q", key, key, key, key, key)
	encoded, err := json.Marshal(map[string]any{"key": key})
	if err == nil {
		t.Errorf("a key is encoded: %s", encoded)
	}
	raw, err := base64.RawURLEncoding.DecodeString(key.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{key.Reveal(), fmt.Sprintf("%v", raw), fmt.Sprintf("%#v", raw[:4])} {
		if strings.Contains(printed, secret) {
			t.Errorf("printed: %s", printed)
		}
	}
	if !strings.Contains(printed, key.ID()) {
		t.Error("the positive control: its ID is printed")
	}
}
