package keys

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
func (k *Keys) Requests(ctx context.Context, p keyward.Principal, tenant string, page Page) (requests []Request, next string, err error) {
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
	err = k.store.Read(ctx, func(tx *store.Tx) error {
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
		r.ClientID, r.Since = a.ClientID, a.Since
	}
	return r
}

// requestMapping stores that somebody wants a client mapped whose secret they do not have. The client's id is not taken
// by that: who gets it is decided when an administrator approves.
func (k *Keys) requestMapping(ctx context.Context, p keyward.Principal, place Place, spec *keyward.OAuthClientSpec) (*Result, error) {
	var s *scene.Scene
	var c *scene.Client
	err := k.store.Write(ctx, scene.Requester(p, place.Tenant), func(tx *store.Tx) (err error) {
		if s, err = k.lookToMap(tx, p, place, spec); err != nil {
			return err
		}
		if err := s.Vacate(tx, p, k.now()); err != nil {
			return err
		}
		if c, err = scene.NewClient(tx, p, place, store.NewID(), "", k.now()); err != nil {
			return err
		}
		c.Status.Mode, c.Status.State = keyward.ClientMapped, keyward.ClientAwaiting
		c.Status.Approval = &keyward.ClientApproval{ClientID: spec.ClientID, Since: *c.Status.ChangedAt}
		if err := c.Put(tx, store.Extra{}); err != nil {
			return err
		}
		return k.audit(tx, c.Object, "key.requested", "map client "+spec.ClientID)
	})
	if err != nil {
		return nil, err
	}
	return result(s, "", "", c.Object.Name, c.Status), nil
}

// makeAwait lets a client that was to be made await an approval, where it needs one. Who makes anew what had been approved
// and failed needs none: that approval goes over, once.
func (k *Keys) makeAwait(tx *store.Tx, p keyward.Principal, s *scene.Scene, c *scene.Client, failed string) error {
	awaits, err := s.Awaits(tx, p)
	if err != nil || !awaits {
		return err
	}
	for _, old := range s.Clients {
		a := old.Status.Approval
		if old.Object.ID != failed || a == nil || a.By == "" || old.Spec.ClientID != "" || old.Status.Requester != c.Status.Requester {
			continue
		}
		c.Status.Approval, old.Status.Approval = a, nil
		if old.Over() { // it is forgotten already
			return nil
		}
		return old.Put(tx, store.Extra{Row: scene.NoRow()})
	}
	c.Status.State = keyward.ClientAwaiting
	c.Status.Approval = &keyward.ClientApproval{Since: *c.Status.ChangedAt}
	return k.audit(tx, c.Object, "key.requested", "to be made")
}
