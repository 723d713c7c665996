package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

type versionCmd struct{}

// version and commit are set by the linker in releases; a plain build reads what Go recorded.
//
//nolint:gochecknoglobals // the linker can set nothing else
var version, commit string

// build gives the version and commit of this binary.
func build() (v, c string) {
	v, c = version, commit
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v, c
	}
	if v == "" {
		v = info.Main.Version
	}
	for _, s := range info.Settings {
		if c == "" && s.Key == "vcs.revision" {
			c = s.Value
		}
	}
	if c == "" {
		c = "unknown"
	}
	return v, c
}

// Run prints version, commit and Go version.
func (*versionCmd) Run(s *session) error {
	v, c := build()
	_, err := fmt.Fprintf(s.out, "keyward %s\ncommit %s\n%s\n", v, c, runtime.Version())
	return err
}
