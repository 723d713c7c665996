package enforce

import (
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/onepath"
	"keyward.dev/keyward/internal/view"
)

// routed is a request whose API and operation are known.
type routed struct {
	view  *view.View
	api   *view.API
	op    *keyward.Operation
	path  string // what follows the API's place in the canonical path
	query string

	exchange bool // the token is to be exchanged (RFC 8693): api stands for the tenant alone
}

func (e *Engine) route(v *view.View, req *Request, t *trace) (routed, *Refusal) {
	t.expect(stepRoute, "an API and an operation for ", req.Method, " of the path, in its one canonical form")
	path, query, fault := onepath.Canonical(req.Target)
	if req.Method == http.MethodConnect { // RFC 9110, section 9.3.6: it asks for a tunnel, and never names a path
		fault = "the method is CONNECT, which opens tunnels"
	}
	if !httpguts.ValidHeaderFieldName(req.Method) { // a token, as methods are; HTTP/2 carries any text
		fault = "the method is not one word of letters, digits and a few signs (RFC 9110, section 9.1)"
	}
	if fault != "" {
		t.fail(fault, "send a path without dot segments, empty segments, semicolons, backslashes and encoded slashes")
		return routed{}, refuseWith(keyward.CodeInvalidRequest, "The request cannot be accepted: "+fault+".")
	}
	route, found := v.Route(path)
	if !found {
		t.fail("no API at "+path, nearestAPI(v, path))
		return routed{}, refuse(keyward.CodeNoSuchAPI)
	}
	r := routed{view: v, api: route.API, path: route.Rest, query: query}
	if route.API.Unusable != "" {
		t.fail("API "+route.API.Name+" cannot be served by this build: "+route.API.Unusable, "update this gateway")
		return r, refuseWith(keyward.CodeGatewayStale, "This gateway's build cannot serve the API.")
	}
	op, allow := route.API.Operation(req.Method, route.Rest)
	if op == nil {
		return r, noOperation(&r, req.Method, allow, t)
	}
	r.op = op
	t.pass("API ", route.API.Name, ", operation ", op.Method, " ", op.Path)
	return r, nil
}

func noOperation(r *routed, method string, allow []string, t *trace) *Refusal {
	ref := refuse(keyward.CodeNoSuchOperation)
	if len(allow) > 0 {
		ref.Allow = allow
		ref.Detail = "The operation exists with other methods only."
		t.fail("API "+r.api.Name+" has "+r.path+" with "+strings.Join(allow, ", ")+" only",
			"call it with one of these methods, or add an operation "+method+" to the API")
		return ref
	}
	t.fail("API "+r.api.Name+" has no operation with the path "+r.path, nearestOperation(r.api, r.path))
	return ref
}

// nearestAPI helps with the mistakes that are made most.
func nearestAPI(v *view.View, path string) string {
	for _, a := range v.APIs() {
		place := a.Context + "/" + a.Version
		if a.Tenant != keyward.DefaultTenant {
			place = "/t/" + a.Tenant + place
		}
		switch {
		case strings.HasPrefix(strings.ToLower(path), strings.ToLower(place)):
			return "API " + a.Name + " is at " + place + ": upper and lower case count"
		case !a.Default && (path == strings.TrimSuffix(place, "/"+a.Version) ||
			strings.HasPrefix(path, strings.TrimSuffix(place, a.Version))):
			return "API " + a.Name + " is at " + place + ": name the version, or make it the default version"
		}
	}
	return "APIs of tenant default are at /CONTEXT/VERSION, others at /t/TENANT/CONTEXT/VERSION; keyward get apis lists them"
}

func nearestOperation(a *view.API, path string) string {
	other := strings.TrimSuffix(path, "/")
	if other == path {
		other = path + "/"
	}
	if op, allow := a.Operation("*", other); op != nil || len(allow) > 0 {
		return "the API has it as " + other + ": a trailing slash makes another path"
	}
	return "add the operation to API " + a.Name + ", or call one that it has"
}
