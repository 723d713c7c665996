//go:build race

package store

import (
	"flag"
	"fmt"
)

// The race detector makes a run of the property test ten times as long and looks for something else than the property:
// here a few runs do. The full number comes without it.
func shorten() error {
	f := flag.Lookup("rapid.checks")
	if f == nil || f.Value.String() != f.DefValue {
		return nil // asked for on the command line
	}
	if err := f.Value.Set("15"); err != nil {
		return fmt.Errorf("shorten the property test: %w", err)
	}
	return nil
}
