package declare

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/manifest"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/store"
)

// write carries the checked batch out: what prune deletes and nobody uses first, so that its names and places are free;
// then the changes, each kind before those that refer to it, when what they change has given up what must be unique;
// then the rest of what prune deletes.
func (w *world) write() ([]*change, error) {
	doomed := w.doomed()
	kept, err := w.deleteUnused(doomed)
	if err != nil {
		return nil, err
	}
	if err := w.vacate(); err != nil {
		return nil, err
	}
	for _, ch := range w.changes {
		if err := w.writeOne(ch); err != nil {
			return nil, located(err, ch.prefix)
		}
	}
	if err := w.follow(); err != nil {
		return nil, err
	}
	used, err := w.deleteUnused(kept)
	if err != nil {
		return nil, err
	}
	if len(used) > 0 {
		return nil, w.stillUsed(used)
	}
	for _, ch := range w.changes {
		if err := w.keepAdministrator(ch.ref, specIn(ch.existing), ch.spec); err != nil {
			return nil, located(err, ch.prefix)
		}
	}
	for _, o := range doomed {
		if err := w.keepAdministrator(o.Ref(), o.Spec, nil); err != nil {
			return nil, err
		}
	}
	changes := slices.Clone(w.changes)
	for _, o := range doomed {
		changes = append(changes, &change{item: &item{ref: o.Ref()}, action: Deleted})
	}
	for _, o := range w.held {
		changes = append(changes, &change{item: &item{ref: o.Ref()}, existing: o, action: Held})
	}
	return changes, nil
}

// located puts the object's place in the batch in front of what the store says about its fields.
func located(err error, prefix string) error {
	e, ok := err.(*keyward.Error) //nolint:errorlint // only an error of the store itself speaks of this object
	if !ok || prefix == "" {
		return err
	}
	moved := *e
	moved.Fields = slices.Clone(e.Fields)
	for i := range moved.Fields {
		moved.Fields[i].Path = prefix + moved.Fields[i].Path
	}
	return &moved
}

// doomed lists what prune deletes, users before what they use.
func (w *world) doomed() []*keyward.Object {
	kinds := keyward.Kinds()
	out := slices.Collect(maps.Values(w.gone))
	slices.SortFunc(out, func(a, b *keyward.Object) int {
		return cmp.Or(slices.Index(kinds, b.Kind)-slices.Index(kinds, a.Kind),
			strings.Compare(a.Tenant, b.Tenant), strings.Compare(a.Name, b.Name))
	})
	return out
}

// deleteUnused deletes what has no users now and gives the rest.
func (w *world) deleteUnused(doomed []*keyward.Object) ([]*keyward.Object, error) {
	var used []*keyward.Object
	for _, o := range doomed {
		users, err := w.lastUsers(o)
		if err != nil {
			return nil, err
		}
		if len(users) > 0 {
			used = append(used, o)
			continue
		}
		if err := w.remove(o); err != nil {
			return nil, err
		}
	}
	return used, nil
}

// lastUsers is users for an object that is about to go: attempts at keys that failed and left nothing are forgotten.
func (w *world) lastUsers(o *keyward.Object) ([]keyward.Ref, error) {
	if o.Kind == keyward.KindUser {
		if err := w.tx.LockUsers(o.Tenant); err != nil { // the other owner may be going in another transaction
			return nil, fmt.Errorf("look for other owners: %w", err)
		}
	}
	if err := scene.DropFailed(w.tx, o); err != nil {
		return nil, err
	}
	return w.users(o)
}

// users lists who uses an object. A tenant is used by everything in it but its resident key manager.
func (w *world) users(o *keyward.Object) ([]keyward.Ref, error) {
	if o.Kind != keyward.KindTenant {
		users, err := w.tx.Users(o)
		if err != nil {
			return nil, fmt.Errorf("look for users of %s: %w", o.Ref(), err)
		}
		return users, nil
	}
	var users []keyward.Ref
	for _, kind := range keyward.Kinds() {
		if kind == keyward.KindTenant {
			continue
		}
		objects, _, err := w.tx.List(kind, store.Filter{Tenant: o.Name, Limit: 100})
		if err != nil {
			return nil, fmt.Errorf("look for objects of %s: %w", o.Ref(), err)
		}
		for _, inside := range objects {
			if !inside.Ref().BuiltIn() {
				users = append(users, inside.Ref())
			}
		}
	}
	return users, nil
}

