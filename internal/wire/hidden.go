package wire

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// Hidden collects what must not come back in the text of a server's errors: secrets that it was told of, and all those that
// went to the server or came from it in calls before. A server may repeat any of them in any answer. Its methods may be
// called at once.
type Hidden struct {
	mu     sync.Mutex
	values map[string]bool
}

// NewHidden makes one that holds these secrets.
func NewHidden(secrets ...string) *Hidden {
	h := &Hidden{values: map[string]bool{}}
	h.add(secrets...)
	return h
}

// minSecret is how long a value that came from the server has to be to count: blanking a shorter one would tell nobody
// anything, and leave nothing of the server's words.
const minSecret = 6

// add takes values; a missing collection takes none.
func (h *Hidden) add(values ...string) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, v := range values {
		if v != "" {
			h.values[v] = true
		}
	}
}

// all gives them, the longest first, so that no part of one is left because another one is part of it.
func (h *Hidden) all() []string {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.SortedFunc(maps.Keys(h.values), func(a, b string) int { return len(b) - len(a) })
}

// Hiding gives the same caller, in the texts of whose failures nothing of this is, and which adds the secrets of its calls.
func (c *Caller) Hiding(h *Hidden) *Caller {
	own := *c
	own.hidden = h
	return &own
}

// credentials are the secrets in the call.
func (k Call) credentials() []string {
	all := slices.Concat([]string{k.Bearer, k.Password}, k.Secrets)
	for _, name := range []string{"client_secret", "client_assertion", "refresh_token", "subject_token"} {
		all = append(all, k.Form.Get(name))
	}
	if _, credential, found := strings.Cut(k.Header.Get("Authorization"), " "); found {
		all = append(all, credential)
	}
	return all
}

// secrets are those that the server gives in the answer, by the names that the standards and the vendors have for them.
func (a *Answer) secrets() []string {
	members, _ := a.Object() // none has none
	var all []string
	for _, name := range []string{
		"access_token", "refresh_token", "registration_access_token", "client_secret", "secret", "secretText", "value",
	} {
		if v := Member(members, name); len(v) >= minSecret {
			all = append(all, v)
		}
	}
	return all
}
