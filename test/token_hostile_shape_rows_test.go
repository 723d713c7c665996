package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"keyward.dev/keyward/internal/testbed/issuer"
)

func rowB7(c *collector, a *arena) {
	for name, kid := range map[string]any{
		"path": "../../../../dev/null", "absolute path": "/proc/sys/kernel/randomize_va_space", "quotes": `' OR '1'='1`,
		"double quotes": `"},{"kid":"shared`, "NUL": "shared\x00", "CRLF": "shared\r\nX-Injected: 1", "query": "shared&kid=x",
		"percent": "%73hared", "template": "${jndi:ldap://127.0.0.1/a}", "shell": "$(id)", "8 KiB": repeat("k", 8192),
		"number": 7, "array": []string{"shared"}, "object": map[string]any{"kid": "shared"}, "boolean": true,
		"unicode": "ſhared",
	} {
		c.mint(name, a.rsa, issuer.Token{Header: map[string]any{"kid": kid}})
	}
	c.mint("null", a.rsa, issuer.Token{RawHead: `{"alg":"RS256","kid":null}`})
	c.mint("twice", a.rsa, issuer.Token{RawHead: `{"alg":"RS256","kid":"x","kid":"shared"}`})
	c.mint("in two cases", a.rsa, issuer.Token{RawHead: `{"alg":"RS256","kid":"shared","KID":"x"}`})
	c.add("empty HMAC secret behind a path", issuer.HMAC(nil, `{"alg":"HS256","kid":"../../dev/null"}`, body(c, a.rsa)))
}

func rowB8(c *collector, a *arena) {
	good := mint(c.t, a.rsa, issuer.Token{})
	parts := strings.Split(good, ".")
	c.add("8,000 dots", repeat(".", 8000))
	c.add("a header and dots", parts[0]+repeat(".", 4000))
	c.add("one part", parts[0])
	c.add("two parts", parts[0]+"."+parts[1])
	c.add("four parts", good+"."+parts[2])
	c.add("five parts, as a JWE", parts[0]+"."+parts[1]+"."+parts[2]+"."+parts[2]+"."+parts[2])
	c.add("JWE header", issuer.Encode(`{"alg":"RSA-OAEP","enc":"A256GCM"}`)+".AAAA.AAAA.AAAA.AAAA")
	c.add("JWE by password",
		issuer.Encode(`{"alg":"PBES2-HS256+A128KW","p2c":2000000000,"p2s":"AAAA","enc":"A128GCM"}`)+".AAAA.AAAA.AAAA.AAAA")
	c.add("leading dot", "."+good)
	c.add("trailing dot", good+".")
	c.add("empty header", "."+parts[1]+"."+parts[2])
	c.add("empty claims", parts[0]+".."+parts[2])
	c.add("empty JSON", issuer.Encode("{}")+"."+issuer.Encode("{}")+".")
	c.add("one letter", "a")
	c.add("word", "null")
	c.add("opaque", "ory_at_"+repeat("x", 40)+"."+repeat("y", 40))
	c.add("UUID", "0f6b1d7e-6f0e-4a59-9b3a-2f6a6a1d1111")
	c.add("compressed", issuer.Encode(`{"alg":"RS256","zip":"DEF","kid":"shared"}`)+"."+parts[1]+"."+parts[2])
}

func rowB11(c *collector, a *arena) {
	for _, claim := range []string{"at_hash", "c_hash", "s_hash", "events"} {
		c.mint("claim "+claim, a.rsa, issuer.Token{Claims: map[string]any{claim: "x"}})
	}
	c.mint("logout token", a.rsa, issuer.Token{Claims: map[string]any{
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}, "sid": "s",
	}})
	for _, typ := range []string{"ID", "Refresh", "Offline", "Logout"} {
		c.mint("claim typ "+typ, a.rsa, issuer.Token{Claims: map[string]any{"typ": typ}})
	}
	for _, use := range []string{"id", "refresh"} {
		c.mint("token_use "+use, a.rsa, issuer.Token{Claims: map[string]any{"token_use": use}})
	}
	for name, typ := range map[string]any{
		"logout+jwt": "logout+jwt", "secevent+jwt": "secevent+jwt", "dpop+jwt": "dpop+jwt", "id_token+jwt": "id_token+jwt",
		"JWE": "JWE", "JOSE": "JOSE", "empty": "", "number": 1, "array": []string{"JWT"}, "blank": "JWT ",
		"other media type": "text/at+jwt", "rt+jwt": "rt+jwt", "kb+jwt": "kb+jwt", "jwt-bearer": "client-authentication+jwt",
		"application": "application/", "double": "application/application/jwt",
	} {
		c.mint("header typ "+name, a.rsa, issuer.Token{Header: map[string]any{"typ": typ}})
	}
	c.mint("header typ null", a.rsa, issuer.Token{RawHead: `{"alg":"RS256","kid":"shared","typ":null}`})
	c.mint("bound to a key", a.rsa, issuer.Token{Claims: map[string]any{"cnf": map[string]any{"jkt": "x"}}},
		"sender_constraint_failed")
	c.mint("bound to a certificate", a.rsa,
		issuer.Token{Claims: map[string]any{"cnf": map[string]any{"x5t#S256": "x"}}},
		"sender_constraint_failed")
}

