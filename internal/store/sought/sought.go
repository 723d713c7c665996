// Package sought owns how a text is looked for among objects: the conditions that it makes on what objects are searched by, and
// the trigrams by which an index finds it. It does not own that index (package database), nor who may see what is found.
package sought

import (
	"strings"

	"keyward.dev/keyward/internal/store/database"
)

// Place says where in what an object is searched by a text is looked for.
type Place int

// The places, each of which has what the ones after it have.
const (
	Inside    Place = iota // anywhere, or where a word begins if the text is one or two characters of a word
	WordStart              // where a word begins
	NameStart              // where the object's name begins
)

// separators are what is between words beside spaces. The index knows them too.
const separators = "-/.:@_,("

// most is how many trigrams of a text the index is asked for. What has them is looked at anyway.
const most = 32

// Text is what somebody looks for.
type Text struct {
	text  string // without capitals
	place Place
}

// Of gives the text as it is looked for.
func Of(text string, place Place) Text {
	text = strings.ToLower(database.Clean(text))
	if place == Inside && len([]rune(text)) < 3 && !strings.ContainsAny(text, separators+" ") {
		place = WordStart
	}
	return Text{text: text, place: place}
}

// Condition is what the row x of an object fulfils that has the text.
func (t Text) Condition(v *database.Values) string {
	switch t.place {
	case NameStart:
		return "x.name >= " + v.Add(t.text) + " AND x.name < " + v.Add(t.text+"\U0010FFFF")
	case WordStart:
		column := "x.search"
		for _, separator := range separators {
			column = "replace(" + column + ", '" + string(separator) + "', ' ')"
		}
		return "' ' || " + column + " LIKE " + v.Add("% "+escaped(spaced(t.text))+"%") + ` ESCAPE '\'`
	}
	return "x.search LIKE " + v.Add("%"+escaped(t.text)+"%") + ` ESCAPE '\'`
}

// Trigrams are some that whatever has the text has; none where the index does not help.
func (t Text) Trigrams() []string {
	if t.place == NameStart {
		return nil
	}
	text := strings.ReplaceAll(spaced(t.text), " ", "  ")
	if t.place == WordStart {
		text = "  " + text
	}
	letters, seen := []rune(text), map[string]bool{}
	var some []string
	for i := 0; i+3 <= len(letters) && len(some) < most; i++ {
		if trigram := string(letters[i : i+3]); !seen[trigram] {
			seen[trigram] = true
			some = append(some, trigram)
		}
	}
	return some
}

// spaced has a space for each separator.
func spaced(text string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(separators, r) {
			return ' '
		}
		return r
	}, text)
}

// escaped is what LIKE takes for the text, with a backslash as the escape.
func escaped(text string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text)
}
