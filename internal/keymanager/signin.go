package keymanager

import (
	"cmp"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/token"
	"keyward.dev/keyward/internal/wire"
)

// signInSecrets gives the secret fields of sign-in by path.
func signInSecrets(s *keyward.SignIn) map[string]*keyward.Secret {
	if s == nil {
		return nil
	}
	secrets := map[string]*keyward.Secret{}
	for path, c := range map[string]*keyward.Credential{signInSecret: &s.ClientSecret, signInKey: &s.Key} {
		secrets[path], secrets[keyward.NextPath(path)] = &c.Current, &c.Next
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
		if kind.Certified || kind.Name == keyward.TypeOkta { // which want their token endpoint there
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

// SignInCallback is where the servers of a tenant's key managers send people back to, below base, which is the address of
// those of the tenant default. One address for everybody would let an administrator of one tenant have the codes of another's
// server (mix-up, RFC 9700, section 4.4).
func SignInCallback(base, tenant string) string {
	if tenant == keyward.DefaultTenant {
		return base
	}
	return base + "/" + tenant
}

// validateSignIn wants of the console's client what its method needs, and nothing else.
func validateSignIn(t connector.Type, spec *keyward.KeyManagerSpec, secrets map[string]string) []keyward.FieldError {
	s := spec.SignIn
	if s == nil || !s.Enabled && s.ClientID == "" {
		return nil
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
		return append(faults, fieldError("spec.signIn.method", "%q is none of basic, post, private_key_jwt, tls, none", s.Method))
	}
	faults = append(faults, methodParts("spec.signIn.", s.MethodOrDefault(), needed, []methodPart{
		{"clientId", "the client that the console has at the server, with the redirect URI that docs/sign-in.md names", s.ClientID != ""},
		{"clientSecret", "the console's client proves itself with it; a public client has method: none", !s.ClientSecret.IsZero()},
		{"key", "the console's client signs with it", !s.Key.IsZero()},
	})...)
	parse := token.ParseAssertionKey
	if t.Certified {
		parse = token.ParseCertifiedKey
	}
	for _, given := range []struct {
		path string
		keyward.Secret
	}{{signInKey, s.Key.Current}, {keyward.NextPath(signInKey), s.Key.Next}} {
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
	if spec.SignIn.Userinfo && ends.Userinfo == "" {
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
