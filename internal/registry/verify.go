package registry

import (
	"errors"
	"fmt"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/stream"
)

// errGap is returned for changes that do not follow what this gateway has.
var errGap = errors.New("the changes do not follow")

// verified checks that the control plane wrote the message for this gateway's group, and gives its changes.
func (l *link) verified(m *stream.Message) ([]keyward.Change, error) {
	changes, err := l.verifier.Verify(m)
	if err != nil {
		return nil, err
	}
	if m.Group != l.group {
		return nil, fmt.Errorf("%w: it is for another group", stream.ErrForged)
	}
	return changes, nil
}

// answered checks a signed part of an answer: it must carry the question's nonce, so that an old recording of a
// genuine answer is no answer.
func (l *link) answered(m *stream.Message, nonce string) ([]keyward.Change, error) {
	changes, err := l.verified(m)
	if err != nil {
		return nil, err
	}
	if m.Nonce == "" || m.Nonce != nonce {
		return nil, fmt.Errorf("%w: it answers another question", stream.ErrForged)
	}
	return changes, nil
}

// newLink checks an enrolment statement for this gateway. nonce is "" for one that comes from the disk.
func newLink(token stream.Token, publicKey string, statement *stream.Message, nonce string) (*link, error) {
	verifier, err := verifierOf(token, publicKey)
	if err != nil {
		return nil, err
	}
	if statement == nil {
		return nil, fmt.Errorf("%w: the enrolment has no statement", stream.ErrForged)
	}
	if _, err := verifier.Verify(statement); err != nil {
		return nil, fmt.Errorf("check the enrolment: %w", err)
	}
	if statement.Type != stream.TypeEnrolment || statement.Gateway != token.ID() || statement.Group == "" ||
		nonce != "" && statement.Nonce != nonce {
		return nil, fmt.Errorf("%w: the enrolment is not this gateway's", stream.ErrForged)
	}
	return &link{verifier: verifier, public: publicKey, group: statement.Group}, nil
}

func verifierOf(token stream.Token, publicKey string) (*stream.Verifier, error) {
	public, err := stream.DecodePublicKey(publicKey)
	if err != nil {
		return nil, err
	}
	return stream.NewVerifier(public, token.Fingerprint())
}

// checkWithdrawal checks that the control plane withdrew this very gateway.
func checkWithdrawal(token stream.Token, w *stream.WithdrawnError) error {
	verifier, err := verifierOf(token, w.PublicKey)
	if err != nil {
		return err
	}
	if w.Statement == nil {
		return fmt.Errorf("%w: the withdrawal has no statement", stream.ErrForged)
	}
	if _, err := verifier.Verify(w.Statement); err != nil {
		return fmt.Errorf("check the withdrawal: %w", err)
	}
	if w.Statement.Type != stream.TypeWithdrawal || w.Statement.Gateway != token.ID() {
		return fmt.Errorf("%w: the withdrawal is of another gateway", stream.ErrForged)
	}
	return nil
}

// overlap tells how many of a verified message's records this gateway has: all of them, when the message is old. It
// returns errGap when the message does not touch at, or tells another history.
func overlap(at keyward.Position, m *stream.Message) (int, error) {
	if m.From == at {
		return 0, nil
	}
	if m.To.Revision <= at.Revision {
		return len(m.Records), nil
	}
	if m.From.Revision > at.Revision {
		return 0, errGap
	}
	have := int(at.Revision - m.From.Revision) //nolint:gosec // less than the number of records: To is ahead of at
	p := m.From
	for _, record := range m.Records[:have] {
		p = keyward.Position{Revision: p.Revision + 1, Chain: p.Chain.Next(record)}
	}
	if p != at {
		return 0, errGap
	}
	return have, nil
}

// rowsReader collects a snapshot's rows until its signed end.
type rowsReader struct {
	changes []keyward.Change
	digest  keyward.Chain
	rows    uint64
}

// add takes one part. Its rows count for nothing before end.
func (r *rowsReader) add(m *stream.Message) error {
	for _, record := range m.Records {
		c, err := decodeRow(record)
		if err != nil {
			return err
		}
		r.changes = append(r.changes, c)
		r.digest = r.digest.Next(record)
		r.rows++
	}
	return nil
}

// end compares the rows with what the signed, already verified end says of them.
func (r *rowsReader) end(m *stream.Message) error {
	if m.Type != stream.TypeSnapshot || m.Rows != r.rows || m.Digest != r.digest {
		return fmt.Errorf("%w: the snapshot's rows are not those that were signed", stream.ErrForged)
	}
	return nil
}
