package feed

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/stream"
)

// TestAnyControlPlaneAsks: a gateway that polls control planes by turns is asked through each of them, its answers find who
// asked, and one that polls nobody is away.
func TestAnyControlPlaneAsks(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	hub, err := stream.OpenHub(stream.HubOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(hub.Close)
	planes := make([]*Feed, 2)
	for i := range planes {
		f, err := New(ctx, d.store, hub, Options{Shared: true})
		if err != nil {
			t.Fatal(err)
		}
		planes[i] = f
		go func() { _ = f.runLeft(ctx) }()
	}
	go pollByTurns(ctx, planes, &keyward.Gateway{ID: "g"})
	for i, plane := range append(planes, planes...) {
		question, _ := json.Marshal(i)
		answer, err := plane.Ask(ctx, "g", question)
		if err != nil || string(answer) != `"seen `+string(question)+`"` {
			t.Errorf("asked through plane %d: %s, %v", i%2, answer, err)
		}
	}
	if _, err := planes[0].Ask(ctx, "nobody", []byte(`1`)); !errors.Is(err, ErrAway) {
		t.Errorf("a gateway that does not poll: %v", err)
	}
}

// pollByTurns is a gateway behind something that leads its polls to one control plane after the other.
func pollByTurns(ctx context.Context, planes []*Feed, g *keyward.Gateway) {
	var answers []stream.Answer
	for i := 0; ctx.Err() == nil; i++ {
		reply, err := planes[i%len(planes)].Questions(ctx, g, stream.QuestionsRequest{Answers: answers})
		answers = nil
		if err != nil {
			continue
		}
		for _, q := range reply.Questions {
			body, _ := json.Marshal("seen " + string(q.Body))
			answers = append(answers, stream.Answer{ID: q.ID, Body: body})
		}
	}
}
