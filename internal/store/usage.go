package store

import (
	"encoding/hex"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store/counted"
)

// What gateways count.
type (
	// UsagePortion is what a gateway's process told at once.
	UsagePortion = counted.Portion
	// UsageCalls are calls of a portion that ended alike.
	UsageCalls = counted.Calls
	// UsageOfClient is calls of a portion that one client made.
	UsageOfClient = counted.Use
	// UsageOutcome is how calls ended.
	UsageOutcome = counted.Outcome
	// UsageDay is the calls of a day, by hour.
	UsageDay = counted.Day
	// UsageLately are the calls of the last hour.
	UsageLately = counted.Lately
	// SecretUse is that a secret of a client was taken.
	SecretUse = counted.SecretUse
)

// ClientUse tells when a client was used last; nil = never, or longer ago than this is kept.
type ClientUse struct {
	LastUsedAt *time.Time           // when a gateway let a call of it pass
	Secrets    map[string]time.Time // by path, when the resident authorization server took that secret
}

// SecretAt tells when the secret of that path was taken last; nil = never.
func (u ClientUse) SecretAt(path string) *time.Time {
	if at, ok := u.Secrets[path]; ok {
		return &at
	}
	return nil
}

// ClientUses tells it of OAuthClient objects, by id.
func (tx *Tx) ClientUses(objects []*keyward.Object) (map[string]ClientUse, error) {
	ids := IDs(objects)
	passed, err := tx.ClientsUsed(ids)
	if err != nil {
		return nil, err
	}
	taken, err := tx.SecretsUsed(ids)
	if err != nil {
		return nil, err
	}
	uses := map[string]ClientUse{}
	for _, o := range objects {
		var u ClientUse
		if at, ok := passed[o.ID]; ok {
			u.LastUsedAt = &at
		}
		if len(taken[o.ID]) > 0 {
			if u.Secrets, err = tx.secretsUsed(o, taken[o.ID]); err != nil {
				return nil, err
			}
		}
		uses[o.ID] = u
	}
	return uses, nil
}

// secretsUsed finds today's secrets of a client among those that were taken.
func (tx *Tx) secretsUsed(o *keyward.Object, taken map[string]time.Time) (map[string]time.Time, error) {
	secrets, err := tx.Secrets(o)
	if err != nil {
		return nil, err
	}
	used := map[string]time.Time{}
	for path, secret := range secrets {
		if at, ok := taken[tx.store.UseOfSecret(o.ID, secret).Secret]; ok {
			used[path] = at
		}
	}
	return used, nil
}

// UseOfSecret names a secret of an OAuthClient object so that nobody without the seal key can try guesses at it.
func (s *Store) UseOfSecret(clientID, secret string) SecretUse {
	const enough = 16
	sum := s.uses.MAC([]byte(clientID + "\x00" + secret))
	return SecretUse{Client: clientID, Secret: hex.EncodeToString(sum[:enough])}
}
