// Package web owns the console: the built page in the binary, and how a browser gets it. What the page asks for, and who
// may have it, is not its business but that of rest.
package web

import "embed"

// dist holds the built console; in a source tree that never built it, a word to say so and nothing else.
//
//go:embed all:dist
var dist embed.FS
