package view

import (
	"hash/maphash"
	"maps"
)

// shardCount is chosen so that, at some hundred thousand rows, changing one row copies a few hundred entries.
const shardCount = 1024

type shardTable[K comparable, V any] [shardCount]map[K]V

// shards is an immutable map cut into parts, so that a changed copy shares with its original every part that did not
// change. The zero value is empty.
type shards[K comparable, V any] struct {
	table *shardTable[K, V]
	size  int
}

func shardOf[K comparable](seed maphash.Seed, key K) int {
	return int(maphash.Comparable(seed, key) % shardCount)
}

func (s shards[K, V]) get(seed maphash.Seed, key K) (V, bool) {
	if s.table == nil {
		var none V
		return none, false
	}
	v, ok := s.table[shardOf(seed, key)][key]
	return v, ok
}

// each calls yield with every value, in no order.
func (s shards[K, V]) each(yield func(V)) {
	if s.table == nil {
		return
	}
	for _, part := range s.table {
		for _, v := range part {
			yield(v)
		}
	}
}

// shardEdit makes a changed copy. Parts are copied when they are first written, and once only.
type shardEdit[K comparable, V any] struct {
	seed  maphash.Seed
	now   shards[K, V]
	owned *[shardCount]bool
}

func edit[K comparable, V any](seed maphash.Seed, s shards[K, V]) shardEdit[K, V] {
	return shardEdit[K, V]{seed: seed, now: s}
}

func (e *shardEdit[K, V]) get(key K) (V, bool) { return e.now.get(e.seed, key) }

func (e *shardEdit[K, V]) own(i int) map[K]V {
	if e.owned == nil {
		e.owned = new([shardCount]bool)
		table := new(shardTable[K, V])
		if e.now.table != nil {
			*table = *e.now.table
		}
		e.now.table = table
	}
	if !e.owned[i] {
		e.owned[i] = true
		if e.now.table[i] == nil {
			e.now.table[i] = map[K]V{}
		} else {
			e.now.table[i] = maps.Clone(e.now.table[i])
		}
	}
	return e.now.table[i]
}

func (e *shardEdit[K, V]) put(key K, v V) {
	part := e.own(shardOf(e.seed, key))
	before := len(part)
	part[key] = v
	e.now.size += len(part) - before
}

func (e *shardEdit[K, V]) remove(key K) {
	if _, ok := e.get(key); !ok {
		return
	}
	delete(e.own(shardOf(e.seed, key)), key)
	e.now.size--
}
