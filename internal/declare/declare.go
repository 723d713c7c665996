// Package declare owns the writing of what people declare, one object or many at once, all or nothing: what is there
// beside what is wanted, every fault of it with its path, what servers must be asked first, what gateways are told,
// sets and pruning. It does not own reading, what roles may do, SQL, vendors' protocols, or HTTP.
package declare

import (
	"encoding/json"
	"net/http"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/manifest/openapi"
	"keyward.dev/keyward/internal/store"
)

// Resident is what is asked of the built-in authorization server.
type Resident interface {
	// Resolve makes the signing keys of km's tenant in tx where it has none, and gives the key manager's status and what
	// gateways are told of it.
	Resolve(tx *store.Tx, km *keyward.Object) (status, row json.RawMessage, err error)
}

// Writer writes what is declared. It is safe for concurrent use.
type Writer struct {
	store    *store.Store
	client   *http.Client
	resident Resident
	now      func() time.Time

	documents *openapi.Documents
}

// New makes a writer over a store. The client carries the operator's rules for outbound addresses; discovery goes
// through it. A nil now is time.Now.
func New(st *store.Store, client *http.Client, resident Resident, now func() time.Time) *Writer {
	if now == nil {
		now = time.Now
	}
	return &Writer{store: st, client: client, resident: resident, now: now, documents: openapi.NewDocuments()}
}

// ReadOpenAPI reads an OpenAPI document, from memory where it was read before. Operations and findings are shared with
// others: change nothing in them.
func (c *Writer) ReadOpenAPI(document string) openapi.Reading {
	return c.documents.Read(document)
}
