package stream

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"keyward.dev/keyward"
)

// MaxRecordBytes is how many bytes of records one message on the hub may carry. A NATS server takes 1 MiB unless it is
// told otherwise, so this leaves room for what surrounds the records.
const MaxRecordBytes = 512 << 10

// Type says what a message is.
type Type string

// The messages. All but rows are signed; rows are covered by the signed snapshot that ends them.
const (
	TypeChanges    Type = "changes"    // records that lead from one position to another
	TypeHeartbeat  Type = "heartbeat"  // the group's head and the control plane's time
	TypeWithdrawal Type = "withdrawal" // one gateway's credential is withdrawn
	TypeEnrolment  Type = "enrolment"  // which gateway and group a credential stands for
	TypeRows       Type = "rows"       // a part of a snapshot
	TypeSnapshot   Type = "snapshot"   // the end of a snapshot: its position, how many rows, their digest
)

// Message is one unit of the stream, on the hub and in the internal API alike.
type Message struct {
	Type    Type
	Group   string
	From    keyward.Position // changes: the position that the records follow
	To      keyward.Position // where the reader stands afterwards
	Records [][]byte         // exact bytes of keyward.Change; they enter the chain
	Rows    uint64           // snapshot: how many rows came before
	Digest  keyward.Chain    // snapshot: the chain over all its rows, from zero
	Time    time.Time        // the control plane's
	Gateway string           // withdrawal, enrolment: the gateway meant
	Nonce   string           // the asker's, in answers to a question; proves that they are not an old recording
	Key     string           // fingerprint of the signing key

	Signature []byte
}

// envelope is the message's JSON form without its records, which are spliced in byte by byte.
type envelope struct {
	Type      Type              `json:"type"`
	Group     string            `json:"group,omitempty"`
	From      *keyward.Position `json:"from,omitempty"`
	To        *keyward.Position `json:"to,omitempty"`
	Rows      uint64            `json:"rows,omitempty"`
	Digest    *keyward.Chain    `json:"digest,omitempty"`
	Time      *time.Time        `json:"time,omitempty"`
	Gateway   string            `json:"gateway,omitempty"`
	Nonce     string            `json:"nonce,omitempty"`
	Key       string            `json:"key,omitempty"`
	Signature string            `json:"signature,omitempty"`
	Records   []json.RawMessage `json:"records,omitempty"`
}

// MarshalJSON encodes the message with its records byte for byte as they are: the standard encoder would rewrite them.
func (m *Message) MarshalJSON() ([]byte, error) { return m.Encode() }

// Encode gives the message's JSON form on one line. Records must be JSON without line breaks.
func (m *Message) Encode() ([]byte, error) {
	e := envelope{
		Type: m.Type, Group: m.Group, Rows: m.Rows, Gateway: m.Gateway, Nonce: m.Nonce, Key: m.Key,
		Signature: base64.RawURLEncoding.EncodeToString(m.Signature),
	}
	if m.From != (keyward.Position{}) {
		e.From = &m.From
	}
	if m.To != (keyward.Position{}) {
		e.To = &m.To
	}
	if m.Digest != (keyward.Chain{}) {
		e.Digest = &m.Digest
	}
	if !m.Time.IsZero() {
		at := m.Time.UTC()
		e.Time = &at
	}
	head, err := json.Marshal(e)
	if err != nil || len(m.Records) == 0 {
		return head, err
	}
	size := len(head) + 16
	for _, r := range m.Records {
		size += len(r) + 1
	}
	out := append(make([]byte, 0, size), head[:len(head)-1]...)
	out = append(out, `,"records":[`...)
	for i, r := range m.Records {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, r...)
	}
	return append(out, ']', '}'), nil
}

// UnmarshalJSON reads what Encode wrote. Records keep their exact bytes.
func (m *Message) UnmarshalJSON(data []byte) error {
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return fmt.Errorf("read a message of the stream: %w", err)
	}
	signature, err := base64.RawURLEncoding.DecodeString(e.Signature)
	if err != nil {
		return fmt.Errorf("read a message's signature: %w", err)
	}
	*m = Message{
		Type: e.Type, Group: e.Group, Rows: e.Rows, Gateway: e.Gateway, Nonce: e.Nonce, Key: e.Key, Signature: signature,
	}
	if e.From != nil {
		m.From = *e.From
	}
	if e.To != nil {
		m.To = *e.To
	}
	if e.Digest != nil {
		m.Digest = *e.Digest
	}
	if e.Time != nil {
		m.Time = e.Time.UTC()
	}
	for _, r := range e.Records {
		m.Records = append(m.Records, r)
	}
	return nil
}

// Decode reads one message.
func Decode(data []byte) (*Message, error) {
	m := new(Message)
	if err := m.UnmarshalJSON(data); err != nil {
		return nil, err
	}
	return m, nil
}

// Subject is the hub's subject for a gateway group.
func Subject(group string) string { return subjectPrefix + group }

const subjectPrefix = "keyward.v1."
