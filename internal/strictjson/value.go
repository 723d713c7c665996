package strictjson

import (
	"encoding/json"
	"iter"
	"math"
	"strconv"
	"strings"
)

// Kind is the type of a JSON value.
type Kind uint8

// The kinds of JSON values.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	ObjectKind
)

// Value is one value of a parsed document. It stays valid as long as somebody holds it. The zero Value is null.
type Value struct {
	doc *document
	at  uint32
}

// Object is a JSON object, known to have no member twice. The zero Object is empty.
type Object struct {
	doc *document
	at  uint32
}

// ParseObject reads exactly one JSON object, as strictly as the package says.
func ParseObject(text string) (Object, error) {
	return parseObject(text, false)
}

// ParseTolerant reads an object as ParseObject does, but takes one in which objects further inside have a member twice: Value's
// Ambiguous tells which. So one bad entry of a list does not spoil the others. ErrDuplicate is for the outermost object.
func ParseTolerant(text string) (Object, error) {
	return parseObject(text, true)
}

func parseObject(text string, tolerant bool) (Object, error) {
	doc, err := parseDocument(text, tolerant)
	switch {
	case err != nil:
		return Object{}, err
	case doc.nodes[0].kind != ObjectKind:
		return Object{}, ErrNotObject
	case doc.nodes[0].ambiguous:
		return Object{}, ErrDuplicate
	}
	return Object{doc: doc}, nil
}

// Pair is two objects of one text, such as header and claims of a token. Its zero value holds none.
type Pair struct {
	doc    document
	second uint32
}

// Parse reads two objects that follow each other, the second from byte end of the text on, each as ParseObject does. It says
// what is wrong with the first one, or else with the second.
func (p *Pair) Parse(text string, end int) (first, second error) {
	if len(text) > math.MaxInt32 {
		return errTooLarge, nil
	}
	var fold [64]byte
	r := parser{source: text, end: end, fold: fold[:0], nodes: make([]node, 0, 8+min(len(text)/20, 256))}
	if _, err := r.document(); err != nil {
		return err, nil
	}
	r.pos, r.end = end, len(text)
	at, err := r.document()
	switch {
	case r.nodes[0].kind != ObjectKind:
		return ErrNotObject, nil
	case err == nil && r.nodes[at].kind != ObjectKind:
		err = ErrNotObject
	}
	if err != nil {
		return nil, err
	}
	p.doc, p.second = document{source: text, decoded: string(r.decoded), nodes: r.nodes}, at
	return nil, nil
}

// First is the first object. It stays valid as long as somebody holds it.
func (p *Pair) First() Object { return p.at(0) }

// Second is the second object, likewise.
func (p *Pair) Second() Object { return p.at(p.second) }

func (p *Pair) at(i uint32) Object {
	if len(p.doc.nodes) == 0 {
		return Object{}
	}
	return Object{doc: &p.doc, at: i}
}

// Get finds a member by its exact name, or, when the name starts with a slash, by JSON Pointer (RFC 6901). It tells
// whether the member is there; null is a value.
func (o Object) Get(name string) (Value, bool) {
	if o.doc == nil {
		return Value{}, false
	}
	if !strings.HasPrefix(name, "/") {
		return o.member(name)
	}
	v, found := Value(o), true
	for rest := name[1:]; found; {
		token, more, isLast := cutToken(rest)
		v, found = v.child(token)
		if isLast {
			break
		}
		rest = more
	}
	return v, found
}

// cutToken takes the first reference token off a JSON Pointer without its leading slash.
func cutToken(pointer string) (token, rest string, isLast bool) {
	token, rest, more := strings.Cut(pointer, "/")
	if strings.Contains(token, "~") {
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
	}
	return token, rest, !more
}

func (o Object) member(name string) (Value, bool) {
	end := o.doc.nodes[o.at].next
	for i := o.at + 1; i < end; i = o.doc.nodes[i].next {
		if o.doc.slice(o.doc.nodes[i].name) == name {
			return Value{doc: o.doc, at: i}, true
		}
	}
	return Value{}, false
}

// child follows one reference token of a JSON Pointer.
func (v Value) child(token string) (Value, bool) {
	switch v.Kind() {
	case ObjectKind:
		return Object(v).member(token)
	case Array:
		index, err := strconv.Atoi(token)
		if err != nil || strconv.Itoa(index) != token || index < 0 {
			return Value{}, false
		}
		for item := range v.Items() {
			if index == 0 {
				return item, true
			}
			index--
		}
	}
	return Value{}, false
}

// Len is the number of members.
func (o Object) Len() int {
	n := 0
	for range o.All() {
		n++
	}
	return n
}

