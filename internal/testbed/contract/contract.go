// Package contract owns what the contract servers share: servers that stand for a vendor's cloud and take only what
// the vendor's documentation says. Each call is written down with the page it was read from; path, method, credential,
// media type and every member with its type are judged before the call is carried out. It does not own any vendor: each
// has a room beside it.
package contract

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"keyward.dev/keyward/internal/testbed"
)

// Call is one call as the vendor documents it.
type Call struct {
	Doc    string // the page it was read from, and when; or why it stands here without one
	Method string
	Path   string // as a net/http pattern has it, without method: /register/{id}
	Auth   func(r *http.Request) bool
	Query  Members // nil = none is allowed
	JSON   Members // nil = no JSON body
	Form   Members // nil = no form
	Do     func(x *Exchange)
}

// Exchange is a call that was judged and is to be answered.
type Exchange struct {
	W    http.ResponseWriter
	R    *http.Request
	Body map[string]any // of a JSON call
	Form url.Values     // of a form
}

// JSON answers with a status and a body.
func (x *Exchange) JSON(status int, body any) { WriteJSON(x.W, status, body) }

// WriteJSON answers with a status and a body.
func WriteJSON(w http.ResponseWriter, status int, body any) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the asker may be gone
}

// Fault is why a request is no documented call. Its value is the HTTP status that says so by default.
type Fault int

// The faults.
const (
	NoSuchCall Fault = http.StatusNotFound
	BadAuth    Fault = http.StatusUnauthorized
	BadMedia   Fault = http.StatusUnsupportedMediaType
	BadMember  Fault = http.StatusBadRequest
)

// Book is a vendor's documentation as far as it is carried out, with how the vendor says that a request is wrong.
type Book struct {
	Calls  []Call
	Refuse func(w http.ResponseWriter, r *http.Request, f Fault, text string)
}

// Handler judges requests by the book and carries them out, one at a time.
func (b Book) Handler() http.Handler {
	mux := http.NewServeMux()
	var mu sync.Mutex
	for _, c := range b.Calls {
		mux.HandleFunc(c.Method+" "+c.Path, func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			b.judge(c, w, r)
		})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern == "" || !slices.ContainsFunc(b.Calls, func(c Call) bool {
			return pattern == c.Method+" "+c.Path && c.Method == r.Method
		}) {
			b.Refuse(w, r, NoSuchCall, r.Method+" "+r.URL.Path+" is not documented")
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (b Book) judge(c Call, w http.ResponseWriter, r *http.Request) {
	if c.Auth != nil && !c.Auth(r) {
		b.Refuse(w, r, BadAuth, "the credential is missing or wrong")
		return
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		b.Refuse(w, r, BadMember, "the body cannot be read")
		return
	}
	if text := c.Query.judgeValues(r.URL.Query()); text != "" {
		b.Refuse(w, r, BadMember, "query: "+text)
		return
	}
	x := &Exchange{W: w, R: r}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case c.JSON != nil:
		if kind != "application/json" {
			b.Refuse(w, r, BadMedia, "the body is not application/json")
			return
		}
		if json.Unmarshal(raw, &x.Body) != nil || x.Body == nil {
			b.Refuse(w, r, BadMember, "the body is not a JSON object")
			return
		}
		if text := c.JSON.judge(x.Body); text != "" {
			b.Refuse(w, r, BadMember, text)
			return
		}
	case c.Form != nil:
		if kind != "application/x-www-form-urlencoded" {
			b.Refuse(w, r, BadMedia, "the body is not a form")
			return
		}
		if x.Form, err = url.ParseQuery(string(raw)); err != nil {
			b.Refuse(w, r, BadMember, "the form cannot be read")
			return
		}
		if text := c.Form.judgeValues(x.Form); text != "" {
			b.Refuse(w, r, BadMember, text)
			return
		}
	case len(raw) > 0:
		b.Refuse(w, r, BadMember, "this call has no body")
		return
	}
	c.Do(x)
}

// Request is one that the server has seen, and how it answered.
type Request struct {
	Method string
	URI    string // path and query
	Header http.Header
	Body   string
	Status int
}

// Trouble is a failure to order. It hits requests whose method fits and whose path contains Part.
type Trouble struct {
	Method     string
	Part       string
	Status     int           // the answer's status; the call is not carried out
	RetryAfter string        // field of the answer
	Body       string        // of the answer
	Delay      time.Duration // before anything else
	Half       bool          // carry the call out, then break the answer off in the middle
	Times      int           // how often; 0 = until Mend
}

// Server is a running contract server.
type Server struct {
	URL string

	mu       sync.Mutex
	handler  http.Handler
	seen     []Request
	troubles []*Trouble
}

// Start runs a server; build makes the vendor's handler with its state for an origin. It is stopped with the test.
func Start(t testbed.TB, build func(origin string) http.Handler) *Server {
	t.Helper()
	s := &Server{}
	server := httptest.NewServer(s)
	s.URL, s.handler = server.URL, build(server.URL)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return s
}

// Order makes requests fail.
func (s *Server) Order(t Trouble) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.troubles = append(s.troubles, &t)
}

// Mend ends all ordered failures.
func (s *Server) Mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.troubles = nil
}

// Seen gives the requests so far.
func (s *Server) Seen() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

// Forget empties the memory of requests.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = nil
}

func (s *Server) trouble(r *http.Request) *Trouble {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, t := range s.troubles {
		if t.Method != r.Method || !strings.Contains(r.URL.Path, t.Part) {
			continue
		}
		if t.Times == 1 {
			s.troubles = slices.Delete(s.troubles, i, i+1)
		} else if t.Times > 1 {
			t.Times--
		}
		return t
	}
	return nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	seen := Request{Method: r.Method, URI: r.URL.RequestURI(), Header: r.Header.Clone(), Body: string(raw)}
	t := s.trouble(r)
	if t != nil && t.Delay > 0 {
		select {
		case <-time.After(t.Delay):
		case <-r.Context().Done():
			return
		}
	}
	answer := httptest.NewRecorder()
	if t != nil && t.Status != 0 {
		answer.Header().Set("Content-Type", "application/json")
		if strings.HasPrefix(t.Body, "<") { // whoever stands before the server speaks
			answer.Header().Set("Content-Type", "text/html")
		}
		if t.RetryAfter != "" {
			answer.Header().Set("Retry-After", t.RetryAfter)
		}
		answer.WriteHeader(t.Status)
		_, _ = answer.WriteString(t.Body)
	} else {
		answer = play(s.handler, seen)
	}
	seen.Status = answer.Code
	s.mu.Lock()
	s.seen = append(s.seen, seen)
	s.mu.Unlock()
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	if t != nil && t.Half {
		w.Header().Set("Content-Length", fmt.Sprint(answer.Body.Len()+1))
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes()[:answer.Body.Len()/2])
		_ = http.NewResponseController(w).Flush() // the asker may be gone
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// play carries one request out.
func play(h http.Handler, q Request) *httptest.ResponseRecorder {
	r := httptest.NewRequest(q.Method, q.URI, strings.NewReader(q.Body)) //nolint:noctx // played in this process, no network
	r.Header = q.Header.Clone()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
