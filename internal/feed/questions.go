package feed

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/stream"
)

const (
	pollWait     = 3 * time.Second  // a gateway's poll is answered by then: it gives up waiting for the answer's begin after five
	answerWait   = 3 * time.Second  // a gateway has so long for an answer
	awayAfter    = 10 * time.Second // a gateway that has not polled for so long is not asked
	maxQuestions = 64               // of one gateway at a time
)

// ErrAway tells that a gateway cannot be asked now: no control plane hears its polls, or it does not answer.
var ErrAway = errors.New("the gateway is away")

// counters are where the questions to gateways lie, and their answers come in.
type counters struct {
	mu sync.Mutex
	of map[string]*counter // by the gateway's id
}

type counter struct {
	polled  time.Time
	polling int // polls that wait now
	ask     []stream.Question
	open    map[string]chan<- json.RawMessage // by question
	wake    chan struct{}
}

func (d *counters) counter(gateway string) *counter {
	if d.of == nil {
		d.of = map[string]*counter{}
	}
	if d.of[gateway] == nil {
		d.of[gateway] = &counter{open: map[string]chan<- json.RawMessage{}, wake: make(chan struct{}, 1)}
	}
	return d.of[gateway]
}

// Questions takes a gateway's answers to what it was asked before, and gives what it is asked now: it waits a little for
// something to be asked, unless more answers follow. An answer to what this gateway was not asked is dropped.
func (f *Feed) Questions(ctx context.Context, g *keyward.Gateway, q stream.QuestionsRequest) (*stream.QuestionsReply, error) {
	f.questions.mu.Lock()
	d := f.questions.counter(g.ID)
	for _, a := range q.Answers {
		if to := d.open[a.ID]; to != nil {
			to <- a.Body // it has room for the one answer
			delete(d.open, a.ID)
		}
	}
	d.polling++
	f.questions.mu.Unlock()
	defer func() {
		f.questions.mu.Lock()
		d.polling--
		d.polled = f.o.Now()
		f.questions.mu.Unlock()
	}()
	if f.o.Shared {
		if err := f.keepAnswers(ctx, g.ID, q.Answers); err != nil {
			return nil, err
		}
	}
	timer := time.NewTimer(pollWait)
	defer timer.Stop()
	for over := q.More; ; {
		f.questions.mu.Lock()
		asked := d.ask
		d.ask = nil
		f.questions.mu.Unlock()
		if len(asked) > 0 || over {
			return &stream.QuestionsReply{Questions: asked}, nil
		}
		select {
		case <-ctx.Done(): // the gateway went away, or this process does: it asks again, elsewhere
			return &stream.QuestionsReply{}, nil
		case <-timer.C:
			over = true
		case <-d.wake:
		}
	}
}

// Ask asks one gateway and waits for its answer. The error is ErrAway, that of ctx, or that of the database.
func (f *Feed) Ask(ctx context.Context, gateway string, body json.RawMessage) (json.RawMessage, error) {
	if f.o.Shared {
		return f.askAny(ctx, gateway, body)
	}
	answer := make(chan json.RawMessage, 1)
	id := rand.Text()
	f.questions.mu.Lock()
	d := f.questions.counter(gateway)
	if d.polling == 0 && f.o.Now().Sub(d.polled) > awayAfter || len(d.open) >= maxQuestions {
		f.questions.mu.Unlock()
		return nil, ErrAway
	}
	d.ask = append(d.ask, stream.Question{ID: id, Body: body})
	d.open[id] = answer
	f.questions.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
	defer func() {
		f.questions.mu.Lock()
		delete(d.open, id)
		f.questions.mu.Unlock()
	}()
	timer := time.NewTimer(answerWait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		return nil, ErrAway
	case got := <-answer:
		return got, nil
	}
}
