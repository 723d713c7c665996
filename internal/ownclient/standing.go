package ownclient

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/store"
)

// Standing is where things stand with one of the console's clients, as administrators and auditors see it.
type Standing struct {
	ID         string              `json:"id,omitempty" doc:"For what can be done about it; absent while none was asked for"`
	KeyManager string              `json:"keyManager" doc:"Which may be gone"`
	State      keyward.ClientState `json:"state" doc:"pending, active, rotating, updating, drifted, deleting or failed"`
	ClientID   string              `json:"clientId,omitempty" doc:"At the server"`
	Name       string              `json:"name,omitempty" doc:"What it is called at the server"`
	Method     string              `json:"method,omitempty" doc:"How it proves itself there"`
	Callback   string              `json:"callback,omitempty" doc:"The redirect URI that it has there"`
	Reason     string              `json:"reason,omitempty" doc:"Why it is not what it should be, in the server's own words"`
	Orphan     bool                `json:"orphan,omitempty" doc:"The server may hold a client of this name that nobody uses"`
	NextTry    *time.Time          `json:"nextTry,omitempty" doc:"After a failure"`
	MadeAt     *time.Time          `json:"madeAt,omitempty"`
	LookedAt   *time.Time          `json:"lookedAt,omitempty" doc:"When the server was last asked about it"`
	ExpiresAt  *time.Time          `json:"secretExpiresAt,omitempty" doc:"Before it, Keyward gets a new secret"`
	Advice     string              `json:"advice,omitempty" doc:"What a person can do"`
	Rotates    bool                `json:"rotates,omitempty" doc:"It can get a new secret; else another client takes its place"`
}

func (c *client) standing() Standing {
	st := Standing{
		ID: c.ID, KeyManager: c.KeyManager, State: c.State, ClientID: c.ClientID, Name: c.Name, Method: c.Method,
		Callback: c.Callback, Reason: c.Reason, Orphan: c.Orphan, NextTry: c.NextTry, MadeAt: c.MadeAt,
		LookedAt: c.LookedAt, ExpiresAt: c.ExpiresAt,
	}
	switch {
	case c.State == keyward.ClientFailed && c.Orphan && !c.Search:
		st.Advice = "look at the server for a client named " + c.Name + " and delete it there, then dismiss this one"
		if !c.Passed {
			st.Advice += "; retry makes another one at once"
		}
	case c.State == keyward.ClientDrifted:
		st.Advice = "retry makes the server's client what it should be again, or another one where it is gone"
	case c.State == keyward.ClientDeleting && c.Tries > 0:
		st.Advice = "it is tried again; dismiss gives up, and leaves the client at the server"
	}
	return st
}

// Of tells where things stand with the console's client at the server of a key manager, for its status; nil where there is none,
// and none is wanted.
func (c *Clients) Of(tx *store.Tx, km *keyward.Object) (*Standing, error) {
	spec, err := keyward.SpecOf[*keyward.KeyManagerSpec](km)
	if err != nil || spec == nil || spec.Type == keyward.TypeResident {
		return nil, err
	}
	s, err := c.read(tx, km.ID)
	if err != nil {
		return nil, err
	}
	one := s.used()
	for _, state := range []keyward.ClientState{keyward.ClientPending, keyward.ClientFailed, keyward.ClientDeleting} {
		if one == nil {
			one = s.first(state)
		}
	}
	switch {
	case one != nil:
		st := one.standing()
		st.Rotates = s.fault == nil && c.rotates(s, one)
		return &st, nil
	case !s.wants:
		return nil, nil
	}
	st := Standing{KeyManager: km.Name, State: keyward.ClientPending, Reason: "it is about to be registered at the server"}
	switch {
	case s.fault != nil:
		st.Reason = told(s, s.fault)
	case !s.ready:
		st.Reason = "it is not registered while the key manager is disabled or held"
	}
	return &st, nil
}

// Stands says where things stand with the console's client, in words; "" = it is in use, or none is wanted.
func (c *Clients) Stands(tx *store.Tx, km *keyward.Object) (string, error) {
	st, err := c.Of(tx, km)
	if err != nil || st == nil || st.State == keyward.ClientActive || st.State == keyward.ClientDeleting {
		return "", err
	}
	words := string(st.State)
	if st.Reason != "" {
		words += ": " + st.Reason
	}
	if st.Advice != "" {
		words += "; " + st.Advice
	}
	return words, nil
}

