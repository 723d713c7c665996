package token

import (
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/strictjson"
)

func TestParse(t *testing.T) {
	e := func(s string) string { return encode([]byte(s)) }
	header, claims, sig := e(`{"alg":"RS256"}`), e(`{"iss":"a","exp":1}`), e("signature")
	good := header + "." + claims + "." + sig
	bits := func(part string) string { return part[:len(part)-1] + string(rune(part[len(part)-1]+1)) }
	with := func(h string) string { return e(h) + "." + claims + "." + sig }
	large := e(`{"a":"` + strings.Repeat("~", 4<<10) + `"}`) // has the sign that differs between the alphabets
	tests := []struct {
		name, raw string
		good      bool
	}{
		{"good", good, true},
		{"unknown members", with(`{"alg":"RS256","jku":"https://evil","jwk":{"kty":"oct"},"x5u":"x","x5c":["x"]}`), true},
		{"empty claims", header + "." + e(`{}`) + "." + sig, true},
		{"empty", "", false},
		{"no dot", header, false},
		{"two parts", header + "." + claims, false},
		{"four parts", good + "." + sig, false},
		{"dot at the end", good + ".", false},
		{"dot at the start", "." + good, false},
		{"empty header", "." + claims + "." + sig, false},
		{"empty claims part", header + ".." + sig, false},
		{"empty signature", header + "." + claims + ".", false},
		{"padding", header + "." + claims + "." + e("x") + "==", false},
		{"padded header", e(`{"alg":"RS256" }`) + "=." + claims + "." + sig, false},
		{"standard alphabet", header + "." + claims + ".++//", false},
		{"its url form", header + "." + claims + ".--__", true},
		{"line end in a part", header + "." + claims + "." + sig[:4] + "\n" + sig[4:], false},
		{"carriage return", header + "\r." + claims + "." + sig, false},
		{"space", " " + good, false},
		{"trailing bits of header", bits(e(`{"alg":"RS256"} `)) + "." + claims + "." + sig, false},
		{"trailing bits of signature", header + "." + claims + "." + bits(e("xx")), false},
		{"length 1 mod 4", header + "." + claims + ".AAAAA", false},
		{"zero byte", header + "." + claims + "." + sig + "\x00", false},
		{"header not JSON", e(`alg`) + "." + claims + "." + sig, false},
		{"header an array", e(`["alg"]`) + "." + claims + "." + sig, false},
		{"claims an array", header + "." + e(`[1]`) + "." + sig, false},
		{"claims a string", header + "." + e(`"a"`) + "." + sig, false},
		{"two objects of claims", header + "." + e(`{}{}`) + "." + sig, false},
		{"two objects of header", e(`{"alg":"RS256"}{}`) + "." + claims + "." + sig, false},
		{"claims not UTF-8", header + "." + e("{\"a\":\"\xfe\"}") + "." + sig, false},
		{"iss twice", header + "." + e(`{"iss":"a","iss":"b"}`) + "." + sig, false},
		{"iss twice, folded", header + "." + e(`{"iss":"a","ISS":"b"}`) + "." + sig, false},
		{"alg twice", with(`{"alg":"RS256","alg":"none"}`), false},
		{"alg twice, folded", with(`{"alg":"RS256","Alg":"none"}`), false},
		{"no alg", with(`{"typ":"JWT"}`), false},
		{"empty alg", with(`{"alg":""}`), false},
		{"alg a number", with(`{"alg":256}`), false},
		{"alg null", with(`{"alg":null}`), false},
		{"kid a number", with(`{"alg":"RS256","kid":1}`), false},
		{"kid null", with(`{"alg":"RS256","kid":null}`), false},
		{"crit", with(`{"alg":"RS256","crit":["exp"],"exp":1}`), false},
		{"empty crit", with(`{"alg":"RS256","crit":[]}`), false},
		{"b64", with(`{"alg":"RS256","b64":false}`), false},
		{"b64 and crit", with(`{"alg":"RS256","b64":false,"crit":["b64"]}`), false},
		{"too large", header + "." + e(`{"a":"`+strings.Repeat("x", MaxSize)+`"}`) + "." + sig, false},
		{"large", header + "." + e(`{"a":"`+strings.Repeat("x", 8<<10)+`"}`) + "." + sig, true},
		{"large, in the url form", header + "." + large + "." + sig, true},
		{"large, one sign of the standard alphabet", header + "." + strings.Replace(large, "-", "+", 1) + "." + sig, false},
		{"a million dots", strings.Repeat(".", 1_000_000), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j, err := Parse(tt.raw)
			if tt.good {
				if err != nil {
					t.Fatalf("should be accepted: %v", err)
				}
				if j.Algorithm() != "RS256" {
					t.Errorf("algorithm %q", j.Algorithm())
				}
				return
			}
			wantCode(t, err, keyward.CodeInvalidToken)
		})
	}
}

