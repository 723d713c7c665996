// Package registry owns what a gateway knows: the compiled, immutable view of every row that its group was told, and
// how it comes to be current, from disk, from the control plane's snapshot and from the signed changes. It does not
// own decisions: which request may pass is for package enforce, over one view per request.
package registry
