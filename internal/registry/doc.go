// Package registry owns how what a gateway knows comes to be current: from disk, from the control plane's snapshot and
// from the signed changes. It does not own what is known, which is package view's, nor decisions: which request may pass
// is for package enforce, over one view per request.
package registry
