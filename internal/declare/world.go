package declare

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/declare/etag"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/manifest"
	"keyward.dev/keyward/internal/store"
)

// change is an item beside what is stored.
type change struct {
	*item
	existing *keyward.Object
	stored   map[string]string     // secrets in the database; nil where the kind has none
	status   json.RawMessage       // what the object's status will be
	secrets  map[string]string     // all secrets after the write
	diffs    []manifest.Difference // what differs
	action   Action
	object   *keyward.Object // after the write

	approval *keyward.SubscriptionApproval // of a subscription, after the write
	decided  bool                          // the write changes it
}

// world is the database as it will be after the batch: what is stored, under what the batch writes.
type world struct {
	c       *Writer
	tx      *store.Tx
	b       *batch
	g       *gathered
	writing bool // answers of servers are there; what is still missing now was not looked at
	changes []*change
	byRef   map[keyward.Ref]*change
	gone    map[keyward.Ref]*keyward.Object // what prune deletes
	held    []*keyward.Object               // what prune would delete if it were not held
	stored  map[keyward.Ref]*keyward.Object // nil for what is not there
	lists   map[keyward.Ref][]*keyward.Object

	ofApplication map[keyward.Ref][]*change // its subscriptions and clients in the batch, by kind; nil until asked for

	faults []keyward.FieldError
}

func newWorld(c *Writer, tx *store.Tx, b *batch, g *gathered) *world {
	return &world{
		c: c, tx: tx, b: b, g: g,
		byRef: map[keyward.Ref]*change{}, gone: map[keyward.Ref]*keyward.Object{},
		stored: map[keyward.Ref]*keyward.Object{}, lists: map[keyward.Ref][]*keyward.Object{},
	}
}

func (w *world) add(ch *change, code keyward.Code, path, format string, args ...any) {
	w.faults = append(w.faults, coded(code, ch.prefix+path, format, args...))
}

// load finds what is stored of every item, and what prune would delete.
func (w *world) load() error {
	items := w.b.items
	if w.b.further != nil {
		more, err := w.b.further(w)
		if err != nil {
			return err
		}
		items = slices.Concat(items, more)
	}
	for _, it := range items {
		if it.spec == nil || !keyward.ValidName(it.ref.Name) {
			continue
		}
		ch := &change{item: it}
		if first, twice := w.byRef[it.ref]; twice {
			w.add(ch, keyward.CodeInvalidInput, "metadata.name", "%s is given twice, first at %s", it.ref, first.prefix)
			continue
		}
		existing, err := w.get(it.ref)
		if err != nil {
			return err
		}
		ch.existing = existing
		if existing != nil && hasSecrets(it.ref.Kind) {
			if ch.stored, err = w.tx.Secrets(existing); err != nil {
				return fmt.Errorf("read the secrets of %s: %w", it.ref, err)
			}
		}
		w.changes = append(w.changes, ch)
		w.byRef[it.ref] = ch
	}
	return w.loadPruned()
}

func hasSecrets(k keyward.Kind) bool {
	return k == keyward.KindConnection || k == keyward.KindKeyManager || k == keyward.KindUser
}

// loadPruned lists the objects of the set that the manifests no longer name. The resident key manager is never one.
func (w *world) loadPruned() error {
	if !w.b.prune {
		return nil
	}
	tenants := slices.Clone(w.b.tenants)
	for i := 0; i < len(tenants); i++ { // a tenant that goes takes what the set has in it along
		for _, kind := range keyward.Kinds() {
			objects, _, err := w.tx.List(kind, store.Filter{Tenant: tenants[i], Set: w.b.set})
			if err != nil {
				return fmt.Errorf("list set %s: %w", w.b.set, err)
			}
			for _, o := range objects {
				if _, named := w.byRef[o.Ref()]; named || o.Ref().BuiltIn() || o.Ref() == administrator() {
					continue
				}
				if o.Hold.Holds(w.c.now()) { // no manifest decides about it, not by leaving it out either
					w.held = append(w.held, o)
					continue
				}
				w.gone[o.Ref()] = o
				if kind == keyward.KindTenant && !slices.Contains(tenants, o.Name) {
					tenants = append(tenants, o.Name)
				}
			}
		}
	}
	return nil
}

