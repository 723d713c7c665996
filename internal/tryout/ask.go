package tryout

import (
	"cmp"
	"net/http"

	"keyward.dev/keyward"
)

// Ask is what somebody wants to be called, and whose token it carries: one that an application's client gets for it, one that
// is given, or none.
type Ask struct {
	Method string  `json:"method,omitempty" doc:"Default GET"`
	Path   string  `json:"path" doc:"Below the API's version, with the query if any, as in /items?page=2"`
	Fields []Field `json:"fields,omitempty" doc:"Header fields; none about connection, credential or caller"`
	Body   string  `json:"body,omitempty"`

	Application  string              `json:"application,omitempty" doc:"Gets a token by its client, as keys token does"`
	KeyManager   string              `json:"keyManager,omitempty"`
	Environment  keyward.Environment `json:"environment,omitempty" doc:"production (default) or sandbox"`
	Scopes       []string            `json:"scopes,omitempty" doc:"That the token is to have; default: what the server gives by itself"`
	Audience     string              `json:"audience,omitempty" doc:"Where the server wants it under this name"`
	Resources    []string            `json:"resources,omitempty" doc:"RFC 8707, where the server wants them"`
	ClientSecret string              `json:"clientSecret,omitempty" doc:"Of a mapped client, whose secret is not stored; not kept"`

	Token string `json:"token,omitempty" doc:"An access token in the place of an application; not kept"`
}

// Call is the call that is asked for, with the token that was given.
func (a *Ask) Call(tenant string, api *keyward.APISpec) Call {
	return Call{
		Tenant: tenant, API: api, Method: cmp.Or(a.Method, http.MethodGet), Path: a.Path, Fields: a.Fields, Body: a.Body, Token: a.Token,
	}
}

// Faults are what is wrong with where the token comes from.
func (a *Ask) Faults() []keyward.FieldError {
	switch {
	case a.Application != "" && a.Token != "":
		return []keyward.FieldError{keyward.Fault("token", "stands in the place of application: leave one of them out")}
	case a.Application != "" && a.KeyManager == "":
		return []keyward.FieldError{keyward.Fault("keyManager", "is required: where the application's client gets the token")}
	case a.Application == "" && a.KeyManager != "":
		return []keyward.FieldError{keyward.Fault("application", "is required: whose client gets the token")}
	default:
		return nil
	}
}