// usedBy says why what has users is not deleted. A user is used by the applications that nobody else owns.
func usedBy(ref keyward.Ref) string {
	if ref.Kind == keyward.KindUser {
		return fmt.Sprintf("%s is the last owner of applications: give them another owner first, or delete them; "+
			"whoever has to be out at once loses their roles and groups", ref)
	}
	return fmt.Sprintf("%s is used by others", ref)
}

func (w *world) stillUsed(used []*keyward.Object) error {
	e := keyward.Errorf(keyward.CodeInUse, "%d objects that would be deleted are used by others", len(used))
	for _, o := range used {
		users, err := w.users(o)
		if err != nil {
			return err
		}
		if len(used) == 1 {
			e.Message = usedBy(o.Ref())
		}
		for _, u := range users {
			if !slices.Contains(e.Users, u) {
				e.Users = append(e.Users, u)
			}
		}
	}
	return e
}

// remove deletes an object, and with a tenant its resident key manager.
func (w *world) remove(o *keyward.Object) error {
	if o.Kind == keyward.KindTenant {
		resident, err := w.tx.Get(keyward.KindKeyManager, o.Name, keyward.ResidentName)
		if err != nil && keyward.CodeOf(err) != keyward.CodeNotFound {
			return fmt.Errorf("read the resident key manager of %s: %w", o.Ref(), err)
		}
		if err == nil {
			if err := w.tx.Delete(resident); err != nil {
				return fmt.Errorf("delete %s: %w", resident.Ref(), err)
			}
		}
	}
	if o.Kind == keyward.KindKeyManager {
		if err := w.keepServer(o); err != nil {
			return err
		}
	}
	if err := w.tx.Delete(o); err != nil {
		return fmt.Errorf("delete %s: %w", o.Ref(), err)
	}
	return nil
}

// vacate lets objects of the batch take from each other what no two may have, whichever of them is written first.
func (w *world) vacate() error {
	for _, ch := range w.changes {
		if err := w.prepare(ch); err != nil {
			return located(err, ch.prefix)
		}
		if ch.action != Updated {
			continue
		}
		if err := w.tx.Vacate(ch.existing); err != nil {
			return located(err, ch.prefix)
		}
	}
	return nil
}

// prepare makes the object that will be stored, and decides what happens to it.
func (w *world) prepare(ch *change) error {
	o := &keyward.Object{Kind: ch.ref.Kind, Tenant: ch.ref.Tenant, Name: ch.ref.Name, Set: w.b.set, Spec: ch.spec}
	if e := ch.existing; e != nil {
		o.Hold = e.Hold
		o.ID, o.Version, o.CreatedAt, o.UpdatedAt, o.Status = e.ID, e.Version, e.CreatedAt, e.UpdatedAt, e.Status
		if o.Set == "" {
			o.Set = e.Set
		}
	}
	if o.ID == "" {
		o.ID = store.NewID()
	}
	ch.object = o
	if err := w.compare(ch); err != nil {
		return err
	}
	return w.askApproval(ch)
}

// writeOne stores one change when there is one.
func (w *world) writeOne(ch *change) error {
	if ch.existing == nil && ch.ref.BuiltIn() { // made a moment ago, with its tenant
		existing, err := w.tx.Get(ch.ref.Kind, ch.ref.Tenant, ch.ref.Name)
		if err != nil && keyward.CodeOf(err) != keyward.CodeNotFound {
			return fmt.Errorf("read %s: %w", ch.ref, err)
		}
		ch.existing = existing
		if err := w.prepare(ch); err != nil {
			return err
		}
	}
	if ch.action == Unchanged {
		w.stored[ch.ref] = ch.existing
		return nil
	}
	o := ch.object
	if ch.ref.Kind == keyward.KindKeyManager && ch.action == Updated {
		if err := w.keepServer(ch.existing); err != nil {
			return err
		}
	}
	extra, err := w.extra(ch)
	if err != nil {
		return err
	}
	if err := w.tx.Put(o, extra); err != nil {
		return movedBy(ch, err)
	}
	w.stored[ch.ref] = o
	if err := w.endSessions(ch); err != nil {
		return err
	}
	if err := w.auditApproval(ch); err != nil {
		return err
	}
	if ch.ref.Kind == keyward.KindTenant && ch.action == Created {
		return w.c.MakeResident(w.tx, ch.ref.Name)
	}
	return nil
}

