// Package form owns how forms come from strangers: how long one may be, and how long it may take to come. It does not own what is in
// them.
package form

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"time"
)

// A form is a handful of short parameters, of which a token is the longest. Whoever sends it byte by byte keeps a connection.
const (
	longest  = 64 << 10
	patience = 10 * time.Second
)

// Read reads the body. An error says that it is too long, or did not come in time.
func Read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	until := http.NewResponseController(w)
	bounded := until.SetReadDeadline(time.Now().Add(patience)) == nil // else the server's own time for requests counts
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, longest))
	if err != nil {
		return nil, fmt.Errorf("read a form: %w", err) // the deadline stays: what is left of the body is waited for no longer either
	}
	if bounded { // past it, the server would take the caller for gone
		_ = until.SetReadDeadline(time.Time{})
	}
	return body, nil
}

// Hold reads the body and leaves it for whoever parses it. Its error is that of Read.
func Hold(w http.ResponseWriter, r *http.Request) error {
	body, err := Read(w, r)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return err
}
