package entitle

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/store"
)

// progress is what is stored of one client's entitlement.
type progress struct {
	Wanted   []connector.Entitlement `json:"wanted,omitempty"`
	Withheld []connector.Entitlement `json:"withheld,omitempty"` // of what is wanted: no subscription may give it
	Given    []connector.Entitlement `json:"given,omitempty"`    // by Keyward, or about to be: it may be taken away
	Has      []connector.Entitlement `json:"has,omitempty"`      // of what is wanted
	By       string                  `json:"by,omitempty"`       // the way into the server that said so
	Taken    []connector.Entitlement `json:"taken,omitempty"`    // given once, and away again
	Lacking  []connector.Entitlement `json:"lacking,omitempty"`
	Advice   string                  `json:"advice,omitempty"`
	Reason   string                  `json:"reason,omitempty"` // why the last try failed
}

func readProgress(row *store.Entitlement) (progress, error) {
	var p progress
	if err := json.Unmarshal(row.Progress, &p); err != nil {
		return p, fmt.Errorf("read the progress of client %s: %w", row.ClientID, err)
	}
	return p, nil
}

func (p progress) encode() (json.RawMessage, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode an entitlement: %w", err)
	}
	return text, nil
}

// Standing is what subscriptions have to do with what a client carries at its server.
type Standing struct {
	Has  []connector.Entitlement // it has them, as this way into the server said last, and they are not about to be taken away
	Ours []connector.Entitlement // these come and go, or once did
}

// StandingOf reads it, for a way into the server as connector.Server.ManagedBy names it; nothing for a client that is not
// Keyward's to change.
func (*Entitler) StandingOf(tx *store.Tx, clientID, by string) (Standing, error) {
	row, err := tx.Entitlement(clientID)
	if err != nil || row == nil {
		return Standing{}, err
	}
	p, err := readProgress(row)
	standing := Standing{Ours: union(p.Wanted, p.Given, p.Has, p.Lacking, p.Taken)}
	if p.By == by {
		standing.Has = minus(p.Has, p.Taken)
	}
	return standing, err
}

// Status is how far a client has what it should; nil for one that is not Keyward's to change.
func (*Entitler) Status(tx *store.Tx, clientID string) (*keyward.ClientEntitlement, error) {
	row, err := tx.Entitlement(clientID)
	if err != nil || row == nil {
		return nil, err
	}
	p, err := readProgress(row)
	if err != nil {
		return nil, err
	}
	s := &keyward.ClientEntitlement{State: keyward.EntitlementGiven, Advice: p.Advice, Reason: p.Reason}
	s.Scopes, s.Audiences = split(p.Has)
	s.LackingScopes, s.LackingAudiences = split(p.Lacking)
	switch {
	case p.Reason != "" && row.Settled < row.Turn:
		s.State = keyward.EntitlementFailed
		if row.DueAt.After(time.UnixMicro(0)) {
			s.NextTry = &row.DueAt
		}
	case len(p.Lacking) > 0:
		s.State = keyward.EntitlementLacking
	case row.Settled < row.Turn:
		s.State = keyward.EntitlementWaiting
	}
	return s, nil
}

func split(list []connector.Entitlement) (scopes, audiences []string) {
	for _, e := range list {
		if e.Scope == "" {
			audiences = append(audiences, e.Audience)
		} else {
			scopes = append(scopes, e.Scope)
		}
	}
	return sorted(scopes), sorted(audiences)
}

func sorted(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// advise says what an administrator of the key manager has to do; ask is what they may allow instead, if anything.
func advise(clientID, keyManager string, lacking []connector.Entitlement, ask string) string {
	if len(lacking) == 0 {
		return ""
	}
	words := make([]string, len(lacking))
	for i, e := range lacking {
		words[i] = e.String()
	}
	advice := fmt.Sprintf("ask an administrator of key manager %s to give client %s there: %s", keyManager, clientID,
		strings.Join(words, ", "))
	if ask != "" {
		advice += "; or to allow its connection " + ask
	}
	return advice
}

// The lists are sets, sorted.
func union(lists ...[]connector.Entitlement) []connector.Entitlement {
	all := slices.Concat(lists...)
	slices.SortFunc(all, func(a, b connector.Entitlement) int {
		return strings.Compare(a.Audience+"\x00"+a.Scope, b.Audience+"\x00"+b.Scope)
	})
	return slices.Compact(all)
}

func minus(a, b []connector.Entitlement) []connector.Entitlement {
	return slices.DeleteFunc(slices.Clone(a), func(e connector.Entitlement) bool { return slices.Contains(b, e) })
}

func both(a, b []connector.Entitlement) []connector.Entitlement {
	return slices.DeleteFunc(slices.Clone(a), func(e connector.Entitlement) bool { return !slices.Contains(b, e) })
}
