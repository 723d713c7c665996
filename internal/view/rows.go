package view

import (
	"cmp"
	"hash/maphash"
	"slices"
)

// indexed holds rows by their id and, for lookups, by the key that decisions ask for. Two rows may have one key only
// between two changes of a transaction; the one with the smallest id then counts, whatever the order of arrival.
type indexed[K comparable, R any] struct {
	byID  shards[string, *R]
	byKey shards[K, []*R]
}

func (x indexed[K, R]) find(seed maphash.Seed, key K) *R {
	rows, ok := x.byKey.get(seed, key)
	if !ok {
		return nil
	}
	return rows[0]
}

type indexedEdit[K comparable, R any] struct {
	byID  shardEdit[string, *R]
	byKey shardEdit[K, []*R]
	id    func(*R) string
	key   func(*R) K
}

func editIndexed[K comparable, R any](
	seed maphash.Seed, x indexed[K, R], id func(*R) string, key func(*R) K,
) indexedEdit[K, R] {
	return indexedEdit[K, R]{byID: edit(seed, x.byID), byKey: edit(seed, x.byKey), id: id, key: key}
}

func (e *indexedEdit[K, R]) done() indexed[K, R] {
	return indexed[K, R]{byID: e.byID.now, byKey: e.byKey.now}
}

func (e *indexedEdit[K, R]) put(row *R) {
	e.remove(e.id(row))
	e.byID.put(e.id(row), row)
	key := e.key(row)
	rows, _ := e.byKey.get(key)
	at, _ := slices.BinarySearchFunc(rows, e.id(row), func(r *R, id string) int { return cmp.Compare(e.id(r), id) })
	// The old slice belongs to older views: never write into it.
	grown := make([]*R, 0, len(rows)+1)
	grown = append(append(append(grown, rows[:at]...), row), rows[at:]...)
	e.byKey.put(key, grown)
}

func (e *indexedEdit[K, R]) remove(id string) {
	row, ok := e.byID.get(id)
	if !ok {
		return
	}
	e.byID.remove(id)
	key := e.key(row)
	rows, _ := e.byKey.get(key)
	left := make([]*R, 0, len(rows))
	for _, r := range rows {
		if e.id(r) != id {
			left = append(left, r)
		}
	}
	if len(left) == 0 {
		e.byKey.remove(key)
		return
	}
	e.byKey.put(key, left)
}
