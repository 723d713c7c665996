package gateway

import (
	"bytes"
	"context"
	"net/http"
	"sync/atomic"
)

// framing watches what a caller sends for requests that say their length in two ways, Content-Length beside
// Transfer-Encoding (RFC 9112, section 6.3). The HTTP server drops the first and tells nobody, but somebody between the
// caller and us may have believed it, and takes for a body what we would take for the next request. The zero value is
// ready. What its own fields do not guard, the server does: it reads a connection in one place at a time.
type framing struct {
	name     [len("transfer-encoding:")]byte // how the current line begins
	length   int                             // of the current line so far
	lines    int                             // of the current block, which an empty line ends
	coded    bool                            // the block has Transfer-Encoding
	measured bool                            // and Content-Length
	off      bool                            // this is HTTP/2, which frames in one way only

	spent     atomic.Bool // where the next request begins is not certain any more: there is none
	heads     int         // blocks that have ended; the first one is the first request's head, and nothing else
	first     atomic.Bool // the first request has both, and nobody has refused it yet
	chunked   atomic.Bool // the first request has Transfer-Encoding, and nobody has looked yet
	suspected atomic.Bool // some block has both: a later request's head, or a body that looks like one
}

// see takes the next bytes of the connection.
func (f *framing) see(b []byte) {
	for len(b) > 0 && !f.off {
		end := bytes.IndexByte(b, '\n')
		part := b
		if end >= 0 {
			part = b[:end]
		}
		if f.length < len(f.name) {
			copy(f.name[f.length:], part)
		}
		f.length += len(part)
		if end < 0 {
			return
		}
		f.endLine()
		b = b[end+1:]
	}
}

func (f *framing) endLine() {
	begin := f.name[:min(f.length, len(f.name))]
	f.length = 0
	if empty := len(begin) == 0 || len(begin) == 1 && begin[0] == '\r'; empty {
		f.endBlock()
		return
	}
	f.lines++
	f.off = f.heads == 0 && f.lines == 1 && bytes.HasPrefix(begin, []byte("PRI * HTTP/2"))
	f.coded = f.coded || names(begin, "transfer-encoding:")
	f.measured = f.measured || names(begin, "content-length:")
}

func (f *framing) endBlock() {
	if f.coded && f.heads == 0 {
		f.chunked.Store(true)
	}
	if f.coded && f.measured {
		f.suspected.Store(true)
		if f.heads == 0 {
			f.first.Store(true)
		}
	}
	if f.lines > 0 {
		f.heads++
	}
	f.lines, f.coded, f.measured = 0, false, false
}

func names(line []byte, field string) bool {
	return len(line) >= len(field) && bytes.EqualFold(line[:len(field)], []byte(field))
}

// framingKey finds a connection's framing in the context of its requests.
type framingKey struct{}

// framingOf gives the framing of the connection that brought the request; nil where nobody watches it.
func framingOf(r *http.Request) *framing {
	f, _ := r.Context().Value(framingKey{}).(*framing)
	if f == nil || r.ProtoMajor != 1 {
		return nil
	}
	return f
}

func withFraming(ctx context.Context, f *framing) context.Context {
	return context.WithValue(ctx, framingKey{}, f)
}
