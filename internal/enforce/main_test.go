package enforce

import (
	"testing"

	"go.uber.org/goleak"
)

// A decision leaves nothing running behind it.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
