package feed

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"time"

	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/stream"
)

// Of control planes on one database: a gateway polls one of them, and each may be asked about it. They leave questions and
// answers for each other in the database.
const (
	leftTick      = 250 * time.Millisecond // how often a control plane looks for questions, and for its answers
	elsewhereWait = answerWait + 4*leftTick
)

// askAny asks a gateway through the control plane that it polls.
func (f *Feed) askAny(ctx context.Context, gateway string, body json.RawMessage) (json.RawMessage, error) {
	q := store.GatewayQuestion{ID: rand.Text(), GatewayID: gateway, Body: body}
	err := f.store.Write(ctx, system, func(tx *store.Tx) error { return tx.AskGateway(q, f.o.Now()) })
	if err != nil {
		return nil, err
	}
	defer f.dropQuestion(ctx, q.ID)
	ctx, cancel := context.WithTimeoutCause(ctx, elsewhereWait, ErrAway)
	defer cancel()
	tick := time.NewTicker(leftTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-tick.C:
		}
		var answer json.RawMessage
		var came bool
		err := f.store.Read(ctx, func(tx *store.Tx) (err error) {
			answer, came, err = tx.QuestionsAnswer(q.ID)
			return err
		})
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil || came {
			return answer, err
		}
	}
}

// dropQuestion takes it away whatever became of who asked. One that stays goes by itself in a while.
func (f *Feed) dropQuestion(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loginTimeout)
	defer cancel()
	if err := f.store.Write(ctx, system, func(tx *store.Tx) error { return tx.DropQuestion(id) }); err != nil {
		f.o.Log.WarnContext(ctx, "a question to a gateway stays for a while", "err", err)
	}
}

// runLeft asks the gateways that poll here what was left for them.
func (f *Feed) runLeft(ctx context.Context) error {
	tick := time.NewTicker(leftTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if err := f.takeLeft(ctx); err != nil && ctx.Err() == nil {
			f.o.Log.Warn("questions to gateways cannot be read; tried again later", "err", err)
		}
	}
}

func (f *Feed) takeLeft(ctx context.Context) error {
	if !f.questions.polled() {
		return nil
	}
	var left []store.GatewayQuestion
	err := f.store.Read(ctx, func(tx *store.Tx) (err error) {
		left, err = tx.LeftQuestions()
		return err
	})
	for _, q := range left {
		if !f.questions.polls(q.GatewayID) {
			continue
		}
		mine := false
		err = f.store.Write(ctx, system, func(tx *store.Tx) (err error) {
			mine, err = tx.TakeQuestion(q.ID)
			return err
		})
		if err != nil {
			break
		}
		if mine {
			f.questions.put(q.GatewayID, stream.Question{ID: q.ID, Body: q.Body})
		}
	}
	return err
}

// keepAnswers keeps a gateway's answers for whoever asked.
func (f *Feed) keepAnswers(ctx context.Context, gateway string, answers []stream.Answer) error {
	if len(answers) == 0 {
		return nil
	}
	return f.store.Write(ctx, system, func(tx *store.Tx) error {
		for _, a := range answers {
			if err := tx.AnswerQuestion(gateway, a.ID, a.Body); err != nil {
				return err
			}
		}
		return nil
	})
}

// polled tells whether any gateway polls here now.
func (d *counters) polled() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.of {
		if c.polling > 0 {
			return true
		}
	}
	return false
}

// polls tells whether the gateway polls here now.
func (d *counters) polls(gateway string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.of[gateway]
	return c != nil && c.polling > 0
}

// put gives the gateway's next poll, or the one that waits, a question whose answer goes elsewhere.
func (d *counters) put(gateway string, q stream.Question) {
	d.mu.Lock()
	c := d.counter(gateway)
	c.ask = append(c.ask, q)
	d.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}
