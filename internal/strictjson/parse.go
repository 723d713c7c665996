package strictjson

import (
	"bytes"
	"errors"
	"hash/maphash"
	"math"
	"unicode"
	"unicode/utf8"
)

// maxDepth is how deeply arrays and objects may nest, the outermost counted.
const maxDepth = 32

// The faults of a document that callers tell apart. They name no part of it: it may be a token.
var (
	ErrDuplicate = errors.New("it has a member twice, or two that differ only in case")
	ErrNotObject = errors.New("it is not a JSON object")
)

var (
	errSyntax   = errors.New("it is not one JSON value of RFC 8259")
	errUTF8     = errors.New("it is not valid UTF-8")
	errDepth    = errors.New("it nests too deeply")
	errTooLarge = errors.New("it is too large")
)

// foldSeed makes collisions of folded names unpredictable.
var foldSeed = maphash.MakeSeed()

// node is one value of a flat document. Children follow their parent; next is the index after the last of them, so
// that a member is skipped without reading it.
type node struct {
	kind       Kind
	name, text span   // decoded: the member's name; a string's content
	raw        span   // the value as it was written
	next       uint32 // index of the node after this subtree
	hash       uint64 // of the folded name, within an object
	ambiguous  bool   // an object with a member twice; only in tolerant documents
}

// span is a part of a document's source, or of its decoded strings when escaped is set.
type span struct {
	start, end uint32
	escaped    bool
}

// document is a parsed JSON text: the source and its values in order of appearance.
type document struct {
	source  string
	decoded string // strings that had escapes, decoded, one after the other
	nodes   []node
}

func (d *document) slice(s span) string {
	if s.escaped {
		return d.decoded[s.start:s.end]
	}
	return d.source[s.start:s.end]
}

// parser fills a document from source[pos:end].
type parser struct {
	source   string
	pos, end int
	nodes    []node
	decoded  []byte
	fold     []byte // scratch for names in folded form
	tolerant bool   // mark objects with duplicate members instead of refusing the document
}

// parseDocument reads exactly one JSON value.
func parseDocument(source string, tolerant bool) (*document, error) {
	if len(source) > math.MaxInt32 {
		return nil, errTooLarge
	}
	var fold [64]byte
	p := parser{
		source: source, end: len(source), tolerant: tolerant,
		nodes: make([]node, 0, 4+min(len(source)/24, 256)), fold: fold[:0],
	}
	if _, err := p.document(); err != nil {
		return nil, err
	}
	return &document{source: source, decoded: string(p.decoded), nodes: p.nodes}, nil
}

// document parses one value between pos and end and gives the index of its root.
func (p *parser) document() (uint32, error) {
	if !utf8.ValidString(p.source[p.pos:p.end]) {
		return 0, errUTF8
	}
	root := uint32(len(p.nodes)) //nolint:gosec // bounded by the source's length
	p.space()
	if err := p.value(node{}, 1); err != nil {
		return 0, err
	}
	p.space()
	if p.pos != p.end {
		return 0, errSyntax
	}
	return root, nil
}

