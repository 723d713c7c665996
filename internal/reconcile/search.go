package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/store"
)

// searched is what is stored of the searches of one server.
type searched struct {
	At      *time.Time `json:"at,omitempty"`
	Why     string     `json:"why,omitempty"`     // the last one told nothing
	Orphans []string   `json:"orphans,omitempty"` // names of clients that this installation made and nobody knows
	Foreign []string   `json:"foreign,omitempty"` // names that begin like ours and are not of this installation
	More    int        `json:"more,omitempty"`    // so many beyond maxNames
}

const maxNames = 500 // of each kind that are kept

func readSearched(row *store.Look) (searched, error) {
	var s searched
	if row == nil {
		return s, nil
	}
	if err := json.Unmarshal(row.Found, &s); err != nil {
		return s, fmt.Errorf("read what was found at key manager %s: %w", row.Subject, err)
	}
	return s, nil
}

// search lists what a server has under our names, and keeps those that nobody knows.
func (r *Reconciler) search(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, vendorLimit)
	defer cancel()
	var row *store.Look
	var server connector.Server
	var before searched
	var known map[string]bool
	err := r.Store.Read(ctx, func(tx *store.Tx) (err error) {
		if row, err = tx.Look(id); err != nil {
			return err
		}
		if before, err = readSearched(row); err == nil {
			server, known, err = toSearch(tx, id)
		}
		return err
	})
	if err != nil && row != nil && ctx.Err() == nil { // the clients there do not wait for it
		before.Why = unreadable
		return errors.Join(err, r.keepSearched(ctx, id, before, pauseAfter(row.Tries)))
	}
	if err != nil {
		return err
	}
	clients, why, err := r.list(ctx, server, scene.NamesBegin())
	now := r.now()
	if err != nil {
		before.Why = connector.Words(err)
		tries := 0
		if row != nil { // a key manager that had no client yet
			tries = row.Tries
		}
		return errors.Join(err, r.keepSearched(ctx, id, before, pauseAfter(tries)))
	}
	if why != "" {
		return r.keepSearched(ctx, id, searched{Why: why}, 0)
	}
	found := searched{At: &now}
	err = r.Store.Read(ctx, func(tx *store.Tx) error {
		found.Orphans, found.Foreign, found.More = nil, nil, 0
		for _, c := range clients {
			if err := found.sort(tx, r.Store.Installation(), c, known); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.keepSearched(ctx, id, found, 0)
}

// toSearch reads a server, and who is known there: whoever is before it is asked, also where it is deleted there and here
// meanwhile.
func toSearch(tx *store.Tx, id string) (server connector.Server, known map[string]bool, err error) {
	km, err := tx.GetByID(keyward.KindKeyManager, id)
	if err != nil {
		return server, nil, err
	}
	if server, err = keymanager.ServerOf(tx, km); err != nil {
		return server, nil, err
	}
	objects, _, err := tx.List(keyward.KindOAuthClient, store.Filter{ManagerID: id})
	known = map[string]bool{}
	for _, o := range objects {
		known[o.ID] = true
	}
	if err != nil {
		return server, nil, err
	}
	own, err := tx.OwnClients(id)
	for _, c := range own {
		known[c.ID] = true
	}
	return server, known, err
}

// list gives clients in the order of their names; why says that the server cannot be searched.
func (r *Reconciler) list(ctx context.Context, server connector.Server, prefix string) (
	clients []connector.Client, why string, err error,
) {
	if !server.Spec.IsEnabled() {
		return nil, "the key manager is disabled", nil
	}
	if server.Spec.Type == keyward.TypeResident {
		return nil, "", nil // its clients are rows of this database
	}
	conn, err := r.Openers.Open(server)
	if err != nil {
		return nil, "", err
	}
	lister, can := conn.(connector.Lister)
	if !can {
		return nil, fmt.Sprintf("the server's clients cannot be listed: look there yourself for clients whose name begins with %s",
			scene.VendorName(r.Store.Installation(), "")), nil
	}
	if clients, err = lister.List(ctx, prefix); err != nil {
		return nil, "", err
	}
	slices.SortFunc(clients, func(a, b connector.Client) int { return strings.Compare(a.Name, b.Name) })
	return clients, "", nil
}

// sort puts a client's name among those that nobody knows, or among those of others; what is known is neither.
func (s *searched) sort(tx *store.Tx, installation string, c connector.Client, known map[string]bool) error {
	id, ours := scene.ClientOfName(installation, c.Name)
	list := &s.Foreign
	if ours {
		list = &s.Orphans
	}
	knows, err := knownAs(tx, id, c.ClientID)
	switch {
	case err != nil:
		return err
	case id == "" || knows || known[id] || slices.Contains(*list, c.Name):
	case len(*list) >= maxNames:
		s.More++
	default:
		*list = append(*list, c.Name)
	}
	return nil
}

// knownAs tells whether a client's object is there, at whichever key manager and in whichever state; or another one with
// its id at the server, which somebody has mapped.
func knownAs(tx *store.Tx, id, clientID string) (bool, error) {
	_, err := tx.GetByID(keyward.KindOAuthClient, id)
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		_, err = tx.OwnClient(id) // the console's
	}
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		return tx.KnowsClientID(clientID)
	}
	return err == nil, err
}

