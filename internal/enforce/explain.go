package enforce

import (
	"context"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/registry"
)

// Explanation is a decision with its steps. Its JSON form is the contract's.
type Explanation struct {
	Status      int          `json:"status"`
	Code        keyward.Code `json:"code"` // empty when the call passes
	Decision    string       `json:"decision"`
	KeyManager  string       `json:"keyManager,omitempty"`
	API         string       `json:"api,omitempty"`
	Application string       `json:"application,omitempty"`
	Fingerprint string       `json:"fingerprint,omitempty"`
	Detail      string       `json:"detail,omitempty"`
	Steps       []Step       `json:"steps"`
}

// Step is one step of the line.
type Step struct {
	Step     string `json:"step"`
	Result   string `json:"result"` // pass, fail or not reached
	Expected string `json:"expected"`
	Seen     string `json:"seen"`
	Fix      string `json:"fix"`
}

var _ = context.Background
var _ = registry.EmptyView
