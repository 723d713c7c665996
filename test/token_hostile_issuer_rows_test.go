package e2e

import (
	"strings"

	"keyward.dev/keyward/internal/testbed/issuer"
)

func rowA1(c *collector, a *arena) {
	c.mint("key of rsa says other", a.rsa, issuer.Token{Claims: map[string]any{"iss": a.other.Issuer}})
	c.mint("key of other says rsa", a.other, issuer.Token{Claims: map[string]any{"iss": a.rsa.Issuer}})
	c.mint("key of rsa says strict, its kid", a.rsa, issuer.Token{
		Key: a.rsa.Key().As("strict", ""), Claims: map[string]any{"iss": a.strict.Issuer, "tid": "acme"},
	})
}

func rowA2(c *collector, a *arena) {
	issuers := map[string]*issuer.Issuer{"rsa": a.rsa, "ec": a.ec, "ed": a.ed, "ps": a.ps}
	for from, f := range issuers {
		for to, i := range issuers {
			if from != to {
				c.mint("key of "+from+" says "+to, f, issuer.Token{Claims: map[string]any{"iss": i.Issuer}})
			}
		}
	}
}

func rowA3(c *collector, a *arena) {
	c.mint("unknown kid, right key", a.rsa, issuer.Token{Key: a.rsa.Key().As("nobody", "")})
	c.mint("kid of another issuer", a.ec, issuer.Token{Header: map[string]any{"kid": "shared"}})
	c.mint("no kid, key of another issuer", a.other, issuer.Token{
		Header: map[string]any{"kid": nil}, Claims: map[string]any{"iss": a.rsa.Issuer},
	})
	c.mint("empty kid, key of another issuer", a.other, issuer.Token{
		Header: map[string]any{"kid": ""}, Claims: map[string]any{"iss": a.rsa.Issuer},
	})
	c.mint("kid in another case", a.rsa, issuer.Token{Header: map[string]any{"kid": "SHARED"}})
	c.mint("kid with a blank", a.rsa, issuer.Token{Header: map[string]any{"kid": "shared "}})
	c.mint("kid is a prefix", a.rsa, issuer.Token{Header: map[string]any{"kid": "share"}})
}

func rowA4(c *collector, a *arena) {
	iss := a.rsa.Issuer
	host := strings.TrimPrefix(iss, "http://")
	port := host[strings.LastIndex(host, ":")+1:]
	for name, other := range map[string]string{
		"prefix":              iss[:len(iss)-1],
		"suffix":              iss[1:],
		"longer":              iss + "0",
		"substring of longer": "x" + iss + "x",
		"trailing slash":      iss + "/",
		"path":                iss + "/realms/corp",
		"query":               iss + "?x",
		"fragment":            iss + "#x",
		"scheme in capitals":  "HTTP://" + host,
		"https":               "https://" + host,
		"no scheme":           host,
		"user":                "http://user@" + host,
		"issuer as user":      iss + "@evil.example",
		"name of loopback":    "http://localhost:" + port,
		"short loopback":      "http://127.1:" + port,
		"mapped loopback":     "http://[::ffff:127.0.0.1]:" + port,
		"blank before":        " " + iss,
		"blank after":         iss + " ",
		"tab":                 iss + "\t",
		"newline":             iss + "\n",
		"NUL":                 iss + "\x00",
		"zero width":          iss + "\u200b",
		"look-alike dot":      strings.Replace(iss, ".", "\u2024", 1),
		"full-width digit":    strings.Replace(iss, "1", "\uff11", 1),
		"percent":             strings.Replace(iss, "1", "%31", 1),
		"double slash":        strings.Replace(iss, "//", "///", 1),
		"dot segment":         iss + "/.",
		"name":                "rsa",
		"empty":               "",
		"two":                 iss + " " + a.other.Issuer,
	} {
		c.mint(name, a.rsa, issuer.Token{Claims: map[string]any{"iss": other}}, "unknown_issuer", "invalid_token")
	}
}

func rowA5(c *collector, a *arena) {
	iss := a.rsa.Issuer
	for name, v := range map[string]any{
		"array":          []string{iss},
		"array of two":   []string{iss, a.other.Issuer},
		"array, foreign": []string{"https://evil.example", iss},
		"number":         7,
		"object":         map[string]any{iss: iss},
		"boolean":        true,
		"missing":        nil,
	} {
		c.mint(name, a.rsa, issuer.Token{Claims: map[string]any{"iss": v}}, "unknown_issuer", "invalid_token")
	}
	body := func(members string) issuer.Token {
		return issuer.Token{RawBody: `{` + members + `,"client_id":"abc","scope":"orders:read","exp":99999999999}`}
	}
	c.mint("null", a.rsa, body(`"iss":null`), "unknown_issuer", "invalid_token")
	c.mint("twice, good last", a.rsa, body(`"iss":"https://evil.example","iss":`+quoted(iss)))
	c.mint("twice, good first", a.rsa, body(`"iss":`+quoted(iss)+`,"iss":"https://evil.example"`))
	c.mint("twice, equal", a.rsa, body(`"iss":`+quoted(iss)+`,"iss":`+quoted(iss)))
	c.mint("other case beside it", a.rsa, body(`"iss":`+quoted(iss)+`,"Iss":"https://evil.example"`))
	c.mint("only in other case", a.rsa, body(`"Iss":`+quoted(iss)), "unknown_issuer", "invalid_token")
}

func rowA9(c *collector, a *arena) {
	trap := a.trap.URL
	for _, name := range []string{"jku", "x5u", "jwks_uri", "iss", "url"} {
		c.mint("header "+name+", unknown issuer", a.rsa, issuer.Token{
			Header: map[string]any{name: trap + "/jwks"}, Claims: map[string]any{"iss": trap},
		}, "unknown_issuer", "invalid_token")
		c.mint("header "+name+", unknown kid", a.rsa, issuer.Token{
			Header: map[string]any{name: trap + "/jwks", "kid": "from-" + name},
		})
	}
	c.mint("issuer is the trap", a.rsa, issuer.Token{Claims: map[string]any{"iss": trap}}, "unknown_issuer")
	c.mint("issuer is the trap, known kid", a.other, issuer.Token{Claims: map[string]any{
		"iss": trap, "jwks_uri": trap + "/jwks", "jku": trap,
	}}, "unknown_issuer")
	for _, scheme := range []string{"file:///etc/passwd", "ftp://127.0.0.1/x",
		"http://169.254.169.254/latest/meta-data"} {
		c.mint(scheme, a.rsa, issuer.Token{Claims: map[string]any{"iss": scheme}}, "unknown_issuer")
	}
	c.add("opaque with an address", strings.TrimPrefix(trap, "http://127.0.0.1:")+"/token")
}
