package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/strictjson"
	"keyward.dev/keyward/internal/token/sound"
)

// maxKeys is how many keys of one set are looked at.
const maxKeys = 100

// ErrNoKeys is the fault of a source that has not one key that could verify a token.
var ErrNoKeys = errors.New("there is no key in it that can verify a token")

// errOtherUse is why a key is left out that is not there for signatures, which is no fault of its set.
var errOtherUse = errors.New("its use is not sig")

// OtherUse tells that a note about a key that is left out says no more than that the key is there for something else, such
// as encryption.
func OtherUse(note string) bool { return strings.HasSuffix(note, errOtherUse.Error()) }

// KeyName is how people are told of a key, everywhere: by its kid, with its thumbprint where another key of its set has the same
// one, and by the thumbprint alone where it has none.
func KeyName(kid, thumbprint string, alone bool) string {
	switch {
	case kid == "":
		return "thumbprint " + thumbprint
	case alone:
		return fmt.Sprintf("kid %q", kid)
	default:
		return fmt.Sprintf("kid %q, thumbprint %s", kid, thumbprint)
	}
}

// named gives each key of a set its name.
func named(keys []*Key) []*Key {
	of := map[string]int{}
	for _, k := range keys {
		of[k.Kid]++
	}
	for _, k := range keys {
		k.Name = KeyName(k.Kid, k.Thumbprint, of[k.Kid] == 1)
	}
	return keys
}

// ParseKeys reads the keys that stand in the row itself: PEM or an inline set. A row whose keys are fetched gives none
// and no error. Keys that cannot be used are left out one by one, each with a note for people; that none is left is an
// error.
func ParseKeys(row keyward.IssuerRow) (keys []*Key, notes []string, err error) {
	switch {
	case len(row.PEM) > 0:
		return ParsePEM(row.PEM)
	case len(row.Inline) > 0:
		return ParseJWKS(row.Inline)
	}
	return nil, nil, nil
}

// ParsePEM reads public keys and certificates, one block or several an entry.
func ParsePEM(entries []string) (keys []*Key, notes []string, err error) {
	for i, entry := range entries {
		name := "the entry"
		if len(entries) > 1 {
			name = fmt.Sprintf("entry %d", i)
		}
		rest := []byte(entry)
		for n := 0; ; n++ {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				if n == 0 {
					notes = append(notes, name+" is not PEM")
				}
				break
			}
			if len(keys) == maxKeys {
				return named(keys), append(notes, fmt.Sprintf("only the first %d keys are used", maxKeys)), nil
			}
			key, keyErr := parsePEMBlock(block)
			if keyErr != nil {
				notes = append(notes, fmt.Sprintf("the key in %s is ignored: %v", name, keyErr))
				continue
			}
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, notes, ErrNoKeys
	}
	return named(keys), notes, nil
}

func parsePEMBlock(block *pem.Block) (*Key, error) {
	var public any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		public, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		public, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		var certificate *x509.Certificate
		if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
			public = certificate.PublicKey
		}
	default:
		return nil, fmt.Errorf("it is neither a public key nor a certificate")
	}
	if err != nil {
		return nil, fmt.Errorf("it cannot be read: %w", err)
	}
	key, err := newKey(public)
	if err != nil {
		return nil, err
	}
	key.AnyKid = true
	return key, nil
}

// ParseJWKS reads a JWK set (RFC 7517, section 5). Keys that cannot be used (another use, symmetric, too weak, off
// their curve, malformed, published with their private half) are left out one by one, each with a note; that none is
// left is an error. Private members are never kept. At most 100 keys are looked at.
func ParseJWKS(text []byte) (keys []*Key, notes []string, err error) {
	doc, err := strictjson.ParseTolerant(string(text))
	if err != nil {
		return nil, nil, fmt.Errorf("read the JWK set: %w", err)
	}
	list, found := doc.Get("keys")
	if !found || list.Kind() != strictjson.Array {
		return nil, nil, fmt.Errorf("read the JWK set: it has no array named keys")
	}
	seen := 0
	for item := range list.Items() {
		if seen == maxKeys {
			notes = append(notes, fmt.Sprintf("only the first %d keys are looked at", maxKeys))
			break
		}
		key, keyErr := parseJWK(item)
		if keyErr != nil {
			notes = append(notes, fmt.Sprintf("key %d%s is ignored: %v", seen, kidOf(item), keyErr))
		} else {
			keys = append(keys, key)
		}
		seen++
	}
	if len(keys) == 0 {
		return nil, notes, ErrNoKeys
	}
	return named(keys), notes, nil
}

