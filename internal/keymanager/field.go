package keymanager

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
)

// CheckFields checks values against a field list and gives them in their own types: a text for an integer or a list,
// as a command line sends it, is read. Each fault has the path prefix.NAME; every missing, unknown and wrong field is
// named.
func CheckFields(fields []connector.Field, values map[string]any, prefix string) (map[string]any, []keyward.FieldError) {
	var faults []keyward.FieldError
	add := func(name, format string, args ...any) {
		faults = append(faults, keyward.FieldError{
			Path: prefix + "." + name, Code: keyward.CodeInvalidInput, Message: fmt.Sprintf(format, args...),
		})
	}
	clean := map[string]any{}
	for _, field := range fields {
		value, given := values[field.Name]
		if !given || value == nil || value == "" {
			if field.Required {
				add(field.Name, "is required: %s", lowerFirst(field.Title))
			}
			continue
		}
		v, fault := read(field, value)
		if fault != "" {
			add(field.Name, "%s", fault)
			continue
		}
		clean[field.Name] = v
	}
	for _, name := range sortedKeys(values) {
		if !slices.ContainsFunc(fields, func(f connector.Field) bool { return f.Name == name }) {
			add(name, "is unknown; the fields are: %s", fieldNames(fields))
		}
	}
	return clean, faults
}

// read gives the value in the field's type, or says what is wrong with it.
func read(f connector.Field, value any) (any, string) {
	if f.Type == connector.FieldList {
		return readList(f, value)
	}
	text, isText := value.(string)
	switch f.Type {
	case connector.FieldInteger:
		if n, ok := value.(float64); ok && n == float64(int64(n)) {
			return int64(n), ""
		}
		if n, ok := value.(int64); ok {
			return n, ""
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, "must be a whole number"
		}
		return n, ""
	case connector.FieldBoolean:
		if b, ok := value.(bool); ok {
			return b, ""
		}
		if text != "true" && text != "false" {
			return nil, "must be true or false"
		}
		return text == "true", ""
	}
	if !isText {
		return nil, "must be a string"
	}
	if f.Type == connector.FieldURL {
		if fault := connector.URLFault(text); fault != "" {
			return nil, fault
		}
	}
	if len(f.Enum) > 0 && !slices.Contains(f.Enum, text) {
		return nil, fmt.Sprintf("%q is not one of %s", text, strings.Join(f.Enum, ", "))
	}
	return text, ""
}

func readList(f connector.Field, value any) (any, string) {
	var list []string
	switch v := value.(type) {
	case string:
		list = strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' })
	case []string:
		list = v
	case []any:
		for _, item := range v {
			s, ok := item.(string)
			if !ok {
				return nil, "must be a list of strings"
			}
			list = append(list, s)
		}
	default:
		return nil, "must be a list of strings"
	}
	for _, s := range list {
		if len(f.Enum) > 0 && !slices.Contains(f.Enum, s) {
			return nil, fmt.Sprintf("%q is not one of %s", s, strings.Join(f.Enum, ", "))
		}
	}
	return list, ""
}

func fieldNames(fields []connector.Field) string {
	if len(fields) == 0 {
		return "none"
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return strings.Join(names, ", ")
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
