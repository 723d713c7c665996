package contract

import (
	"fmt"
	"math"
	"net/url"
	"slices"
)

// Kind is the documented type of a member.
type Kind string

// The kinds. In a query or a form everything is Text.
const (
	Text   Kind = "a string"
	Number Kind = "a whole number"
	Flag   Kind = "true or false"
	Texts  Kind = "a list of strings"
	Object Kind = "an object"

	Objects Kind = "a list of objects"
)

// Member is what the documentation says about one member or parameter.
type Member struct {
	Kind     Kind
	Required bool
	Nullable bool     // null is a value too
	Enum     []string // of Text, or of each of Texts
	Members  Members  // of Object, or of each of Objects
}

// Members are all that are documented; any other is refused.
type Members map[string]Member

func (m Members) judge(given map[string]any) string {
	for name, member := range m {
		value, there := given[name]
		if !there {
			if member.Required {
				return name + " is required"
			}
			continue
		}
		if text := member.judge(value); text != "" {
			return name + " " + text
		}
	}
	for name := range given {
		if _, known := m[name]; !known {
			return name + " is unknown"
		}
	}
	return ""
}

func (m Member) judge(value any) string {
	wrong := "must be " + string(m.Kind)
	if value == nil && m.Nullable {
		return ""
	}
	switch m.Kind {
	case Text:
		s, ok := value.(string)
		if !ok {
			return wrong
		}
		return m.judgeEnum(s)
	case Number:
		if n, ok := value.(float64); !ok || n != math.Trunc(n) {
			return wrong
		}
	case Flag:
		if _, ok := value.(bool); !ok {
			return wrong
		}
	case Texts, Objects:
		list, ok := value.([]any)
		if !ok {
			return wrong
		}
		return m.judgeItems(list)
	case Object:
		o, ok := value.(map[string]any)
		if !ok {
			return wrong
		}
		return m.Members.judge(o)
	}
	return ""
}

func (m Member) judgeItems(list []any) string {
	one := Member{Kind: Text, Enum: m.Enum}
	if m.Kind == Objects {
		one = Member{Kind: Object, Members: m.Members}
	}
	for _, item := range list {
		if text := one.judge(item); text != "" {
			return "must be " + string(m.Kind) + ": an item " + text
		}
	}
	return ""
}

func (m Member) judgeEnum(s string) string {
	if len(m.Enum) > 0 && !slices.Contains(m.Enum, s) {
		return fmt.Sprintf("%q is not one of %v", s, m.Enum)
	}
	return ""
}

func (m Members) judgeValues(given url.Values) string {
	for name, values := range given {
		member, known := m[name]
		switch {
		case !known:
			return name + " is unknown"
		case len(values) != 1:
			return name + " is given twice"
		}
		if text := member.judgeEnum(values[0]); text != "" {
			return name + " " + text
		}
	}
	for name, member := range m {
		if member.Required && given.Get(name) == "" {
			return name + " is required"
		}
	}
	return ""
}
