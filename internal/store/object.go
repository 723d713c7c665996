package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store/database"
	"keyward.dev/keyward/internal/store/secrets"
)

// Extra is what belongs to an object beside its declaration and status.
type Extra struct {
	// Secrets are the values that the spec only marks as stored, by path as in "connection.initialAccessToken". They
	// replace all stored ones; nil keeps what is stored.
	Secrets map[string]string
	// Row is what gateways hold of a key manager or an API, as JSON of its *Row type. Everything that follows from the
	// spec and from other objects (ids, names, an API's place and key managers) is filled in by the store and may be
	// left out. For an OAuth client any value ({} will do) says that it is active. nil keeps the stored row and
	// Introspection; the JSON null removes both. An object of these three kinds without a row is on no gateway. The
	// rows of plans, applications and subscriptions are made by the store, and Row is ignored.
	Row json.RawMessage
	// Introspection goes with the Row of a key manager (nil = none); the store fills in its ID, and the one
	// secret that its method needs from those stored, sealed for each group.
	Introspection *keyward.IntrospectionRow
}

// put is one call of Put on its way.
type put struct {
	tx     *Tx
	o      *keyward.Object
	extra  Extra
	old    *stored // nil for an insert
	row    string  // what gateways hold, as it will be stored
	search string  // what people look for beside the name
	faults []keyward.FieldError

	keyManagers, plans []string // of an API: the ids that its spec names
	oldReach           reach    // of an API, before this write
}

// stored is what the database has of an object that is written again.
type stored struct {
	name, tenant, sealed, row string
	version                   int64
	gone                      bool // Vacate took the row itself away
}

// Put inserts the object when its Version is 0 (giving it an ID when it has none), and otherwise updates the one of
// that ID and Version. It sets Version, CreatedAt and UpdatedAt. Only an OAuth client can be given another name. Errors
// for people: conflict (a taken name, issuer, context and version, client id, and Fields names it; or another version is
// stored), keys_exist (the place of an OAuth client is taken), invalid_input (a reference to nothing, Fields names it),
// not_found.
func (tx *Tx) Put(o *keyward.Object, e Extra) error {
	n, err := nounOf(o.Kind)
	if err != nil {
		return err
	}
	if o.Spec == nil || o.Spec.Kind() != o.Kind {
		return fmt.Errorf("put %s: the spec is of another kind", o.Ref())
	}
	if tx.marks == nil {
		return errors.New("a write in a transaction that only reads")
	}
	tx.keep(o)
	if o.Tenant == "" || o.Kind == keyward.KindTenant {
		o.Tenant = keyward.DefaultTenant // tenants themselves belong to the default one
	}
	p := &put{tx: tx, o: o, extra: e}
	if err := p.begin(n); err != nil {
		return err
	}
	own, err := n.fill(p)
	if err == nil {
		err = keyward.Invalid(p.faults)
	}
	if err != nil {
		return err
	}
	if err := p.write(n, own); err != nil {
		return err
	}
	if n.link != nil {
		if err := n.link(p); err != nil {
			return err
		}
	}
	tx.seen[o.ID] = o.Version
	action := "updated"
	if p.old == nil {
		action = "created"
	}
	return tx.Audit(entryOf(o, action))
}

func entryOf(o *keyward.Object, action string) keyward.AuditEntry {
	e := keyward.AuditEntry{Tenant: o.Tenant, Action: action, Kind: string(o.Kind), Name: o.Name}
	if o.Set != "" {
		e.Detail = "set " + o.Set
	}
	return e
}

// specOf gives the object's spec in the type of its kind; Put has seen to it that there is one.
func specOf[S keyward.Spec](o *keyward.Object) S {
	spec, _ := o.Spec.(S)
	return spec
}

