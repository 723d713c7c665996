package database

import (
	"fmt"

	"keyward.dev/keyward"
)

// NotFound is what a person is told of a row that is not there.
func NotFound(what string) error {
	return &keyward.Error{Code: keyward.CodeNotFound, Message: "there is no " + what}
}

// Conflict is what a person is told of a value that another row has already; path is the field.
func Conflict(path, format string, args ...any) error {
	message := fmt.Sprintf(format, args...)
	return &keyward.Error{
		Code: keyward.CodeConflict, Message: message,
		Fields: []keyward.FieldError{{Path: path, Code: keyward.CodeConflict, Message: message}},
	}
}

// Invalid is what a person is told of a value that cannot be stored; path is the field.
func Invalid(path, format string, args ...any) error {
	return keyward.Invalid([]keyward.FieldError{keyward.Fault(path, format, args...)})
}
