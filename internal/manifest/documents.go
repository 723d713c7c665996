package manifest

import (
	"crypto/sha256"
	"slices"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"

	"keyward.dev/keyward"
)

// documentsKept bounds what Documents remember, in bytes.
const documentsKept = 32 << 20

// Documents remember what OpenAPI documents said, by their SHA-256: reading a large one takes about a second. They are safe
// for concurrent use, and one that many ask for at once is read once.
type Documents struct {
	read    *otter.Cache[[sha256.Size]byte, said]
	reading singleflight.Group
}

// said is what a document gives.
type said struct {
	operations []keyward.Operation
	faults     []keyward.FieldError
}

// NewDocuments gives a memory that holds nothing yet.
func NewDocuments() *Documents {
	return &Documents{read: otter.Must(&otter.Options[[sha256.Size]byte, said]{
		MaximumWeight: documentsKept,
		Weigher:       func(_ [sha256.Size]byte, s said) uint32 { return s.size() },
	})}
}

// Operations is what the function of that name gives. The operations are shared with others: change nothing in them.
func (d *Documents) Operations(document string) ([]keyward.Operation, []keyward.FieldError) {
	sum := sha256.Sum256([]byte(document))
	s, known := d.read.GetIfPresent(sum)
	if !known {
		read, _, _ := d.reading.Do(string(sum[:]), func() (any, error) { // which cannot fail
			operations, faults := Operations(document)
			made := said{operations, faults}
			d.read.Set(sum, made)
			return made, nil
		})
		s, _ = read.(said)
	}
	return s.operations, slices.Clone(s.faults)
}

// size is about what it takes in memory, in bytes.
func (s said) size() uint32 {
	const entry = 200 // of a slice of operations or faults
	n := entry
	for _, o := range s.operations {
		n += entry + len(o.Method) + len(o.Path)
		for _, scope := range o.Scopes {
			n += len(scope) + 16
		}
		for _, scope := range o.AllOf {
			n += len(scope) + 16
		}
	}
	for _, f := range s.faults {
		n += entry + len(f.Path) + len(f.Message)
	}
	return uint32(min(n, documentsKept))
}
