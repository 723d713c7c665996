package store

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store/database"
	"keyward.dev/keyward/internal/store/paging"
	"keyward.dev/keyward/internal/store/sought"
)

// Filter chooses objects. Zero fields choose nothing out. The names in it are of objects of Tenant, which must then be
// set; a name of nothing chooses nothing, and one that the kind has no relation to is an invalid_input error.
type Filter struct {
	Tenant      string                 // empty = every tenant
	Set         string                 // the manifest set
	Application string                 // subscriptions and OAuth clients of it
	Connection  string                 // key managers that name it
	KeyManager  string                 // OAuth clients of it, APIs that list it; a global one too
	Environment string                 // OAuth clients for it
	ManagerID   string                 // the same by id, in every tenant where none is said
	Awaiting    bool                   // OAuth clients and subscriptions that await an approval
	Offered     bool                   // key managers: the global ones too, in order of name
	SignsIn     bool                   // key managers: those that people sign in through
	API         string                 // subscriptions to it
	Plan        string                 // subscriptions under it, APIs that offer it
	Owners      []string               // user and group/NAME: applications that any of them owns, their subscriptions and clients
	Owner       string                 // the same of one of them, beside what Owners choose
	Group       string                 // users in it
	Held        bool                   // only what is held now
	Role        keyward.Role           // users: those whose spec may say that they have it; the reader looks
	Enabled     bool                   // key managers that are; the reader looks
	Type        keyward.KeyManagerType // key managers and Connections of it; the reader looks
	Context     string                 // APIs of this context, which are versions of each other
	Names       []string               // only those of these names; none = all
	Brief       bool                   // APIs: their OpenAPI documents are not read, and empty
	Search      string                 // part of name, title or what else people look for; case does not count
	SearchAt    Place                  // where in it
	After       string                 // the cursor that the page before gave
	Limit       int                    // at most so many; 0 = all
}

// objectColumns are read by scanObject.
const objectColumns = `x.id, x.tenant, x.name, x.set_name, x.version, x.spec, x.status, x.created_at, x.updated_at,
	h.reason, h.held_by, h.since, h.until, `

func scanObject(kind keyward.Kind, r database.Row) (*keyward.Object, error) {
	o := &keyward.Object{Kind: kind}
	var spec, status, document string
	var created, updated int64
	var reason, by *string
	var since, until *int64
	if err := r.Scan(&o.ID, &o.Tenant, &o.Name, &o.Set, &o.Version, &spec, &status, &created, &updated,
		&reason, &by, &since, &until, &document); err != nil {
		return nil, err
	}
	if reason != nil && by != nil && since != nil {
		o.Hold = &keyward.Hold{
			Reason: *reason, By: *by, Since: database.FromMicros(*since), Until: database.TimeOrNil(until),
		}
	}
	o.CreatedAt, o.UpdatedAt = database.FromMicros(created), database.FromMicros(updated)
	if status != "" {
		o.Status = json.RawMessage(status)
	}
	var known bool
	if o.Spec, known = kind.NewSpec(); !known {
		return nil, fmt.Errorf("there is no kind %q", kind)
	}
	if err := json.Unmarshal([]byte(spec), o.Spec); err != nil {
		return nil, fmt.Errorf("read the stored spec of %s: %w", o.Ref(), err)
	}
	if api, ok := o.Spec.(*keyward.APISpec); ok && document != "" && api.OpenAPI != nil {
		if err := json.Unmarshal([]byte(document), &api.OpenAPI.Document); err != nil {
			return nil, fmt.Errorf("read the stored document of %s: %w", o.Ref(), err)
		}
	}
	return o, nil
}

// withHolds names the objects of a table x and their holds h.
const withHolds = " x LEFT JOIN holds h ON h.object_id = x.id WHERE "

// objects reads all that the condition chooses, with what follows it (an order, a limit).
func (tx *Tx) objects(n noun, where string, args ...any) ([]*keyward.Object, error) {
	var list []*keyward.Object
	document := "''"
	if n.kind == keyward.KindAPI && !n.brief {
		document = "x.document"
	}
	err := tx.run.Rows(`SELECT `+objectColumns+document+` FROM `+n.table+withHolds+where,
		args, func(r database.Row) error {
			o, err := scanObject(n.kind, r)
			list = append(list, o)
			return err
		})
	if err != nil {
		return nil, err
	}
	if tx.seen != nil {
		for _, o := range list {
			tx.seen[o.ID] = o.Version
		}
	}
	return list, nil
}

