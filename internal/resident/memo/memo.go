// Package memo owns what is remembered of costly work over bytes that never change. It does not own the work, and nothing
// depends on it but time.
package memo

import "sync"

// Memo remembers what is costly to work out from bytes that never change. It forgets everything when it is full.
type Memo[K comparable, V any] struct {
	mu     sync.Mutex
	values map[K]V
	limit  int
}

// New makes a memo of at most limit values.
func New[K comparable, V any](limit int) *Memo[K, V] {
	return &Memo[K, V]{values: map[K]V{}, limit: limit}
}

// Get gives the remembered value, or makes it. Two callers may make it at once; the result is the same.
func (m *Memo[K, V]) Get(key K, build func() (V, error)) (V, error) {
	m.mu.Lock()
	v, ok := m.values[key]
	m.mu.Unlock()
	if ok {
		return v, nil
	}
	v, err := build()
	if err != nil {
		return v, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.values) >= m.limit {
		clear(m.values)
	}
	m.values[key] = v
	return v, nil
}
