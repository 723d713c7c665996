package enforce

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/testbed/issuer"
)

func body(w *world, more string) string {
	return fmt.Sprintf(`{"iss":%q,"sub":"s","client_id":"abc","scope":"orders:read","exp":%d%s}`,
		w.corp.Issuer, time.Now().Unix()+600, more)
}

func TestAlgorithms(t *testing.T) {
	for _, algorithm := range []string{
		"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
	} {
		w := newWorld(t)
		key := newKey(t, "k", algorithm)
		w.corp.SetKeys(key)
		raw := w.claims(nil)
		w.want(algorithm, items(raw), "")
		w.want(algorithm+", cached", items(raw), "")
		flipped := []byte(raw)
		flipped[strings.IndexByte(raw, '.')+20] ^= 1
		w.want(algorithm+" with a flipped byte", items(string(flipped)), keyward.CodeInvalidToken)
		w.changeCorp(func(r *keyward.KeyManagerRow) { r.Algorithms = []string{"RS256", "EdDSA"} })
		want := keyward.CodeInvalidToken
		if algorithm == "RS256" || algorithm == "EdDSA" || algorithm == "Ed25519" {
			want = ""
		}
		w.want(algorithm+" with a list", items(raw), want)
	}
}

// B1, B2: the algorithm comes from the key; there is neither HMAC nor none.
func TestAlgorithmConfusion(t *testing.T) {
	w := newWorld(t)
	key := newKey(t, "k", "RS256")
	w.corp.SetKeys(key)
	w.want("the control", items(w.claims(nil)), "")
	pemText, err := key.PEM()
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := key.JWK()
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Private.Public())
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[string][]byte{"PEM": []byte(pemText), "trimmed PEM": []byte(strings.TrimSpace(pemText)), "DER": der,
		"JWK": []byte(jwk), "nothing": nil}
	for what, secret := range secrets {
		for _, algorithm := range []string{"HS256", "RS256", "hs256"} {
			raw := issuer.HMAC(secret, `{"alg":"`+algorithm+`","kid":"k"}`, body(w, ""))
			w.want(algorithm+" with the "+what, items(raw), keyward.CodeInvalidToken)
		}
	}
	for _, algorithm := range []string{"none", "None", "nOnE", "NONE", "", "HS512", "RS256 ", "rs256", "ES256", "PS256", "dir"} {
		head := issuer.Encode(`{"alg":"` + algorithm + `","kid":"k"}`)
		w.want("alg "+algorithm+" without a signature", items(head+"."+issuer.Encode(body(w, ""))+"."), keyward.CodeInvalidToken)
		w.want("alg "+algorithm+" with a signature", items(head+"."+issuer.Encode(body(w, ""))+".AAAA"), keyward.CodeInvalidToken)
	}
	for what, head := range map[string]string{
		"no alg": `{"kid":"k"}`, "alg a number": `{"alg":5,"kid":"k"}`, "alg an array": `{"alg":["RS256"],"kid":"k"}`,
		"alg twice": `{"alg":"none","alg":"RS256","kid":"k"}`, "alg folded": `{"Alg":"none","alg":"RS256","kid":"k"}`,
	} {
		w.want(what, items(w.mint(issuer.Token{RawHead: head})), keyward.CodeInvalidToken)
	}
}

// B3: ECDSA signatures that are no signatures.
func TestPsychicSignatures(t *testing.T) {
	w := newWorld(t)
	good := w.claims(nil)
	w.want("the control", items(good), "")
	input := good[:strings.LastIndexByte(good, '.')+1]
	signature, err := base64.RawURLEncoding.DecodeString(good[len(input):])
	if err != nil {
		t.Fatal(err)
	}
	for what, s := range map[string][]byte{
		"zero": make([]byte, 64), "short": signature[:63], "long": append([]byte{0}, signature...), "half": signature[:32],
		"r zero": append(make([]byte, 32), signature[32:]...), "s zero": append(append([]byte{}, signature[:32]...), make([]byte,
			32)...),
		"all ones": []byte(strings.Repeat("\xff", 64)), "DER": append([]byte{0x30, 0x44, 2, 32},
			signature...), "doubled": append(signature, signature...),
	} {
		w.want(what, items(input+issuer.Encode(string(s))), keyward.CodeInvalidToken)
	}
}