func (p *parser) space() {
	for p.pos < p.end {
		switch p.source[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

// peek gives the byte at pos, 0 at the end. A zero byte is legal nowhere outside of strings.
func (p *parser) peek() byte {
	if p.pos < p.end {
		return p.source[p.pos]
	}
	return 0
}

// value parses the value at pos into n, which may already have a name.
func (p *parser) value(n node, depth int) error {
	at := len(p.nodes)
	n.raw.start = uint32(p.pos) //nolint:gosec // bounded by the source's length
	p.nodes = append(p.nodes, n)
	var err error
	switch c := p.peek(); {
	case c == '{':
		err = p.object(at, depth)
	case c == '[':
		err = p.array(at, depth)
	case c == '"':
		p.nodes[at].kind = String
		p.nodes[at].text, err = p.str()
	case c == '-' || c >= '0' && c <= '9':
		p.nodes[at].kind = Number
		err = p.number()
	case c == 't':
		p.nodes[at].kind = Bool
		err = p.word("true")
	case c == 'f':
		p.nodes[at].kind = Bool
		err = p.word("false")
	case c == 'n':
		p.nodes[at].kind = Null
		err = p.word("null")
	default:
		err = errSyntax
	}
	p.nodes[at].raw.end = uint32(p.pos)     //nolint:gosec // bounded by the source's length
	p.nodes[at].next = uint32(len(p.nodes)) //nolint:gosec // bounded by the source's length
	return err
}

func (p *parser) object(at, depth int) error {
	if depth > maxDepth {
		return errDepth
	}
	p.nodes[at].kind = ObjectKind
	p.pos++
	p.space()
	if p.peek() == '}' {
		p.pos++
		return nil
	}
	members := 0
	for {
		if p.peek() != '"' {
			return errSyntax
		}
		name, err := p.str()
		if err != nil {
			return err
		}
		p.space()
		if p.peek() != ':' {
			return errSyntax
		}
		p.pos++
		p.space()
		if err := p.value(node{name: name, hash: p.hash(name)}, depth+1); err != nil {
			return err
		}
		members++
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
			p.space()
		case '}':
			p.pos++
			return p.distinct(at, members)
		default:
			return errSyntax
		}
	}
}

func (p *parser) array(at, depth int) error {
	if depth > maxDepth {
		return errDepth
	}
	p.nodes[at].kind = Array
	p.pos++
	p.space()
	if p.peek() == ']' {
		p.pos++
		return nil
	}
	for {
		if err := p.value(node{}, depth+1); err != nil {
			return err
		}
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
			p.space()
		case ']':
			p.pos++
			return nil
		default:
			return errSyntax
		}
	}
}

func (p *parser) word(w string) error {
	if p.end-p.pos < len(w) || p.source[p.pos:p.pos+len(w)] != w {
		return errSyntax
	}
	p.pos += len(w)
	return nil
}

func (p *parser) digits() bool {
	start := p.pos
	for c := p.peek(); c >= '0' && c <= '9'; c = p.peek() {
		p.pos++
	}
	return p.pos > start
}

// number follows the grammar of RFC 8259, section 6.
func (p *parser) number() error {
	if p.peek() == '-' {
		p.pos++
	}
	if p.peek() == '0' {
		p.pos++
	} else if !p.digits() {
		return errSyntax
	}
	if p.peek() == '.' {
		p.pos++
		if !p.digits() {
			return errSyntax
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.pos++
		if c := p.peek(); c == '+' || c == '-' {
			p.pos++
		}
		if !p.digits() {
			return errSyntax
		}
	}
	return nil
}

// distinct refuses an object in which two names are equal after simple case folding: readers that ignore case, as many
// do, would disagree with us about its meaning.
func (p *parser) distinct(at, members int) error {
	if members < 2 {
		return nil
	}
	if members > 16 {
		return p.distinctMany(at, members)
	}
	for i := at + 1; i < len(p.nodes); i = int(p.nodes[i].next) {
		for j := at + 1; j < i; j = int(p.nodes[j].next) {
			if p.nodes[i].hash == p.nodes[j].hash && p.sameName(i, j) {
				return p.duplicate(at)
			}
		}
	}
	return nil
}

// distinctMany is distinct for objects so large that comparing each with each would give an attacker our time.
func (p *parser) distinctMany(at, members int) error {
	seen := make(map[uint64]int, members)
	for i := at + 1; i < len(p.nodes); i = int(p.nodes[i].next) {
		// Two names with one 64-bit hash of a random seed are the same name but for an accident that refuses a
		// document.
		if _, found := seen[p.nodes[i].hash]; found {
			return p.duplicate(at)
		}
		seen[p.nodes[i].hash] = i
	}
	return nil
}

func (p *parser) duplicate(at int) error {
	if p.tolerant {
		p.nodes[at].ambiguous = true
		return nil
	}
	return ErrDuplicate
}

func (p *parser) sameName(i, j int) bool {
	a := appendFolded(nil, p.bytes(p.nodes[i].name))
	b := appendFolded(nil, p.bytes(p.nodes[j].name))
	return bytes.Equal(a, b)
}

func (p *parser) bytes(s span) string {
	if s.escaped {
		return string(p.decoded[s.start:s.end])
	}
	return p.source[s.start:s.end]
}

func (p *parser) hash(name span) uint64 {
	p.fold = appendFolded(p.fold[:0], p.bytes(name))
	return maphash.Bytes(foldSeed, p.fold)
}

// appendFolded appends the name with each rune replaced by the smallest of those that Unicode's simple case folding
// holds equal: K, k and the Kelvin sign are one letter.
func appendFolded(dst []byte, name string) []byte {
	for _, r := range name {
		if r < utf8.RuneSelf {
			if r >= 'a' && r <= 'z' {
				r -= 'a' - 'A'
			}
			dst = append(dst, byte(r)) //nolint:gosec // below utf8.RuneSelf
			continue
		}
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		dst = utf8.AppendRune(dst, least)
	}
	return dst
}
