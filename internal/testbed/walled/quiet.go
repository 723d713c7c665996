package walled

import (
	"io"
	"log"
)

// quiet keeps what a server says of clients that it turns away, which tests ask it to.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
