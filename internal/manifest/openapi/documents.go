package openapi

import (
	"crypto/sha256"
	"slices"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"
)

// documentsKept bounds what Documents remember, in bytes.
const documentsKept = 32 << 20

// Documents remember what OpenAPI documents said, by their SHA-256: reading a large one takes long. They are safe for
// concurrent use, and one that many ask for at once is read once.
type Documents struct {
	read    *otter.Cache[[sha256.Size]byte, Reading]
	reading singleflight.Group
}

// NewDocuments gives a memory that holds nothing yet.
func NewDocuments() *Documents {
	return &Documents{read: otter.Must(&otter.Options[[sha256.Size]byte, Reading]{
		MaximumWeight: documentsKept,
		Weigher:       func(_ [sha256.Size]byte, said Reading) uint32 { return said.size() },
	})}
}

// Read is what the function of that name gives. Operations and findings are shared with others: change nothing in them.
func (d *Documents) Read(document string) Reading {
	sum := sha256.Sum256([]byte(document))
	said, known := d.read.GetIfPresent(sum)
	if !known {
		read, _, _ := d.reading.Do(string(sum[:]), func() (any, error) { // which cannot fail
			made := Read(document)
			d.read.Set(sum, made)
			return made, nil
		})
		said, _ = read.(Reading)
	}
	said.Faults = slices.Clone(said.Faults)
	return said
}

// size is about what it takes in memory, in bytes.
func (said Reading) size() uint32 {
	const entry = 200 // of a slice of operations, findings or faults
	n := entry
	for _, o := range said.Operations {
		n += entry + len(o.Method) + len(o.Path)
		for _, scope := range o.Scopes {
			n += len(scope) + 16
		}
		for _, scope := range o.AllOf {
			n += len(scope) + 16
		}
	}
	for _, f := range said.Findings {
		n += entry + len(f.Message)
		for _, operation := range f.Operations {
			n += len(operation) + 16
		}
	}
	for _, f := range said.Faults {
		n += entry + len(f.Path) + len(f.Message)
	}
	return uint32(min(n, documentsKept))
}
