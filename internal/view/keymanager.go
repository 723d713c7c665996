package view

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"keyward.dev/keyward"
)

// KeyManager is a key manager as decisions use it.
type KeyManager struct {
	keyward.KeyManagerRow

	// Unusable says why this build must not believe the key manager's tokens; empty for all others. Such a key manager
	// keeps its issuers, so that no other takes them, and is refused like a disabled one.
	Unusable string
	// Settings is a digest of everything that can change what its tokens mean: the row without its name, the switch
	// and a hold. It is part of every cache key.
	Settings string
	// ClaimRules are the claims entries of its match: when there are any, a JWT must fit one of them.
	ClaimRules []map[string]any

	opaque []opaqueRule
}

type opaqueRule struct {
	prefix string
	regex  *regexp.Regexp
}

func compileKeyManager(row keyward.KeyManagerRow) (*KeyManager, error) {
	km := &KeyManager{KeyManagerRow: row}
	for _, rule := range row.Match {
		switch {
		case rule.Prefix != "":
			km.opaque = append(km.opaque, opaqueRule{prefix: rule.Prefix})
		case rule.Regex != "":
			// Anchored at both ends: the group keeps an alternation from escaping the anchors.
			re, err := regexp.Compile(`\A(?:` + rule.Regex + `)\z`)
			if err != nil {
				return nil, fmt.Errorf("compile the token pattern of key manager %s: %w", row.Name, err)
			}
			km.opaque = append(km.opaque, opaqueRule{regex: re})
		case len(rule.Claims) > 0:
			km.ClaimRules = append(km.ClaimRules, rule.Claims)
		}
	}
	row.Name, row.Enabled, row.Hold = "", false, nil
	text, err := json.Marshal(row)
	if err != nil {
		return nil, fmt.Errorf("digest the settings of key manager %s: %w", km.Name, err)
	}
	sum := sha256.Sum256(text)
	km.Settings = hex.EncodeToString(sum[:])
	return km, nil
}

// Usable tells whether calls may be made with its tokens at all, unless it is held.
func (k *KeyManager) Usable() bool { return k.Enabled && k.Unusable == "" && k.Use.Direct() }

// Exchangeable tells whether its tokens may be exchanged at the resident key manager, unless it is held.
func (k *KeyManager) Exchangeable() bool { return k.Enabled && k.Unusable == "" && k.Use.Exchanges() }

// Exchanges tells whether its tokens may be exchanged now.
func (k *KeyManager) Exchanges(now time.Time) bool { return k.Exchangeable() && !k.Hold.Holds(now) }

// Believed tells whether calls may be made with its tokens now: a hold ends at its time, without any change.
func (k *KeyManager) Believed(now time.Time) bool { return k.Usable() && !k.Hold.Holds(now) }

// TakesOpaque tells whether a prefix or regex of its match fits the opaque token.
func (k *KeyManager) TakesOpaque(token string) bool {
	for i := range k.opaque {
		rule := &k.opaque[i]
		if rule.regex == nil && strings.HasPrefix(token, rule.prefix) {
			return true
		}
		if rule.regex != nil && rule.regex.MatchString(token) {
			return true
		}
	}
	return false
}

// Issuer gives the index of the entry whose issuer is exactly iss, or -1. An entry whose time is over is none.
func (k *KeyManager) Issuer(iss string, now time.Time) int {
	for i := range k.Issuers {
		entry := &k.Issuers[i]
		if entry.Issuer == iss && (entry.Until == nil || now.Before(*entry.Until)) {
			return i
		}
	}
	return -1
}

// In tells whether its clients and tokens may belong to the environment.
func (k *KeyManager) In(e keyward.Environment) bool { return slices.Contains(k.Environments, e) }
