package registry

import (
	"context"
	"time"

	"keyward.dev/keyward/internal/stream"
)

const (
	questionPause    = time.Second // after a failure
	questionPatience = 10 * time.Second
	answerFrame      = 64 // at least what an answer takes beside its id and body
)

// runQuestions asks the control plane again and again what it wants to know, and answers. No decision depends on it.
func (r *Registry) runQuestions(ctx context.Context) error {
	var answers []stream.Answer
	for {
		n := fitting(answers)
		reply, err := r.askQuestions(ctx, stream.QuestionsRequest{Answers: answers[:n], More: n < len(answers)})
		answers = answers[n:] // what was refused is not told again, and takes no other answers with it
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

// fitting counts the first answers that one request has room for: one at least, for an answer that is too long fails alone.
func fitting(answers []stream.Answer) int {
	length := answerFrame // of the request's own
	for i, a := range answers {
		if length += answerFrame + len(a.ID) + len(a.Body); length > stream.MaxQuestionsRequest && i > 0 {
			return i
		}
	}
	return len(answers)
}

func (r *Registry) askQuestions(ctx context.Context, q stream.QuestionsRequest) (*stream.QuestionsReply, error) {
	ctx, cancel := context.WithTimeout(ctx, questionPatience)
	defer cancel()
	return r.source.Questions(ctx, q)
}