// FirstAdmin is the name of the user whose token the settings give.
const FirstAdmin = "admin"

// administrator is the user whose token the settings give. Prune leaves them alone: it would take the token away from
// whoever prunes, until the next start makes them anew.
func administrator() keyward.Ref {
	return keyward.Ref{Kind: keyward.KindUser, Tenant: keyward.DefaultTenant, Name: FirstAdmin}
}

// get reads a stored object once; nil means that there is none.
func (w *world) get(ref keyward.Ref) (*keyward.Object, error) {
	if o, known := w.stored[ref]; known {
		return o, nil
	}
	o, err := w.tx.Get(ref.Kind, ref.Tenant, ref.Name)
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		o, err = nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", ref, err)
	}
	w.stored[ref] = o
	return o, nil
}

// spec gives what an object will say after the batch; nil means that it will not be there. sound is false where the
// manifest has faults of its own, which say enough.
func (w *world) spec(ref keyward.Ref) (spec keyward.Spec, sound bool, err error) {
	if ch, ok := w.byRef[ref]; ok {
		return ch.spec, ch.sound, nil
	}
	if _, gone := w.gone[ref]; gone {
		return nil, true, nil
	}
	o, err := w.get(ref)
	return specIn(o), true, err
}

// all gives every object of a kind in a tenant as it will be: name, spec, and the stored object where there is one.
func (w *world) all(kind keyward.Kind, tenant string) ([]candidate, error) { // an empty tenant means every one
	stored, err := w.list(kind, store.Filter{Tenant: tenant}, tenant)
	if err != nil {
		return nil, err
	}
	return w.after(kind, tenant, "", stored), nil
}

// candidate is an object in the world after the batch.
type candidate struct {
	ref    keyward.Ref
	spec   keyward.Spec
	status json.RawMessage
	change *change // nil when the batch does not touch it
}

// list reads a listing once; key tells listings of one kind apart.
func (w *world) list(kind keyward.Kind, f store.Filter, key string) ([]*keyward.Object, error) {
	at := keyward.Ref{Kind: kind, Tenant: f.Tenant, Name: key}
	if objects, known := w.lists[at]; known {
		return objects, nil
	}
	objects, _, err := w.tx.List(kind, f)
	if err != nil {
		return nil, fmt.Errorf("list objects of kind %s: %w", kind, err)
	}
	w.lists[at] = objects
	return objects, nil
}

// check collects every fault of the batch.
func (w *world) check() ([]keyward.FieldError, error) {
	w.sort()
	for _, ch := range w.changes {
		if err := w.checkOne(ch); err != nil {
			return nil, err
		}
	}
	for _, rule := range []func() error{w.checkIssuers, w.checkCallbacks, w.checkPlaces, w.checkPrunePermission} {
		if err := rule(); err != nil {
			return nil, err
		}
	}
	return w.faults, nil
}

// sort brings the changes into the order in which they can be written: kinds by what they may refer to; an API that
// gives its place as default away before the one that takes it.
func (w *world) sort() {
	rank := map[keyward.Kind]int{}
	for i, k := range keyward.Kinds() {
		rank[k] = i
	}
	slices.SortStableFunc(w.changes, func(a, b *change) int {
		return cmp.Or(rank[a.ref.Kind]-rank[b.ref.Kind], takesDefault(a)-takesDefault(b))
	})
}

func takesDefault(ch *change) int {
	if api, ok := ch.spec.(*keyward.APISpec); ok && api.Default {
		return 1
	}
	return 0
}