func (tx *Tx) object(n noun, what, where string, args ...any) (*keyward.Object, error) {
	list, err := tx.objects(n, where, args...)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, database.NotFound(what)
	}
	return list[0], nil
}

// Get gives the object, or a not_found error. An empty tenant is the default one; tenants themselves belong to it.
func (tx *Tx) Get(kind keyward.Kind, tenant, name string) (*keyward.Object, error) {
	n, err := nounOf(kind)
	if err != nil {
		return nil, err
	}
	if tenant == "" || kind == keyward.KindTenant {
		tenant = keyward.DefaultTenant
	}
	what := keyward.Ref{Kind: kind, Tenant: tenant, Name: name}.String()
	if !keyward.ValidName(tenant) || !keyward.ValidName(name) {
		return nil, database.NotFound(string(kind) + " of that name")
	}
	return tx.object(n, what, `x.tenant = $1 AND x.name = $2`, tenant, name)
}

// GetByID gives the object, or a not_found error.
func (tx *Tx) GetByID(kind keyward.Kind, id string) (*keyward.Object, error) {
	n, err := nounOf(kind)
	if err != nil {
		return nil, err
	}
	return tx.object(n, string(kind)+" of that id", `x.id = $1`, database.Clean(id))
}

// List gives one page of objects in order of tenant and name, and the cursor of the next page, empty on the last one.
func (tx *Tx) List(kind keyward.Kind, f Filter) (objects []*keyward.Object, next string, err error) {
	n, err := nounOf(kind)
	if err != nil {
		return nil, "", err
	}
	var v database.Values
	where, some, err := tx.conditions(n, f, &v)
	if err != nil || !some {
		return nil, "", err
	}
	order := " ORDER BY x.tenant, x.name"
	if f.Tenant != "" {
		order = " ORDER BY x.name"
	}
	query := strings.Join(append(where, "1 = 1"), " AND ") + order
	if f.Limit > 0 {
		query += " LIMIT " + v.Add(f.Limit+1)
	}
	n.brief = f.Brief
	if objects, err = tx.objects(n, query, v...); err != nil {
		return nil, "", err
	}
	if f.Limit > 0 && len(objects) > f.Limit {
		objects = objects[:f.Limit]
		last := objects[f.Limit-1]
		next = Cursor(cmp.Or(f.Tenant, last.Tenant), last.Name)
	}
	return objects, next, nil
}

// Count tells how many objects a list of the filter has in all, as far as most. It reads none of them.
func (tx *Tx) Count(kind keyward.Kind, f Filter, most int) (count int, err error) {
	n, err := nounOf(kind)
	if err != nil {
		return 0, err
	}
	var v database.Values
	where, some, err := tx.conditions(n, f, &v)
	if err != nil || !some {
		return 0, err
	}
	query := n.table + withHolds + strings.Join(append(where, "1 = 1"), " AND ")
	_, err = tx.run.One("SELECT COUNT(*) FROM (SELECT 1 AS one FROM "+query+" LIMIT "+v.Add(most)+") counted", v, &count)
	return count, err
}

