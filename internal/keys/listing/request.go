package listing

import (
	"context"
	"fmt"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/store"
)

// Request is a client that somebody asked for and that awaits an administrator's approval.
type Request struct {
	ID          string              `json:"id" doc:"Of this request alone: what is asked for instead later has another"`
	Name        string              `json:"name"`
	Application string              `json:"application"`
	KeyManager  string              `json:"keyManager"`
	Environment keyward.Environment `json:"environment"`
	Mode        keyward.ClientMode  `json:"mode" doc:"generated: to be made; mapped: it exists in the key manager"`
	ClientID    string              `json:"clientId,omitempty" doc:"Of the client to be mapped"`
	Requester   string              `json:"requester"`
	Called      string              `json:"requesterName,omitempty" doc:"What the key manager calls them, if they signed in through one"`
	Since       time.Time           `json:"since"`
	Grants      []string            `json:"grants,omitempty"`
	Callbacks   []string            `json:"callbacks,omitempty"`
	Scopes      []string            `json:"scopes,omitempty"`
	Fields      map[string]any      `json:"fields,omitempty"`
}

// Page chooses a part of a listing.
type Page struct {
	After string // the cursor that the page before gave
	Limit int    // 0 = all
}

// Requests lists what awaits an approval in a tenant, in order of name, and the cursor of the next page: everything to
// administrators and auditors, to developers what is for their applications.
func (l *Lister) Requests(ctx context.Context, p keyward.Principal, tenant string, page Page) (requests []Request, next string, err error) {
	if tenant == "" {
		tenant = keyward.DefaultTenant
	}
	filter := store.Filter{Tenant: tenant, Awaiting: true, After: page.After, Limit: page.Limit}
	switch may := access.To(p, keyward.KindOAuthClient, tenant); {
	case may&access.ReadAll != 0, p.Tenant == keyward.DefaultTenant && p.Has(keyward.RoleAuditor):
	case may&access.ReadOwn != 0:
		filter.Owners = access.Owners(p)
	default:
		return nil, "", access.ForbiddenRead(p, keyward.KindOAuthClient, tenant)
	}
	err = l.Store.Read(ctx, func(tx *store.Tx) error {
		if _, err := tx.Get(keyward.KindTenant, keyward.DefaultTenant, tenant); err != nil { // not_found, and no empty list
			return err
		}
		var objects []*keyward.Object
		if objects, next, err = tx.List(keyward.KindOAuthClient, filter); err != nil {
			return fmt.Errorf("list what awaits an approval: %w", err)
		}
		requests = make([]Request, len(objects))
		for i, o := range objects {
			c, err := scene.ReadClient(o)
			if err != nil {
				return err
			}
			requests[i] = requestOf(c)
		}
		return nil
	})
	return requests, next, err
}

func requestOf(c *scene.Client) Request {
	r := Request{
		ID: c.Object.ID, Name: c.Object.Name, Application: c.Spec.Application, KeyManager: c.Spec.KeyManager,
		Environment: c.Spec.EnvironmentOrDefault(), Mode: c.Status.Mode, Requester: c.Status.Requester,
		Grants: c.Status.Grants, Callbacks: c.Status.Callbacks, Scopes: c.Status.Scopes, Fields: c.Status.Fields,
	}
	if a := c.Status.Approval; a != nil {
		r.ClientID, r.Called, r.Since = a.ClientID, a.Person.Called(), a.Since
	}
	return r
}
