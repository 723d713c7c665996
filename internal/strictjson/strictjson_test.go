package strictjson

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestParseObject(t *testing.T) {
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	tests := []struct {
		name, text string
		fault      error
	}{
		{"empty object", `{}`, nil},
		{"white space around", " \t\r\n{ \"a\" : [ 1 , 2 ] } \n", nil},
		{"all kinds", `{"a":null,"b":true,"c":false,"d":-0.5e+10,"e":"x","f":[],"g":{}}`, nil},
		{"names that differ", `{"a":1,"b":1}`, nil},
		{"one name in two objects", `{"a":{"x":1},"b":{"x":1}}`, nil},
		{"escapes", `{"a":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"}`, nil},
		{"depth 32", deep(32), nil},
		{"nothing", ``, errSyntax},
		{"only space", `  `, errSyntax},
		{"not an object", `[1]`, ErrNotObject},
		{"a string", `"a"`, ErrNotObject},
		{"null", `null`, ErrNotObject},
		{"two values", `{} {}`, errSyntax},
		{"rubbish after", `{}x`, errSyntax},
		{"zero byte after", "{}\x00", errSyntax},
		{"byte order mark", "\ufeff{}", errSyntax},
		{"comma at the end", `{"a":1,}`, errSyntax},
		{"comma at the start", `{,"a":1}`, errSyntax},
		{"array comma", `{"a":[1,]}`, errSyntax},
		{"no colon", `{"a" 1}`, errSyntax},
		{"bare name", `{a:1}`, errSyntax},
		{"single quotes", `{'a':1}`, errSyntax},
		{"comment", `{"a":1/* */}`, errSyntax},
		{"NaN", `{"a":NaN}`, errSyntax},
		{"leading zero", `{"a":01}`, errSyntax},
		{"plus", `{"a":+1}`, errSyntax},
		{"bare dot", `{"a":1.}`, errSyntax},
		{"bare exponent", `{"a":1e}`, errSyntax},
		{"bare minus", `{"a":-}`, errSyntax},
		{"hexadecimal", `{"a":0x1}`, errSyntax},
		{"truncated", `{"a":"b`, errSyntax},
		{"truncated word", `{"a":tru`, errSyntax},
		{"control character", "{\"a\":\"\n\"}", errSyntax},
		{"bad escape", `{"a":"\x41"}`, errSyntax},
		{"short escape", `{"a":"\u00"}`, errSyntax},
		{"lone high surrogate", `{"a":"\ud83d"}`, errUTF8},
		{"lone low surrogate", `{"a":"\ude00"}`, errUTF8},
		{"surrogates in the wrong order", `{"a":"\ude00\ud83d"}`, errUTF8},
		{"not UTF-8", "{\"a\":\"\xff\"}", errUTF8},
		{"overlong", "{\"a\":\"\xc0\xaf\"}", errUTF8},
		{"depth 33", deep(33), errDepth},
		{"arrays of depth 33", `{"a":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + "}", errDepth},
		{"a name twice", `{"iss":"a","iss":"b"}`, ErrDuplicate},
		{"a name twice with equal values", `{"iss":"a","iss":"a"}`, ErrDuplicate},
		{"folded", `{"iss":"a","Iss":"b"}`, ErrDuplicate},
		{"folded with the long s", `{"iss":"a","i\u017fs":"b"}`, ErrDuplicate},
		{"folded with the Kelvin sign", "{\"kid\":1,\"\u212aid\":1}", ErrDuplicate},
		{"folded beyond ASCII", `{"É":1,"é":1}`, ErrDuplicate},
		{"escaped", `{"iss":1,"\u0069ss":1}`, ErrDuplicate},
		{"twice below", `{"a":[{"b":{"c":1,"C":1}}]}`, ErrDuplicate},
		{"twice around another", `{"a":{"x":1},"b":2,"a":3}`, ErrDuplicate},
		{"twice among many", manyMembers(40, "n7"), ErrDuplicate},
		{"many", manyMembers(40, "other"), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := ParseObject(tt.text); !errors.Is(err, tt.fault) {
				t.Errorf("ParseObject = %v, want %v", err, tt.fault)
			}
		})
	}
}

func manyMembers(n int, last string) string {
	var b strings.Builder
	b.WriteByte('{')
	for i := range n {
		b.WriteString(`"n` + strings.Repeat("x", i/10) + string(rune('0'+i%10)) + `":1,`)
	}
	return b.String() + `"` + last + `":1}`
}

func TestObjectGet(t *testing.T) {
	o, err := ParseObject(`{"iss":"https://a","n":12,"f":1.5,"big":123456789012345678901,"neg":-3,"t":true,"nil":null,` +
		`"realm_access":{"roles":["a","b\u00e9"],"a/b":1,"m~n":2},"list":[{"x":"y"},2],"mixed":["a",1],"":7,"https://x/y":8}`)
	if err != nil {
		t.Fatal(err)
	}
	get := func(name string) Value { v, _ := o.Get(name); return v }
	for name, want := range map[string]string{
		"iss": `"https://a"`, "/iss": `"https://a"`, "/realm_access/roles/1": `"b\u00e9"`, "/realm_access/a~1b": "1",
		"/realm_access/m~0n": "2", "/list/0/x": `"y"`, "/list/1": "2", "": "7", "/": "7", "https://x/y": "8", "nil": "null",
	} {
		if v, found := o.Get(name); !found || v.Raw() != want {
			t.Errorf("Get(%q) = %s, %v; want %s", name, v.Raw(), found, want)
		}
	}
	for _, name := range []string{
		"ISS", "x", "/x", "/list/2", "/list/-", "/list/00", "/list/+1", "/list/-1", "/iss/x", "/list/0/x/y", "roles",
	} {
		if v, found := o.Get(name); found {
			t.Errorf("Get(%q) should find nothing, found %s", name, v.Raw())
		}
	}
	if s, ok := get("/realm_access/roles/1").Str(); !ok || s != "bé" {
		t.Errorf("Str = %q, %v", s, ok)
	}
	if list, ok := get("/realm_access/roles").Strings(); !ok || !cmp.Equal(list, []string{"a", "bé"}) {
		t.Errorf("Strings = %q, %v", list, ok)
	}
	if _, ok := get("mixed").Strings(); ok {
		t.Error("an array with a number is not a list of strings")
	}
	if n, ok := get("n").Int(); !ok || n != 12 {
		t.Errorf("Int = %d, %v", n, ok)
	}
	if n, ok := get("neg").Int(); !ok || n != -3 {
		t.Errorf("Int = %d, %v", n, ok)
	}
	for _, name := range []string{"f", "big", "iss", "t", "nil", "absent"} {
		if _, ok := get(name).Int(); ok {
			t.Errorf("%s is not an integer", name)
		}
	}
	if b, ok := get("t").Bool(); !ok || !b {
		t.Error("Bool of true")
	}
	if _, ok := get("nil").Bool(); ok {
		t.Error("null is not a boolean")
	}
	if o.Len() != 12 {
		t.Errorf("Len = %d", o.Len())
	}
	if (Object{}).Len() != 0 {
		t.Error("the zero Object is empty")
	}
	if _, found := (Object{}).Get("/a"); found {
		t.Error("the zero Object has no member")
	}
}

func TestValueEqual(t *testing.T) {
	text := `{"s":"1","n":1,"f":1.0,"t":true,"z":null,"l":["a",2],"o":{"a":1,"b":[true]},"big":9007199254740993}`
	o, err := ParseObject(text)
	if err != nil {
		t.Fatal(err)
	}
	var plain map[string]any
	if err := json.Unmarshal([]byte(text), &plain); err != nil {
		t.Fatal(err)
	}
	for name, want := range plain {
		if v, _ := o.Get(name); name != "big" && !v.Equal(want) {
			t.Errorf("%s should equal its own decoding %v", name, want)
		}
	}
	unequal := map[string]any{
		"s": 1.0, "n": "1", "t": "true", "z": "", "l": []any{"a"}, "o": map[string]any{"a": 1.0}, "f": 2.0,
		"big": json.Number("9007199254740992"),
	}
	for name, want := range unequal {
		if v, _ := o.Get(name); v.Equal(want) {
			t.Errorf("%s should not equal %v", name, want)
		}
	}
	if v, _ := o.Get("l"); v.Equal([]any{"a", 2.0, 3.0}) || v.Equal("a") {
		t.Error("a longer list and an element are not the list")
	}
}

// TestPairIsTwoObjects: each part has the rules of an object of its own, and the fault is told of the part that has it.
func TestPairIsTwoObjects(t *testing.T) {
	for _, tt := range []struct {
		name, first, last string
		ofFirst, ofLast   error
	}{
		{"two objects", `{"a":1}`, `{"a":"\u0062"}`, nil, nil},
		{"one of them with white space", ` {"a":1} `, `{}`, nil, nil},
		{"the first is not an object", `[]`, `{}`, ErrNotObject, nil},
		{"the second is not an object", `{}`, `1`, nil, ErrNotObject},
		{"the first goes on in the second", `{"a":`, `1}`, errSyntax, nil},
		{"the second has a member twice", `{}`, `{"a":1,"A":1}`, nil, ErrDuplicate},
		{"nothing second", `{}`, ``, nil, errSyntax},
	} {
		var p Pair
		first, second := p.Parse(tt.first+tt.last, len(tt.first))
		if !errors.Is(first, tt.ofFirst) || !errors.Is(second, tt.ofLast) {
			t.Errorf("%s: %v, %v; want %v, %v", tt.name, first, second, tt.ofFirst, tt.ofLast)
		}
		if sound := first == nil && second == nil; sound != (p.First().Raw() != "null") {
			t.Errorf("%s: the first object is %s", tt.name, p.First().Raw())
		}
	}
	var p Pair
	if first, second := p.Parse(`{"a":1}{"a":"\u0062"}`, 7); first != nil || second != nil {
		t.Fatal(first, second)
	}
	one, _ := p.First().Get("a")
	other, _ := p.Second().Get("a")
	if text, _ := other.Str(); one.Raw() != "1" || text != "b" {
		t.Errorf("read %s and %q", one.Raw(), text)
	}
}

// TestTolerantReadingNamesWhatIsAmbiguous: one bad entry of a list leaves the others usable.
func TestTolerantReadingNamesWhatIsAmbiguous(t *testing.T) {
	o, err := ParseTolerant(`{"keys":[{"kid":"a"},{"kid":"b","x":{"n":1,"N":2}}]}`)
	if err != nil {
		t.Fatal(err)
	}
	for pointer, want := range map[string]bool{"/keys/0": false, "/keys/1": true, "/keys": true, "/keys/1/kid": false} {
		if v, found := o.Get(pointer); !found || v.Ambiguous() != want {
			t.Errorf("%s: ambiguous %v, want %v", pointer, v.Ambiguous(), want)
		}
	}
	if _, err := ParseTolerant(`{"keys":[],"Keys":[]}`); !errors.Is(err, ErrDuplicate) {
		t.Errorf("the outermost object has a member twice: %v", err)
	}
}

// FuzzObject holds the parser against the standard one: what we accept, it accepts with the same meaning; what it
// accepts and we refuse, we refuse for a rule that it does not have.
func FuzzObject(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":[1,2.5e3,"x",null,true,{"b":"\u00e9\ud83d\ude00"}]}`, `{"a":1,"A":2}`, `[[[]]]`, `{"a":"\ud800"}`,
		`{"a":1} `, `{"a":01}`, "{\"a\":\"\xff\"}", `{"i\u017fs":1,"iss":1}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := parseDocument(text, false)
		valid := json.Valid([]byte(text))
		switch {
		case err == nil && !valid:
			t.Fatalf("accepted what is not JSON: %q", text)
		case errors.Is(err, errSyntax) && valid:
			t.Fatalf("refused JSON for its syntax: %q", text)
		case errors.Is(err, errUTF8) && valid && utf8.ValidString(text) && !strings.Contains(text, `\u`):
			t.Fatalf("refused UTF-8: %q", text)
		case err != nil:
			return
		}
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		var plain any
		if err := decoder.Decode(&plain); err != nil {
			t.Fatal(err)
		}
		if !(Value{doc: doc}).Equal(plain) {
			t.Fatalf("read differently: %q", text)
		}
	})
}
