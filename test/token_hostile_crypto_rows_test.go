package e2e

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"

	"keyward.dev/keyward/internal/testbed/issuer"
)

// body is the JSON of a good token's claims.
func body(c *collector, i *issuer.Issuer) string {
	c.t.Helper()
	b, err := json.Marshal(i.Claims())
	if err != nil {
		c.t.Fatal(err)
	}
	return string(b)
}

func rowB1(c *collector, a *arena) {
	key := a.rsa.Key()
	text, err := key.PEM()
	if err != nil {
		c.t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(text))
	jwk, err := key.JWK()
	if err != nil {
		c.t.Fatal(err)
	}
	set, err := issuer.JWKS(key)
	if err != nil {
		c.t.Fatal(err)
	}
	public, ok := key.Private.Public().(*rsa.PublicKey)
	if !ok {
		c.t.Fatal("not an RSA key")
	}
	secrets := map[string][]byte{
		"PEM": []byte(text), "PEM without its last newline": []byte(strings.TrimSpace(text)), "DER": block.Bytes,
		"PKCS 1": x509.MarshalPKCS1PublicKey(public), "JWK": []byte(jwk), "JWK set": []byte(set),
		"modulus": public.N.Bytes(), "nothing": {}, "secret": []byte("secret"), "kid": []byte("shared"),
	}
	for name, secret := range secrets {
		c.add("HS256 with "+name, issuer.HMAC(secret, `{"alg":"HS256","typ":"JWT","kid":"shared"}`, body(c, a.rsa)))
		c.add("HS256 with "+name+", no kid", issuer.HMAC(secret, `{"alg":"HS256","typ":"JWT"}`, body(c, a.rsa)))
	}
	for _, alg := range []string{"hs256", "HS384", "HS512", "RS256", "rs256", "dir", "A128KW", "RSA1_5"} {
		c.add("HMAC under alg "+alg, issuer.HMAC([]byte(text), `{"alg":"`+alg+`","kid":"shared"}`, body(c, a.rsa)))
	}
	c.mint("PS256 by a key for RS256", a.rsa, issuer.Token{Key: key.As("", "PS256")})
	c.mint("RS512 by a key for RS256", a.rsa, issuer.Token{Key: key.As("", "RS512")})
	c.mint("RS256 signature under PS256", a.rsa, issuer.Token{Header: map[string]any{"alg": "PS256"}})
	c.mint("RS256 signature under RS384", a.rsa, issuer.Token{Header: map[string]any{"alg": "RS384"}})
	c.mint("RS256 signature under ES256", a.rsa, issuer.Token{Header: map[string]any{"alg": "ES256"}})
	c.mint("RS256 signature under EdDSA", a.rsa, issuer.Token{Header: map[string]any{"alg": "EdDSA"}})
	c.mint("ES256 signature under RS256", a.ec, issuer.Token{Header: map[string]any{"alg": "RS256"}})
	c.mint("ES256 signature under ES384", a.ec, issuer.Token{Header: map[string]any{"alg": "ES384"}})
	c.mint("ES256 signature under ES256K", a.ec, issuer.Token{Header: map[string]any{"alg": "ES256K"}})
	c.mint("EdDSA signature under Ed448", a.ed, issuer.Token{Header: map[string]any{"alg": "Ed448"}})
	for name, alg := range map[string]any{
		"number": 256, "array": []string{"RS256"}, "object": map[string]any{"RS256": 1}, "boolean": true, "empty": "",
		"blank": "RS256 ", "lower case": "rs256", "missing": nil, "unknown": "XX256",
	} {
		c.mint("alg is "+name, a.rsa, issuer.Token{Header: map[string]any{"alg": alg}})
	}
}

