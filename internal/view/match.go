package view

import (
	"net/url"
	"slices"
	"strings"

	"keyward.dev/keyward"
)

// pathNode is one segment of the tree of an API's path templates.
type pathNode struct {
	literal map[string]*pathNode
	param   *pathNode
	end     methods // a template ends here
	rest    methods // a template goes on with ** here
}

// methods are the operations of one template by method; * stands for any.
type methods map[string]*keyward.Operation

func (m methods) find(method string) *keyward.Operation {
	if op := m[method]; op != nil {
		return op
	}
	return m["*"]
}

func (m *methods) put(op *keyward.Operation) {
	if *m == nil {
		*m = methods{}
	}
	if (*m)[op.Method] == nil {
		(*m)[op.Method] = op
	}
}

func (n *pathNode) add(op *keyward.Operation) {
	for segment := range strings.SplitSeq(strings.TrimPrefix(op.Path, "/"), "/") {
		switch {
		case segment == "**":
			n.rest.put(op)
			return
		case strings.HasPrefix(segment, "{"):
			if n.param == nil {
				n.param = &pathNode{}
			}
			n = n.param
		default:
			if n.literal == nil {
				n.literal = map[string]*pathNode{}
			}
			if n.literal[segment] == nil {
				n.literal[segment] = &pathNode{}
			}
			n = n.literal[segment]
		}
	}
	n.end.put(op)
}

// Operation finds the operation for what follows the API's place in a canonical path: among those that take the method
// and the path, the one with the most specific path (plain text before a parameter before **, from left to right), and
// there one that names the method before one for any. Where the path exists with other methods only, op is nil and
// allow lists them.
func (a *API) Operation(method, rest string) (op *keyward.Operation, allow []string) {
	if op = a.operations.find(method, rest); op != nil {
		return op, nil
	}
	a.operations.allow(rest, &allow)
	slices.Sort(allow)
	return nil, slices.Compact(allow)
}

// split takes the first segment off a rest that is empty or starts with a slash. Comparing is done on the decoded
// segment, so that a reserved character in its percent-encoded form cannot slip past a template that names it.
func split(rest string) (segment, further string) {
	segment = rest[1:]
	if i := strings.IndexByte(segment, '/'); i >= 0 {
		segment, further = segment[:i], segment[i:]
	}
	if strings.IndexByte(segment, '%') >= 0 {
		if plain, err := url.PathUnescape(segment); err == nil {
			segment = plain
		}
	}
	return segment, further
}

func (n *pathNode) find(method, rest string) *keyward.Operation {
	if rest == "" {
		if op := n.end.find(method); op != nil {
			return op
		}
		return n.rest.find(method)
	}
	segment, further := split(rest)
	if next := n.literal[segment]; next != nil {
		if op := next.find(method, further); op != nil {
			return op
		}
	}
	if n.param != nil && segment != "" {
		if op := n.param.find(method, further); op != nil {
			return op
		}
	}
	return n.rest.find(method)
}

// allow collects the methods of every template that fits.
func (n *pathNode) allow(rest string, to *[]string) {
	for method := range n.rest {
		*to = append(*to, method)
	}
	if rest == "" {
		for method := range n.end {
			*to = append(*to, method)
		}
		return
	}
	segment, further := split(rest)
	if next := n.literal[segment]; next != nil {
		next.allow(further, to)
	}
	if n.param != nil && segment != "" {
		n.param.allow(further, to)
	}
}
