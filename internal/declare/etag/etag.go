// Package etag owns the entity tags of stored objects, and what If-Match and If-None-Match say of them (RFC 9110, section 13.1). It
// does not own where they are asked.
package etag

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strconv"
	"strings"

	"keyward.dev/keyward"
)

// Of gives the entity tag of an object as it is stored (RFC 9110, section 8.8.3): its version, and a digest of which object
// it is and of its hold. One that is made anew under an old name counts its versions from one again, and a hold is shown
// with the object without being a version of it: with the version alone, both would have passed for what was read before.
func Of(o *keyward.Object) string {
	mark := sha256.New()
	_, _ = mark.Write([]byte(o.ID)) // a hash takes everything
	if h := o.Hold; h != nil {
		_, _ = fmt.Fprintf(mark, " %s %v", h.Since.UTC(), h.Until)
	}
	short := base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(mark.Sum(nil)[:10])
	return strconv.Quote(strconv.FormatInt(o.Version, 10) + "-" + strings.ToLower(short))
}

// Matches tells whether an object that exists is one that the field If-Match names (RFC 9110, section 13.1.1): * is every
// one, and the strong comparison counts. No field names every one.
func Matches(field string, o *keyward.Object) bool {
	if field == "" {
		return true
	}
	for tag := range strings.SplitSeq(field, ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || tag == Of(o) {
			return true
		}
	}
	return false
}

// Require refuses with precondition_failed where the object is none that the field If-Match names: who decided looked at another
// version of it.
func Require(field string, o *keyward.Object) error {
	if Matches(field, o) {
		return nil
	}
	return Failed(o.Ref())
}

// Failed is the refusal, also of what If-Match names and is not there.
func Failed(ref keyward.Ref) error {
	return keyward.Errorf(keyward.CodePreconditionFailed, "%s is not the version that If-Match names", ref)
}

// NoneMatches tells whether an object that exists is one that the field If-None-Match names (RFC 9110, section
// 13.1.2): * is every one, and the weak comparison counts.
func NoneMatches(field string, o *keyward.Object) bool {
	for tag := range strings.SplitSeq(field, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || strings.TrimPrefix(tag, "W/") == Of(o) {
			return true
		}
	}
	return false
}
