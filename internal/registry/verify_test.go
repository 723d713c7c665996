package registry

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/stream"
)

// plane is a control plane's signing key and the credential of a gateway that believes it.
type plane struct {
	t      *testing.T
	signer *stream.Signer
	token  stream.Token
	public string
}

func newPlane(t *testing.T) *plane {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := stream.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return &plane{t: t, signer: signer, token: stream.NewToken(signer.Fingerprint()),
		public: stream.EncodePublicKey(signer.Public())}
}

// says is a message of the plane; change makes it say something else before it is signed.
func (p *plane) says(m stream.Message, change func(*stream.Message)) *stream.Message {
	m.Time = time.Now().UTC()
	if change != nil {
		change(&m)
	}
	return p.signer.Sign(&m)
}

func (p *plane) link() *link {
	p.t.Helper()
	l, err := newLink(p.token, p.public, p.says(stream.Message{
		Type: stream.TypeEnrolment, Group: "default", Gateway: p.token.ID(),
	}, nil), "")
	if err != nil {
		p.t.Fatal(err)
	}
	return l
}

// wantForged fails unless the error says what a genuine message of the wrong kind deserves; "" in what is the control.
func wantForged(t *testing.T, what string, err error) {
	t.Helper()
	if what == "" && err != nil {
		t.Errorf("the control is refused: %v", err)
	}
	if what != "" && !errors.Is(err, stream.ErrForged) {
		t.Errorf("%s: %v", what, err)
	}
}

// Everything below is signed by the control plane itself: a genuine message, said to somebody else or about something
// else, proves nothing.
func TestEnrolmentIsThisGateways(t *testing.T) {
	p := newPlane(t)
	for what, change := range map[string]func(*stream.Message){
		"":                  nil,
		"another gateway's": func(m *stream.Message) { m.Gateway = stream.NewToken(p.signer.Fingerprint()).ID() },
		"of another type":   func(m *stream.Message) { m.Type = stream.TypeWithdrawal },
		"without a group":   func(m *stream.Message) { m.Group = "" },
		"another answer's":  func(m *stream.Message) { m.Nonce = "old" },
	} {
		statement := p.says(stream.Message{
			Type: stream.TypeEnrolment, Group: "default", Gateway: p.token.ID(), Nonce: "asked",
		}, change)
		_, err := newLink(p.token, p.public, statement, "asked")
		wantForged(t, what, err)
	}
	_, err := newLink(p.token, p.public, nil, "asked")
	wantForged(t, "no statement", err)
	stranger := newPlane(t)
	_, err = newLink(p.token, stranger.public, stranger.says(stream.Message{
		Type: stream.TypeEnrolment, Group: "default", Gateway: p.token.ID(),
	}, nil), "")
	wantForged(t, "another control plane's", err)
}

func TestMessagesAreOfThisGroupAndAnswersOfThisQuestion(t *testing.T) {
	p := newPlane(t)
	l := p.link()
	beat := stream.Message{Type: stream.TypeHeartbeat, Group: "default", Nonce: "asked"}
	for what, change := range map[string]func(*stream.Message){
		"":                          nil,
		"another group's":           func(m *stream.Message) { m.Group = "elsewhere" },
		"another question's":        func(m *stream.Message) { m.Nonce = "old" },
		"nobody's question's":       func(m *stream.Message) { m.Nonce = "" },
		"nobody's, another group's": func(m *stream.Message) { m.Nonce, m.Group = "", "elsewhere" },
	} {
		_, err := l.answered(p.says(beat, change), "asked")
		wantForged(t, what, err)
	}
	_, err := l.answered(p.says(beat, func(m *stream.Message) { m.Nonce = "" }), "")
	wantForged(t, "an answer to a question without a nonce", err)
	_, err = l.verified(p.says(beat, func(m *stream.Message) { m.Group = "elsewhere" }))
	wantForged(t, "another group's, on the hub", err)
	_, err = l.verified(p.says(beat, func(m *stream.Message) { m.Nonce = "" }))
	wantForged(t, "", err)
}

