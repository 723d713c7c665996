package stream

import (
	"errors"

	"keyward.dev/keyward"
)

// MaxUsageEntries bounds the entries of one Usage, so that a report stays below the internal API's limit of 64 KiB. What
// is left goes with the next report.
const MaxUsageEntries = 300

// maxRun bounds a run's name, in bytes.
const maxRun = 64

// Usage is what a gateway counted since the usage that was answered last. It is sent again, unchanged but for its ages,
// until it is answered: by Run and Sequence the control plane knows what it has counted already. No decision depends on
// it.
type Usage struct {
	Run      string      `json:"run"`      // names the gateway's process
	Sequence uint64      `json:"sequence"` // from 1 on, within the run
	Calls    []CallCount `json:"calls,omitempty"`
	Clients  []UseCount  `json:"clients,omitempty"`
}

// CallCount is calls to an API with tokens of a key manager that ended alike. Calls of which no key manager is known are
// nobody's.
type CallCount struct {
	KeyManager string       `json:"keyManager"`     // id
	API        string       `json:"api"`            // id
	Code       keyward.Code `json:"code,omitempty"` // why they were refused; empty = passed
	Calls      uint64       `json:"calls"`
	Ago        int64        `json:"ago"` // milliseconds since they were counted
}

// UseCount is calls with tokens that were issued to one client. A token tells that only once it is verified, so what was
// refused before counts for no client.
type UseCount struct {
	Client     string `json:"client,omitempty"`     // id of the OAuthClient object; empty = clients that no application has
	KeyManager string `json:"keyManager,omitempty"` // id; for these alone
	Passed     uint64 `json:"passed,omitempty"`
	Refused    uint64 `json:"refused,omitempty"`
	Ago        int64  `json:"ago"` // milliseconds since the last one that passed; where none did, since they were counted
}

// Check says why the usage is none. Whether its entries can be true is asked of each of them.
func (u *Usage) Check() error {
	switch {
	case u.Run == "" || len(u.Run) > maxRun:
		return errors.New("the usage does not name its run")
	case u.Sequence == 0 || u.Sequence > 1<<62:
		return errors.New("the usage has no sequence number")
	case len(u.Calls)+len(u.Clients) > MaxUsageEntries:
		return errors.New("the usage has too many entries")
	}
	return nil
}
