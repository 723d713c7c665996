//go:build !race

// Package walks owns how many runs a property test makes under the race detector, which makes each ten times as long
// and looks for something else than the property: there a few runs do, and the full number comes without it. It does
// not own the properties.
package walks

// Shorten does nothing without the race detector.
func Shorten() error { return nil }