func rowB2(c *collector, a *arena) {
	for _, alg := range []string{"none", "None", "NONE", "nOnE", "none ", "\u0000none", "null"} {
		head := `{"alg":` + quotedJSON(alg) + `,"typ":"JWT"}`
		unsigned := issuer.Encode(head) + "." + issuer.Encode(body(c, a.rsa)) + "."
		c.add(quoted(alg)+" without signature", unsigned)
		c.add(quoted(alg)+" with a signature", unsigned+"AAAA")
		c.mint(quoted(alg)+" truly signed", a.rsa,
			issuer.Token{RawHead: `{"alg":` + quotedJSON(alg) + `,"kid":"shared"}`})
	}
	good := strings.Split(mint(c.t, a.rsa, issuer.Token{}), ".")
	c.add("RS256 with an empty signature", good[0]+"."+good[1]+".")
	c.add("RS256 without the last part", good[0]+"."+good[1])
}

func quotedJSON(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(b)
}

func rowB3(c *collector, a *arena) {
	good := mint(c.t, a.ec, issuer.Token{})
	input := good[:strings.LastIndex(good, ".")]
	key, ok := a.ec.Key().Private.(*ecdsa.PrivateKey)
	if !ok {
		c.t.Fatal("not an EC key")
	}
	signature, err := a.ec.Key().Sign(input)
	if err != nil {
		c.t.Fatal(err)
	}
	n := key.Params().N
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(signature[:32]),
		new(big.Int).SetBytes(signature[32:])})
	if err != nil {
		c.t.Fatal(err)
	}
	pair := func(r, s *big.Int) []byte {
		out := make([]byte, 64)
		r.FillBytes(out[:32])
		s.FillBytes(out[32:])
		return out
	}
	zero, one := big.NewInt(0), big.NewInt(1)
	for name, forged := range map[string][]byte{
		"r and s zero":          make([]byte, 64),
		"r zero":                pair(zero, one),
		"s zero":                pair(one, zero),
		"r and s one":           pair(one, one),
		"r and s the order":     pair(n, n),
		"s plus the order":      append(append([]byte{}, signature[:32]...), pair(n, n)[:32]...),
		"DER":                   der,
		"short":                 signature[:63],
		"half":                  signature[:32],
		"long":                  append(append([]byte{}, signature...), 0),
		"zero before":           append([]byte{0}, signature...),
		"zeros before each":     append(append([]byte{0}, signature[:32]...), append([]byte{0}, signature[32:]...)...),
		"size of P-384":         append(make([]byte, 32), signature...),
		"r and s exchanged":     append(append([]byte{}, signature[32:]...), signature[:32]...),
		"all ones":              []byte(repeat("\xff", 64)),
		"DER of zero":           {0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00},
		"one byte":              {0},
		"another token's":       sign(c, a.ec, "x.y"),
		"EdDSA length of zeros": make([]byte, 64),
	} {
		c.add(name, input+"."+issuer.Encode(string(forged)))
	}
	edGood := mint(c.t, a.ed, issuer.Token{})
	edInput := edGood[:strings.LastIndex(edGood, ".")]
	c.add("EdDSA of zeros", edInput+"."+issuer.Encode(repeat("\x00", 64)))
	c.add("EdDSA of another token", edInput+"."+issuer.Encode(string(sign(c, a.ed, "x.y"))))
	c.add("EdDSA cut", edInput+"."+issuer.Encode(string(sign(c, a.ed, edInput)[:63])))
}

