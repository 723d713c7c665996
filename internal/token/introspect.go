package token

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/sony/gobreaker/v2"

	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/rollover"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/strictjson"
	"keyward.dev/keyward/internal/throttle"
)

const (
	askTimeout  = 5 * time.Second // one question, the second try included; a policy's timeout stands in its place
	askLimit    = 256 << 10       // bytes of an answer, likewise
	askAtOnce   = 64              // questions to one key manager
	askWait     = time.Second     // for one of those places
	answerBytes = 64 << 20        // what the cache holds, about
)

// Question asks a key manager's introspection endpoint (RFC 7662) about one token.
type Question struct {
	KeyManagerID string
	Digest       string // of all settings of the key manager and its credential that can change the answer
	Endpoint     string
	ClientID     string
	Secret       secret.Value  // client secret, private key or access token, as the method needs
	Next         secret.Value  // tried where the server refuses Secret; zero = there is none
	Name         string        // of the key manager, for the log
	Method       string        // one of keyward.Introspect…; empty = basic
	Cache        time.Duration // how long the answer may be kept, never past the token's exp; 0 = not at all
	Token        string

	Audience      string // of private_key_jwt: the server's issuer
	Certificate   string // of tls: PEM
	TokenEndpoint string // of bearer, where client id and secret get the token
	Scope         string // likewise; may be empty

	Way  outbound.Policy // how the key manager's server is reached
	turn int             // 1 = Secret is the next one
}

// Answer is what the endpoint said. Answers are shared: nobody changes them.
type Answer struct {
	Active bool
	Claims strictjson.Object // the whole answer
	At     time.Time         // when it was given
	Cached bool              // it was not asked for this call
}

// Introspector asks about opaque tokens. Its methods are safe for concurrent use.
type Introspector struct {
	client  *http.Client
	now     func() time.Time
	metrics *metrics
	known   *rollover.Memory
	answers *otter.Cache[answerKey, kept]

	mu    sync.Mutex
	lanes map[laneKey]*lane
}

// answerKey separates answers by key manager, settings and the whole token.
type answerKey struct {
	keyManager, digest string
	token              [sha256.Size]byte
}

type kept struct {
	answer *Answer
	until  time.Time
}

// laneKey separates lanes by the credential too: a lane keeps a client with its certificate, or its access token.
type laneKey struct {
	keyManager, endpoint string
	credential           [sha256.Size]byte
}

// lane is what one key manager's questions have to themselves, so that a slow or broken one holds up no other.
type lane struct {
	places  chan struct{}
	breaker *gobreaker.CircuitBreaker[*Answer]
	mu      sync.Mutex
	flights map[answerKey]*question
	ways    [2]way // with the secret, and with the next one
}

// way is what is kept of one way to authenticate.
type way struct {
	access accessToken
	client *http.Client // by the key manager's way, with the certificate of tls; nil until it is needed
}

// question is one exchange that any number of calls wait for.
type question struct {
	done   chan struct{}
	answer *Answer // both are read after done is closed
	err    error
}

// NewIntrospector makes an introspector. The client must apply the operator's outbound rules; redirects are not
// followed whatever it says.
func NewIntrospector(client *http.Client, o Options) (*Introspector, error) {
	o = o.withDefaults()
	answers, err := otter.New(&otter.Options[answerKey, kept]{
		MaximumWeight: answerBytes,
		Weigher: func(_ answerKey, k kept) uint32 {
			return uint32(512 + 4*len(k.answer.Claims.Raw())) //nolint:gosec // at most askLimit
		},
	})
	if err != nil {
		return nil, fmt.Errorf("make the introspection cache: %w", err)
	}
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	own.Timeout = outbound.TimeoutOf(client, askTimeout)
	return &Introspector{
		client: &own, now: o.Now, metrics: newMetrics(o.Registerer), answers: answers, lanes: map[laneKey]*lane{},
		known: rollover.New(o.Log, o.Now),
	}, nil
}

