package keyward

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Chain is the hash that ties a revision to everything before it: the SHA-256 of the chain before it and the record.
type Chain [sha256.Size]byte

// Next gives the chain after one more record.
func (c Chain) Next(record []byte) Chain {
	h := sha256.New()
	h.Write(c[:])
	h.Write(record)
	return Chain(h.Sum(nil))
}

// String is lower-case hexadecimal.
func (c Chain) String() string { return hex.EncodeToString(c[:]) }

// MarshalText implements encoding.TextMarshaler.
func (c Chain) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Chain) UnmarshalText(b []byte) error {
	v, err := hex.DecodeString(string(b))
	if err != nil || len(v) != len(c) {
		return fmt.Errorf("a chain value is %d hexadecimal digits", 2*len(c))
	}
	*c = Chain(v)
	return nil
}

// Position is a place in a gateway group's log. Two equal positions have the same history.
type Position struct {
	Revision uint64 `json:"revision"`
	Chain    Chain  `json:"chain"`
}

// RowKind names a noun that gateways hold.
type RowKind string

// The rows of the feed. A gateway that does not know a kind goes on, unless the change's Needs say that it must know.
const (
	RowKeyManager    RowKind = "key_manager"
	RowIntrospection RowKind = "introspection"
	RowOutbound      RowKind = "outbound"
	RowPlan          RowKind = "plan"
	RowAPI           RowKind = "api"
	RowApplication   RowKind = "application"
	RowSubscription  RowKind = "subscription"
	RowClient        RowKind = "client"
	RowGatewayKey    RowKind = "gateway_key"
)

// Change is one record of a group's log: a row was put or deleted. Its exact bytes, as the control plane wrote them,
// enter the chain.
type Change struct {
	Revision uint64          `json:"revision"`
	Kind     RowKind         `json:"kind"`
	ID       string          `json:"id"`
	Deleted  bool            `json:"deleted,omitempty"`
	Last     bool            `json:"last,omitempty"`  // the last of its transaction; gateways apply whole transactions
	Needs    []string        `json:"needs,omitempty"` // features without which the row must not be used
	Row      json.RawMessage `json:"row,omitempty"`
}
