package stream

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// RemoteOptions say where the control plane of another process is.
type RemoteOptions struct {
	URL   string // of the control plane's listener
	Token Token
	CA    []byte // PEM roots that the control plane's and the hub's certificates must lead to; nil = the system's
	Log   *slog.Logger
}

// Remote is where the changes of a gateway in a process of its own come from: the internal API by HTTP, the events by
// NATS. It is a registry.Source.
type Remote struct {
	o      RemoteOptions
	base   string
	client *http.Client
	tls    *tls.Config
}

const (
	dialTimeout   = 2 * time.Second
	headerTimeout = 5 * time.Second
	readSilence   = 5 * time.Second // an answer that stops coming for so long is given up
	maxReply      = 1 << 20
	maxAnswerLine = 256 << 20 // one row is one line at least, and an API may be large
)

// NewRemote checks the address. It connects to nothing yet.
func NewRemote(o RemoteOptions) (*Remote, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return nil, errors.New("the control plane's address must be an http or https URL without credentials")
	}
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CA != nil {
		secure.RootCAs = x509.NewCertPool()
		if !secure.RootCAs.AppendCertsFromPEM(o.CA) {
			return nil, errors.New("the control plane's CA holds no certificate in PEM form")
		}
	}
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 5 * time.Second}
	return &Remote{
		o: o, base: strings.TrimSuffix(u.String(), "/"), tls: secure,
		client: &http.Client{
			Transport: &http.Transport{
				DialContext: dialer.DialContext, TLSClientConfig: secure, TLSHandshakeTimeout: dialTimeout,
				ResponseHeaderTimeout: headerTimeout, IdleConnTimeout: 30 * time.Second, MaxIdleConnsPerHost: 4,
			},
			// A redirect would carry the credential to another place.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Close lets idle connections go.
func (r *Remote) Close() { r.client.CloseIdleConnections() }

// Enrol implements registry.Source.
func (r *Remote) Enrol(ctx context.Context, q EnrolRequest) (*EnrolReply, error) {
	return ask[EnrolReply](ctx, r, PathEnrol, q)
}

// GroupKey implements registry.Source.
func (r *Remote) GroupKey(ctx context.Context, id string) (*GroupKeyReply, error) {
	return ask[GroupKeyReply](ctx, r, PathGroupKey, GroupKeyRequest{Key: id})
}

// Report implements registry.Source.
func (r *Remote) Report(ctx context.Context, report Report) (*ReportReply, error) {
	return ask[ReportReply](ctx, r, PathReport, report)
}

// Questions implements registry.Source.
func (r *Remote) Questions(ctx context.Context, q QuestionsRequest) (*QuestionsReply, error) {
	return ask[QuestionsReply](ctx, r, PathQuestions, q)
}

// Follow implements registry.Source.
func (r *Remote) Follow(ctx context.Context, group string, hub HubAccess, deliver func([]byte)) error {
	o := FollowOptions{Access: hub, Token: r.o.Token, TLS: r.tls, Log: r.o.Log}
	return Follow(ctx, group, o, deliver)
}

// Pull implements registry.Source.
func (r *Remote) Pull(ctx context.Context, q PullRequest, yield func(*Message) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	resp, err := r.post(ctx, PathPull, q)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	silence := time.AfterFunc(readSilence, cancel)
	defer silence.Stop()
	lines := bufio.NewReaderSize(resp.Body, 64<<10)
	for {
		line, err := ReadLine(lines, maxAnswerLine)
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the control plane's answer: %w", err)
		}
		m, err := Decode(line)
		if err != nil {
			return err
		}
		silence.Stop()
		if err := yield(m); err != nil {
			return err
		}
		silence.Reset(readSilence)
	}
}

// ReadLine reads up to and with the next line break. A line of more than limit bytes is an error, and of it no more is
// read than the reader's buffer beyond the limit. A last line without its end comes with io.EOF.
func ReadLine(r *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > limit {
			return nil, errors.New("a line is too long")
		}
		line = append(line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

func ask[R any](ctx context.Context, r *Remote, path string, q any) (*R, error) {
	resp, err := r.post(ctx, path, q)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	reply := new(R)
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxReply)).Decode(reply); err != nil {
		return nil, fmt.Errorf("read the control plane's answer: %w", err)
	}
	return reply, nil
}

// post sends one question and gives the answer when its status is 200.
func (r *Remote) post(ctx context.Context, path string, q any) (*http.Response, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("encode a question to the control plane: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask the control plane: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+r.o.Token.Reveal())
	req.Header.Set("Content-Type", "application/json")
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the control plane: %w", err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	return nil, refusal(resp)
}

// refusal turns an answer other than 200 into an error.
func refusal(resp *http.Response) error {
	var p Problem
	err := json.NewDecoder(io.LimitReader(resp.Body, maxReply)).Decode(&p)
	switch {
	case resp.StatusCode != http.StatusForbidden && resp.StatusCode != http.StatusUnauthorized:
		return fmt.Errorf("the control plane answered %d", resp.StatusCode)
	case err == nil && p.Withdrawal != nil:
		return p.Withdrawal
	default:
		return fmt.Errorf("%w: it answered %d", ErrRefused, resp.StatusCode)
	}
}
