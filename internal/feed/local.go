package feed

import (
	"context"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/stream"
)

// Local is where the changes of a gateway in this process come from, without a listener in between. It is a
// registry.Source.
type Local struct {
	feed  *Feed
	token stream.Token
}

// Local gives the source of the gateway whose credential token is.
func (f *Feed) Local(token stream.Token) *Local { return &Local{feed: f, token: token} }

func (l *Local) gateway(ctx context.Context) (*keyward.Gateway, error) {
	g, _, err := l.feed.Authenticate(ctx, l.token.Reveal())
	return g, err
}

// Enrol implements registry.Source.
func (l *Local) Enrol(ctx context.Context, q stream.EnrolRequest) (*stream.EnrolReply, error) {
	g, err := l.gateway(ctx)
	if err != nil {
		return nil, err
	}
	return l.feed.Enrol(ctx, g, q)
}

// Pull implements registry.Source.
func (l *Local) Pull(ctx context.Context, q stream.PullRequest, yield func(*stream.Message) error) error {
	g, err := l.gateway(ctx)
	if err != nil {
		return err
	}
	return l.feed.Pull(ctx, g, q, yield)
}

// GroupKey implements registry.Source.
func (l *Local) GroupKey(ctx context.Context, id string) (*stream.GroupKeyReply, error) {
	g, err := l.gateway(ctx)
	if err != nil {
		return nil, err
	}
	return l.feed.GroupKey(ctx, g, l.token, id)
}

// Report implements registry.Source.
func (l *Local) Report(ctx context.Context, r stream.Report) (*stream.ReportReply, error) {
	g, err := l.gateway(ctx)
	if err != nil {
		return nil, err
	}
	return l.feed.Report(ctx, g, r)
}

// Questions implements registry.Source.
func (l *Local) Questions(ctx context.Context, q stream.QuestionsRequest) (*stream.QuestionsReply, error) {
	g, err := l.gateway(ctx)
	if err != nil {
		return nil, err
	}
	return l.feed.Questions(ctx, g, q)
}

// Follow implements registry.Source. It follows over the control plane's own connection, so the access is of no use.
func (l *Local) Follow(ctx context.Context, group string, _ stream.HubAccess, deliver func([]byte)) error {
	return l.feed.hub.Follow(ctx, group, deliver)
}
