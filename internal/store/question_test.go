package store

import (
	"context"
	"testing"
	"time"
)

// TestQuestionsToGateways: one control plane takes each, the gateway that was asked answers, once, and what nobody fetches goes.
func TestQuestionsToGateways(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		write := func(fn func(tx *Tx) error) {
			t.Helper()
			if err := s.Write(context.Background(), "test", fn); err != nil {
				t.Fatal(err)
			}
		}
		at := time.Now()
		write(func(tx *Tx) error {
			return tx.AskGateway(GatewayQuestion{ID: "old", GatewayID: "g", Body: []byte(`{}`)}, at)
		})
		at = at.Add(2 * time.Minute)
		write(func(tx *Tx) error {
			return tx.AskGateway(GatewayQuestion{ID: "q", GatewayID: "g", Body: []byte(`{"limit":1}`)}, at)
		})
		write(func(tx *Tx) error {
			left, err := tx.LeftQuestions()
			if err != nil || len(left) != 1 || left[0].ID != "q" || left[0].GatewayID != "g" || string(left[0].Body) != `{"limit":1}` {
				t.Errorf("left are %+v, %v", left, err)
			}
			for i, want := range []bool{true, false} {
				if mine, err := tx.TakeQuestion("q"); err != nil || mine != want {
					t.Errorf("take %d: %v, %v", i, mine, err)
				}
			}
			if left, err = tx.LeftQuestions(); err != nil || len(left) != 0 {
				t.Errorf("left after it was taken: %+v, %v", left, err)
			}
			return tx.AnswerQuestion("another", "q", []byte(`"forged"`))
		})
		write(func(tx *Tx) error {
			if body, came, err := tx.QuestionsAnswer("q"); err != nil || came {
				t.Errorf("answered by another gateway: %s, %v, %v", body, came, err)
			}
			if err := tx.AnswerQuestion("g", "q", []byte(`[1]`)); err != nil {
				return err
			}
			return tx.AnswerQuestion("g", "q", []byte(`[2]`))
		})
		write(func(tx *Tx) error {
			if body, came, err := tx.QuestionsAnswer("q"); err != nil || !came || string(body) != `[1]` {
				t.Errorf("the answer is %s, %v, %v", body, came, err)
			}
			return tx.DropQuestion("q")
		})
		write(func(tx *Tx) error {
			if _, came, err := tx.QuestionsAnswer("q"); err != nil || came {
				t.Errorf("after it was dropped: %v, %v", came, err)
			}
			return nil
		})
	})
}
