package gateway

import (
	"fmt"
	"io"
	"net/http"
)

// cleanAnswer sees to it that a backend does not speak for the gateway, in whatever spelling, neither in its header nor
// in its trailer. A status that is none is an error: nobody could pass it on.
func (x *exchange) cleanAnswer(resp *http.Response) error {
	if resp.StatusCode < 100 {
		return fmt.Errorf("the backend's answer has the status %d", resp.StatusCode)
	}
	x.status = resp.StatusCode
	dropOurs(resp.Header)
	resp.Header.Set(decisionHeader, x.decision.ID)
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return nil
	}
	dropOurs(resp.Trailer)
	resp.Body = &trailerCleaner{resp.Body, resp}
	if x.last {
		resp.Header.Set("Connection", "close")
	}
	return nil
}

// dropOurs removes the fields that only the gateway may set in an answer.
func dropOurs(h http.Header) {
	for name := range h {
		if spelled := spelling(name); spelled == "x-jwt-assertion" || spelled == "x-keyward-decision" {
			delete(h, name)
		}
	}
}

// trailerCleaner cleans an answer's trailer when it is known, which is when the body ends.
type trailerCleaner struct {
	io.ReadCloser
	resp *http.Response
}

// Read implements io.Reader.
func (c *trailerCleaner) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if err != nil {
		dropOurs(c.resp.Trailer)
	}
	return n, err
}

// interimCleaner cleans what a backend says before its answer (RFC 9110, section 15.2).
type interimCleaner struct{ http.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (c *interimCleaner) WriteHeader(status int) {
	if status < http.StatusOK && status != http.StatusSwitchingProtocols {
		dropOurs(c.Header())
	}
	c.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController find what else the server's writer can do.
func (c *interimCleaner) Unwrap() http.ResponseWriter { return c.ResponseWriter }