// B4, B6, B7: nothing in the header is obeyed but alg and kid, and a kid is only compared.
func TestHostileHeaders(t *testing.T) {
	w := newWorld(t)
	evil := issuer.Start(t, "evil", "ES256")
	w.want("the control", items(w.claims(nil)), "")
	jwk, err := evil.Key().JWK()
	if err != nil {
		t.Fatal(err)
	}
	stolen := func(members string) string {
		return w.mint(issuer.Token{Key: evil.Key(), RawHead: `{"alg":"ES256",` + members + `}`})
	}
	for what, members := range map[string]string{
		"jwk": `"kid":"k1","jwk":` + jwk, "jwk alone": `"jwk":` + jwk, "jku": `"kid":"k1","jku":"` + evil.URL + `/jwks"`,
		"x5u": `"kid":"k1","x5u":"` + evil.URL +
			`/cert"`, "x5c": `"kid":"k1","x5c":["MIIB"]`, "its own kid and jku": `"kid":"evil","jku":"` + evil.URL + `/jwks"`,
	} {
		w.want(what, items(stolen(members)), keyward.CodeInvalidToken)
	}
	if len(evil.Seen("")) != 0 {
		t.Error("an address in a header was followed")
	}
	for what, head := range map[string]map[string]any{
		"crit": {"crit": []string{"exp"}}, "crit unknown": {"crit": []string{"x"}, "x": 1}, "crit empty": {"crit": []string{}},
		"b64": {"b64": false, "crit": []string{"b64"}}, "b64 alone": {"b64": false}, "b64 true": {"b64": true,
			"crit": []string{"b64"}},
		"kid a path": {"kid": "../../etc/passwd"}, "kid a quote": {"kid": "k1' OR '1'='1"},
		"kid NUL": {"kid": "k1\x00"}, "kid CRLF": {"kid": "k1\r\nX: y"},
		"kid 64 KiB": {"kid": strings.Repeat("k",
			64<<10)}, "kid a number": {"kid": 1}, "kid an array": {"kid": []string{"k1"}}, "kid empty": {"kid": ""},
		"kid in another case": {"kid": "K1"}, "kid with a space": {"kid": "k1 "},
	} {
		w.want(what, items(w.mint(issuer.Token{Header: head})), keyward.CodeInvalidToken)
	}
	w.want("kid twice", items(w.mint(issuer.Token{RawHead: `{"alg":"ES256","kid":"k1","kid":"k1"}`})), keyward.CodeInvalidToken)
	w.want("unknown members are nothing", items(w.mint(issuer.Token{Header: map[string]any{"jku": evil.URL, "x": "y"}})), "")
}

// B5, B8, B14 and the form of section 6.
func TestMalformedTokens(t *testing.T) {
	w := newWorld(t)
	good := w.claims(nil)
	w.want("the control", items(good), "")
	parts := strings.Split(good, ".")
	for what, raw := range map[string]string{
		"no signature": parts[0] + "." + parts[1] + ".", "padding": parts[0] + "=." + parts[1] +
			"." + parts[2], "padding at the end": good + "=", "the standard alphabet": parts[0] + "." + strings.Replace(parts[1],
			parts[1][4:6], "+/", 1) + "." + parts[2],
		"four parts": good + ".x", "five parts": good + ".x.y", "two parts": parts[0] + "." +
			parts[1], "an empty payload": parts[0] + ".." + parts[2],
		"trailing bits": trailingBits(good), "dots": strings.Repeat(".", 16000), "parts swapped": parts[1] +
			"." + parts[0] + "." + parts[2],
	} {
		w.want(what, items(raw), keyward.CodeInvalidToken)
	}
	for what, text := range map[string]string{
		"a member twice": body(w, `,"sub":"t"`), "a folded member": body(w, `,"Sub":"t"`), "a member twice below": body(w,
			`,"a":{"b":1,"b":2}`),
		"a Kelvin sign": body(w, `,"k":1,"`+"\u212a"+`":2`), "an escaped duplicate": body(w, `,"\u0073ub":"t"`),
		"something after": body(w, "") + "{}", "white space and something": body(w, "") + " x", "an array": `[` + body(w,
			"") + `]`, "a string": `"x"`, "empty": " ",
		"not UTF-8": body(w, `,"a":"`+"\xff"+`"`), "deep": body(w, `,"a":`+strings.Repeat("[", 40)+strings.Repeat("]",
			40)), "a comment": body(w, `/**/`),
		"a trailing comma": body(w, `,`), "single quotes": `{'iss':'x'}`, "a control character": body(w,
			`,"a":"`+"\x01"+`"`), "NaN": body(w, `,"a":NaN`),
		"a byte order mark": "\ufeff" + body(w, ""),
	} {
		w.want(what, items(w.mint(issuer.Token{RawBody: text})), keyward.CodeInvalidToken)
	}
	w.want("deep, but not too deep", items(w.mint(issuer.Token{RawBody: body(w, `,"a":`+strings.Repeat("[",
		20)+strings.Repeat("]", 20))})), "")
	for at := 0; at < len(good); at += 7 {
		changed := []byte(good)
		if changed[at] == '.' {
			continue
		}
		changed[at] = map[bool]byte{true: 'B', false: 'A'}[changed[at] == 'A']
		if got := w.code(items(string(changed))); got == "" {
			t.Errorf("passed with byte %d changed", at)
		}
	}
}