// where says where the objects are. few tells that other conditions choose few of them: then the tenant's index, in which
// all of them are, is kept out of the choice of what to begin with.
func (f Filter) where(n noun, few bool, v *database.Values) (where []string) {
	switch {
	case f.Tenant != "" && f.Offered && n.kind == keyward.KindKeyManager:
		where = append(where, "(x.tenant = "+v.Add(database.Clean(f.Tenant))+" OR x.is_global)")
	case f.Tenant != "" && few:
		where = append(where, "x.tenant || '' = "+v.Add(database.Clean(f.Tenant)))
	case f.Tenant != "":
		where = append(where, "x.tenant = "+v.Add(database.Clean(f.Tenant)))
	}
	if form, ok := n.by[keyward.KindKeyManager]; ok && f.ManagerID != "" {
		where = append(where, fmt.Sprintf(form, v.Add(f.ManagerID)))
	}
	switch { // as the indexes say it, so that they are used
	case f.Awaiting && n.kind == keyward.KindOAuthClient:
		where = append(where, "x.state = 'awaiting'")
	case f.SignsIn && n.kind == keyward.KindKeyManager: // as the spec is written: a text in it would have its quotes escaped
		where = append(where, `x.spec LIKE '%"signIn":{"enabled":true%'`)
	case f.Group != "" && n.kind == keyward.KindUser:
		where = append(where, `x.spec LIKE `+v.Add(`%"groups":[%"`+f.Group+`"%`)) // they come last in a spec, and are names
	case f.Context != "" && n.kind == keyward.KindAPI:
		where = append(where, "x.context = "+v.Add(database.Clean(f.Context)))
	case f.Awaiting && n.kind == keyward.KindSubscription:
		where = append(where, `x.gateway_row = '' AND x.status LIKE '%"state":"pending"%'`)
	}
	if f.Role != "" && n.kind == keyward.KindUser && slices.Contains(keyward.Roles(), f.Role) {
		where = append(where, `x.spec LIKE '%"`+string(f.Role)+`"%'`)
	}
	if f.Environment != "" && n.kind == keyward.KindOAuthClient {
		where = append(where, "x.environment = "+v.Add(database.Clean(f.Environment)))
	}
	if len(f.Names) > 0 {
		where = append(where, "x.name IN "+v.In(cleaned(f.Names)))
	}
	if f.Set != "" {
		where = append(where, "x.set_name = "+v.Add(database.Clean(f.Set))+" AND x.set_name <> ''")
	}
	return where
}

// conditions turns a filter into SQL; some is false when it can choose nothing.
func (tx *Tx) conditions(n noun, f Filter, v *database.Values) (where []string, some bool, err error) {
	chosen, few, err := tx.chosen(n, f, v)
	if err != nil {
		return nil, false, err
	}
	where = append(f.where(n, few, v), chosen...)
	for _, relation := range []struct {
		kind keyward.Kind
		name string
	}{
		{keyward.KindApplication, f.Application}, {keyward.KindKeyManager, f.KeyManager}, {keyward.KindAPI, f.API},
		{keyward.KindPlan, f.Plan}, {keyward.KindConnection, f.Connection},
	} {
		if relation.name == "" {
			continue
		}
		form, ok := n.by[relation.kind]
		if !ok || f.Tenant == "" {
			return nil, false, database.Invalid("filter", "%s objects cannot be chosen by %s", n.kind, relation.kind)
		}
		o, err := tx.Meant(keyward.Ref{Kind: relation.kind, Tenant: f.Tenant, Name: relation.name})
		if keyward.CodeOf(err) == keyward.CodeNotFound {
			return nil, false, nil
		}
		if err != nil {
			return nil, false, err
		}
		where = append(where, fmt.Sprintf(form, v.Add(o.ID)))
	}
	if f.After != "" {
		after, ok := paging.Following(f.After, f.Tenant, v)
		if !ok {
			return nil, false, database.Invalid("cursor", "is not one that this list gave")
		}
		where = append(where, after)
	}
	return where, true, nil
}

// enough is how many rows of a relation are so many that a page of a list is found sooner by going through the list in its
// order: of a thousand among very many, the first page comes soon. Of fewer, all are read and sorted.
const enough = 1000

