package session

import (
	"time"

	"keyward.dev/keyward/internal/strictjson"
)

// textOf gives a claim that is a text; "" = there is none.
func textOf(claims strictjson.Object, name string) string {
	v, _ := claims.Get(name)
	s, _ := v.Str()
	return s
}

// textOrAbsent tells whether a claim can be taken as it is: what is there and no text would count as if it were not.
func textOrAbsent(claims strictjson.Object, name string) bool {
	v, found := claims.Get(name)
	_, text := v.Str()
	return text || !found
}

// dateOf reads a time in whole seconds (NumericDate, RFC 7519, section 2); ok is false where there is none.
func dateOf(claims strictjson.Object, name string) (at time.Time, ok bool) {
	v, _ := claims.Get(name)
	n, whole := v.Int()
	return time.Unix(n, 0), whole && n >= 0
}

// audience lists whom a token is for; many tells that it is written as a list.
func audience(claims strictjson.Object) (list []string, many bool) {
	aud, _ := claims.Get("aud")
	if one, ok := aud.Str(); ok {
		return []string{one}, false
	}
	return aud.Strings()
}
