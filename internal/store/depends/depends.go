// Package depends owns what depends on a key manager or an API, found by indexes and without reading an object: there may be
// very many. It does not own what would follow if they were gone, nor who may know of it.
package depends

import "keyward.dev/keyward/internal/store/database"

// Finder finds it in one transaction.
type Finder struct{ run *database.Run }

// New gives the finder to a transaction.
func New(run *database.Run) *Finder { return &Finder{run: run} }

// Fewer tells whether there are fewer than most rows from what is given, a table with its condition. It counts no further.
func (f *Finder) Fewer(most int, from string, args database.Values) (bool, error) {
	var n int
	query := `SELECT COUNT(*) FROM (SELECT 1 AS one FROM ` + from + ` LIMIT ` + args.Add(most) + `) counted`
	_, err := f.run.One(query, args, &n)
	return n < most, err
}

// Names are some of very many.
type Names struct {
	Some  []string // each once; the first ones
	Total int
}

// add counts a name that comes in an order, and takes it while there are fewer than most.
func (n *Names) add(seen map[string]bool, name string, most int) {
	if seen[name] {
		return
	}
	seen[name] = true
	n.Total++
	if len(n.Some) < most {
		n.Some = append(n.Some, name)
	}
}

func (f *Finder) names(most int, query string, args ...any) (Names, error) {
	n, seen := Names{Some: []string{}}, map[string]bool{}
	err := f.run.Rows(query, args, func(r database.Row) error {
		var name string
		err := r.Scan(&name)
		n.add(seen, name, most)
		return err
	})
	return n, err
}

// TakingAPI is whose tokens an API takes.
type TakingAPI struct {
	ID, Name string
	All      bool            // every key manager's
	Takes    map[string]bool // ids of the key managers that it names
}

// TakingAPIs gives all APIs of a tenant, by name.
func (f *Finder) TakingAPIs(tenant string) ([]TakingAPI, error) {
	tenant = database.Clean(tenant)
	takes := map[string]map[string]bool{}
	err := f.run.Rows(`SELECT u.api_id, u.key_manager_id FROM apis x JOIN api_key_managers u ON u.api_id = x.id WHERE x.tenant = $1`,
		[]any{tenant}, func(r database.Row) error {
			var api, manager string
			err := r.Scan(&api, &manager)
			if takes[api] == nil {
				takes[api] = map[string]bool{}
			}
			takes[api][manager] = true
			return err
		})
	if err != nil {
		return nil, err
	}
	var list []TakingAPI
	err = f.run.Rows(`SELECT id, name, takes_all FROM apis WHERE tenant = $1 ORDER BY name`, []any{tenant}, func(r database.Row) error {
		var a TakingAPI
		err := r.Scan(&a.ID, &a.Name, &a.All)
		a.Takes = takes[a.ID]
		list = append(list, a)
		return err
	})
	return list, err
}

// ClientsIn counts a tenant's OAuth clients in a key manager.
func (f *Finder) ClientsIn(tenant, keyManagerID string) (n int, err error) {
	_, err = f.run.One(`SELECT COUNT(*) FROM oauth_clients WHERE key_manager_id = $1 AND tenant = $2`,
		[]any{keyManagerID, database.Clean(tenant)}, &n)
	return n, err
}

// ClientsThatHold gives the tenant's clients in a key manager that keep it from being deleted: all but failed attempts that
// left nothing at its server.
func (f *Finder) ClientsThatHold(tenant, keyManagerID string, most int) ([]string, error) {
	return f.run.Texts(`SELECT name FROM oauth_clients WHERE key_manager_id = $1 AND tenant = $2
		AND (state <> 'failed' OR status LIKE '%"orphan":true%') ORDER BY name LIMIT $3`, keyManagerID, database.Clean(tenant), most)
}

// applicationsIn begins what gives applications with clients in a key manager, in order of the clients' names.
const applicationsIn = `SELECT a.name FROM oauth_clients c JOIN applications a ON a.id = c.application_id
	WHERE c.key_manager_id = $1 AND c.tenant = $2`

// ApplicationsIn gives the tenant's applications that have a client in a key manager.
func (f *Finder) ApplicationsIn(tenant, keyManagerID string, most int) (Names, error) {
	return f.names(most, applicationsIn+` ORDER BY c.name`, keyManagerID, database.Clean(tenant))
}

// ApplicationsOnlyIn gives those of them that have none elsewhere whose tokens gateways take.
func (f *Finder) ApplicationsOnlyIn(tenant, keyManagerID string, most int) (Names, error) {
	return f.names(most, applicationsIn+` AND NOT EXISTS (SELECT 1 FROM oauth_clients e WHERE e.application_id = c.application_id
		AND e.key_manager_id <> $1 AND e.gateway_row <> '' AND e.gateway_row NOT LIKE '%"revoked":true%')
		ORDER BY c.name`, keyManagerID, database.Clean(tenant))
}

// SubscriptionsTo counts the subscriptions to an API.
func (f *Finder) SubscriptionsTo(apiID string) (n int, err error) {
	_, err = f.run.One(`SELECT COUNT(*) FROM subscriptions WHERE api_id = $1`, []any{apiID}, &n)
	return n, err
}

// ApplicationsOnlyCalling gives the applications with a subscription to an API that gateways hold, and none in force to
// another one that they serve.
func (f *Finder) ApplicationsOnlyCalling(apiID string, most int) (Names, error) {
	return f.names(most, `SELECT a.name FROM subscriptions s JOIN applications a ON a.id = s.application_id
		WHERE s.api_id = $1 AND s.gateway_row <> '' AND NOT EXISTS (
			SELECT 1 FROM subscriptions o JOIN apis p ON p.id = o.api_id WHERE o.application_id = s.application_id
			AND o.api_id <> $1 AND o.gateway_row LIKE '%"state":"active"%' AND p.served)
		ORDER BY s.tenant, s.name`, apiID)
}
