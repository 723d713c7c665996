package manifest

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
		want, wrong := Operations(document)
		var asked sync.WaitGroup
		for range 4 {
			asked.Go(func() {
				got, faults := d.Operations(document)
				if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(faults, wrong) {
					t.Errorf("got %v and %v, want %v and %v", got, faults, want, wrong)
				}
			})
		}
		asked.Wait()
	}
	if got, faults := d.Operations(orders); len(got) == 0 || len(faults) != 0 {
		t.Errorf("a good document: %d operations, %v", len(got), faults)
	}
	_, faults := d.Operations(faulty)
	if len(faults) == 0 {
		t.Fatal("a faulty document has no faults")
	}
	faults[0].Path = "elsewhere" // callers put their own path before it
	if _, again := d.Operations(faulty); again[0].Path == "elsewhere" {
		t.Error("what one caller wrote shows to the next")
	}
	if first, second := firstOf(d, orders), firstOf(d, orders); first != second {
		t.Error("a document was read twice")
	}
}

// firstOf tells one reading of a document from another.
func firstOf(d *Documents, document string) string {
	operations, _ := d.Operations(document)
	return fmt.Sprintf("%p", operations)
}

// TestDocumentsAreBounded: the sizes that are counted cover what is kept.
func TestDocumentsAreBounded(t *testing.T) {
	operations, _ := Operations(orders)
	if small, large := (said{operations: operations[:1]}).size(), (said{operations: operations}).size(); small >= large {
		t.Errorf("one operation weighs %d, all %d", small, large)
	}
}