func rowB12(c *collector, a *arena) {
	for name, aud := range map[string]any{
		"missing": nil, "sister service": "urn:sister", "array without": []string{"urn:a",
			"urn:b"}, "empty array": []string{},
		"empty": "", "prefix": "urn:tes", "longer": "urn:test2", "other case": "URN:TEST", "slash": "urn:test/",
		"space-separated": "urn:a urn:test", "number": 5, "object": map[string]any{"urn:test": true}, "boolean": true,
		"array of arrays": []any{[]string{"urn:test"}}, "array with a number": []any{"urn:test", 5},
		"comma-separated": "urn:a,urn:test",
	} {
		c.mint(name, a.strict, issuer.Token{Claims: map[string]any{"tid": "acme", "aud": aud}}, "audience_mismatch",
			"invalid_token")
	}
	claims := fmt.Sprintf(`{"iss":%q,"tid":"acme","client_id":"abc","scope":"orders:read","exp":%d,"aud":`,
		a.strict.Issuer, time.Now().Unix()+600)
	c.mint("null", a.strict, issuer.Token{RawBody: claims + `null}`}, "audience_mismatch", "invalid_token")
	c.mint("twice", a.strict, issuer.Token{RawBody: claims + `"urn:a","aud":"urn:test"}`})
	c.mint("in two cases", a.strict, issuer.Token{RawBody: claims + `"urn:a","Aud":"urn:test"}`})
}

func rowB13(c *collector, a *arena) {
	now := time.Now().Unix()
	for name, exp := range map[string]any{
		"missing": nil, "string": fmt.Sprint(now + 600), "boolean": true, "array": []int64{now + 600},
		"object": map[string]any{"exp": now + 600}, "negative": -now, "empty": "",
	} {
		c.mint("exp "+name, a.rsa, issuer.Token{Claims: map[string]any{"exp": exp}}, "invalid_token", "token_expired")
	}
	for name, exp := range map[string]int64{"past": now - 120, "zero": 0, "long ago": 1} {
		c.mint("exp "+name, a.rsa, issuer.Token{Claims: map[string]any{"exp": exp}}, "token_expired", "invalid_token")
	}
	claims := func(more string) issuer.Token {
		return issuer.Token{RawBody: fmt.Sprintf(`{"iss":%q,"client_id":"abc","scope":"orders:read",%s}`, a.rsa.Issuer,
			more)}
	}
	for name, exp := range map[string]string{
		"1e308": "1e308", "1e400": "1e400", "fraction": fmt.Sprintf("%d.5", now+600), "exponent": "4e9", "null": "null",
		"twenty digits": "99999999999999999999", "overflow": "9223372036854775808", "negative zero": "-0",
		"negative exponent": "1e-5", "leading zero": "09999999999", "plus": "+9999999999", "hexadecimal": "0xFFFFFFFF",
		"infinity": "Infinity", "not a number": "NaN",
	} {
		c.mint("exp "+name, a.rsa, claims(`"exp":`+exp), "invalid_token", "token_expired")
	}
	good := fmt.Sprintf(`"exp":%d,`, now+600)
	for name, nbf := range map[string]string{"string": `"1"`, "fraction": "1.5", "negative": "-5", "null": "null",
		"1e308": "1e308", "array": "[1]"} {
		c.mint("nbf "+name, a.rsa, claims(good+`"nbf":`+nbf))
		c.mint("iat "+name, a.rsa, claims(good+`"iat":`+nbf))
	}
	c.mint("nbf ahead", a.rsa, issuer.Token{Claims: map[string]any{"nbf": now + 300}}, "token_not_yet_valid")
	c.mint("iat ahead", a.rsa, issuer.Token{Claims: map[string]any{"iat": now + 300}}, "token_not_yet_valid")
	c.mint("exp before nbf", a.rsa, issuer.Token{Claims: map[string]any{"nbf": now + 500, "exp": now + 400}},
		"token_not_yet_valid")
	c.mint("exp twice", a.rsa, claims(fmt.Sprintf(`"exp":1,"exp":%d`, now+600)))
	c.mint("exp in two cases", a.rsa, claims(fmt.Sprintf(`"exp":1,"EXP":%d`, now+600)), "invalid_token")
}

