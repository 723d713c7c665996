package main

type demoCmd struct{}

// Run runs the demo.
func (*demoCmd) Run(s *session) error { return nil }
