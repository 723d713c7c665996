// Package member owns which rows belong in which gateway group, and their order in a transaction, as SQL text. It does
// not own the statements' running, nor what a group is told of the difference.
package member

import (
	"fmt"

	"keyward.dev/keyward"
)

// RowKinds is the order of put records in a transaction: what a row refers to comes before it. Deletes come first, in
// the reverse order.
func RowKinds() []keyward.RowKind {
	return []keyward.RowKind{
		keyward.RowOutbound, keyward.RowKeyManager, keyward.RowIntrospection, keyward.RowPlan, keyward.RowAPI, keyward.RowApplication,
		keyward.RowSubscription, keyward.RowClient, keyward.RowGatewayKey,
	}
}

// Membership, the rule of every group $1 about row x, by kind. An API is in a group when it is served there.
const (
	servedHere = ` a.served AND EXISTS (SELECT 1 FROM api_groups g WHERE g.api_id = a.id AND g.group_name = $1)`

	takenHere = `(EXISTS (SELECT 1 FROM apis a WHERE (a.tenant = x.tenant OR x.is_global) AND a.takes_all AND` + servedHere + `)
		OR EXISTS (SELECT 1 FROM api_key_managers u JOIN apis a ON a.id = u.api_id
			WHERE u.key_manager_id = x.id AND` + servedHere + `))`

	// %[1]s is a row of the application or of what belongs to it, %[2]s the column with the application's id.
	reachesHere = `(EXISTS (SELECT 1 FROM subscriptions s JOIN apis a ON a.id = s.api_id
			WHERE s.application_id = %[1]s.%[2]s AND s.gateway_row <> '' AND` + servedHere + `)
		OR EXISTS (SELECT 1 FROM apis a WHERE a.tenant = %[1]s.tenant AND a.open AND` + servedHere + `))`
)

// Query selects id and row of the kind's rows in group $1, with their sealed secrets or when a key manager's keys were last
// wanted anew, up to the list of ids that it chooses from.
func Query(kind keyward.RowKind) string {
	switch kind {
	case keyward.RowKeyManager:
		return `SELECT x.id, x.gateway_row, CAST(x.keys_asked AS TEXT) FROM key_managers x WHERE x.gateway_row <> '' AND $1 <> ''
			AND x.id IN `
	case keyward.RowIntrospection:
		return `SELECT x.id, x.introspection, x.sealed FROM key_managers x WHERE x.introspection <> '' AND ` + takenHere +
			` AND x.id IN `
	case keyward.RowOutbound:
		return `SELECT x.id, x.outbound, x.sealed FROM key_managers x WHERE x.outbound <> '' AND ` + takenHere + ` AND x.id IN `
	case keyward.RowPlan:
		return `SELECT x.id, x.gateway_row, '' FROM plans x WHERE $1 <> '' AND x.id IN `
	case keyward.RowAPI:
		return `SELECT a.id, a.gateway_row, '' FROM apis a WHERE` + servedHere + ` AND a.id IN `
	case keyward.RowApplication:
		return `SELECT x.id, x.gateway_row, '' FROM applications x WHERE ` + fmt.Sprintf(reachesHere, "x", "id") +
			` AND x.id IN `
	case keyward.RowSubscription:
		return `SELECT x.id, x.gateway_row, '' FROM subscriptions x JOIN apis a ON a.id = x.api_id WHERE x.gateway_row <> '' AND` +
			servedHere + ` AND x.id IN `
	case keyward.RowClient:
		// Where a tenant's rule for a key manager's tokens is, all of its clients there are: they come before it.
		return `SELECT x.id, x.gateway_row, '' FROM oauth_clients x WHERE x.gateway_row <> '' AND (` +
			fmt.Sprintf(reachesHere, "x", "application_id") + ` OR EXISTS (SELECT 1 FROM oauth_clients r
			WHERE r.key_manager_id = x.key_manager_id AND r.tenant = x.tenant AND r.rule <> '' AND r.gateway_row <> '' AND ` +
			fmt.Sprintf(reachesHere, "r", "application_id") + `)) AND x.id IN `
	default: // keyward.RowGatewayKey
		return `SELECT x.kid, x.gateway_row, '' FROM gateway_keys x JOIN gateways w ON w.id = x.gateway_id
			WHERE w.group_name = $1 AND w.revoked_at IS NULL AND x.kid IN `
	}
}
