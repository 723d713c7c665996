package keymanager

import (
	"cmp"
	"fmt"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/token"
	"keyward.dev/keyward/internal/wire"
)

// signInSecrets gives the secret fields of sign-in by path.
func signInSecrets(s *keyward.SignIn) map[string]*secret.Value {
	if s == nil {
		return nil
	}
	secrets := map[string]*secret.Value{}
	for path, c := range map[string]*secret.Credential{signInSecret: &s.ClientSecret, signInKey: &s.Key} {
		secrets[path], secrets[secret.NextPath(path)] = &c.Current, &c.Next
	}
	return secrets
}

const (
	signInSecret = "signIn.clientSecret"
	signInKey    = "signIn.key"
)

// SignInAccount is the console's client at a key manager that people sign in through, at its token endpoint. Where the
// secrets are not at hand it proves nothing.
func SignInAccount(s connector.Server) wire.Account {
	a := wire.Account{Endpoint: SignInEndpoints(s.Spec, s.Status).Token, ClientID: s.Spec.SignIn.ClientID}
	kind, _ := catalog.TypeOf(s.Spec.Type)
	switch s.Spec.SignIn.MethodOrDefault() {
	case keyward.IntrospectJWT:
		a.Secret, a.Audience, a.Certified = s.At(signInKey), cmp.Or(s.Spec.Issuer, s.Status.Issuer), kind.Certified
		if kind.ToEndpoint {
			a.Audience = a.Endpoint
		}
	case keyward.IntrospectPost:
		a.Secret, a.Post = s.At(signInSecret), true
	case keyward.IntrospectBasic:
		a.Secret = s.At(signInSecret)
	default:
		a.ByCertificate = true
	}
	return a
}

// RegistersSignIn tells that Keyward has to register the console's client at the server: people sign in there, and none is
// declared.
func RegistersSignIn(spec *keyward.KeyManagerSpec) bool {
	return spec.SignsIn() && spec.SignIn.ClientID == "" && spec.Type != keyward.TypeResident
}

// SignedInBy gives the spec with the client that Keyward registered, as if it were declared; nil = there is none yet. A spec
// that declares its own stays as it is.
func SignedInBy(spec *keyward.KeyManagerSpec, own *connector.Own) *keyward.KeyManagerSpec {
	if !RegistersSignIn(spec) {
		return spec
	}
	whole, signIn := *spec, *spec.SignIn
	signIn.OwnCallback = true
	if own != nil {
		signIn.ClientID, signIn.Method = own.ID, own.Method
	}
	whole.SignIn = &signIn
	return &whole
}

// SignInCallback is where the server of a tenant's key manager sends people back to, below base, which is the address of
// those of the tenant default. One address for everybody would let an administrator of one tenant have the codes of another's
// server; several of one tenant share theirs where they say who answers, unless it is their own (mix-up, RFC 9700, section
// 4.4).
func SignInCallback(base, tenant, name string, s *keyward.SignIn) string {
	switch {
	case s.OwnCallback || s.ClientID == "":
		return base + "/" + tenant + "/" + name
	case tenant == keyward.DefaultTenant:
		return base
	default:
		return base + "/" + tenant
	}
}

// LogoutAddress is where the server of a key manager says that somebody signed out there (OpenID Connect Back-Channel Logout 1.0),
// by the address that SignInCallback is below.
func LogoutAddress(callback, tenant, name string) string {
	return strings.TrimSuffix(callback, "/callback") + "/backchannel/" + tenant + "/" + name
}