// checkOne collects the faults of one change: what every kind has in common, then the kind's own rules.
func (w *world) checkOne(ch *change) error {
	if err := w.checkTenant(ch); err != nil {
		return err
	}
	if err := w.checkExisting(ch); err != nil {
		return err
	}
	if err := w.checkReferences(ch); err != nil || !ch.sound {
		return err
	}
	if err := w.checkPermission(ch); err != nil {
		return err
	}
	if err := w.checkGoing(ch); err != nil {
		return err
	}
	w.checkSecrets(ch)
	switch spec := ch.spec.(type) {
	case *keyward.ConnectionSpec:
		return w.checkConnection(ch, spec)
	case *keyward.KeyManagerSpec:
		return w.checkKeyManager(ch, spec)
	case *keyward.APISpec:
		return w.checkPlans(ch, spec)
	case *keyward.ApplicationSpec:
		w.checkOwners(ch, spec)
		return nil
	case *keyward.SubscriptionSpec:
		return w.checkSubscription(ch, spec)
	case *keyward.OAuthClientSpec:
		return w.checkClient(ch, spec)
	case *keyward.UserSpec:
		return w.checkUser(ch)
	default:
		return nil
	}
}

func (w *world) checkTenant(ch *change) error {
	if ch.ref.Kind == keyward.KindTenant {
		return nil
	}
	spec, _, err := w.spec(keyward.Ref{Kind: keyward.KindTenant, Tenant: keyward.DefaultTenant, Name: ch.ref.Tenant})
	if err != nil {
		return err
	}
	if spec == nil {
		w.add(ch, keyward.CodeInvalidInput, "metadata.tenant", "there is no tenant %s", ch.ref.Tenant)
	}
	return nil
}

// checkExisting holds what the caller said about the object's being there, and the sets. It fails at once where the
// answer is about the request, not about a field.
func (w *world) checkExisting(ch *change) error {
	if w.b.create && ch.existing != nil {
		w.add(ch, keyward.CodeConflict, "metadata.name", "%s exists already", ch.ref)
	}
	if m := w.b.ifMatch; m != "" && (ch.existing == nil || !etag.Matches(m, ch.existing)) {
		return etag.Failed(ch.ref)
	}
	if ch.existing == nil {
		return nil
	}
	if m := w.b.ifNoneMatch; m != "" && etag.NoneMatches(m, ch.existing) {
		return keyward.Errorf(keyward.CodePreconditionFailed, "%s is there, and If-None-Match says that it must not be", ch.ref)
	}
	if set := ch.existing.Set; w.b.set != "" && set != "" && set != w.b.set {
		w.add(ch, keyward.CodeOtherSet, "metadata.name", "%s belongs to the set %s", ch.ref, set)
	}
	return nil
}

// checkSecrets works out the secrets after the write. A marker for a stored one needs a stored one.
func (w *world) checkSecrets(ch *change) {
	if !hasSecrets(ch.ref.Kind) {
		return
	}
	ch.secrets = maps.Clone(ch.values)
	ch.kept.Fill(ch.secrets, ch.stored, keymanager.Unseen, func(path, message string) {
		w.add(ch, keyward.CodeInvalidInput, "spec."+path, "%s", message)
	})
}

// meant gives what a name in a tenant means: for a key manager that the tenant does not have, the global one of that
// name, where there is one after the batch.
func (w *world) meant(ref keyward.Ref) (keyward.Ref, error) {
	if ref.Kind != keyward.KindKeyManager || ref.Tenant == keyward.DefaultTenant {
		return ref, nil
	}
	own, _, err := w.spec(ref)
	if own != nil || err != nil {
		return ref, err
	}
	global := ref
	global.Tenant = keyward.DefaultTenant
	spec, _, err := w.spec(global)
	if isGlobal(spec) {
		return global, err
	}
	return ref, err
}

func isGlobal(s keyward.Spec) bool {
	km, ok := s.(*keyward.KeyManagerSpec)
	return ok && km.Global
}

// touchesGlobal tells whether a key manager of the batch is global, before or after it.
func (w *world) touchesGlobal() bool {
	for _, ch := range w.changes {
		if isGlobal(ch.spec) || ch.existing != nil && isGlobal(ch.existing.Spec) {
			return true
		}
	}
	return false
}

// missing says that an object is not there to be changed: where its name means a global key manager, that it belongs to
// another tenant's administrators.
func (w *world) missing(ref keyward.Ref) error {
	at, err := w.meant(ref)
	if err == nil && at != ref {
		return access.ForeignGlobal(at)
	}
	return cmp.Or(err, notFound(ref))
}
