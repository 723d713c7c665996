package openapi

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
)

// TestDocumentsRemember: what a document says is what reading it gives, the first time and later, whoever asks at once.
func TestDocumentsRemember(t *testing.T) {
	d := NewDocuments()
	faulty := strings.Replace(orders, "3.1.0", "2.0", 1)
	for _, document := range []string{orders, faulty, orders, faulty} {
		want := Read(document)
		var asked sync.WaitGroup
		for range 4 {
			asked.Go(func() {
				if got := d.Read(document); !reflect.DeepEqual(got, want) {
					t.Errorf("got %v, want %v", got, want)
				}
			})
		}
		asked.Wait()
	}
	if got := d.Read(orders); len(got.Operations) == 0 || len(got.Faults) != 0 {
		t.Errorf("a good document: %+v", got)
	}
	faults := d.Read(faulty).Faults
	if len(faults) == 0 {
		t.Fatal("a faulty document has no faults")
	}
	faults[0].Path = "elsewhere" // callers put their own path before it
	if again := d.Read(faulty).Faults; again[0].Path == "elsewhere" {
		t.Error("what one caller wrote shows to the next")
	}
	if first, second := firstOf(d, orders), firstOf(d, orders); first != second {
		t.Error("a document was read twice")
	}
}

// firstOf tells one reading of a document from another.
func firstOf(d *Documents, document string) string {
	return fmt.Sprintf("%p", d.Read(document).Operations)
}

// TestDocumentsAreBounded: the sizes that are counted cover what is kept.
func TestDocumentsAreBounded(t *testing.T) {
	whole := Read(orders)
	if small, large := (Reading{Operations: whole.Operations[:1]}).size(), whole.size(); small >= large {
		t.Errorf("one operation weighs %d, the whole %d", small, large)
	}
}