// Introspect gives the endpoint's answer, from the cache when it may. Calls about one token wait for one exchange. Its
// error is an *Unavailable with key_manager_unavailable in its chain.
func (i *Introspector) Introspect(ctx context.Context, q Question) (*Answer, error) {
	key := answerKey{keyManager: q.KeyManagerID, digest: q.Digest, token: sha256.Sum256([]byte(q.Token))}
	if k, found := i.answers.GetIfPresent(key); found && q.Cache > 0 {
		if now := i.now(); now.Before(k.until) && now.Before(k.answer.At.Add(q.Cache)) {
			i.metrics.answers.WithLabelValues("hit").Inc()
			answer := *k.answer
			answer.Cached = true
			return &answer, nil
		}
	}
	i.metrics.answers.WithLabelValues("miss").Inc()
	asked := i.ask(ctx, i.lane(q), key, q)
	select {
	case <-asked.done:
		return asked.answer, asked.err
	case <-ctx.Done():
		return nil, unavailable(time.Second, fmt.Errorf("the caller went away: %w", ctx.Err()))
	}
}

func (i *Introspector) lane(q Question) *lane {
	key := laneKey{q.KeyManagerID, q.Endpoint, q.credential()}
	i.mu.Lock()
	defer i.mu.Unlock()
	if l, found := i.lanes[key]; found {
		return l
	}
	if len(i.lanes) >= 4096 { // key managers come and go; a lane that is forgotten is made anew
		clear(i.lanes)
	}
	l := &lane{
		places:  make(chan struct{}, askAtOnce),
		flights: map[answerKey]*question{},
		breaker: gobreaker.NewCircuitBreaker[*Answer](gobreaker.Settings{
			MaxRequests:  4,
			Timeout:      time.Second,
			ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= 8 },
			IsSuccessful: func(err error) bool { return err == nil || errors.Is(err, errOfToken) },
		}),
	}
	i.lanes[key] = l
	return l
}

// ask joins or starts the exchange about one token. It outlives the call that started it: others may have joined.
func (i *Introspector) ask(ctx context.Context, l *lane, key answerKey, q Question) *question {
	l.mu.Lock()
	defer l.mu.Unlock()
	if asked, found := l.flights[key]; found {
		return asked
	}
	asked := &question{done: make(chan struct{})}
	l.flights[key] = asked
	ctx = context.WithoutCancel(ctx)
	go func() {
		asked.answer, asked.err = i.exchange(ctx, l, q)
		if asked.err == nil {
			i.keep(key, q, asked.answer)
		}
		l.mu.Lock()
		delete(l.flights, key)
		l.mu.Unlock()
		close(asked.done)
	}()
	return asked
}

// keep stores an answer until its time or the token's is over.
func (i *Introspector) keep(key answerKey, q Question, a *Answer) {
	until := a.At.Add(q.Cache)
	if v, found := a.Claims.Get("exp"); found && a.Active {
		exp, ok := v.Int()
		if !ok {
			return
		}
		if end := time.Unix(exp, 0); end.Before(until) {
			until = end
		}
	}
	if until.After(a.At) {
		i.answers.Set(key, kept{answer: a, until: until})
	}
}

// exchange asks within the lane's limits.
func (i *Introspector) exchange(ctx context.Context, l *lane, q Question) (*Answer, error) {
	timer := time.NewTimer(askWait)
	defer timer.Stop()
	select {
	case l.places <- struct{}{}:
		defer func() { <-l.places }()
	case <-timer.C:
		i.metrics.introspections.WithLabelValues("rejected").Inc()
		return nil, unavailable(time.Second, errors.New("too many questions wait for the introspection endpoint"))
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(q.Way.Timeout, i.client.Timeout))
	defer cancel()
	answer, err := l.breaker.Execute(func() (*Answer, error) { return i.twice(ctx, l, q) })
	switch {
	case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests):
		i.metrics.introspections.WithLabelValues("rejected").Inc()
		return nil, unavailable(time.Second, err)
	case err != nil:
		i.metrics.introspections.WithLabelValues("failed").Inc()
		return nil, unavailable(time.Second, err)
	case answer.Active:
		i.metrics.introspections.WithLabelValues("active").Inc()
	default:
		i.metrics.introspections.WithLabelValues("inactive").Inc()
	}
	return answer, nil
}