func rowB14(c *collector, a *arena) {
	base := fmt.Sprintf(`"iss":%q,"client_id":"abc","scope":"orders:read","exp":%d`, a.rsa.Issuer,
		time.Now().Unix()+600)
	for name, more := range map[string]string{
		"sub twice": `"sub":"a","sub":"b"`, "sub in two cases": `"sub":"a","Sub":"b"`, "client_id twice": `"client_id":"abc"`,
		"client_id in capitals": `"CLIENT_ID":"xyz"`, "scope twice": `"scope":"orders:admin"`,
		"scope in two cases": `"Scope":"orders:admin"`,
		"scope folded":       `"ſcope":"orders:admin"`, "iss folded": `"iſs":"https://evil.example"`,
		"iss escaped": `"\u0069ss":"https://evil.example"`,
		"kelvin": `"k":1,"` + "\u212a" +
			`":2`, "nested twice": `"act":{"sub":"a","sub":"b"}`, "nested in two cases": `"act":{"sub":"a","SUB":"b"}`,
		"deep in an array": `"x":[[{"a":1,"A":2}]]`, "unknown twice": `"zzz":1,"zzz":1`, "empty name twice": `"":1,"":2`,
	} {
		c.mint(name, a.rsa, issuer.Token{RawBody: "{" + base + "," + more + "}"})
	}
	for name, head := range map[string]string{
		"alg twice": `"alg":"none","alg":"RS256","kid":"shared"`, "alg in two cases": `"alg":"RS256","Alg":"none","kid":"shared"`,
		"typ twice":        `"alg":"RS256","kid":"shared","typ":"JWT","typ":"at+jwt"`,
		"alg escaped":      `"alg":"RS256","\u0061lg":"none","kid":"shared"`,
		"crit in capitals": `"alg":"RS256","kid":"shared","CRIT":["x"],"crit":["x"]`,
	} {
		c.mint("header: "+name, a.rsa, issuer.Token{RawHead: "{" + head + "}"})
	}
}

func rowJSON(c *collector, a *arena) {
	members := fmt.Sprintf(`"iss":%q,"client_id":"abc","scope":"orders:read","exp":%d`, a.rsa.Issuer,
		time.Now().Unix()+600)
	object := "{" + members + "}"
	for name, text := range map[string]string{
		"something after": object + "x", "two objects": object + object, "comma at the end": "{" + members + ",}",
		"array": "[" + object + "]", "string": quoted(object), "null": "null", "number": "1", "empty": "", "blank": " ",
		"cut": object[:len(object)-1], "byte order mark": "\ufeff" + object, "NUL after": object + "\x00",
		"not UTF-8": "{" + members + `,"x":"` + "\xff" + `"}`, "overlong UTF-8": "{" + members + `,"x":"` + "\xc0\xaf" + `"}`,
		"lone surrogate": "{" + members + `,"x":"\ud800"}`, "single quotes": "{'iss':1," + members + "}",
		"comment": "{/* x */" + members + "}", "control character": "{" + members + `,"x":"` + "\n" + `"}`,
		"bad escape": "{" + members + `,"x":"\q"}`, "NaN": "{" + members + `,"x":NaN}`, "too deep": "{" + members + `,"x":` +
			repeat("[", 40) + repeat("]", 40) + "}",
		"far too deep": "{" + members + `,"x":` + repeat("[", 3000) + repeat("]",
			3000) + "}", "unquoted name": "{iss:1," + members + "}",
	} {
		c.mint("claims: "+name, a.rsa, issuer.Token{RawBody: orBlank(text)})
	}
	for name, text := range map[string]string{
		"something after": `{"alg":"RS256","kid":"shared"}x`, "array": `["RS256"]`, "string": `"RS256"`,
		"byte order mark": "\ufeff" + `{"alg":"RS256","kid":"shared"}`, "not UTF-8": `{"alg":"RS256","kid":"shared","x":"` + "\xfe" +
			`"}`,
		"too deep":   `{"alg":"RS256","kid":"shared","x":` + repeat("[", 40) + repeat("]", 40) + "}",
		"line after": `{"alg":"RS256","kid":"shared"}` + "\n{}",
	} {
		c.mint("header: "+name, a.rsa, issuer.Token{RawHead: text})
	}
}

// orBlank keeps an empty text from meaning "the usual claims".
func orBlank(s string) string {
	if s == "" {
		return "\t"
	}
	return s
}

func rowClientID(c *collector, a *arena) {
	for name, id := range map[string]any{
		"empty": "", "number": 7, "array": []string{"abc"}, "object": map[string]any{"id": "abc"}, "boolean": true,
		"array of two": []string{"abc", "xyz"}, "missing": nil,
	} {
		c.mint(name, a.rsa, issuer.Token{Claims: map[string]any{"client_id": id}})
	}
	exp, _ := json.Marshal(time.Now().Unix() + 600)
	c.mint("null", a.rsa,
		issuer.Token{RawBody: fmt.Sprintf(`{"iss":%q,"client_id":null,"scope":"orders:read","exp":%s}`, a.rsa.Issuer,
			exp)})
}

func rowRequire(c *collector, a *arena) {
	for name, tid := range map[string]any{
		"missing": nil, "other": "evil", "other case": "ACME", "array": []string{"acme"}, "object": map[string]any{"acme": 1},
		"number": 1, "boolean": true, "blank": "acme ", "longer": "acme2",
	} {
		c.mint(name, a.strict, issuer.Token{Claims: map[string]any{"tid": tid}})
	}
}
