package stream

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
)

// endless gives the same byte for ever and counts.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	e.read += len(p)
	return len(p), nil
}

func TestReadLineIsBounded(t *testing.T) {
	const buffer, limit = 64, 1000
	source := &endless{}
	if _, err := ReadLine(bufio.NewReaderSize(source, buffer), limit); err == nil || source.read > limit+buffer {
		t.Errorf("of an endless line %d bytes were read, then: %v", source.read, err)
	}
	for _, length := range []int{0, 1, buffer - 1, buffer, limit - 1, limit} {
		line := strings.Repeat("x", length) + "\n"
		r := bufio.NewReaderSize(strings.NewReader(line+"tail"), buffer)
		got, err := ReadLine(r, limit)
		if fine := len(line) <= limit; (err == nil) != fine || fine && string(got) != line {
			t.Errorf("a line of %d bytes: %d bytes, %v", len(line), len(got), err)
		}
		if length == limit {
			continue
		}
		if got, err = ReadLine(r, limit); !errors.Is(err, io.EOF) || string(got) != "tail" {
			t.Errorf("a last line without its end: %q, %v", got, err)
		}
	}
}