// Status is Of, as JSON.
func (c *Clients) Status(tx *store.Tx, km *keyward.Object) (json.RawMessage, error) {
	st, err := c.Of(tx, km)
	if err != nil || st == nil {
		return nil, err
	}
	text, err := json.Marshal(st)
	if err != nil {
		return nil, fmt.Errorf("encode how the console's client stands: %w", err)
	}
	return text, nil
}

// List gives all of a tenant, those whose key managers are gone too.
func (c *Clients) List(ctx context.Context, p keyward.Principal, tenant string) ([]Standing, error) {
	if access.To(p, keyward.KindKeyManager, tenant)&access.ReadAll == 0 {
		return nil, access.ForbiddenRead(p, keyward.KindKeyManager, tenant)
	}
	var list []Standing
	err := c.store.Read(ctx, func(tx *store.Tx) error {
		list = nil
		rows, err := tx.OwnClients("")
		for _, row := range rows {
			if row.Tenant != tenant {
				continue
			}
			one, err := readClient(row)
			if err != nil {
				return err
			}
			list = append(list, one.standing())
		}
		return err
	})
	return list, err
}

// Retry has what failed tried again now: a registration under another name, a deletion, a change. A client that is not at its
// server what it should be is made so, and one that is gone there gives way to another.
func (c *Clients) Retry(ctx context.Context, p keyward.Principal, tenant, id string) (*Standing, error) {
	return c.act(ctx, p, tenant, id, func(_ *store.Tx, one *client) error {
		one.NextTry, one.Passed = nil, one.Passed || one.Orphan
		if one.State == keyward.ClientActive || one.State == keyward.ClientDrifted {
			one.LookedAt, one.Mend = nil, true
		}
		return nil
	})
}

// Rotate has the server give the client a new secret, or another client take its place. Who is signed in stays so, unless
// another one does.
func (c *Clients) Rotate(ctx context.Context, p keyward.Principal, tenant, id string) (*Standing, error) {
	return c.act(ctx, p, tenant, id, func(_ *store.Tx, one *client) error {
		if !one.State.InUse() {
			return keyward.Errorf(keyward.CodeConflict, "the console's client %s at key manager %s is %s: only one in use has a secret to "+
				"be changed", one.Name, one.KeyManager, one.State)
		}
		one.Renew, one.NextTry = true, nil
		return nil
	})
}

// Dismiss forgets a client that failed, because somebody has looked after it at the server; or gives up a deletion that the
// server never answers.
func (c *Clients) Dismiss(ctx context.Context, p keyward.Principal, tenant, id string) (*Standing, error) {
	return c.act(ctx, p, tenant, id, func(tx *store.Tx, one *client) error {
		if one.State != keyward.ClientFailed && one.State != keyward.ClientDeleting {
			return keyward.Errorf(keyward.CodeConflict, "the console's client %s at key manager %s is %s: only one that failed, or that "+
				"is being deleted, can be dismissed", one.Name, one.KeyManager, one.State)
		}
		if err := one.audit(tx, "dismissed", one.Name); err != nil {
			return err
		}
		return tx.DropOwnClient(one.ID)
	})
}

// act does something about one client, as an administrator of its tenant. Who works on it at this moment is waited for.
func (c *Clients) act(
	ctx context.Context, p keyward.Principal, tenant, id string, do func(*store.Tx, *client) error,
) (*Standing, error) {
	if err := access.Require(p, access.RightCheck, tenant); err != nil {
		return nil, err
	}
	var one *client
	look := func(tx *store.Tx) error {
		row, err := tx.OwnClient(id)
		if err == nil && row.Tenant != tenant {
			err = keyward.Errorf(keyward.CodeNotFound, "there is no client of the console %s", id)
		}
		if err == nil {
			one, err = readClient(row)
		}
		return err
	}
	if err := c.store.Read(ctx, look); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, vendorLimit)
	defer cancel()
	end, err := c.turns.Await(ctx, one.KeyManagerID)
	if err != nil {
		return nil, err
	}
	defer end()
	err = c.store.Write(ctx, p.Actor(), func(tx *store.Tx) error {
		if err := look(tx); err != nil {
			return err
		}
		version := one.Version
		if err := do(tx, one); err != nil {
			return err
		}
		if _, err := tx.OwnClient(id); keyward.CodeOf(err) == keyward.CodeNotFound {
			return nil
		}
		one.Version = version
		return one.put(tx)
	})
	if err != nil {
		return nil, err
	}
	st := one.standing()
	return &st, nil
}
