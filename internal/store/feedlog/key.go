package feedlog

import (
	"fmt"

	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/store/database"
)

// GroupKeys gives the keys that seal secrets in the group's rows, the current one first. Older ones open rows that a
// gateway got before the key was changed.
func (l *Log) GroupKeys(group string) ([]seal.Key, error) {
	sealed, err := l.run.Texts(`SELECT sealed FROM group_keys WHERE group_name = $1 ORDER BY number DESC`,
		database.Clean(group))
	if err != nil {
		return nil, err
	}
	if len(sealed) == 0 {
		return nil, database.NotFound("gateway group of that name")
	}
	keys := make([]seal.Key, len(sealed))
	for i, text := range sealed {
		plain, err := l.key.Open(text, groupKeyContext(group))
		if err != nil {
			return nil, fmt.Errorf("open a key of gateway group %s: %w", group, err)
		}
		if keys[i], err = seal.ParseKey(string(plain)); err != nil {
			return nil, fmt.Errorf("read a key of gateway group %s: %w", group, err)
		}
	}
	return keys, nil
}

func groupKeyContext(group string) []byte { return []byte("keyward group key\x00" + group) }

// NewGroupKey gives the group a new current key, and marks the rows that must be sealed with it.
func NewGroupKey(l *Log, m *Marks, group string) error {
	m.resealed = true
	_, err := l.run.Exec(`INSERT INTO group_keys (group_name, number, sealed, created_at)
		SELECT CAST($1 AS TEXT), COALESCE(MAX(number), 0) + 1, CAST($2 AS TEXT), CAST($3 AS BIGINT)
		FROM group_keys WHERE group_name = $1`,
		group, l.key.Seal([]byte(seal.NewKey().Reveal()), groupKeyContext(group)), database.Micros(l.now))
	return err
}