// keepSearched stores what a search found; with a pause it told nothing.
func (r *Reconciler) keepSearched(ctx context.Context, id string, found searched, pause time.Duration) error {
	text, err := encode(found)
	if err != nil {
		return err
	}
	return r.Store.Write(context.WithoutCancel(ctx), actor, func(tx *store.Tx) error {
		if pause > 0 {
			return tx.PutOffLook(id, text, r.now().Add(pause))
		}
		return tx.SettleLook(id, text, r.next())
	})
}

// DeleteOrphan deletes at a key manager's server the client of exactly this name, which this installation made and nobody
// knows: looked up anew here and there. Administrators of the key manager's tenant may. A name of another installation, or
// of none, is refused whatever is known of it; one of a client that is known is a conflict.
func (r *Reconciler) DeleteOrphan(ctx context.Context, p keyward.Principal, tenant, keyManager, name string) error {
	if err := access.Require(p, access.RightCheck, tenant); err != nil {
		return err
	}
	id, ours := scene.ClientOfName(r.Store.Installation(), name)
	if !ours {
		return keyward.Invalid([]keyward.FieldError{keyward.Fault("name",
			"%s is not of this installation, whose clients' names begin with %s: whoever made it deletes it at the server",
			name, scene.VendorName(r.Store.Installation(), ""))})
	}
	var km *keyward.Object
	var server connector.Server
	unknown := func(tx *store.Tx) error {
		return refuseKnown(tx, id, "", name)
	}
	err := r.Store.Read(ctx, func(tx *store.Tx) (err error) {
		if km, err = manager(tx, p, tenant, keyManager); err != nil {
			return err
		}
		if server, err = keymanager.ServerOf(tx, km); err != nil {
			return err
		}
		return unknown(tx)
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), vendorLimit)
	defer cancel()
	found, err := r.deleteThere(ctx, server, km, id, name)
	if err != nil || !found {
		return err
	}
	err = r.Store.Write(ctx, scene.Requester(p, km.Tenant), func(tx *store.Tx) error {
		return tx.Audit(keyward.AuditEntry{
			Tenant: km.Tenant, Action: "key.orphan-deleted", Kind: string(keyward.KindKeyManager), Name: km.Name, Detail: name,
		})
	})
	if failed := r.search(ctx, km.ID); failed != nil { // it is deleted; what else is there is looked for later
		r.log.WarnContext(ctx, "search a server after a deletion", "keyManager", km.ID, "error", failed)
	}
	return err
}

// refuseKnown refuses to delete what belongs to somebody.
func refuseKnown(tx *store.Tx, id, clientID, name string) error {
	knows, err := knownAs(tx, id, clientID)
	if err == nil && knows {
		err = keyward.Errorf(keyward.CodeConflict, "client %s is known: see the keys of its application, or the console's clients", name)
	}
	return err
}

// deleteThere deletes what has this name at the server and belongs to nobody by its id there either.
func (r *Reconciler) deleteThere(
	ctx context.Context, server connector.Server, km *keyward.Object, id, name string,
) (found bool, err error) {
	if server.Spec.Type == keyward.TypeResident {
		return false, nil
	}
	conn, err := r.Openers.Open(server)
	if err != nil {
		return false, told(km, err)
	}
	lister, can := conn.(connector.Lister)
	if !can {
		return false, keyward.Errorf(keyward.CodeNotSupported,
			"the clients of %s cannot be listed: delete %s at the server", km.Ref(), name)
	}
	clients, err := lister.List(ctx, name)
	if err != nil {
		return false, told(km, err)
	}
	for _, c := range clients {
		if c.Name != name {
			continue
		}
		err := r.Store.Read(ctx, func(tx *store.Tx) error { return refuseKnown(tx, id, c.ClientID, name) })
		if err != nil {
			return found, err
		}
		if err := conn.Delete(ctx, c.Handle); err != nil {
			return found, told(km, err)
		}
		found = true
	}
	return found, nil
}

// told turns a connector's failure into what a person is told.
func told(km *keyward.Object, err error) error {
	e := keyward.Errorf(keyward.CodeKeyManagerFailed, "key manager %s: %s", km.Name, connector.Words(err))
	if code := keyward.CodeOf(err); code != keyward.CodeInternal {
		e.Code = code
	}
	e.Err = err
	return e
}