// parseJWK reads one key of a set (RFC 7517, section 4; RFC 7518, section 6; RFC 8037).
func parseJWK(v strictjson.Value) (*Key, error) {
	o, ok := v.Object()
	if !ok {
		return nil, strictjson.ErrNotObject
	}
	if v.Ambiguous() {
		return nil, strictjson.ErrDuplicate
	}
	use, err := readUse(o)
	if err != nil {
		return nil, err
	}
	if _, private := o.Get("d"); private {
		return nil, fmt.Errorf("its private half is published with it")
	}
	public, err := parsePublic(o)
	if err != nil {
		return nil, err
	}
	key, err := newKey(public)
	if err != nil {
		return nil, err
	}
	key.Use = use
	if key.Kid, err = optional(o, "kid"); err != nil {
		return nil, err
	}
	alg, err := optional(o, "alg")
	if err != nil {
		return nil, err
	}
	if alg != "" && !key.permits(alg) {
		return nil, fmt.Errorf("its alg does not fit its type or is not a signature algorithm that is supported")
	}
	key.Alg = alg
	return key, nil
}

// kidOf names a key that cannot be used, where it has a name.
func kidOf(v strictjson.Value) string {
	o, ok := v.Object()
	if !ok {
		return ""
	}
	if kid, err := optional(o, "kid"); err == nil && kid != "" {
		return fmt.Sprintf(" (kid %q)", kid)
	}
	return ""
}

// readUse wants a key that is there to verify: use absent or sig, key_ops absent or with verify.
func readUse(o strictjson.Object) (string, error) {
	use, err := optional(o, "use")
	if err != nil {
		return "", err
	}
	if use != "" && use != "sig" {
		return "", errOtherUse
	}
	if ops, found := o.Get("key_ops"); found {
		list, ok := ops.Strings()
		if !ok || !slices.Contains(list, "verify") {
			return "", fmt.Errorf("its key_ops do not have verify")
		}
	}
	return use, nil
}

func optional(o strictjson.Object, name string) (string, error) {
	v, found := o.Get(name)
	if !found {
		return "", nil
	}
	s, ok := v.Str()
	if !ok {
		return "", fmt.Errorf("its %s is not a string", name)
	}
	return s, nil
}

func parsePublic(o strictjson.Object) (any, error) {
	kty, err := optional(o, "kty")
	if err != nil {
		return nil, err
	}
	switch kty {
	case "RSA":
		return parseRSA(o)
	case "EC":
		return parseEC(o)
	case "OKP":
		if crv, _ := optional(o, "crv"); crv != "Ed25519" {
			return nil, fmt.Errorf("its curve is not Ed25519")
		}
		x, err := field(o, "x")
		if err != nil {
			return nil, err
		}
		return ed25519.PublicKey(x), nil
	case "oct":
		return nil, fmt.Errorf("it is a symmetric key")
	}
	return nil, fmt.Errorf("its kty is not one of RSA, EC, OKP")
}

func parseRSA(o strictjson.Object) (any, error) {
	n, err := field(o, "n")
	if err != nil {
		return nil, err
	}
	e, err := field(o, "e")
	if err != nil {
		return nil, err
	}
	if len(n) > sound.MaxRSABits/8+1 {
		return nil, fmt.Errorf("its modulus is too long: RSA keys have at most %d bits", sound.MaxRSABits)
	}
	exponent := new(big.Int).SetBytes(e)
	if !exponent.IsInt64() || exponent.Int64() > math.MaxInt32 {
		return nil, fmt.Errorf("its exponent is too large")
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(exponent.Int64())}, nil
}

func parseEC(o strictjson.Object) (any, error) {
	crv, err := optional(o, "crv")
	if err != nil {
		return nil, err
	}
	var curve elliptic.Curve
	switch crv {
	case "P-256":
		curve = elliptic.P256()
	case "P-384":
		curve = elliptic.P384()
	case "P-521":
		curve = elliptic.P521()
	default:
		return nil, fmt.Errorf("its curve is not one of P-256, P-384, P-521")
	}
	point := []byte{4} // uncompressed, SEC 1, section 2.3.3
	for _, name := range []string{"x", "y"} {
		coordinate, err := field(o, name)
		if err != nil {
			return nil, err
		}
		if len(coordinate) != (curve.Params().BitSize+7)/8 {
			return nil, fmt.Errorf("its %s has not the length of its curve", name)
		}
		point = append(point, coordinate...)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return nil, fmt.Errorf("its point is not on its curve")
	}
	return key, nil
}

// field reads a base64url member.
func field(o strictjson.Object, name string) ([]byte, error) {
	s, err := optional(o, name)
	if err != nil {
		return nil, err
	}
	if s == "" {
		return nil, fmt.Errorf("its %s is missing", name)
	}
	for i := range len(s) {
		if sextet(s[i]) < 0 {
			return nil, fmt.Errorf("its %s is not base64url", name)
		}
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("its %s is not base64url without padding", name)
	}
	return b, nil
}
