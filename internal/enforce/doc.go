// Package enforce owns the decision whether a request may pass: one straight line from its path and credential, over
// one view, to a Decision or a Refusal, and the same line with its steps recorded for explain. It does not own HTTP,
// how keys are fetched or how the view comes to be: those belong to the doors, to package token and to package
// registry.
package enforce
