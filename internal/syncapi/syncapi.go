// Package syncapi owns the HTTP door through which gateways of other processes reach the feed: the internal API below
// /internal/v1 on the control plane's listener. It does not own what they are answered, and opens for gateway
// credentials alone.
package syncapi

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/feed"
	"keyward.dev/keyward/internal/stream"
)

const (
	maxBody    = 64 << 10
	writeStall = 10 * time.Second // a gateway that takes nothing for so long is let go
)

// API serves the internal API.
type API struct {
	feed *feed.Feed
	log  *slog.Logger
}

// New gives the API over a feed. A nil log is silent.
func New(f *feed.Feed, log *slog.Logger) *API {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &API{feed: f, log: log}
}

// caller is the gateway that asks.
type caller struct {
	*keyward.Gateway
	token stream.Token
}

// Handler serves everything below stream.PathPrefix.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST "+stream.PathEnrol, question(a, func(r *http.Request, c caller, q stream.EnrolRequest) (any, error) {
		return a.feed.Enrol(r.Context(), c.Gateway, q)
	}))
	mux.Handle("POST "+stream.PathGroupKey,
		question(a, func(r *http.Request, c caller, q stream.GroupKeyRequest) (any, error) {
			return a.feed.GroupKey(r.Context(), c.Gateway, c.token, q.Key)
		}))
	mux.Handle("POST "+stream.PathReport, question(a, func(r *http.Request, c caller, q stream.Report) (any, error) {
		return a.feed.Report(r.Context(), c.Gateway, q)
	}))
	mux.Handle("POST "+stream.PathQuestions, question(a, func(r *http.Request, c caller, q stream.QuestionsRequest) (any, error) {
		return a.feed.Questions(r.Context(), c.Gateway, q)
	}))
	mux.HandleFunc("POST "+stream.PathPull, a.pull)
	mux.HandleFunc(stream.PathPrefix, func(w http.ResponseWriter, r *http.Request) {
		// Who has no credential learns nothing about what there is.
		if _, err := a.authenticate(r); err != nil {
			a.refuse(w, r, err)
			return
		}
		a.refuse(w, r, keyward.Errorf(keyward.CodeNotFound, "there is no such call"))
	})
	return mux
}

// question decodes one JSON body after the caller is known, and encodes the answer.
func question[Q any](a *API, answer func(*http.Request, caller, Q) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := a.authenticate(r)
		if err != nil {
			a.refuse(w, r, err)
			return
		}
		var q Q
		if err := decode(w, r, &q); err != nil {
			a.refuse(w, r, err)
			return
		}
		reply, err := answer(r, c, q)
		if err != nil {
			a.refuse(w, r, err)
			return
		}
		a.send(w, http.StatusOK, "application/json", reply)
	})
}

func decode(w http.ResponseWriter, r *http.Request, to any) error {
	limit := int64(maxBody)
	if r.URL.Path == stream.PathQuestions {
		limit = stream.MaxQuestionsRequest // the one call that carries more: answers
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, limit)).Decode(to); err != nil {
		return keyward.Errorf(keyward.CodeInvalidInput, "the body is not the JSON object that is due: %w", err)
	}
	return nil
}

func (a *API) authenticate(r *http.Request) (caller, error) {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return caller{}, keyward.Errorf(keyward.CodeUnauthenticated, "present a gateway credential as bearer token")
	}
	scheme, raw, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return caller{}, keyward.Errorf(keyward.CodeUnauthenticated, "present a gateway credential as bearer token")
	}
	g, token, err := a.feed.Authenticate(r.Context(), raw)
	return caller{Gateway: g, token: token}, err
}

// pull streams the answer, one message a line. After the first line a fault can only break the answer off, and the
// gateway sees that its signed end is missing.
func (a *API) pull(w http.ResponseWriter, r *http.Request) {
	c, err := a.authenticate(r)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	var q stream.PullRequest
	if err := decode(w, r, &q); err != nil {
		a.refuse(w, r, err)
		return
	}
	control := http.NewResponseController(w)
	begun := false
	err = a.feed.Pull(r.Context(), c.Gateway, q, func(m *stream.Message) error {
		line, err := m.Encode()
		if err != nil {
			return err
		}
		if !begun {
			begun = true
			w.Header().Set("Content-Type", "application/x-ndjson")
			w.Header().Set("Cache-Control", "no-store")
		}
		if err := control.SetWriteDeadline(time.Now().Add(writeStall)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
		return control.Flush()
	})
	switch {
	case err == nil:
	case !begun:
		a.refuse(w, r, err)
	default:
		a.log.Debug("an answer to a gateway broke off", "gateway", c.Name, "err", err)
		panic(http.ErrAbortHandler) // so that the answer does not look complete
	}
}

// refuse answers with a problem document; this is the door's one table from errors to statuses.
func (a *API) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var withdrawn *stream.WithdrawnError
	p := stream.Problem{Code: keyward.CodeOf(err)}
	switch {
	case errors.As(err, &withdrawn):
		p = stream.Problem{
			Status: http.StatusForbidden, Code: keyward.CodeForbidden, Withdrawal: withdrawn,
			Detail: "this gateway's credential is withdrawn",
		}
	case p.Code == keyward.CodeUnauthenticated:
		p.Status = http.StatusUnauthorized
		w.Header().Set("WWW-Authenticate", `Bearer realm="keyward internal"`)
	case p.Code == keyward.CodeNotFound:
		p.Status = http.StatusNotFound
	case p.Code == keyward.CodeInvalidInput || p.Code == keyward.CodeNotSupported:
		p.Status = http.StatusBadRequest
	case p.Code == keyward.CodeDatabaseUnavailable:
		p.Status = http.StatusServiceUnavailable
	default:
		p.Status, p.Code = http.StatusInternalServerError, keyward.CodeInternal
		if r.Context().Err() == nil {
			a.log.Error("a gateway could not be answered", "path", r.URL.Path, "err", err)
		}
	}
	var told *keyward.Error
	if p.Detail == "" && p.Code != keyward.CodeInternal && errors.As(err, &told) {
		p.Detail = told.Message
	}
	p.Title = http.StatusText(p.Status)
	a.send(w, p.Status, "application/problem+json", p)
}

func (a *API) send(w http.ResponseWriter, status int, contentType string, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		a.log.Error("an answer to a gateway cannot be encoded", "err", err)
		status, data = http.StatusInternalServerError, []byte(`{"status":500,"code":"internal"}`)
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n')) // the gateway went away: it will ask again
}