// begin reads what is stored, and checks name and tenant.
func (p *put) begin(n noun) error {
	o, tx := p.o, p.tx
	if why := keyward.NameFault(o.Name); why != "" {
		return database.Invalid("metadata.name", "%s", why)
	}
	if o.Version == 0 {
		if o.ID == "" {
			o.ID = NewID()
		}
		o.CreatedAt = tx.now
	} else {
		old, err := tx.vacated(n, o)
		if err != nil {
			return err
		}
		if old.tenant != o.Tenant || old.name != o.Name && o.Kind != keyward.KindOAuthClient {
			return fmt.Errorf("put %s: it is stored under another name", o.Ref())
		}
		p.old, p.row = old, old.row
	}
	o.UpdatedAt = tx.now
	switch {
	case string(p.extra.Row) == "null":
		p.row = ""
	case p.extra.Row != nil:
		p.row = string(p.extra.Row)
	}
	if p.old != nil && p.old.name == o.Name {
		return nil
	}
	var taken string
	found, err := tx.run.One(`SELECT id FROM `+n.table+` WHERE tenant = $1 AND name = $2`, []any{o.Tenant, o.Name}, &taken)
	if err != nil {
		return err
	}
	if found {
		return database.Conflict("metadata.name", "there is already a %s", o.Ref())
	}
	if o.Kind == keyward.KindTenant && o.Name == keyward.DefaultTenant {
		return nil // the first row of all
	}
	found, err = tx.run.One(`SELECT id FROM tenants WHERE name = $1`, []any{o.Tenant}, &taken)
	if err != nil {
		return err
	}
	if !found {
		return database.Invalid("metadata.tenant", "there is no tenant %s", o.Tenant)
	}
	return nil
}

// storedVersion reads what the object's next version replaces, and refuses when it is not the one that the caller saw.
func (tx *Tx) storedVersion(n noun, o *keyward.Object) (*stored, error) {
	var old stored
	found, err := tx.run.One(`SELECT name, tenant, sealed, gateway_row, version FROM `+n.table+` WHERE id = $1`,
		[]any{o.ID}, &old.name, &old.tenant, &old.sealed, &old.row, &old.version)
	if err != nil {
		return nil, err
	}
	if found && old.version == o.Version {
		return &old, nil
	}
	if tx.seen[o.ID] == o.Version {
		return nil, tx.run.Fault("meet another transaction", errRace) // it was this version when this transaction began
	}
	if !found {
		return nil, database.NotFound(o.Ref().String())
	}
	return nil, &keyward.Error{
		Code:    keyward.CodeConflict, // who asked named no version: what a request began with is what it read itself
		Message: fmt.Sprintf("%s was changed by somebody else meanwhile: look at it, and try again", o.Ref()),
	}
}

func (p *put) write(n noun, own []any) error {
	o, tx := p.o, p.tx
	spec, err := json.Marshal(withoutDocument(o.Spec))
	if err != nil {
		return fmt.Errorf("encode the spec of %s: %w", o.Ref(), err)
	}
	sealed, err := p.sealed()
	if err != nil {
		return err
	}
	columns := append([]string{
		"name", "set_name", "version", "spec", "status", "sealed", "gateway_row", "search", "updated_at",
	}, n.own...)
	search := strings.ToLower(o.Name + " " + database.Clean(p.search))
	row := append([]any{
		o.Name, database.Clean(o.Set), o.Version + 1, string(spec), string(o.Status), sealed, p.row, search,
		database.Micros(o.UpdatedAt),
	}, own...)
	var v database.Values
	if p.old == nil || p.old.gone {
		columns = append(columns, "id", "tenant", "created_at")
		row = append(row, o.ID, o.Tenant, database.Micros(o.CreatedAt))
		_, err = tx.run.Exec(`INSERT INTO `+n.table+` (`+strings.Join(columns, ", ")+`) VALUES `+v.Tuple(row...), v...)
	} else {
		sets := make([]string, len(columns))
		for i, column := range columns {
			sets[i] = column + " = " + v.Add(row[i])
		}
		var changed int64
		changed, err = tx.run.Exec(`UPDATE `+n.table+` SET `+strings.Join(sets, ", ")+
			` WHERE id = `+v.Add(o.ID)+` AND version = `+v.Add(o.Version), v...)
		if err == nil && changed == 0 {
			err = tx.run.Fault("meet another transaction", errRace)
		}
	}
	o.Version++
	return err
}