func sign(c *collector, i *issuer.Issuer, input string) []byte {
	c.t.Helper()
	s, err := i.Key().Sign(input)
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

func rowB4(c *collector, a *arena) {
	for name, crit := range map[string]any{
		"unknown": []string{"x"}, "exp": []string{"exp"}, "b64": []string{"b64"}, "alg": []string{"alg"},
		"empty list": []string{}, "string": "exp", "number": 1, "object": map[string]any{},
	} {
		c.mint("crit "+name, a.rsa, issuer.Token{Header: map[string]any{"crit": crit, "x": true, "exp": 1,
			"b64": true}})
	}
	c.mint("crit null", a.rsa, issuer.Token{RawHead: `{"alg":"RS256","kid":"shared","crit":null}`})
	c.mint("b64 false", a.rsa, issuer.Token{Header: map[string]any{"b64": false}})
	c.mint("b64 false and crit", a.rsa, issuer.Token{Header: map[string]any{"b64": false, "crit": []string{"b64"}}})
}

func rowB5(c *collector, a *arena) {
	parts := strings.Split(mint(c.t, a.rsa, issuer.Token{}), ".")
	other := strings.Split(mint(c.t, a.rsa, issuer.Token{Claims: map[string]any{"scope": "orders:admin"}}), ".")
	c.add("claims of another token", parts[0]+"."+other[1]+"."+parts[2])
	c.add("signature of another token", parts[0]+"."+parts[1]+"."+other[2])
	c.add("scope altered", parts[0]+"."+issuer.Encode(strings.Replace(body(c, a.rsa), "orders:read", "orders:admin",
		1))+"."+parts[2])
	c.add("header altered", issuer.Encode(`{"alg":"RS256","kid":"shared"}`)+"."+parts[1]+"."+parts[2])
	c.add("signature cut", parts[0]+"."+parts[1]+"."+parts[2][:len(parts[2])-4])
	c.add("signature longer", parts[0]+"."+parts[1]+"."+parts[2]+"AAAA")
	c.add("first byte of the signature", parts[0]+"."+parts[1]+"."+flip(parts[2], 0))
	c.add("byte within the claims", parts[0]+"."+flip(parts[1], len(parts[1])/2)+"."+parts[2])
	c.add("trailing bits", parts[0]+"."+parts[1]+"."+trailingBits(parts[2]))
	for i, name := range []string{"header", "claims", "signature"} {
		padded := append([]string{}, parts...)
		padded[i] += "="
		c.add("padding after the "+name, strings.Join(padded, "."), "invalid_token")
		standard := append([]string{}, parts...)
		standard[i] = "+/" + standard[i][2:]
		c.add("standard alphabet in the "+name, strings.Join(standard, "."))
		broken := append([]string{}, parts...)
		broken[i] = broken[i][:5] + "*" + broken[i][6:]
		c.add("no base64 in the "+name, strings.Join(broken, "."))
	}
}

func flip(s string, i int) string {
	b := []byte(s)
	if b[i] == 'A' {
		b[i] = 'B'
	} else {
		b[i] = 'A'
	}
	return string(b)
}

// trailingBits gives another spelling of the same bytes: the unused bits of the last character are set.
func trailingBits(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, s[len(s)-1])
	return s[:len(s)-1] + string(alphabet[last+1])
}

func rowB6(c *collector, a *arena) {
	attacker, err := issuer.NewKey("shared", "RS256")
	if err != nil {
		c.t.Fatal(err)
	}
	text, err := attacker.JWK()
	if err != nil {
		c.t.Fatal(err)
	}
	jwk := json.RawMessage(text)
	der, err := x509.MarshalPKIXPublicKey(attacker.Private.Public())
	if err != nil {
		c.t.Fatal(err)
	}
	for name, header := range map[string]map[string]any{
		"jwk":            {"jwk": jwk},
		"jwk, no kid":    {"jwk": jwk, "kid": nil},
		"jwk, new kid":   {"jwk": jwk, "kid": "attacker"},
		"jku":            {"jku": a.trap.URL + "/jwks"},
		"jku, new kid":   {"jku": a.trap.URL + "/jwks", "kid": "attacker"},
		"x5u":            {"x5u": a.trap.URL + "/cert.pem"},
		"x5c":            {"x5c": []string{string(der)}},
		"x5c, no kid":    {"x5c": []string{"MIIB"}, "kid": nil},
		"x5t":            {"x5t": "abc", "x5t#S256": "abc"},
		"attacker's key": {},
		"jwks inside":    {"jwks": map[string]any{"keys": []any{jwk}}},
	} {
		c.mint(name, a.rsa, issuer.Token{Key: attacker, Header: header})
	}
}