// compare decides what happens to the object.
func (w *world) compare(ch *change) error {
	var before keyward.Spec
	if ch.existing != nil {
		before = ch.existing.Spec
	}
	var err error
	if ch.diffs, err = manifest.Diff(before, ch.spec); err != nil {
		return err
	}
	if ch.existing == nil {
		ch.action = Created
		return nil
	}
	for _, path := range slices.Sorted(maps.Keys(ch.secrets)) {
		if old, had := ch.stored[path]; had && old != ch.secrets[path] && !secret.IsNote(path) {
			ch.diffs = append(ch.diffs, manifest.Difference{Path: "spec." + path, From: "<secret>", To: "<secret>"})
		}
	}
	ch.action = Unchanged
	if len(ch.diffs) > 0 || ch.object.Set != ch.existing.Set {
		ch.action = Updated
	}
	return nil
}

// SameSpec tells whether two specs say the same.
func SameSpec(a, b keyward.Spec) bool {
	diffs, err := manifest.Diff(a, b)
	return err == nil && len(diffs) == 0 && reflect.TypeOf(a) == reflect.TypeOf(b)
}

// MakeResident gives a new tenant its own authorization server.
func (c *Writer) MakeResident(tx *store.Tx, tenant string) error {
	o := &keyward.Object{
		ID: store.NewID(), Kind: keyward.KindKeyManager, Tenant: tenant, Name: keyward.ResidentName,
		Spec: &keyward.KeyManagerSpec{Type: keyward.TypeResident},
	}
	status, row, err := c.resident.Resolve(tx, o)
	if err != nil {
		return fmt.Errorf("set up the resident key manager of tenant %s: %w", tenant, err)
	}
	o.Status = status
	if err := tx.Put(o, store.Extra{Row: row}); err != nil {
		return fmt.Errorf("store %s: %w", o.Ref(), err)
	}
	return nil
}

// staysRevoked tells that the declared client was put out of use: only another one takes its place.
func staysRevoked(ch *change, s *keyward.OAuthClientSpec) bool {
	if ch.existing == nil {
		return false
	}
	before, ok := ch.existing.Spec.(*keyward.OAuthClientSpec)
	status, err := ch.existing.ClientStatus()
	return ok && err == nil && status.State == keyward.ClientRevoked && before.SameClient(s)
}

// movedBy turns it into errMoved that the name of a new object is taken: this transaction has looked, so another one took it since.
func movedBy(ch *change, err error) error {
	var e *keyward.Error
	taken := func(f keyward.FieldError) bool { return f.Path == "metadata.name" && f.Code == keyward.CodeConflict }
	if ch.existing == nil && errors.As(err, &e) && slices.ContainsFunc(e.Fields, taken) {
		return errMoved
	}
	return err
}

// extra builds what goes with an object: its secrets and what gateways hold of it.
func (w *world) extra(ch *change) (store.Extra, error) {
	var e store.Extra
	if hasSecrets(ch.ref.Kind) {
		e.Secrets = ch.secrets
	}
	var err error
	switch spec := ch.spec.(type) {
	case *keyward.KeyManagerSpec:
		err = w.keyManagerRow(ch, spec, &e)
	case *keyward.APISpec:
		e.Row, err = w.apiRow(ch, spec)
	case *keyward.OAuthClientSpec:
		if staysRevoked(ch, spec) {
			e.Row = json.RawMessage("null")
			break
		}
		ch.object.Status, err = json.Marshal(keyward.OAuthClientStatus{
			Mode: keyward.ClientMapped, State: keyward.ClientActive, Requester: w.b.principal.User,
		})
		if err == nil {
			e.Row, err = json.Marshal(keyward.ClientRow{
				ID: ch.object.ID, ClientID: spec.ClientID, Environment: spec.EnvironmentOrDefault(),
			})
		}
	}
	if err != nil {
		return e, fmt.Errorf("prepare %s for gateways: %w", ch.ref, err)
	}
	return e, nil
}