// trailingBits gives the token with another last character that decodes to the same bytes for lenient readers.
func trailingBits(raw string) string {
	last := raw[len(raw)-1]
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	at := strings.IndexByte(alphabet, last)
	return raw[:len(raw)-1] + string(alphabet[at|1])
}

// B11: what is no access token.
func TestTokenTypes(t *testing.T) {
	w := newWorld(t)
	for _, typ := range []any{nil, "JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/JWT"} {
		w.want(fmt.Sprint("typ ", typ), items(w.mint(issuer.Token{Header: map[string]any{"typ": typ}})), "")
	}
	for _, typ := range []any{"", "id+jwt", "logout+jwt", "dpop+jwt", "JOSE", "secevent+jwt", "application/", "text/jwt", 7,
		[]string{"JWT"}, "JWT "} {
		w.want(fmt.Sprint("typ ", typ), items(w.mint(issuer.Token{Header: map[string]any{"typ": typ}})), keyward.CodeInvalidToken)
	}
	for claim, values := range map[string][]any{
		"at_hash": {"x",
			1}, "c_hash": {"x"}, "s_hash": {"x"},
		"events": {map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}},
		"typ":    {"ID", "Refresh", "Offline", "Logout", "refresh"}, "token_use": {"id", "refresh", "ID", "refresh_token"},
		"tokenName": {"id_token", "refresh_token"},
	} {
		for _, v := range values {
			w.want(fmt.Sprint("claim ", claim, " ", v), items(w.claims(map[string]any{claim: v})), keyward.CodeInvalidToken)
		}
	}
	w.want("azp, nonce, typ Bearer", items(w.claims(map[string]any{"azp": "abc", "nonce": "n", "typ": "Bearer",
		"token_use": "access", "tokenName": "access_token", "token_type": "refresh_token"})), "")
	idToken := w.mint(issuer.Token{Header: map[string]any{"typ": "id+jwt"}, Claims: map[string]any{"at_hash": "x", "typ": "ID"}})
	w.want("an ID token", items(idToken), keyward.CodeInvalidToken)
	w.changeCorp(func(r *keyward.KeyManagerRow) { r.TokenType = "any" })
	w.want("type any", items(idToken), "")
	w.changeCorp(func(r *keyward.KeyManagerRow) { r.Require = map[string]any{"typ": "Bearer", "/a/n": 7.0} })
	w.want("require", items(idToken), keyward.CodeInvalidToken)
	w.want("require, one of two", items(w.claims(map[string]any{"typ": "Bearer"})), keyward.CodeInvalidToken)
	w.want("require, another type", items(w.claims(map[string]any{"typ": "Bearer", "a": map[string]any{"n": "7"}})),
		keyward.CodeInvalidToken)
	w.want("require, met", items(w.claims(map[string]any{"typ": "Bearer", "a": map[string]any{"n": 7}})), "")
}

// B12: audiences of both levels.
func TestAudiences(t *testing.T) {
	w := newWorld(t)
	aud := func(v any) Request { return items(w.claims(map[string]any{"aud": v})) }
	w.want("no rule, missing", aud(nil), "")
	w.want("no rule, a number", aud(5), keyward.CodeInvalidToken)
	w.want("no rule, a mixed array", aud([]any{"a", 5}), keyward.CodeInvalidToken)
	w.changeCorp(func(r *keyward.KeyManagerRow) { r.Audiences = []string{"urn:test", "urn:more"} })
	for what, v := range map[string]any{"a string": "urn:test", "an array": []string{"x", "urn:more"}} {
		w.want(what, aud(v), "")
	}
	for what, v := range map[string]any{
		"missing": nil, "another": "urn:sister", "an empty array": []string{},
		"an array without it": []string{"a"}, "a number": 5, "an object": map[string]any{"urn:test": 1},
		"a longer one": "urn:test2", "a part": "urn:tes", "another case": "URN:TEST",
		"several in one": "urn:test urn:more", "empty": "", "mixed": []any{"urn:test", 5},
	} {
		w.want(what, aud(v), keyward.CodeAudienceMismatch)
	}
	w.changeOrders(func(a *keyward.APIRow) { a.Audiences = []string{"urn:orders"} })
	w.want("the key manager's only", aud("urn:test"), keyward.CodeAudienceMismatch)
	w.want("the API's only", aud("urn:orders"), keyward.CodeAudienceMismatch)
	w.want("both", aud([]string{"urn:orders", "urn:test"}), "")
	w.changeOrders(func(a *keyward.APIRow) { a.KeyManagers[0].Audiences = []string{"api://1"} })
	w.want("the API's entry for the key manager", aud([]string{"api://1", "urn:test"}), "")
	w.want("without the entry's", aud([]string{"urn:orders", "urn:test"}), keyward.CodeAudienceMismatch)
}

