package database

import (
	"strconv"
	"strings"
	"time"
)

// Values collects a statement's arguments and gives each its placeholder.
type Values []any

// Add adds one argument and gives its placeholder, as in $3.
func (v *Values) Add(value any) string {
	*v = append(*v, value)
	return "$" + strconv.Itoa(len(*v))
}

// Tuple adds all of a row: ($1, $2).
func (v *Values) Tuple(row ...any) string {
	marks := make([]string, len(row))
	for i, value := range row {
		marks[i] = v.Add(value)
	}
	return "(" + strings.Join(marks, ", ") + ")"
}

// Clean replaces what PostgreSQL takes in no text: NUL, and bytes that are not UTF-8.
func Clean(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

// ChunkSize bounds the ids in one statement.
const ChunkSize = 256

// In adds ids for IN. The last one is repeated up to the next of a few lengths, so that a connection keeps few
// statements.
func (v *Values) In(ids []string) string {
	length := len(ids)
	for _, size := range []int{1, 8, 64, ChunkSize} {
		if length <= size {
			length = size
			break
		}
	}
	row := make([]any, length)
	for i := range row {
		row[i] = ids[min(i, len(ids)-1)]
	}
	return v.Tuple(row...)
}

// Micros is how the database keeps a time: microseconds since 1970.
func Micros(t time.Time) int64 { return t.UnixMicro() }

// FromMicros reads a time that Micros wrote.
func FromMicros(v int64) time.Time { return time.UnixMicro(v).UTC() }

// MicrosOrNull stores no time as NULL.
func MicrosOrNull(t *time.Time) *int64 {
	if t == nil || t.IsZero() {
		return nil
	}
	v := Micros(*t)
	return &v
}

// TimeOrNil reads NULL as no time.
func TimeOrNil(v *int64) *time.Time {
	if v == nil {
		return nil
	}
	t := FromMicros(*v)
	return &t
}