func TestWithdrawalIsOfThisGateway(t *testing.T) {
	p := newPlane(t)
	for what, change := range map[string]func(*stream.Message){
		"":                  nil,
		"another gateway's": func(m *stream.Message) { m.Gateway = stream.NewToken(p.signer.Fingerprint()).ID() },
		"nobody's":          func(m *stream.Message) { m.Gateway = "" },
		"an enrolment":      func(m *stream.Message) { m.Type = stream.TypeEnrolment },
	} {
		w := &stream.WithdrawnError{PublicKey: p.public, Statement: p.says(stream.Message{
			Type: stream.TypeWithdrawal, Group: "default", Gateway: p.token.ID(),
		}, change)}
		wantForged(t, what, checkWithdrawal(p.token, w))
	}
	wantForged(t, "no statement", checkWithdrawal(p.token, &stream.WithdrawnError{PublicKey: p.public}))
}

func TestSnapshotEndsWithItsOwnRows(t *testing.T) {
	row := []byte(`{"kind":"plan","id":"p","row":{}}`)
	var read rowsReader
	if err := read.add(&stream.Message{Records: [][]byte{row}}); err != nil {
		t.Fatal(err)
	}
	digest := keyward.Chain{}.Next(row)
	for what, end := range map[string]stream.Message{
		"":            {Type: stream.TypeSnapshot, Rows: 1, Digest: digest},
		"other rows":  {Type: stream.TypeSnapshot, Rows: 1, Digest: digest.Next(row)},
		"a row more":  {Type: stream.TypeSnapshot, Rows: 2, Digest: digest},
		"a heartbeat": {Type: stream.TypeHeartbeat, Rows: 1, Digest: digest},
	} {
		wantForged(t, what, read.end(&end))
	}
}

// An answer whose parts were left out on the way does not count as news of the control plane.
func TestAnswerThatLeadsNowhereIsNotHeard(t *testing.T) {
	r := &Registry{}
	r.sync.at = keyward.Position{Revision: 7}
	p := &pulling{r: r, end: &stream.Message{Type: stream.TypeHeartbeat, To: keyward.Position{Revision: 9}, Time: time.Now()}}
	if err := p.finish(); err == nil {
		t.Error("an answer that says 9 and brought 7 is taken")
	}
	if !r.sync.wantSnapshot || r.pulse.live {
		t.Errorf("afterwards a snapshot is wanted: %v, the control plane was heard: %v", r.sync.wantSnapshot, r.pulse.live)
	}
}

// curious asks everything at once, and notes what it is answered; its door is the control plane's: what is too long is lost.
type curious struct {
	Source

	questions []stream.Question
	answered  []string
	requests  []stream.QuestionsRequest
	over      func()
}

func (c *curious) Questions(_ context.Context, q stream.QuestionsRequest) (*stream.QuestionsReply, error) {
	reply := &stream.QuestionsReply{Questions: c.questions}
	c.questions, c.requests = nil, append(c.requests, q)
	text, err := json.Marshal(q)
	if err != nil || len(text) > stream.MaxQuestionsRequest {
		return nil, errors.Join(err, errors.New("that is too long"))
	}
	for _, a := range q.Answers {
		c.answered = append(c.answered, a.ID)
	}
	if len(c.requests) > 1 && !q.More {
		c.over()
	}
	return reply, nil
}

// TestAnswersFitTheDoor: many long answers go in several requests, of which only the last one waits for questions, and an
// answer that is too long takes no others with it.
func TestAnswersFitTheDoor(t *testing.T) {
	for what, long := range map[string]int{"as long as each other": 0, "with one that is too long": stream.MaxQuestionsRequest} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			asks := &curious{over: cancel}
			var want []string
			for i := range 20 {
				id := strconv.Itoa(i)
				asks.questions = append(asks.questions, stream.Question{ID: id, Body: json.RawMessage(id)})
				if i != 7 || long == 0 {
					want = append(want, id)
				}
			}
			r := &Registry{source: asks, gone: make(chan struct{}), o: Options{
				Log: slog.New(slog.DiscardHandler), Answer: func(question json.RawMessage) json.RawMessage {
					length := 200 << 10
					if string(question) == "7" {
						length += long
					}
					return json.RawMessage(`"` + strings.Repeat("x", length) + `"`)
				},
			}}
			_ = r.runQuestions(ctx)
			if !slices.Equal(asks.answered, want) || len(asks.requests) > 10 {
				t.Errorf("%s: answered in %d requests are %v, want %v", what, len(asks.requests), asks.answered, want)
			}
		})
	}
}
