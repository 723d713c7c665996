package control

import (
	"context"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store"
)

// Hit is an object that a search over everything found.
type Hit struct {
	Kind        keyward.Kind  `json:"kind"`
	Name        string        `json:"name"`
	Title       string        `json:"title,omitempty" doc:"What people call it, where that is not its name"`
	Application string        `json:"application,omitempty" doc:"Of an OAuth client, the application that it belongs to"`
	Hold        *keyward.Hold `json:"hold,omitempty" doc:"Present while it is held"`

	rank int
}

// searchedKinds are those that a search over everything looks through, in the order in which hits that are as good come.
func searchedKinds() []keyward.Kind {
	return []keyward.Kind{
		keyward.KindApplication, keyward.KindAPI, keyward.KindKeyManager, keyward.KindPlan, keyward.KindConnection, keyward.KindUser,
		keyward.KindTenant, keyward.KindOAuthClient,
	}
}

// Search gives those objects of a tenant that the principal may see and that have the text in what people look for, some of each
// kind: first what has it as its name, then what has it where its name begins, where a word begins, and anywhere. OAuth clients are
// found by their client ids, which count as their names.
func (c *Control) Search(ctx context.Context, p keyward.Principal, tenant, text string, some int) ([]Hit, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	filters := map[keyward.Kind]store.Filter{}
	var refused error
	for _, kind := range searchedKinds() {
		filter, err := listed(p, kind, tenant, Page{Search: text, Limit: some})
		if err == nil {
			filters[kind] = filter
		} else if refused == nil {
			refused = err
		}
	}
	if len(filters) == 0 {
		return nil, refused
	}
	hits := []Hit{}
	err := c.store.Read(ctx, func(tx *store.Tx) error {
		if err := tenantExists(tx, tenant); err != nil || text == "" {
			return err
		}
		for _, kind := range searchedKinds() {
			filter, may := filters[kind]
			if !may {
				continue
			}
			var err error
			if hits, err = newReader(p, tx, filter.Tenant).search(hits, kind, filter); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(hits, func(a, b Hit) int { return a.rank - b.rank })
	return hits, nil
}

// hitPlaces are where a text is looked for, the best first: what is found there has the rank after that of a name that is the text.
func hitPlaces() []store.Place { return []store.Place{store.NameStart, store.WordStart, store.Inside} }

// search adds some hits of a kind, the best first.
func (r *reader) search(hits []Hit, kind keyward.Kind, filter store.Filter) ([]Hit, error) {
	places := hitPlaces()
	if kind == keyward.KindOAuthClient {
		places = places[2:] // what they are called is nothing that people look for
	}
	seen, some := map[string]bool{}, filter.Limit
	for rank, place := range places {
		filter.SearchAt, filter.Limit = place, some+len(seen)
		page, _, err := r.page(kind, filter)
		if err != nil {
			return nil, err
		}
		for _, o := range page {
			if len(seen) == some || seen[o.Name] {
				continue
			}
			hit, ok := hitOf(o, filter.Search)
			if !ok {
				continue
			}
			called := o.Name
			if hit.rank = rank + 1; kind == keyward.KindOAuthClient {
				called, hit.rank = strings.ToLower(hit.Title), len(hitPlaces())
			}
			switch {
			case called == filter.Search:
				hit.rank = 0
			case strings.HasPrefix(called, filter.Search):
				hit.rank = 1
			}
			seen[o.Name] = true
			hits = append(hits, hit)
		}
		if len(seen) == some {
			break
		}
	}
	return hits, nil
}

// hitOf says what is found; ok is false for an OAuth client with the text elsewhere than in its client id.
func hitOf(o *keyward.Object, text string) (hit Hit, ok bool) {
	hit = Hit{Kind: o.Kind, Name: o.Name, Hold: o.Hold}
	switch s := o.Spec.(type) {
	case *keyward.ApplicationSpec:
		hit.Title = s.DisplayName
	case *keyward.APISpec:
		hit.Title = s.Title
	case *keyward.KeyManagerSpec:
		hit.Title = s.DisplayName
	case *keyward.ConnectionSpec:
		hit.Title = s.DisplayName
	case *keyward.TenantSpec:
		hit.Title = s.DisplayName
	case *keyward.OAuthClientSpec:
		hit.Title, hit.Application = s.ClientID, s.Application
		return hit, strings.Contains(strings.ToLower(s.ClientID), text)
	}
	return hit, true
}
