package feed

import (
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/stream"
)

// What an entry may say at most: more than any gateway can have counted.
const (
	mostCalls = 1 << 40
	mostAge   = 10 * 365 * 24 * time.Hour
	longestID = 64
)

// portionOf reads what a gateway counted. Entries that cannot be true are left out, and told how many. What is left can do
// no harm: it is about what the gateway serves, and nothing is decided by it.
func portionOf(g *keyward.Gateway, u *stream.Usage, now time.Time) (p store.UsagePortion, untrue int) {
	p = store.UsagePortion{Gateway: g.ID, Group: g.Group, Run: u.Run, Sequence: u.Sequence}
	codes := map[keyward.Code]bool{"": true}
	for _, code := range keyward.GatewayCodes() {
		codes[code] = true
	}
	at := func(ago int64) time.Time { return now.Add(-time.Duration(ago) * time.Millisecond) }
	for _, c := range u.Calls {
		if !codes[c.Code] || !isID(c.KeyManager) || !isID(c.API) || c.Calls > mostCalls || !isAge(c.Ago) {
			untrue++
			continue
		}
		p.Calls = append(p.Calls, store.UsageCalls{
			KeyManager: c.KeyManager, API: c.API, Code: c.Code, Calls: int64(c.Calls), At: at(c.Ago),
		})
	}
	for _, c := range u.Clients {
		one := isID(c.Client) && c.KeyManager == "" || c.Client == "" && isID(c.KeyManager)
		if !one || c.Passed > mostCalls || c.Refused > mostCalls || !isAge(c.Ago) {
			untrue++
			continue
		}
		p.Uses = append(p.Uses, store.UsageOfClient{
			Client: c.Client, KeyManager: c.KeyManager, Passed: int64(c.Passed), Refused: int64(c.Refused), At: at(c.Ago),
		})
	}
	return p, untrue
}

func isAge(ago int64) bool { return ago >= 0 && ago <= mostAge.Milliseconds() }

// isID holds the form of store.NewID.
func isID(text string) bool {
	if text == "" || len(text) > longestID {
		return false
	}
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// count adds what the report's usage says. What is wrong with it is the gateway's fault, and is answered all the same:
// it would be as wrong the next time.
func (f *Feed) count(tx *store.Tx, g *keyward.Gateway, u *stream.Usage, now time.Time) error {
	if err := u.Check(); err != nil {
		f.o.Log.Warn("what a gateway counted is left out", "gateway", g.Name, "err", err)
		return nil
	}
	portion, untrue := portionOf(g, u, now)
	if untrue > 0 {
		f.o.Log.Warn("some of what a gateway counted is left out: it cannot be true", "gateway", g.Name, "entries", untrue)
	}
	return tx.CountUsage(portion, now)
}