// sealed gives the column of sealed secrets: a JSON object from path to sealed value, or "".
func (p *put) sealed() (string, error) {
	if p.extra.Secrets == nil {
		if p.old == nil {
			return "", nil
		}
		return p.old.sealed, nil
	}
	return secrets.Column(p.tx.store.key, p.o.ID, p.extra.Secrets)
}

// Secrets gives the object's stored secrets by path.
func (tx *Tx) Secrets(o *keyward.Object) (map[string]string, error) {
	n, err := nounOf(o.Kind)
	if err != nil {
		return nil, err
	}
	var sealed string
	found, err := tx.run.One(`SELECT sealed FROM `+n.table+` WHERE id = $1`, []any{o.ID}, &sealed)
	if err != nil {
		return nil, err
	}
	if !found && tx.seen[o.ID] == o.Version && o.Version > 0 {
		return nil, tx.run.Fault("meet another transaction", errRace)
	}
	if !found {
		return nil, database.NotFound(o.Ref().String())
	}
	return secrets.Open(tx.store.key, o.ID, sealed)
}

// refer gives the id of the object that the spec names at path; one that is missing becomes a fault of the put.
func (p *put) refer(kind keyward.Kind, name, path string) (string, error) {
	n, err := nounOf(kind)
	if err != nil {
		return "", err
	}
	var id string
	found, err := p.tx.run.One(`SELECT id FROM `+n.table+` WHERE tenant = $1 AND name = $2`, []any{p.o.Tenant, name}, &id)
	if err == nil && !found {
		p.invalid(path, "there is no %s", keyward.Ref{Kind: kind, Tenant: p.o.Tenant, Name: name})
	}
	return id, err
}

func (p *put) invalid(path, format string, args ...any) {
	p.faults = append(p.faults, keyward.FieldError{
		Path: path, Code: keyward.CodeInvalidInput, Message: fmt.Sprintf(format, args...),
	})
}

// longest is what an indexed column takes: less than a third of a PostgreSQL page.
const longest = 2000

// indexed refuses text that not every database can keep in an index.
func (p *put) indexed(path, text string) {
	if len(text) > longest {
		p.invalid(path, "must not be longer than %d bytes", longest)
	}
	if text != database.Clean(text) {
		p.invalid(path, "has a character that cannot be stored")
	}
}

// encode makes the gateway row's text of a row that the store has filled in.
func (p *put) encode(row any) error {
	text, err := json.Marshal(row)
	if err != nil {
		return fmt.Errorf("encode the gateways' row of %s: %w", p.o.Ref(), err)
	}
	p.row = string(text)
	return nil
}

// Delete deletes the object of that ID and Version. Errors for people: in_use with Users, conflict (another version is
// stored), not_found.
func (tx *Tx) Delete(o *keyward.Object) error {
	n, err := nounOf(o.Kind)
	if err != nil {
		return err
	}
	if tx.marks == nil {
		return errors.New("a write in a transaction that only reads")
	}
	if _, err := tx.storedVersion(n, o); err != nil {
		return err
	}
	users, err := tx.usersOf(o.Kind, o.ID, o.Name)
	if err != nil {
		return err
	}
	if len(users) > 0 {
		return &keyward.Error{Code: keyward.CodeInUse, Message: fmt.Sprintf("%s is in use", o.Ref()), Users: users}
	}
	if n.drop != nil {
		if err := n.drop(tx, o); err != nil {
			return err
		}
	}
	gone, err := tx.run.Exec(`DELETE FROM `+n.table+` WHERE id = $1 AND version = $2`, o.ID, o.Version)
	if err != nil {
		return err
	}
	if gone == 0 {
		return tx.run.Fault("meet another transaction", errRace)
	}
	if _, err := tx.run.Exec(`DELETE FROM holds WHERE object_id = $1`, o.ID); err != nil {
		return err
	}
	return tx.AuditDeletion(entryOf(o, "deleted"), o.ID)
}