// errFinal marks a failure that a second try cannot mend: the server understood and refused.
var errFinal = errors.New("the server refused")

// twice tries once more when the server could not answer.
func (i *Introspector) twice(ctx context.Context, l *lane, q Question) (*Answer, error) {
	answer, err := i.either(ctx, l, q)
	if err == nil || errors.Is(err, errFinal) || errors.Is(err, errRefused) || errors.Is(err, outbound.ErrForbidden) || ctx.Err() != nil {
		return answer, err
	}
	timer := time.NewTimer(throttle.Jitter(100 * time.Millisecond))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return nil, err
	case <-timer.C:
		return i.either(ctx, l, q)
	}
}

// errRefused marks the refusal of the secret that was asked with, which is final too.
var errRefused = errors.New("the server refused the secret")

// either sends the question with the secret that the server takes, as far as is known, and with the other one after a
// refusal.
func (i *Introspector) either(ctx context.Context, l *lane, q Question) (answer *Answer, err error) {
	i.known.Try(ctx, q.pair(), func(value string) rollover.Outcome {
		now := q
		if now.Secret = secret.New(value); value == q.Next.Reveal() {
			now.turn = 1
		}
		answer, err = i.once(ctx, l, now)
		switch {
		case err == nil:
			return rollover.Taken
		case errors.Is(err, errRefused):
			return rollover.Refused
		default:
			return rollover.Unknown
		}
	})
	return answer, err
}

// once sends the question. The token is in the body alone, and no error repeats anything of the answer.
func (i *Introspector) once(ctx context.Context, l *lane, q Question) (*Answer, error) {
	client, err := i.clientOf(l, q)
	if err != nil {
		return nil, err
	}
	req, err := i.newQuestion(ctx, l, q, client)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req) //nolint:bodyclose // outbound.ReadAll closes it
	if err != nil {
		return nil, fmt.Errorf("ask the introspection endpoint: %w", refusedCertificate(q, outbound.NoAnswer(err)))
	}
	body, err := outbound.ReadAll(resp, outbound.LimitOf(client, askLimit))
	if err != nil {
		return nil, fmt.Errorf("ask the introspection endpoint: %w", err)
	}
	if resp.StatusCode == http.StatusUnauthorized && l.forget(q) {
		return nil, errors.New("the introspection endpoint does not take the access token")
	}
	if resp.StatusCode != http.StatusOK {
		err := failure("the introspection endpoint", resp.StatusCode, body)
		if aboutToken(resp.StatusCode) && !errors.Is(err, errRefused) {
			return nil, fmt.Errorf("%w: %w", errOfToken, err)
		}
		return nil, err
	}
	answer, err := ReadAnswer(resp.Header.Get("Content-Type"), body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w: the introspection endpoint's answer %w", errOfToken, errFinal, err)
	}
	answer.At = i.now()
	return answer, nil
}

// errOfToken marks what any caller can bring about with a token of their own making: a refusal, as some servers answer what they
// cannot read, or an answer that is none. The server works: counted, it would shut every honest caller out.
var errOfToken = errors.New("this token's question has no answer")

// aboutToken tells which statuses may be about what was asked, not about who asked or how often.
func aboutToken(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return true
	default:
		return false
	}
}

// ReadAnswer reads what an introspection endpoint answered with status 200 (RFC 7662, section 2.2). It is an error unless
// it is one JSON object, called nothing else by its media type, with a boolean named active.
func ReadAnswer(contentType string, body []byte) (*Answer, error) {
	if !mayBeJSON(contentType) {
		return nil, fmt.Errorf("calls itself %.60q, not JSON", contentType)
	}
	claims, err := strictjson.ParseObject(string(body))
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	active, _ := claims.Get("active")
	value, ok := active.Bool()
	if !ok {
		return nil, errors.New("has no boolean named active")
	}
	return &Answer{Active: value, Claims: claims}, nil
}
