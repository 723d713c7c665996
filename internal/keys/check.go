package keys

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/keymanager"
)

// checked is an Ask that was accepted, in the forms in which it is sent and stored.
type checked struct {
	ask    Ask
	fields map[string]any // developer fields without secret ones
}

// checkGenerate judges a request by the key manager's rules. Faults of the request come all at once.
func (s *scene) checkGenerate(ask Ask) (checked, error) {
	spec := s.kmSpec
	kind, ok := catalog.TypeOf(spec.Type)
	switch {
	case !ok:
		return checked{}, keyward.Errorf(keyward.CodeNotSupported, "this build has no type %s", spec.Type)
	case !spec.IsEnabled():
		return checked{}, disabled(s.km)
	case !spec.Tokens.Use.Direct():
		return checked{}, exchangeOnly(s.km)
	case !kind.Creates:
		return checked{}, keyward.Errorf(keyward.CodeCreationDisabled,
			"a key manager of type %s creates no clients: map one that exists", spec.Type)
	case !spec.MayCreate():
		return checked{}, keyward.Errorf(keyward.CodeCreationDisabled, "%s lets nobody create clients", s.km.Ref())
	}
	return s.checkWish(ask)
}

// checkWish judges what a client should be able to do.
func (s *scene) checkWish(ask Ask) (checked, error) {
	kind, _ := catalog.TypeOf(s.kmSpec.Type) // none has no fields
	if len(ask.Grants) == 0 {
		ask.Grants = []string{"client_credentials"}
	}
	faults := s.environmentFaults()
	faults = append(faults, s.grantFaults(ask.Grants)...)
	faults = append(faults, callbackFaults(ask.Callbacks)...)
	for i, scope := range ask.Scopes {
		if !validScope(scope) {
			faults = append(faults, fault(fmt.Sprintf("scopes[%d]", i), "%q is not a scope (RFC 6749, section 3.3)", scope))
		}
	}
	fields, more := keymanager.CheckFields(kind.DeveloperFields, ask.Fields, "fields")
	faults = append(faults, more...)
	fields, more = keymanager.Constrain(s.km.Ref(), spec, keymanager.Asked{
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
			return checked{}, &keyward.Error{
				Code: keyward.CodeCallbackRequired, Message: "a grant that redirects needs a callback",
				Fields: []keyward.FieldError{missing},
			}
		}
		faults = append(faults, missing)
	}
	if len(faults) > 0 {
		return checked{}, keyward.Invalid(faults)
	}
	ask.Fields = fields
	return checked{ask: ask, fields: withoutSecrets(kind.DeveloperFields, fields)}, nil
}

func disabled(km *keyward.Object) error {
	return keyward.Errorf(keyward.CodeKeyManagerDisabled, "%s is disabled", km.Ref())
}

// exchangeOnly refuses clients whose tokens no gateway would take.
func exchangeOnly(km *keyward.Object) error {
	return keyward.Errorf(keyward.CodeExchangeOnly, "tokens of %s are for exchange only (tokens.use): have keys in the "+
		"resident key manager with the grant %s, and exchange them there", km.Ref(), keyward.GrantTokenExchange)
}

func (s *scene) environmentFaults() []keyward.FieldError {
	if allowed := s.kmSpec.EnvironmentsOrDefault(); !slices.Contains(allowed, s.place.Environment) {
		return []keyward.FieldError{fault("environment", "%s takes no clients for %s", s.km.Ref(), s.place.Environment)}
	}
	return nil
}

// grantFaults holds the list against the declared one, or else against what the server says it offers. A server that
// says nothing decides itself.
func (s *scene) grantFaults(grants []string) []keyward.FieldError {
	offered := s.kmSpec.Clients.GrantTypes
	if len(offered) == 0 {
		offered = s.server.Status.GrantTypes
	}
	var faults []keyward.FieldError
	for i, grant := range grants {
		path := fmt.Sprintf("grants[%d]", i)
		switch {
		case grant == "":
			faults = append(faults, fault(path, "must not be empty"))
		case slices.Contains(grants[:i], grant):
			faults = append(faults, fault(path, "%s is listed twice", grant))
		case len(offered) > 0 && !slices.Contains(offered, grant):
			faults = append(faults, fault(path, "%s is not offered; %s offers %s", grant, s.km.Ref(), strings.Join(offered, ", ")))
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

// callbackFaults wants absolute URIs without a fragment (RFC 6749, section 3.1.2); apps may have schemes of their own.
func callbackFaults(callbacks []string) []keyward.FieldError {
	var faults []keyward.FieldError
	for i, c := range callbacks {
		u, err := url.Parse(c)
		switch {
		case err != nil || !u.IsAbs() || u.Opaque == "" && u.Host == "" && u.Path == "":
			faults = append(faults, fault(fmt.Sprintf("callbacks[%d]", i), "%q is not an absolute URI", c))
		case strings.Contains(c, "#"):
			faults = append(faults, fault(fmt.Sprintf("callbacks[%d]", i), "must not have a fragment"))
		}
	}
	return faults
}

func validScope(s string) bool {
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

// checkMapping judges whether a client of a key manager may be mapped, whoever asks: mapping_disabled,
// exchange_only, key_manager_disabled, or invalid_input for the key manager's own clients and a foreign environment.
func checkMapping(km *keyward.Object, kmSpec *keyward.KeyManagerSpec, client *keyward.OAuthClientSpec) error {
	switch {
	case !kmSpec.IsEnabled():
		return disabled(km)
	case !kmSpec.Tokens.Use.Direct():
		return exchangeOnly(km)
	case !kmSpec.MayMap():
		return keyward.Errorf(keyward.CodeMappingDisabled, "%s lets nobody map clients", km.Ref())
	}
	return keyward.Invalid(MappingFaults(km.Ref(), kmSpec, client))
}

// MappingFaults says why a client of a key manager can belong to no application in that environment: it is the key
// manager's own, its id cannot be one, or the key manager has no such environment. Paths are those of the client's spec.
func MappingFaults(
	km keyward.Ref, kmSpec *keyward.KeyManagerSpec, client *keyward.OAuthClientSpec,
) []keyward.FieldError {
	var faults []keyward.FieldError
	if keymanager.OwnClient(kmSpec, client.ClientID) {
		faults = append(faults, fault("clientId",
			"%q is a client of the key manager's own: it can never belong to an application", client.ClientID))
	}
	if client.ClientID == "" || len(client.ClientID) > maxClientID || strings.ContainsFunc(client.ClientID, unprintable) {
		faults = append(faults, fault("clientId", "must have 1 to %d printable characters", maxClientID))
	}
	if env := client.EnvironmentOrDefault(); !slices.Contains(kmSpec.EnvironmentsOrDefault(), env) {
		faults = append(faults, fault("environment", "%s takes no clients for %s", km, env))
	}
	return faults
}

const maxClientID = 512 // bytes

func unprintable(r rune) bool { return r < ' ' || r == 0x7f }
