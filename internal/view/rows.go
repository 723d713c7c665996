package view

import (
	"cmp"
	"hash/maphash"
	"slices"
)

// indexed holds rows by their id and, for lookups, by the key that decisions ask for. Rows of one key are in an order
// that does not depend on that of their arrival. Where a key names one row, two have it only between two changes of a
// transaction, and the first counts.
type indexed[K comparable, R any] struct {
	byID  shards[string, *R]
	byKey shards[K, []*R]
}

func (x indexed[K, R]) find(seed maphash.Seed, key K) *R {
	if rows := x.all(seed, key); len(rows) > 0 {
		return rows[0]
	}
	return nil
}

func (x indexed[K, R]) all(seed maphash.Seed, key K) []*R {
	rows, _ := x.byKey.get(seed, key)
	return rows
}

type indexedEdit[K comparable, R any] struct {
	byID  shardEdit[string, *R]
	byKey shardEdit[K, []*R]
	id    func(*R) string
	key   func(*R) K
	order func(a, b *R) int // of rows with one key, before that of their ids; nil = none
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
	at, _ := slices.BinarySearchFunc(rows, row, e.compare)
	// The old slice belongs to older views: never write into it.
	grown := make([]*R, 0, len(rows)+1)
	grown = append(append(append(grown, rows[:at]...), row), rows[at:]...)
	e.byKey.put(key, grown)
}

func (e *indexedEdit[K, R]) compare(a, b *R) int {
	if e.order != nil {
		if c := e.order(a, b); c != 0 {
			return c
		}
	}
	return cmp.Compare(e.id(a), e.id(b))
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