func TestHostileTokensCostNothing(t *testing.T) {
	header := encode([]byte(`{"alg":"RS256"}`))
	for name, raw := range map[string]string{
		"dots":       strings.Repeat(".", 1_000_000),
		"dots below": header + strings.Repeat(".", 16_000),
		"large":      header + "." + strings.Repeat("A", 1_000_000) + ".AA",
	} {
		allocations := testing.AllocsPerRun(20, func() {
			LooksLikeJWT(raw)
			_, _ = Parse(raw)
		})
		if allocations > 10 {
			t.Errorf("%s: %v allocations", name, allocations)
		}
	}
}

func TestLooksLikeJWT(t *testing.T) {
	e := func(s string) string { return encode([]byte(s)) }
	for raw, want := range map[string]bool{
		e(`{"alg":"RS256"}`) + ".e30.AA":               true,
		e(`{"alg":"none"}`) + ".e30.":                  true,
		e(`{"alg":"none"}`) + "..":                     true,
		e(` {"typ":"JWT","alg":"RS256"}`) + ".!.!":     true, // malformed, still a JWT
		e(`{"alg":"RS256"`) + ".e30.AA":                true,
		e(`{"Alg":"RS256"}`) + ".e30.AA":               true,
		e(`{"\u0061lg":"RS256"}`) + ".e30.AA":          true,
		e("\ufeff"+`{"alg":"RS256"}`) + ".e30.AA":      true,
		e(`{"alg":"RS256"} `) + "=.e30.AA":             true,
		e(`{"typ":"JWT"}`) + ".e30.AA":                 false,
		e(`{"alg":"RS256"}`) + ".e30":                  false,
		e(`{"alg":"RSA-OAEP","enc":"x"}`) + ".a.b.c.d": false, // JWE
		"2YotnFZFEjr1zCsicMWpAA":                       false,
		"ory_at_abc.def":                               false,
		"a.b.c":                                        false,
		"":                                             false,
		"..":                                           false,
		strings.Repeat(".", 100_000):                   false,
	} {
		if got := LooksLikeJWT(raw); got != want {
			t.Errorf("LooksLikeJWT(%.60q) = %v", raw, got)
		}
	}
}

func TestFingerprintHidesTheToken(t *testing.T) {
	raw := simple(t, "ES256", "k", testKeys().p256)
	shown := Fingerprint(raw)
	if strings.Contains(shown, raw[:10]) || len(shown) != len("sha256:")+16 || shown == Fingerprint(raw+"A") {
		t.Errorf("fingerprint %q", shown)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(simple(f, "ES256", "k", testKeys().p256))
	f.Add(encode([]byte(`{"alg":"none"}`)) + "." + encode([]byte(`{}`)) + ".")
	f.Add("...")
	f.Fuzz(func(t *testing.T, raw string) {
		j, err := Parse(raw)
		if err != nil {
			wantCode(t, err, keyward.CodeInvalidToken)
			return
		}
		if !LooksLikeJWT(raw) {
			t.Fatalf("%q parses and does not look like a JWT", raw)
		}
		if alg, _ := j.Header().Get("alg"); alg.Kind() != strictjson.String {
			t.Fatal("accepted without alg")
		}
		if j.signed+"."+encode([]byte(j.signature)) != raw {
			t.Fatalf("%q is not the only form of its parts", raw)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	raw := sign(b, "RS256", testKeys().rsa, `{"alg":"RS256","typ":"JWT","kid":"9J1kBVZ6rmyrBBBHqmYpcSNLTmFcAVbWbfxwYqFu8eA"}`,
		`{"exp":1790000000,"iat":1789999700,"jti":"trrtcc:91f1c3e5-7d3f-4a0e-8d0b-0f9d1f5f1f6d","iss":"https://sso.example/realms/corp",`+
			`"aud":"account","sub":"d9d5a1b0-97f0-4bb7-a7e5-2f5c2b7d1b9f","typ":"Bearer","azp":"orders","acr":"1",`+
			`"realm_access":{"roles":["default-roles-corp","offline_access","uma_authorization"]},`+
			`"resource_access":{"account":{"roles":["manage-account","view-profile"]}},"scope":"email profile orders:read",`+
			`"clientHost":"10.0.0.1","email_verified":false,"preferred_username":"service-account-orders","client_id":"orders"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyRS256(b *testing.B) { benchmarkVerify(b, "RS256") }

func BenchmarkVerifyES256(b *testing.B) { benchmarkVerify(b, "ES256") }

func benchmarkVerify(b *testing.B, alg string) {
	var raw string
	var key *Key
	if alg == "RS256" {
		raw, key = simple(b, alg, "k", testKeys().rsa), mustKey(b, &testKeys().rsa.PublicKey)
	} else {
		raw, key = simple(b, alg, "k", testKeys().p256), mustKey(b, &testKeys().p256.PublicKey)
	}
	b.ReportAllocs()
	for b.Loop() {
		j, err := Parse(raw)
		if err != nil {
			b.Fatal(err)
		}
		if err := j.Verify(key, nil); err != nil {
			b.Fatal(err)
		}
	}
}
