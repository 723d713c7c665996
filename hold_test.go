package keyward_test

import (
	"strings"
	"testing"

	"keyward.dev/keyward"
)

// TestReasonIsOneLineThatPeopleCanRead: what somebody typed on several lines is taken as one; what could move a terminal's cursor
// or turn the order of characters around is not.
func TestReasonIsOneLineThatPeopleCanRead(t *testing.T) {
	for given, want := range map[string]string{
		"leaked": "leaked", " two\r\n\tlines ": "two lines", strings.Repeat("é", 1000): strings.Repeat("é", 1000),
		"": "", " \n ": "", strings.Repeat("é", 1001): "", "\x1b[2Jleaked": "", "a\u202eb": "", "a\x00b": "",
	} {
		got, err := keyward.Reason(given)
		code := keyward.CodeInvalidInput
		if want != "" {
			code = ""
		}
		if got != want || keyward.CodeOf(err) != code {
			t.Errorf("Reason(%.20q) = %.20q, %v; want %.20q", given, got, err, want)
		}
	}
}
