// Package wish owns what people may ask for in a client: grants, callbacks, scopes and the type's own fields, judged by
// the key manager's rules, and which clients can be mapped. It does not own who may ask, nor what is stored.
package wish

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/keymanager"
)

// Ask is what a generated client should be able to do.
type Ask struct {
	Grants    []string // empty = client_credentials
	Callbacks []string
	Scopes    []string
	Fields    map[string]any // the key manager type's developer fields
}

// Checked is an Ask that was accepted, in the forms in which it is sent and stored.
type Checked struct {
	Ask    Ask
	Fields map[string]any // developer fields without secret ones
}

// Over is what a client that is now so should be when the ask has been carried out: what the ask leaves nil stays.
func (ask Ask) Over(now keyward.OAuthClientStatus) Ask {
	if ask.Grants == nil {
		ask.Grants = now.Grants
	}
	if ask.Callbacks == nil {
		ask.Callbacks = now.Callbacks
	}
	if ask.Scopes == nil {
		ask.Scopes = now.Scopes
	}
	fields := maps.Clone(now.Fields)
	if fields == nil {
		fields = map[string]any{}
	}
	maps.Copy(fields, ask.Fields)
	ask.Fields = fields
	return ask
}

// Check judges an ask by a key manager's rules. Faults come all at once, as invalid_input with each field named; a
// missing callback alone is callback_required.
func Check(server connector.Server, km keyward.Ref, env keyward.Environment, ask Ask) (Checked, error) {
	kind, _ := catalog.TypeOf(server.Spec.Type) // none has no fields
	if len(ask.Grants) == 0 {
		ask.Grants = []string{"client_credentials"}
	}
	faults := environmentFaults(server.Spec, km, env)
	faults = append(faults, grantFaults(server, km, ask.Grants)...)
	faults = append(faults, callbackFaults(ask.Callbacks)...)
	for i, scope := range ask.Scopes {
		if !ValidScope(scope) {
			faults = append(faults, keyward.Fault(fmt.Sprintf("scopes[%d]", i), "%q is not a scope (RFC 6749, section 3.3)", scope))
		}
	}
	fields, more := keymanager.CheckFields(kind.DeveloperFields, ask.Fields, "fields")
	faults = append(faults, more...)
	if i := slices.Index(ask.Grants, "client_credentials"); i >= 0 && connector.IsPublic(fields) {
		faults = append(faults, keyward.Fault(fmt.Sprintf("grants[%d]", i), "client_credentials is for clients with a secret, and with "+
			"%s none there is none: ask for authorization_code", connector.AuthenticationField))
	}
	fields, more = keymanager.Constrain(km, server.Spec, keymanager.Asked{
		Fields: fields, Callbacks: ask.Callbacks, Scopes: ask.Scopes,
	}, faults)
	faults = append(faults, more...)
	needed := redirectGrants(ask.Grants)
	if len(needed) > 0 && len(ask.Callbacks) == 0 {
		missing := keyward.FieldError{
			Path: "callbacks", Code: keyward.CodeCallbackRequired,
			Message: fmt.Sprintf("is required with the grant %s: where the server sends people back to", strings.Join(needed, ", ")),
		}
		if len(faults) == 0 {
			return Checked{}, &keyward.Error{
				Code: keyward.CodeCallbackRequired, Message: "a grant that redirects needs a callback",
				Fields: []keyward.FieldError{missing},
			}
		}
		faults = append(faults, missing)
	}
	if len(faults) > 0 {
		return Checked{}, keyward.Invalid(faults)
	}
	ask.Fields = fields
	return Checked{Ask: ask, Fields: withoutSecrets(kind.DeveloperFields, fields)}, nil
}

func environmentFaults(spec *keyward.KeyManagerSpec, km keyward.Ref, env keyward.Environment) []keyward.FieldError {
	if allowed := spec.EnvironmentsOrDefault(); !slices.Contains(allowed, env) {
		return []keyward.FieldError{keyward.Fault("environment", "%s takes no clients for %s", km, env)}
	}
	return nil
}

