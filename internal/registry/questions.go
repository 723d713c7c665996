package registry

import (
	"context"
	"time"

	"keyward.dev/keyward/internal/stream"
)

const (
	questionPause    = time.Second // after a failure
	questionPatience = 10 * time.Second
)

// runQuestions asks the control plane again and again what it wants to know, and answers. No decision depends on it.
func (r *Registry) runQuestions(ctx context.Context) error {
	var answers []stream.Answer
	for {
		reply, err := r.askQuestions(ctx, stream.QuestionsRequest{Answers: answers})
		answers = nil
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			r.consider(err)
			r.o.Log.Debug("the control plane's questions cannot be fetched", "err", err)
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(questionPause):
			}
			continue
		}
		for _, q := range reply.Questions {
			answers = append(answers, stream.Answer{ID: q.ID, Body: r.o.Answer(q.Body)})
		}
	}
}

func (r *Registry) askQuestions(ctx context.Context, q stream.QuestionsRequest) (*stream.QuestionsReply, error) {
	ctx, cancel := context.WithTimeout(ctx, questionPatience)
	defer cancel()
	return r.source.Questions(ctx, q)
}
