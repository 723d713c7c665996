package store

import keyward "keyward.dev/keyward"

// OrphanClients lists failed OAuth clients of every tenant whose server may hold a client that nobody uses.
func (tx *Tx) OrphanClients() ([]*keyward.Object, error) {
	return tx.objects(clientNoun(), `x.state = 'failed' AND x.status LIKE '%"orphan":true%' ORDER BY x.updated_at, x.id`)
}
