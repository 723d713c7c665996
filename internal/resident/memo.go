package resident

import "sync"

// memo remembers what is costly to work out from bytes that never change. It forgets everything when it is full:
// nothing depends on it but time.
type memo[K comparable, V any] struct {
	mu     sync.Mutex
	values map[K]V
	limit  int
}

func newMemo[K comparable, V any](limit int) *memo[K, V] {
	return &memo[K, V]{values: map[K]V{}, limit: limit}
}

// get gives the remembered value, or makes it. Two callers may make it at once; the result is the same.
func (m *memo[K, V]) get(key K, build func() (V, error)) (V, error) {
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
