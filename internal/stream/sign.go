package stream

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"keyward.dev/keyward"
)

// ErrForged is wrapped by every error about a message that the control plane did not write as it stands: a wrong key,
// a wrong signature, records that do not lead where the message says.
var ErrForged = errors.New("the message is not the control plane's")

// Fingerprint names a signing key: the SHA-256 of the public key.
type Fingerprint [sha256.Size]byte

// FingerprintOf gives a public key's fingerprint.
func FingerprintOf(public ed25519.PublicKey) Fingerprint { return sha256.Sum256(public) }

// String is base64url without padding.
func (f Fingerprint) String() string { return base64.RawURLEncoding.EncodeToString(f[:]) }

// Signer signs messages as the control plane.
type Signer struct {
	private     ed25519.PrivateKey
	fingerprint Fingerprint
}

// NewSigner takes the control plane's signing key.
func NewSigner(private ed25519.PrivateKey) (*Signer, error) {
	public, ok := private.Public().(ed25519.PublicKey)
	if !ok || len(private) != ed25519.PrivateKeySize {
		return nil, errors.New("the signing key is not an Ed25519 key")
	}
	return &Signer{private: private, fingerprint: FingerprintOf(public)}, nil
}

// Fingerprint names the key.
func (s *Signer) Fingerprint() Fingerprint { return s.fingerprint }

// Public gives the key's public half.
func (s *Signer) Public() ed25519.PublicKey {
	return ed25519.PublicKey(s.private[ed25519.SeedSize:])
}

// Sign fills in Key and Signature.
func (s *Signer) Sign(m *Message) *Message {
	m.Key = s.fingerprint.String()
	m.Signature = ed25519.Sign(s.private, m.signed())
	return m
}

// Verifier believes one signing key and no other.
type Verifier struct {
	public      ed25519.PublicKey
	fingerprint string
}

// NewVerifier checks that the public key is the one that the fingerprint, from a gateway's credential, names.
func NewVerifier(public ed25519.PublicKey, fingerprint Fingerprint) (*Verifier, error) {
	if len(public) != ed25519.PublicKeySize || FingerprintOf(public) != fingerprint {
		return nil, fmt.Errorf("%w: its key is not the one that this gateway's credential names", ErrForged)
	}
	return &Verifier{public: public, fingerprint: fingerprint.String()}, nil
}

// Verify checks the signature and, for changes, that the records lead from From to To. It gives the records decoded.
// Errors wrap ErrForged.
func (v *Verifier) Verify(m *Message) ([]keyward.Change, error) {
	if m.Key != v.fingerprint {
		return nil, fmt.Errorf("%w: signed with the key %.50q", ErrForged, m.Key)
	}
	if m.Type == TypeRows || !ed25519.Verify(v.public, m.signed(), m.Signature) {
		return nil, fmt.Errorf("%w: the signature of its type %.20q does not hold", ErrForged, m.Type)
	}
	if m.Type != TypeChanges {
		if len(m.Records) > 0 {
			return nil, fmt.Errorf("%w: a message of type %.20q carries no records", ErrForged, m.Type)
		}
		return nil, nil
	}
	return m.follow()
}

// follow walks the records and compares where they lead.
func (m *Message) follow() ([]keyward.Change, error) {
	at := m.From
	changes := make([]keyward.Change, len(m.Records))
	for i, record := range m.Records {
		at = keyward.Position{Revision: at.Revision + 1, Chain: at.Chain.Next(record)}
		if err := json.Unmarshal(record, &changes[i]); err != nil {
			return nil, fmt.Errorf("%w: record %d cannot be read: %w", ErrForged, at.Revision, err)
		}
		if changes[i].Revision != at.Revision {
			return nil, fmt.Errorf("%w: record %d stands where %d is due", ErrForged, changes[i].Revision, at.Revision)
		}
	}
	if at != m.To {
		return nil, fmt.Errorf("%w: its records do not lead from revision %d to %d", ErrForged, m.From.Revision, m.To.Revision)
	}
	return changes, nil
}

// signed is the canonical form under the signature: a domain per type, then every field with its length in front.
// Records are covered by To, which the reader must arrive at.
func (m *Message) signed() []byte {
	b := make([]byte, 0, 512)
	text := func(s string) {
		b = binary.BigEndian.AppendUint64(b, uint64(len(s)))
		b = append(b, s...)
	}
	position := func(p keyward.Position) {
		b = binary.BigEndian.AppendUint64(b, p.Revision)
		b = append(b, p.Chain[:]...)
	}
	text("keyward.dev/stream/v1/" + string(m.Type))
	text(m.Group)
	text(m.Gateway)
	text(m.Nonce)
	text(m.Key)
	position(m.From)
	position(m.To)
	b = binary.BigEndian.AppendUint64(b, m.Rows)
	b = append(b, m.Digest[:]...)
	return binary.BigEndian.AppendUint64(b, uint64(m.Time.UnixNano()))
}