// B13: dates are whole numbers, exp is there.
func TestDates(t *testing.T) {
	w := newWorld(t)
	now := time.Now().Unix()
	for _, c := range []struct {
		claim string
		value any
		want  keyward.Code
	}{
		{"exp", now + 600, ""},
		{"exp", now - 20, ""}, // within the skew
		{"exp", now - 40, keyward.CodeTokenExpired},
		{"exp", 0, keyward.CodeTokenExpired},
		{"exp", nil, keyward.CodeInvalidToken},
		{"exp", int64(1) << 62, ""},
		{"nbf", now + 20, ""},
		{"nbf", now + 60, keyward.CodeTokenNotYetValid},
		{"nbf", int64(1) << 62, keyward.CodeTokenNotYetValid},
		{"iat", now + 20, ""},
		{"iat", now + 60, keyward.CodeTokenNotYetValid},
		{"iat", nil, ""},
	} {
		w.want(fmt.Sprint(c.claim, " ", c.value), items(w.claims(map[string]any{c.claim: c.value})), c.want)
	}
	for _, claim := range []string{"exp", "nbf", "iat"} {
		for _, v := range []string{`"99999999999"`, "99999999999.5", "9.9e10", "1e308", "-1", "-0", "9223372036854775808", "null",
			"true", "[]", "{}", `""`} {
			claims := strings.Replace(body(w, ""), `"exp":`, `"x":`, 1)
			if claim != "exp" {
				claims = body(w, "")
			}
			claims = strings.TrimSuffix(claims, "}") + `,"` + claim + `":` + v + "}"
			got := w.code(items(w.mint(issuer.Token{RawBody: claims})))
			if got != keyward.CodeInvalidToken && v != "-0" {
				t.Errorf("%s %s: got %q", claim, v, got)
			}
			if v == "-0" && claim == "exp" && got == "" {
				t.Errorf("exp -0 passed")
			}
		}
	}
	raw := w.claims(nil)
	w.want("fresh", items(raw), "")
	w.later(11 * time.Minute)
	w.want("its time is asked at every request", items(raw), keyward.CodeTokenExpired)
}

// RFC 7519, sections 4.1.4 and 4.1.5: exp is the first moment that does not count, nbf the first that does. The skew of
// 30 s moves both.
func TestDatesToTheSecond(t *testing.T) {
	w := newWorld(t)
	at := time.Now().Truncate(time.Second)
	w.mu.Lock()
	w.now = func() time.Time { return at }
	w.mu.Unlock()
	now := at.Unix()
	for _, c := range []struct {
		claim string
		value int64
		want  keyward.Code
	}{
		{"exp", now - 29, ""},
		{"exp", now - 30, keyward.CodeTokenExpired},
		{"nbf", now + 30, ""},
		{"nbf", now + 31, keyward.CodeTokenNotYetValid},
		{"iat", now + 30, ""},
		{"iat", now + 31, keyward.CodeTokenNotYetValid},
	} {
		w.want(fmt.Sprint(c.claim, " ", c.value-now), items(w.claims(map[string]any{c.claim: c.value})), c.want)
	}
}

func TestSenderConstraint(t *testing.T) {
	w := newWorld(t)
	w.want("the control", items(w.claims(nil)), "")
	for what, cnf := range map[string]any{
		"DPoP": map[string]any{"jkt": "x"}, "mTLS": map[string]any{"x5t#S256": "x"}, "empty": map[string]any{}, "no object": "x",
	} {
		w.want(what, items(w.claims(map[string]any{"cnf": cnf})), keyward.CodeSenderConstraintFailed)
	}
}