// chosen gives the conditions on who owns the objects, on what is held and on what is searched for. few tells that one of them
// chooses few: the statement begins with those then, and otherwise with the list. Neither goes through all there is.
func (tx *Tx) chosen(n noun, f Filter, v *database.Values) (where []string, few bool, err error) {
	if f.Group != "" && (n.kind != keyward.KindUser || !keyward.ValidName(f.Group)) {
		return nil, false, database.Invalid("group", "is not a name, or %s objects are in no group", n.kind)
	}
	if f.Held {
		sparse, err := tx.Fewer(enough, `holds`, nil)
		if err != nil {
			return nil, false, err
		}
		when := "until IS NULL OR until > " + v.Add(database.Micros(tx.now))
		if sparse {
			where = append(where, "x.id IN (SELECT object_id FROM holds WHERE "+when+")")
		} else {
			where = append(where, "h.since IS NOT NULL AND (h."+strings.Replace(when, "OR ", "OR h.", 1)+")")
		}
		few = sparse
	}
	for _, owners := range [][]string{f.Owners, {f.Owner}} {
		if len(owners) == 0 || owners[0] == "" {
			continue
		}
		if n.owner == "" {
			return nil, false, database.Invalid("filter", "%s objects have no owner", n.kind)
		}
		var own database.Values
		sparse, err := tx.Fewer(enough, `application_owners WHERE owner IN `+own.In(cleaned(owners)), own)
		if err != nil {
			return nil, false, err
		}
		owned := " FROM application_owners w WHERE w.owner IN " + v.In(cleaned(owners))
		if sparse {
			where = append(where, n.owner+" IN (SELECT w.application_id"+owned+")")
		} else {
			where = append(where, "EXISTS (SELECT 1"+owned+" AND w.application_id = "+n.owner+")")
		}
		few = few || sparse
	}
	if f.Search == "" {
		return where, few, nil
	}
	found, sparse, err := tx.sought(n, f, v)
	return append(where, found...), few || sparse, err
}

// sought gives the conditions on what is searched for. Where the first rows of the list do not fill the page, it is looked for in the
// index of trigrams: that reads all that is found, and nothing else.
func (tx *Tx) sought(n noun, f Filter, v *database.Values) (where []string, few bool, err error) {
	text := sought.Of(f.Search, f.SearchAt)
	where = []string{text.Condition(v)}
	trigrams, tenant := text.Trigrams(), database.Clean(f.Tenant)
	if len(trigrams) == 0 || tenant == "" {
		return where, false, nil
	}
	var first database.Values
	list := "x.tenant = " + first.Add(tenant)
	if after, ok := paging.Following(f.After, f.Tenant, &first); ok {
		list += " AND " + after
	}
	var seen, found int
	if _, err := tx.run.One(`SELECT COUNT(*), COUNT(CASE WHEN `+text.Condition(&first)+` THEN 1 END) FROM (SELECT x.name, x.search FROM `+
		n.table+` x WHERE `+list+` ORDER BY x.name LIMIT `+first.Add(enough)+`) x`, first, &seen, &found); err != nil {
		return nil, false, err
	}
	if seen < enough || f.Limit > 0 && found > f.Limit {
		return where, false, nil
	}
	having := tx.run.Having(n.table, tenant, trigrams, v)
	if f.Offered && n.kind == keyward.KindKeyManager && tenant != keyward.DefaultTenant { // where the global ones are
		having += " OR " + tx.run.Having(n.table, keyward.DefaultTenant, trigrams, v)
	}
	return append(where, "("+having+")"), true, nil
}

func cleaned(texts []string) []string {
	clean := make([]string, len(texts))
	for i, text := range texts {
		clean[i] = database.Clean(text)
	}
	return clean
}

// Cursor is that of what follows the object of this name in a list in order of tenant and name.
func Cursor(tenant, name string) string { return paging.Cursor(tenant, name) }

// maxUsers bounds the list of users that a refused delete shows.
const maxUsers = 100

// Users lists who refers to the object, at most 100. Whether the object is still there, Delete finds out.
func (tx *Tx) Users(o *keyward.Object) ([]keyward.Ref, error) {
	return tx.usersOf(o.Kind, o.ID, o.Name)
}

// usersOf looks through the kinds that can refer to this one. A tenant is referred to by its name.
func (tx *Tx) usersOf(kind keyward.Kind, id, name string) ([]keyward.Ref, error) {
	var users []keyward.Ref
	for _, n := range nouns() {
		form, refers := n.by[kind]
		value := id
		if kind == keyward.KindTenant && n.kind != keyward.KindTenant {
			form, refers, value = "x.tenant = %s", true, name
		}
		if !refers || len(users) >= maxUsers {
			continue
		}
		var v database.Values
		where := fmt.Sprintf(form, v.Add(value))
		err := tx.run.Rows(`SELECT x.tenant, x.name FROM `+n.table+` x WHERE `+where+
			` ORDER BY x.tenant, x.name LIMIT `+v.Add(maxUsers-len(users)), v, func(r database.Row) error {
			ref := keyward.Ref{Kind: n.kind}
			err := r.Scan(&ref.Tenant, &ref.Name)
			users = append(users, ref)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return users, nil
}
