package resident

import (
	"context"
	"slices"
	"sync"
	"time"
)

// MemoryClient is a client of a Memory backend.
type MemoryClient struct {
	ID     string
	Secret string
	Scopes []string // all that it may have
}

// Memory is a Backend that lives as long as the process: fixed clients and one key. The demo's partner, an
// authorization server that belongs to somebody else, stands on it.
type Memory struct {
	clients  []MemoryClient
	ring     KeyRing
	lifetime time.Duration
	mu       sync.Mutex
	revoked  map[string]time.Time // by jti; until its expiry
	now      func() time.Time
}

var _ Backend = (*Memory)(nil)

// NewMemory makes the backend and its key. Its tokens live as long as lifetime says.
func NewMemory(now func() time.Time, lifetime time.Duration, clients ...MemoryClient) (*Memory, error) {
	key, err := GenerateKey(now(), now())
	if err != nil {
		return nil, err
	}
	return &Memory{
		clients: clients, ring: KeyRing{key}, lifetime: lifetime, revoked: map[string]time.Time{}, now: now,
	}, nil
}

func (m *Memory) find(id string) (MemoryClient, bool) {
	i := slices.IndexFunc(m.clients, func(c MemoryClient) bool { return c.ID == id })
	if i < 0 {
		return MemoryClient{}, false
	}
	return m.clients[i], true
}

// Authenticate implements Backend.
func (m *Memory) Authenticate(_ context.Context, clientID, secret string) (*Client, error) {
	known, found := m.find(clientID)
	if match := sameSecret(known.Secret, secret); !found || !match {
		return nil, ErrUnknownClient
	}
	return &Client{ID: clientID}, nil
}

// Grant implements Backend.
func (m *Memory) Grant(_ context.Context, client *Client, asked []string) (*Grant, error) {
	known, found := m.find(client.ID)
	if !found {
		return nil, ErrUnknownClient
	}
	scopes, err := chooseScopes(known.Scopes, nil, asked)
	if err != nil {
		return nil, err
	}
	return &Grant{Scopes: scopes, Lifetime: m.lifetime}, nil
}

// Keys implements Backend.
func (m *Memory) Keys(context.Context) (KeyRing, error) { return m.ring, nil }

// Revoke implements Backend.
func (m *Memory) Revoke(_ context.Context, id string, expires time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	for old, until := range m.revoked {
		if until.Before(now) {
			delete(m.revoked, old)
		}
	}
	m.revoked[id] = expires
	return nil
}

// Revoked implements Backend.
func (m *Memory) Revoked(_ context.Context, id string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, revoked := m.revoked[id]
	return revoked, nil
}
