package declare

import (
	"fmt"
	"maps"
	"slices"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/store"
)

// checkConnection holds the rules of one Connection: those of its type, that a stored secret stays with its address, and
// that every key manager that names it can go on to use it.
func (w *world) checkConnection(ch *change, c *keyward.ConnectionSpec) error {
	w.addAll(ch, keymanager.ValidateConnection(c, ch.secrets))
	before, err := keyward.SpecOf[*keyward.ConnectionSpec](ch.existing)
	if err != nil || before == nil {
		return err
	}
	if before.Type != c.Type || !keymanager.SameRoute(before.Outbound, c.Outbound) ||
		!maps.Equal(addresses(before.Connection), addresses(c.Connection)) {
		for _, path := range ch.kept.Paths() {
			if path != keyward.OutboundKey { // which is shown to nobody
				w.add(ch, keyward.CodeInvalidInput, "spec."+path, staysWithItsAddress)
			}
		}
	}
	stored, err := w.list(keyward.KindKeyManager, store.Filter{Tenant: ch.ref.Tenant, Connection: ch.ref.Name},
		"connection "+ch.ref.Name)
	if err != nil {
		return err
	}
	for _, o := range w.after(keyward.KindKeyManager, ch.ref.Tenant, "", stored) {
		km, ok := o.spec.(*keyward.KeyManagerSpec)
		if !ok || o.change != nil || km.ConnectionRef() != ch.ref.Name { // what the batch writes is judged by itself
			continue
		}
		for _, f := range keymanager.Misfits(km, ch.ref.Name, c) {
			w.add(ch, keyward.CodeInUse, "spec.connection", "%s uses it, and its %s %s", o.ref, f.Path, f.Message)
		}
		if err := w.checkConnectionsClient(ch, o.ref, keymanager.Through(km, c), keymanager.Through(km, before)); err != nil {
			return err
		}
	}
	return nil
}

// checkConnectionsClient keeps a management client from being one that an application has already.
func (w *world) checkConnectionsClient(ch *change, km keyward.Ref, now, before *keyward.KeyManagerSpec) error {
	clients, err := w.clientsOf(km)
	if err != nil {
		return err
	}
	for _, client := range clients {
		spec, ok := client.spec.(*keyward.OAuthClientSpec)
		if ok && keymanager.OwnClient(now, spec.ClientID) && !keymanager.OwnClient(before, spec.ClientID) {
			w.add(ch, keyward.CodeInUse, "spec.connection.clientId",
				"%q is the client of an application in %s, %s: the connection needs one of its own", spec.ClientID, km, client.ref)
		}
	}
	return nil
}

// clientsOf lists the clients that a stored key manager will have: of a global one, in every tenant.
func (w *world) clientsOf(km keyward.Ref) ([]candidate, error) {
	before, err := w.get(km)
	if err != nil || before == nil {
		return nil, err
	}
	filter, tenant := store.Filter{Tenant: km.Tenant, ManagerID: before.ID}, km.Tenant
	if isGlobal(before.Spec) {
		filter.Tenant, tenant = "", ""
	}
	stored, err := w.list(keyward.KindOAuthClient, filter, "key manager "+km.String())
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(w.after(keyward.KindOAuthClient, tenant, "", stored), func(o candidate) bool {
		client, ok := o.spec.(*keyward.OAuthClientSpec)
		return !ok || client.KeyManager != km.Name
	}), nil
}

// checkRef judges a key manager's use of the Connection that it names, and gives its spec with the connection's fields;
// without one, the spec as it is.
func (w *world) checkRef(ch *change, s *keyward.KeyManagerSpec) ([]keyward.FieldError, *keyward.KeyManagerSpec, error) {
	whole, c, err := w.through(s, ch.ref.Tenant)
	if err != nil || c == nil {
		return nil, whole, err
	}
	return keymanager.Misfits(s, s.ConnectionRef(), c), whole, nil
}

// through gives a key manager's spec with the fields of the Connection that it will have; nil for none, or for one that
// has faults of its own.
func (w *world) through(s *keyward.KeyManagerSpec, tenant string) (*keyward.KeyManagerSpec, *keyward.ConnectionSpec, error) {
	if s.ConnectionRef() == "" {
		return s, nil, nil
	}
	spec, sound, err := w.spec(keyward.Ref{Kind: keyward.KindConnection, Tenant: tenant, Name: s.ConnectionRef()})
	if err != nil {
		return s, nil, fmt.Errorf("read the connection of a key manager: %w", err)
	}
	c, ok := spec.(*keyward.ConnectionSpec)
	if !ok || !sound {
		return s, nil, nil
	}
	return keymanager.Through(s, c), c, nil
}

// whole gives a key manager's spec with everything that is its own: the fields of its Connection, and the console's client
// that Keyward registered.
func (w *world) whole(s *keyward.KeyManagerSpec, at keyward.Ref) (*keyward.KeyManagerSpec, error) {
	spec, _, err := w.through(s, at.Tenant)
	if err != nil {
		return nil, err
	}
	o, err := w.get(at)
	if err != nil || o == nil {
		return spec, err
	}
	return signedIn(w.tx, o.ID, spec)
}

// addAll notes faults that name the fields of the change's own spec, each once.
func (w *world) addAll(ch *change, faults []keyward.FieldError) {
	for _, f := range faults {
		f.Path = ch.prefix + f.Path
		if !slices.Contains(w.faults, f) {
			w.faults = append(w.faults, f)
		}
	}
}