// validateSignIn wants of the console's client what its method needs, and nothing else.
func validateSignIn(t connector.Type, spec *keyward.KeyManagerSpec, secrets map[string]string) []keyward.FieldError {
	s := spec.SignIn
	if s == nil || !s.Enabled && s.ClientID == "" {
		return nil
	}
	if s.ClientID == "" {
		return validateRegistered(t, spec)
	}
	faults := validateCredential(signInSecret, s.ClientSecret, secrets)
	faults = append(faults, validateCredential(signInKey, s.Key, secrets)...)
	needed := map[string]bool{"clientId": true}
	switch s.MethodOrDefault() {
	case keyward.IntrospectBasic, keyward.IntrospectPost:
		needed["clientSecret"] = true
	case keyward.IntrospectJWT:
		needed["key"] = true
	case keyward.IntrospectTLS:
		if spec.Outbound == nil || spec.Outbound.Certificate == "" {
			faults = append(faults, fieldError("spec.outbound.certificate", "is required with spec.signIn.method tls"))
		}
	case keyward.SignInNone:
	default:
		return append(faults, fieldError("spec.signIn.method", "%q is not one of basic, post, private_key_jwt, tls, none", s.Method))
	}
	faults = append(faults, methodParts("spec.signIn.", s.MethodOrDefault(), needed, []methodPart{
		{"clientId", "the client that the console has at the server", s.ClientID != ""},
		{"clientSecret", "the console's client proves itself with it; a public client has method: none", !s.ClientSecret.IsZero()},
		{"key", "the console's client signs with it", !s.Key.IsZero()},
	})...)
	parse := token.ParseAssertionKey
	if t.Certified {
		parse = token.ParseCertifiedKey
	}
	for _, given := range []struct {
		path string
		secret.Value
	}{{signInKey, s.Key.Current}, {secret.NextPath(signInKey), s.Key.Next}} {
		value := cmp.Or(given.Reveal(), secrets[given.path])
		if !needed["key"] || value == "" || strings.HasPrefix(value, Unseen) {
			continue
		}
		if _, err := parse(value); err != nil {
			faults = append(faults, fieldError("spec."+given.path, "cannot sign: %v", err))
		}
	}
	return faults
}

// validateRegistered wants a way in which Keyward can register the console's client, and nothing of a client that is declared.
func validateRegistered(t connector.Type, spec *keyward.KeyManagerSpec) []keyward.FieldError {
	byHand := "register a client for the console at the server, with the redirect URI that docs/sign-in.md names, and give clientId " +
		"with clientSecret"
	why := ""
	switch s := spec.SignIn; {
	case !s.ClientSecret.IsZero() || !s.Key.IsZero() || s.Method != "":
		why = "is required with clientSecret, key and method: give the id of the client that they belong to, or leave them out, and " +
			"Keyward registers a client itself by spec.connection"
	case !t.Creates:
		why = fmt.Sprintf("is required: a key manager of type %s creates no clients; %s, or choose a type that creates them by "+
			"spec.connection", t.Name, byHand)
	case ForMany(spec):
		why = "is required, because the key manager is for many organizations, each with its own clients: " + byHand
	case len(spec.Connection) == 0 && spec.Endpoints.Registration == "":
		why = fmt.Sprintf("is required, or else spec.connection, with which Keyward registers the console's client itself: give that "+
			"(keyward keymanager types %s lists its fields), or %s", t.Name, byHand)
	default:
		return nil
	}
	return []keyward.FieldError{fieldError("spec.signIn.clientId", "%s", why)}
}

// missingToSignIn names what people need of the server to sign in.
func missingToSignIn(spec *keyward.KeyManagerSpec, status keyward.KeyManagerStatus, hint string) []keyward.FieldError {
	if !spec.SignsIn() {
		return nil
	}
	var faults []keyward.FieldError
	ends := SignInEndpoints(spec, status)
	if ends.Authorization == "" {
		faults = append(faults, fieldError("spec.endpoints.authorization", "is required: people are sent there to sign in%s", hint))
	}
	if ends.Token == "" {
		faults = append(faults, fieldError("spec.endpoints.token", "is required: what a sign-in gives is fetched there%s", hint))
	}
	registration := cmp.Or(spec.Endpoints.Registration, status.Endpoints.Registration)
	if RegistersSignIn(spec) && len(spec.Connection) > 0 && spec.Type == keyward.TypeOIDC && registration == "" {
		faults = append(faults, fieldError("spec.endpoints.registration", "is required: Keyward registers the console's client there%s; "+
			"or register one by hand, and give spec.signIn.clientId", hint))
	}
	if spec.SignIn.Userinfo != nil && *spec.SignIn.Userinfo && ends.Userinfo == "" {
		faults = append(faults, fieldError("spec.endpoints.userinfo", "is required with spec.signIn.userinfo%s", hint))
	}
	if spec.SignIn.MethodOrDefault() == keyward.IntrospectTLS && strings.HasPrefix(ends.Token, "http://") {
		faults = append(faults, fieldError("spec.endpoints.token", "must be https with spec.signIn.method tls"))
	}
	return faults
}

// SignInEndpoints are those that a sign-in needs, as declared or else discovered.
func SignInEndpoints(spec *keyward.KeyManagerSpec, status keyward.KeyManagerStatus) keyward.Endpoints {
	return keyward.Endpoints{
		Authorization: cmp.Or(spec.Endpoints.Authorization, status.Endpoints.Authorization),
		Token:         tokenEndpoint(spec, status),
		Userinfo:      cmp.Or(spec.Endpoints.Userinfo, status.Endpoints.Userinfo),
	}
}
