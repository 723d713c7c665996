// Package packed owns the compression of the REST API's answers: which may be compressed, and their entity tags. It does not own
// the console's files, which web compresses, nor what an answer says.
package packed

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzhttp"
)

// suffix ends the entity tag of what is compressed: the same state of the same object, in another representation (RFC 9110,
// section 8.8.3.3). No tag of ours ends so: their letters end at v.
const suffix = "-gzip"

// Answers compresses what GET is answered with, where it is JSON, long enough, and the client takes gzip. HEAD tells of what is
// not compressed.
//
// Answers to other methods go out as they are. Secrets are in those alone: a client's, a token's, a gateway's credential, a
// one-time link. What is compressed together with something that somebody else may choose tells by its length how much of the
// two is alike (BREACH). A problem is short. Lines that are sent as they become known are an answer to POST, so that nothing
// here keeps them back.
//
// Requests may name an object by either of its tags, in one line of a field: package precondition sees to that.
func Answers(next http.Handler) (http.Handler, error) {
	wrap, err := gzhttp.NewWrapper(gzhttp.ContentTypes([]string{"application/json"}), gzhttp.EnableZstd(false), gzhttp.SuffixETag(suffix))
	if err != nil {
		return nil, fmt.Errorf("compress answers: %w", err)
	}
	pack := wrap(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		named := strings.Contains(r.Header.Get("If-None-Match"), suffix+`"`)
		for _, field := range []string{"If-Match", "If-None-Match"} {
			if tags := r.Header.Get(field); tags != "" {
				r.Header.Set(field, strings.ReplaceAll(tags, suffix+`"`, `"`))
			}
		}
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			next.ServeHTTP(w, r)
		case named:
			pack(&unchanged{w}, r)
		default:
			pack(w, r)
		}
	}), nil
}

// unchanged answers a client that has an object compressed.
type unchanged struct{ http.ResponseWriter }

// WriteHeader gives a 304 the tag that the answer with a body would have had (RFC 9110, section 15.4.5).
func (u *unchanged) WriteHeader(status int) {
	h := u.Header()
	if tag, ok := strings.CutSuffix(h.Get("ETag"), `"`); ok && status == http.StatusNotModified {
		h.Set("ETag", tag+suffix+`"`)
	}
	u.ResponseWriter.WriteHeader(status)
}

// Unwrap lets deadlines through.
func (u *unchanged) Unwrap() http.ResponseWriter { return u.ResponseWriter }
