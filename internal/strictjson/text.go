package strictjson

import (
	"unicode/utf16"
	"unicode/utf8"
)

// str parses the string at pos. One without escapes stays where it is; others are decoded beside the source. Control
// characters must be escaped, and an escaped surrogate must have its other half: alone it has no UTF-8 form.
func (p *parser) str() (span, error) {
	p.pos++
	start := p.pos
	for p.pos < p.end {
		switch c := p.source[p.pos]; {
		case c == '"':
			s := span{start: uint32(start), end: uint32(p.pos)} //nolint:gosec // bounded by the source's length
			p.pos++
			return s, nil
		case c == '\\':
			return p.escapedString(start)
		case c < ' ':
			return span{}, errSyntax
		default:
			p.pos++
		}
	}
	return span{}, errSyntax
}

// escapedString goes on where str met the first escape.
func (p *parser) escapedString(start int) (span, error) {
	at := len(p.decoded)
	p.decoded = append(p.decoded, p.source[start:p.pos]...)
	for p.pos < p.end {
		switch c := p.source[p.pos]; {
		case c == '"':
			p.pos++
			return span{start: uint32(at), end: uint32(len(p.decoded)), escaped: true}, nil //nolint:gosec // as above
		case c == '\\':
			if err := p.escape(); err != nil {
				return span{}, err
			}
		case c < ' ':
			return span{}, errSyntax
		default:
			p.decoded = append(p.decoded, c)
			p.pos++
		}
	}
	return span{}, errSyntax
}

// escape decodes one escape sequence, or a pair of them that is one character.
func (p *parser) escape() error {
	p.pos++
	c := p.peek()
	p.pos++
	switch c {
	case '"', '\\', '/':
		p.decoded = append(p.decoded, c)
	case 'b':
		p.decoded = append(p.decoded, '\b')
	case 'f':
		p.decoded = append(p.decoded, '\f')
	case 'n':
		p.decoded = append(p.decoded, '\n')
	case 'r':
		p.decoded = append(p.decoded, '\r')
	case 't':
		p.decoded = append(p.decoded, '\t')
	case 'u':
		r, err := p.unicodeEscape()
		if err != nil {
			return err
		}
		p.decoded = utf8.AppendRune(p.decoded, r)
	default:
		return errSyntax
	}
	return nil
}

func (p *parser) unicodeEscape() (rune, error) {
	r, ok := p.hex4()
	if !ok {
		return 0, errSyntax
	}
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	if p.peek() != '\\' {
		return 0, errUTF8
	}
	p.pos++
	if p.peek() != 'u' {
		return 0, errUTF8
	}
	p.pos++
	low, ok := p.hex4()
	if !ok {
		return 0, errSyntax
	}
	pair := utf16.DecodeRune(r, low)
	if pair == utf8.RuneError {
		return 0, errUTF8
	}
	return pair, nil
}

func (p *parser) hex4() (rune, bool) {
	if p.end-p.pos < 4 {
		return 0, false
	}
	var r rune
	for _, c := range []byte(p.source[p.pos : p.pos+4]) {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	p.pos += 4
	return r, true
}
