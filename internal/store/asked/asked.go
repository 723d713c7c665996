// Package asked owns the questions to gateways that control planes leave for each other: a gateway polls one of them at a
// time, and any of them may be asked. It does not own what is asked, nor who may ask.
package asked

import (
	"encoding/json"
	"time"

	"keyward.dev/keyward/internal/store/database"
)

// kept is for how long a question stays that its asker did not take away.
const kept = time.Minute

// Book is the rows as one transaction sees them.
type Book struct{ run *database.Run }

// New gives the book to a transaction.
func New(run *database.Run) *Book { return &Book{run: run} }

// Question is what one gateway is asked.
type Question struct {
	ID        string
	GatewayID string
	Body      json.RawMessage
}

// AskGateway leaves a question for the control plane that the gateway polls. What was left too long ago goes.
func (b *Book) AskGateway(q Question, at time.Time) error {
	if _, err := b.run.Exec(`DELETE FROM gateway_questions WHERE asked_at < $1`, database.Micros(at.Add(-kept))); err != nil {
		return err
	}
	_, err := b.run.Exec(`INSERT INTO gateway_questions (id, gateway_id, body, asked_at, taken) VALUES ($1, $2, $3, $4, 0)`,
		q.ID, database.Clean(q.GatewayID), database.Clean(string(q.Body)), database.Micros(at))
	return err
}

// LeftQuestions gives those that no control plane took yet.
func (b *Book) LeftQuestions() (left []Question, err error) {
	err = b.run.Rows(`SELECT id, gateway_id, body FROM gateway_questions WHERE taken = 0 ORDER BY asked_at LIMIT 256`, nil,
		func(r database.Row) error {
			var q Question
			var body string
			if err := r.Scan(&q.ID, &q.GatewayID, &body); err != nil {
				return err
			}
			q.Body = json.RawMessage(body)
			left = append(left, q)
			return nil
		})
	return left, err
}

// TakeQuestion tells whether the question is this control plane's to ask: it is the first to take it.
func (b *Book) TakeQuestion(id string) (bool, error) {
	n, err := b.run.Exec(`UPDATE gateway_questions SET taken = 1 WHERE id = $1 AND taken = 0`, id)
	return n == 1, err
}

// AnswerQuestion keeps a gateway's answer, if that gateway was asked and has not answered.
func (b *Book) AnswerQuestion(gatewayID, id string, body json.RawMessage) error {
	_, err := b.run.Exec(`UPDATE gateway_questions SET answer = $1 WHERE id = $2 AND gateway_id = $3 AND answer IS NULL`,
		database.Clean(string(body)), database.Clean(id), database.Clean(gatewayID))
	return err
}

// QuestionsAnswer gives the answer, if it came.
func (b *Book) QuestionsAnswer(id string) (json.RawMessage, bool, error) {
	var body string
	found, err := b.run.One(`SELECT answer FROM gateway_questions WHERE id = $1 AND answer IS NOT NULL`, []any{id}, &body)
	return json.RawMessage(body), found && err == nil, err
}

// DropQuestion takes a question away, with its answer.
func (b *Book) DropQuestion(id string) error {
	_, err := b.run.Exec(`DELETE FROM gateway_questions WHERE id = $1`, id)
	return err
}
