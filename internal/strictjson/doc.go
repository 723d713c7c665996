// Package strictjson owns the strict reading of JSON that strangers wrote, such as the parts of a token, key sets and
// introspection answers: one value of RFC 8259 and nothing after it, valid UTF-8, no member twice (names that differ only in
// case count as one), at most 32 levels deep. It does not own what a document means, and its errors repeat nothing of the text:
// that may be a secret.
package strictjson
