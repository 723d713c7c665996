package database

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"time"
)

// NewID makes an identity that is never used again: 26 characters of 0-9 a-v, roughly in order of time.
func NewID() string {
	var raw [16]byte
	_, _ = rand.Read(raw[6:]) // crypto/rand.Read never fails: it ends the program instead
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(time.Now().UnixMilli()))
	copy(raw[:6], ms[2:])
	return strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(raw[:]))
}