// All gives the members in their order.
func (o Object) All() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		if o.doc == nil {
			return
		}
		end := o.doc.nodes[o.at].next
		for i := o.at + 1; i < end; i = o.doc.nodes[i].next {
			if !yield(o.doc.slice(o.doc.nodes[i].name), Value{doc: o.doc, at: i}) {
				return
			}
		}
	}
}

// Kind is the value's type.
func (v Value) Kind() Kind {
	if v.doc == nil {
		return Null
	}
	return v.doc.nodes[v.at].kind
}

// Str gives a string's content; false for any other kind.
func (v Value) Str() (string, bool) {
	if v.Kind() != String {
		return "", false
	}
	return v.doc.slice(v.doc.nodes[v.at].text), true
}

// Bool gives a boolean; ok is false for any other kind.
func (v Value) Bool() (value, ok bool) {
	if v.Kind() != Bool {
		return false, false
	}
	return v.Raw() == "true", true
}

// Int gives a number that is written as an integer, without fraction and exponent, and fits 64 bits; false for
// anything else. A date in a token must be such a number.
func (v Value) Int() (int64, bool) {
	if v.Kind() != Number {
		return 0, false
	}
	n, err := strconv.ParseInt(v.Raw(), 10, 64)
	return n, err == nil
}

// Object gives the value as an object; false for any other kind.
func (v Value) Object() (Object, bool) {
	if v.Kind() != ObjectKind {
		return Object{}, false
	}
	return Object(v), true
}

// Items gives the elements of an array in their order; nothing for any other kind.
func (v Value) Items() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if v.Kind() != Array {
			return
		}
		end := v.doc.nodes[v.at].next
		for i := v.at + 1; i < end; i = v.doc.nodes[i].next {
			if !yield(Value{doc: v.doc, at: i}) {
				return
			}
		}
	}
}

// Strings gives an array of strings; false for any other kind and when one element is no string.
func (v Value) Strings() ([]string, bool) {
	if v.Kind() != Array {
		return nil, false
	}
	list := []string{}
	for item := range v.Items() {
		s, ok := item.Str()
		if !ok {
			return nil, false
		}
		list = append(list, s)
	}
	return list, true
}

// Ambiguous tells whether an object in the value, or the value itself, has a member twice. Only ParseTolerant gives such values.
func (v Value) Ambiguous() bool {
	if v.doc == nil {
		return false
	}
	for _, n := range v.doc.nodes[v.at:v.doc.nodes[v.at].next] {
		if n.ambiguous {
			return true
		}
	}
	return false
}

// Raw is the object as it was written; "null" of the zero Object.
func (o Object) Raw() string { return Value(o).Raw() }

// Raw is the value as JSON, as it was written.
func (v Value) Raw() string {
	if v.doc == nil {
		return "null"
	}
	return v.doc.slice(v.doc.nodes[v.at].raw)
}

// Equal compares with a value as encoding/json decodes it: nil, bool, float64 or json.Number, string, []any,
// map[string]any. Nothing is converted: the string "1" is not the number 1.
func (v Value) Equal(want any) bool {
	switch want := want.(type) {
	case nil:
		return v.Kind() == Null
	case bool:
		b, ok := v.Bool()
		return ok && b == want
	case string:
		s, ok := v.Str()
		return ok && s == want
	case json.Number:
		return v.equalNumber(want.String())
	case float64:
		return v.equalNumber(strconv.FormatFloat(want, 'f', -1, 64))
	case int:
		return v.equalNumber(strconv.Itoa(want))
	case []any:
		return v.equalArray(want)
	case map[string]any:
		return v.equalObject(want)
	}
	return false
}

// equalNumber compares integers exactly and everything else as floating point numbers.
func (v Value) equalNumber(want string) bool {
	if v.Kind() != Number {
		return false
	}
	if v.Raw() == want {
		return true
	}
	_, gotErr := strconv.ParseInt(v.Raw(), 10, 64)
	_, wantErr := strconv.ParseInt(want, 10, 64)
	if gotErr == nil && wantErr == nil {
		return false
	}
	got, gotErr := strconv.ParseFloat(v.Raw(), 64)
	other, wantErr := strconv.ParseFloat(want, 64)
	return gotErr == nil && wantErr == nil && got == other
}

func (v Value) equalArray(want []any) bool {
	if v.Kind() != Array {
		return false
	}
	i := 0
	for item := range v.Items() {
		if i == len(want) || !item.Equal(want[i]) {
			return false
		}
		i++
	}
	return i == len(want)
}

func (v Value) equalObject(want map[string]any) bool {
	o, ok := v.Object()
	if !ok || o.Len() != len(want) {
		return false
	}
	for name, member := range o.All() {
		w, found := want[name]
		if !found || !member.Equal(w) {
			return false
		}
	}
	return true
}
