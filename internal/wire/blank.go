package wire

import (
	"encoding/base64"
	"html"
	"slices"
	"strconv"
	"strings"
)

const (
	maxBlanked = 4 << 10 // bytes of a server's text that are looked through; what comes after them is never shown
	maxLayers  = 3       // a Basic credential in a query: percent-encoded, base64, and the password in it form-encoded
	minEncoded = 4       // bytes of a secret that is looked for in decoded text too, where a shorter one stands by chance
)

// span is a part of a text, by the numbers of its first byte and of the one after its last.
type span struct{ from, to int }

// blank puts *** in the place of each secret, also where the server has encoded what it repeats.
func blank(text string, secrets []string) string {
	var b strings.Builder
	at := 0
	for _, s := range joined(spans(text, secrets, maxLayers)) {
		b.WriteString(text[at:s.from] + "***")
		at = s.to
	}
	return b.String() + text[at:]
}

// joined puts spans in order and makes one of those that overlap.
func joined(all []span) []span {
	slices.SortFunc(all, func(a, b span) int { return a.from - b.from })
	var out []span
	for _, s := range all {
		if last := len(out) - 1; last >= 0 && s.from < out[last].to {
			out[last].to = max(out[last].to, s.to)
			continue
		}
		out = append(out, s)
	}
	return out
}

// spans finds the secrets in a text and in what it decodes to, layer by layer.
func spans(text string, secrets []string, layers int) []span {
	var found []span
	for _, secret := range secrets {
		if secret == "" || layers < maxLayers && len(secret) < minEncoded {
			continue
		}
		for at := 0; ; {
			i := strings.Index(text[at:], secret)
			if i < 0 {
				break
			}
			found = append(found, span{at + i, at + i + len(secret)})
			at += i + len(secret)
		}
	}
	if layers == 0 {
		return found
	}
	for _, unit := range []func(string) (string, int){percentUnit, formUnit, escapeUnit, entityUnit} {
		plain, origin := decoded(text, unit)
		if plain == text {
			continue
		}
		for _, s := range spans(plain, secrets, layers-1) {
			found = append(found, span{origin[s.from], origin[s.to]})
		}
	}
	return append(found, inBase64(text, secrets, layers-1)...)
}

// decoded takes an encoding off a text, unit by unit, and says where each byte of the result, and its end, came from.
func decoded(text string, unit func(string) (string, int)) (plain string, origin []int) {
	var b strings.Builder
	for at := 0; at < len(text); {
		value, length := unit(text[at:])
		if length == 0 {
			value, length = text[at:at+1], 1
		}
		b.WriteString(value)
		for range len(value) {
			origin = append(origin, at)
		}
		at += length
	}
	return b.String(), append(origin, len(text))
}

// percentUnit reads %2B (RFC 3986, section 2.1). No length: the text does not begin with a unit.
func percentUnit(text string) (value string, length int) {
	if len(text) < 3 || text[0] != '%' {
		return "", 0
	}
	code, err := strconv.ParseUint(text[1:3], 16, 8)
	if err != nil {
		return "", 0
	}
	return string([]byte{byte(code)}), 3
}

// formUnit reads what application/x-www-form-urlencoded has beside that: + is a space.
func formUnit(text string) (value string, length int) {
	if strings.HasPrefix(text, "+") {
		return " ", 1
	}
	return percentUnit(text)
}

// escapeUnit reads an escape of a JSON string (RFC 8259, section 7).
func escapeUnit(text string) (value string, length int) {
	for _, length := range []int{6, 2} { // \u002b, and \/
		if len(text) < length || text[0] != '\\' {
			continue
		}
		unit := text[:length]
		if unit == `\/` {
			return "/", length
		}
		if value, err := strconv.Unquote(`"` + unit + `"`); err == nil && len([]rune(value)) == 1 {
			return value, length
		}
	}
	return "", 0
}

// entityUnit reads a character reference of HTML.
func entityUnit(text string) (value string, length int) {
	if !strings.HasPrefix(text, "&") {
		return "", 0
	}
	end := strings.IndexByte(text[:min(len(text), 12)], ';')
	if end < 0 {
		return "", 0
	}
	if value := html.UnescapeString(text[:end+1]); value != text[:end+1] {
		return value, end + 1
	}
	return "", 0
}

// inBase64 finds runs of base64, of either alphabet, in which a secret is, beside something else perhaps: the whole run.
func inBase64(text string, secrets []string, layers int) []span {
	var found []span
	for at := 0; at < len(text); {
		end := len(text) - len(strings.TrimLeftFunc(text[at:], ofBase64))
		if holds(text[at:end], secrets, layers) {
			found = append(found, span{at, len(text) - len(strings.TrimLeft(text[end:], "="))})
		}
		at = max(end, at+1)
	}
	return found
}

func ofBase64(r rune) bool {
	return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("+/-_", r)
}

// holds tells whether a run of base64 holds a secret, wherever in the run it began to be one.
func holds(run string, secrets []string, layers int) bool {
	tooLong := func(s string) bool { return s == "" || len(s) > len(run)*3/4 }
	if !slices.ContainsFunc(secrets, func(s string) bool { return !tooLong(s) }) {
		return false
	}
	shorter := slices.DeleteFunc(slices.Clone(secrets), tooLong)
	run = strings.NewReplacer("-", "+", "_", "/").Replace(run)
	for begin := range min(4, len(run)) {
		part := run[begin:]
		if len(part)%4 == 1 {
			part = part[:len(part)-1]
		}
		plain, err := base64.RawStdEncoding.DecodeString(part)
		if err == nil && len(spans(string(plain), shorter, layers)) > 0 {
			return true
		}
	}
	return false
}
