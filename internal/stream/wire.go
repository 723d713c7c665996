package stream

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"keyward.dev/keyward"
)

// EnrolRequest presents a gateway to the control plane.
type EnrolRequest struct {
	JWK   json.RawMessage `json:"jwk"`             // public half of the gateway's backend JWT key (ES256, RFC 7517)
	Build string          `json:"build,omitempty"` // version and commit
	Nonce string          `json:"nonce"`
}

// EnrolReply says, signed, who the gateway is and where its events are.
type EnrolReply struct {
	PublicKey string    `json:"publicKey"` // the control plane's signing key, base64url; must match the credential
	Statement *Message  `json:"statement"` // signed: gateway, group, the asker's nonce
	Hub       HubAccess `json:"hub"`
}

// HubAccess tells a gateway how to follow its group. Without URLs there is no hub for it, and it asks the internal API.
type HubAccess struct {
	URLs     []string `json:"urls,omitempty"`
	User     string   `json:"user,omitempty"`
	Password string   `json:"password,omitempty"` // empty with a user: the gateway's own credential
}

// PullRequest asks for everything after a position. Without a position a snapshot is asked for.
type PullRequest struct {
	Position *keyward.Position `json:"position,omitempty"`
	Nonce    string            `json:"nonce"`
}

// GroupKeyRequest asks for a group key by id.
type GroupKeyRequest struct {
	Key string `json:"key"`
}

// GroupKeyReply is a group key, sealed for the asking credential.
type GroupKeyReply struct {
	Key     string `json:"key"`
	Wrapped string `json:"wrapped"`
}

// Report is what a gateway says of itself.
type Report struct {
	Position    keyward.Position `json:"position"`
	KeyRevision uint64           `json:"keyRevision,omitempty"` // at which its own backend JWT key entered its view
	Lag         uint64           `json:"lag"`
	Stale       bool             `json:"stale,omitempty"`
	Build       string           `json:"build,omitempty"`
	Usage       *Usage           `json:"usage,omitempty"` // nil = nothing was counted
}

// ReportReply answers a report.
type ReportReply struct {
	Head         keyward.Position `json:"head"`
	KeyPublished bool             `json:"keyPublished"`      // every gateway of the group heard from lately has KeyRevision
	Counted      uint64           `json:"counted,omitempty"` // the sequence number of the report's usage, which is done with
}

// Question is something that the control plane wants to know of one gateway. No decision depends on it.
type Question struct {
	ID   string          `json:"id"`
	Body json.RawMessage `json:"body"` // what is asked, as the rooms above know it
}

// Answer answers a question.
type Answer struct {
	ID   string          `json:"id"` // the question's
	Body json.RawMessage `json:"body"`
}

// QuestionsRequest gives the answers to what was asked before, and waits for what is asked next.
type QuestionsRequest struct {
	Answers []Answer `json:"answers,omitempty"`
	More    bool     `json:"more,omitempty"` // answers that found no room here follow at once: do not wait
}

// MaxQuestionsRequest is how long a QuestionsRequest may be, in bytes as JSON.
const MaxQuestionsRequest = 1 << 20

// QuestionsReply is what is asked now; empty after a little while in which nothing was.
type QuestionsReply struct {
	Questions []Question `json:"questions,omitempty"`
}

// WithdrawnError is returned when the control plane says that the credential is withdrawn. Only a statement that
// verifies stops a gateway.
type WithdrawnError struct {
	PublicKey string   `json:"publicKey"`
	Statement *Message `json:"statement"`
}

// Error implements error.
func (e *WithdrawnError) Error() string {
	return "the control plane says that this gateway's credential is withdrawn"
}

// ErrRefused is wrapped when the control plane answers 401 or 403 without a signed statement: somebody in between may
// have said so, so it stops no gateway that already serves.
var ErrRefused = errors.New("the control plane refused this gateway's credential")

// EncodePublicKey gives the text form of a signing key's public half.
func EncodePublicKey(public []byte) string { return base64.RawURLEncoding.EncodeToString(public) }

// DecodePublicKey reads what EncodePublicKey wrote.
func DecodePublicKey(text string) ([]byte, error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("read the control plane's public key: %w", err)
	}
	return b, nil
}

// WrapPurpose is the purpose under which the key that wraps a group key is derived from a gateway's credential.
const WrapPurpose = "group key"

// WrapContext binds a wrapped group key to its group and id.
func WrapContext(group, key string) []byte { return fmt.Appendf(nil, "group key %q of %q", key, group) }

// The internal API's paths, below the control plane's listener. Every call is a POST with the gateway's credential as
// bearer token; pull answers with one message a line.
const (
	PathPrefix    = "/internal/v1/"
	PathEnrol     = PathPrefix + "enrol"
	PathPull      = PathPrefix + "pull"
	PathGroupKey  = PathPrefix + "group-key"
	PathReport    = PathPrefix + "report"
	PathQuestions = PathPrefix + "questions"
)

// Problem is the internal API's refusal, an RFC 9457 problem document.
type Problem struct {
	Status     int             `json:"status"`
	Title      string          `json:"title"`
	Code       keyward.Code    `json:"code"`
	Detail     string          `json:"detail,omitempty"`
	Withdrawal *WithdrawnError `json:"withdrawal,omitempty"` // 403 only: signed, so it counts
}