// grantFaults holds the list against the declared one, or else against what the server says it offers. A server that
// says nothing decides itself.
func grantFaults(server connector.Server, km keyward.Ref, grants []string) []keyward.FieldError {
	offered := server.Spec.Clients.GrantTypes
	if len(offered) == 0 {
		offered = server.Status.GrantTypes
	}
	var faults []keyward.FieldError
	for i, grant := range grants {
		path := fmt.Sprintf("grants[%d]", i)
		switch {
		case grant == "":
			faults = append(faults, keyward.Fault(path, "must not be empty"))
		case slices.Contains(grants[:i], grant):
			faults = append(faults, keyward.Fault(path, "%s is listed twice", grant))
		case len(offered) > 0 && !slices.Contains(offered, grant):
			faults = append(faults, keyward.Fault(path, "%s is not offered; %s offers %s", grant, km, strings.Join(offered, ", ")))
		}
	}
	return faults
}

// redirectGrants are those that end at a callback (RFC 6749, sections 4.1 and 4.2).
func redirectGrants(grants []string) []string {
	var needed []string
	for _, g := range grants {
		if g == "authorization_code" || g == "implicit" {
			needed = append(needed, g)
		}
	}
	return needed
}

// scripted are schemes of URIs that a browser carries out or shows itself instead of going there: a server that takes one
// for a callback hands codes, or its own pages, to whoever wrote it.
func scripted(scheme string) bool {
	return slices.Contains([]string{"javascript", "data", "vbscript", "blob", "about", "file"}, scheme)
}

// callbackFaults wants absolute URIs without a fragment (RFC 6749, section 3.1.2); apps may have schemes of their own.
func callbackFaults(callbacks []string) []keyward.FieldError {
	var faults []keyward.FieldError
	for i, c := range callbacks {
		u, err := url.Parse(c)
		switch {
		case err != nil || !u.IsAbs() || u.Opaque == "" && u.Host == "" && u.Path == "":
			faults = append(faults, keyward.Fault(fmt.Sprintf("callbacks[%d]", i), "%q is not an absolute URI", c))
		case scripted(u.Scheme):
			faults = append(faults, keyward.Fault(fmt.Sprintf("callbacks[%d]", i), "leads nowhere: nobody answers at a %s URI", u.Scheme))
		case strings.Contains(c, "#"):
			faults = append(faults, keyward.Fault(fmt.Sprintf("callbacks[%d]", i), "must not have a fragment"))
		}
	}
	return faults
}

// ValidScope tells whether a text is a scope (RFC 6749, section 3.3).
func ValidScope(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' })
}

func withoutSecrets(fields []connector.Field, values map[string]any) map[string]any {
	plain := map[string]any{}
	for _, f := range fields {
		if v, given := values[f.Name]; given && !f.Secret {
			plain[f.Name] = v
		}
	}
	return plain
}

// MappingFaults says why a client of a key manager can belong to no application in that environment: it is the key
// manager's own, its id cannot be one, or the key manager has no such environment. Paths are those of the client's spec.
func MappingFaults(
	km keyward.Ref, kmSpec *keyward.KeyManagerSpec, client *keyward.OAuthClientSpec,
) []keyward.FieldError {
	var faults []keyward.FieldError
	if client.Match == nil {
		faults = clientIDFaults(kmSpec, client)
	}
	if env := client.EnvironmentOrDefault(); !slices.Contains(kmSpec.EnvironmentsOrDefault(), env) {
		faults = append(faults, keyward.Fault("environment", "%s takes no clients for %s", km, env))
	}
	return faults
}

func clientIDFaults(kmSpec *keyward.KeyManagerSpec, client *keyward.OAuthClientSpec) []keyward.FieldError {
	var faults []keyward.FieldError
	if keymanager.OwnClient(kmSpec, client.ClientID) {
		faults = append(faults, keyward.Fault("clientId",
			"%q is a client of the key manager's own: it can never belong to an application", client.ClientID))
	}
	if why := keymanager.ClientIDFault(kmSpec, client.ClientID); why != "" {
		faults = append(faults, keyward.Fault("clientId", "%s", why))
	}
	if client.ClientID == "" || len(client.ClientID) > maxClientID || strings.ContainsFunc(client.ClientID, unprintable) {
		faults = append(faults, keyward.Fault("clientId", "must have 1 to %d printable characters", maxClientID))
	}
	return faults
}

const maxClientID = 512 // bytes

func unprintable(r rune) bool { return r < ' ' || r == 0x7f }
