package keymanager

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/token"
)

// Validate judges what KeyManagerSpec.Validate leaves to the type: the connection's fields, and what the type needs.
// Secrets are the stored and new secret values by path (connection.initialAccessToken); a secret field may also still
// hold its value or the stored marker. Where nothing is discovered, what only discovery could have given is named as
// missing too; where it is, Resolve does that afterwards.
func Validate(spec *keyward.KeyManagerSpec, secrets map[string]string) []keyward.FieldError {
	t, ok := catalog.TypeOf(spec.Type)
	if !ok {
		return nil // the spec's own validation has said so
	}
	faults := validateConnection(t.Connection(), spec.Connection, secrets)
	if _, shared := spec.Connection["ref"]; shared {
		faults = validateBeside(t, spec)
	}
	faults = append(faults, validateIssuerNames(spec)...)
	faults = append(faults, validateKeySources(spec)...)
	faults = append(faults, validateExchange(spec)...)
	faults = append(faults, validateConstraints(t, spec.Clients.Constraints)...)
	if !t.Creates && spec.Clients.Approval != (keyward.Approval{}) {
		faults = append(faults, fieldError("spec.clients.approval", "%s creates no clients: there is nothing to approve", t.Title))
	}
	faults = append(faults, validateOrganizations(t, spec)...)
	faults = append(faults, validateOutbound(spec.Outbound, secrets)...)
	if t.Name == keyward.TypeResident {
		return append(faults, validateResident(spec)...)
	}
	faults = append(faults, validateSecretPairs(t, spec, secrets)...)
	faults = append(faults, validateSignIn(t, spec, secrets)...)
	if spec.Introspection != nil && !t.Introspects() {
		faults = append(faults, fieldError("spec.introspection", "%s offers no introspection", t.Title))
	}
	if t.Check != nil {
		faults = append(faults, t.Check(spec)...)
	}
	if !Discovers(spec) {
		faults = append(faults, missing(spec, keyward.KeyManagerStatus{})...)
		faults = append(faults, GrantFaults(spec, keyward.KeyManagerStatus{})...)
	}
	return faults
}

func validateConnection(fields []connector.Field, connection map[string]any, secrets map[string]string) []keyward.FieldError {
	var faults []keyward.FieldError
	plain := map[string]any{}
	for name, v := range connection {
		i := slices.IndexFunc(fields, func(f connector.Field) bool { return f.Name == name })
		if i < 0 || !fields[i].Secret || v == nil {
			plain[name] = v
			continue
		}
		c, wrong := readCredential("connection."+name, v)
		faults = append(faults, wrong...)
		faults = append(faults, validateCredential("connection."+name, c, secrets)...)
		plain[name] = "given"
	}
	_, more := CheckFields(fields, plain, "spec.connection")
	return append(faults, more...)
}

// validateCredential judges both values of a secret field.
func validateCredential(path string, c secret.Credential, secrets map[string]string) []keyward.FieldError {
	var faults []keyward.FieldError
	value := func(path string, s secret.Value) string {
		switch {
		case s.IsStored() && secrets[path] == "":
			faults = append(faults, fieldError("spec."+path, "nothing is stored for it: give the value"))
		case s.IsStored():
			return secrets[path]
		case strings.HasPrefix(path, "connection.") && !strings.HasPrefix(path, "connection.clientKey") && // which is sent nowhere
			strings.ContainsFunc(s.Reveal(), isControl):
			faults = append(faults, fieldError("spec."+path, "has a control character, such as a line break at its end"))
		}
		return s.Reveal()
	}
	current, next := value(path, c.Current), value(secret.NextPath(path), c.Next)
	if next != "" && next == current {
		faults = append(faults, fieldError("spec."+secret.NextPath(path), "is the same as current: leave it out"))
	}
	return faults
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// validateSecretPairs wants an id and its secret together.
func validateSecretPairs(t connector.Type, spec *keyward.KeyManagerSpec, secrets map[string]string) []keyward.FieldError {
	var faults []keyward.FieldError
	given := func(name string) bool { return spec.Connection[name] != nil && spec.Connection[name] != "" }
	pairs := [][2]string{{"clientId", "clientSecret"}, {"username", "password"}}
	if accountMethod(t.Connection(), spec.Connection) != connector.BySecret {
		pairs = pairs[1:]
	}
	for _, pair := range pairs {
		for i, name := range pair {
			if other := pair[1-i]; !given(name) && given(other) {
				faults = append(faults, fieldError("spec.connection."+name, "is required with %s", other))
			}
		}
	}
	faults = append(faults, validateAccount(t, t.Connection(), spec.Connection, spec.Outbound, secrets)...)
	if spec.Type == keyward.TypeKeycloak && given("adminUrl") && !given("clientId") && !given("clientSecret") {
		faults = append(faults, fieldError("spec.connection.clientId", "is required with adminUrl"))
	}
	return append(faults, validateIntrospection(spec, secrets)...)
}

// accountMethod is how the connection's service account proves itself: as it says, or else in the only way that the type
// has.
func accountMethod(fields []connector.Field, connection map[string]any) string {
	method, _ := connection["clientAuthentication"].(string)
	switch {
	case method != "":
		return method
	case hasField(fields, "clientKey") && !hasField(fields, "clientSecret"):
		return connector.ByAssertion
	default:
		return connector.BySecret
	}
}

func hasField(fields []connector.Field, name string) bool {
	return slices.ContainsFunc(fields, func(f connector.Field) bool { return f.Name == name })
}

// validateAccount wants of a service account what its method needs, and nothing that has no part in it.
func validateAccount(
	t connector.Type, fields []connector.Field, connection map[string]any, o *keyward.Outbound, secrets map[string]string,
) []keyward.FieldError {
	var faults []keyward.FieldError
	method := accountMethod(fields, connection)
	given := func(name string) bool { return connection[name] != nil && connection[name] != "" }
	if !given("clientId") && !given("clientKey") && !given("clientAuthentication") {
		return nil // there is none
	}
	if i := slices.IndexFunc(fields, func(f connector.Field) bool { return f.Name == "clientAuthentication" }); i >= 0 &&
		given("clientAuthentication") && !slices.Contains(fields[i].Enum, method) {
		return nil // a method that the type does not have, as its field says: what it would need is nobody's fault
	}
	for _, part := range [][2]string{{"clientSecret", connector.BySecret}, {"clientKey", connector.ByAssertion}} {
		if name := part[0]; given(name) && hasField(fields, name) && method != part[1] {
			faults = append(faults, fieldError("spec.connection."+name, "has no part in clientAuthentication %s: leave it out", method))
		}
	}
	with := func(other string) string {
		if given("clientAuthentication") {
			return "clientAuthentication " + method
		}
		return other
	}
	if method != connector.BySecret && !given("clientId") {
		faults = append(faults, fieldError("spec.connection.clientId", "is required with %s", with("clientKey")))
	}
	switch {
	case method == connector.ByAssertion && !given("clientKey"):
		faults = append(faults, fieldError("spec.connection.clientKey", "is required with %s", with("clientId")))
	case method == connector.ByAssertion:
		faults = append(faults, validateClientKey(t, connection, secrets)...)
	case method == connector.ByCertificate && (o == nil || o.Certificate == ""):
		faults = append(faults, fieldError("spec.outbound.certificate", "is required with clientAuthentication %s", method))
	}
	return faults
}

// validateClientKey wants values that can sign.
func validateClientKey(t connector.Type, connection map[string]any, secrets map[string]string) []keyward.FieldError {
	var faults []keyward.FieldError
	parse := token.ParseAssertionKey
	if t.Certified {
		parse = token.ParseCertifiedKey
	}
	c, _ := readCredential("connection.clientKey", connection["clientKey"]) // its own faults are told elsewhere
	for path, given := range map[string]secret.Value{
		"connection.clientKey": c.Current, secret.NextPath("connection.clientKey"): c.Next,
	} {
		value := given.Reveal()
		if value == "" {
			value = secrets[path]
		}
		if _, err := parse(value); value != "" && err != nil && !strings.HasPrefix(value, Unseen) {
			faults = append(faults, fieldError("spec."+path, "cannot sign: %v", err))
		}
	}
	return faults
}

// validateResident refuses what Keyward decides itself for the built-in server.
func validateResident(spec *keyward.KeyManagerSpec) []keyward.FieldError {
	var faults []keyward.FieldError
	for path, given := range map[string]bool{
		"spec.discovery":     spec.Discovery != "",
		"spec.issuer":        spec.Issuer != "",
		"spec.otherIssuers":  len(spec.OtherIssuers) > 0,
		"spec.endpoints":     spec.Endpoints != (keyward.Endpoints{}),
		"spec.keys":          !spec.Keys.IsZero(),
		"spec.introspection": spec.Introspection != nil,
		"spec.outbound":      spec.Outbound != nil,
		"spec.signIn":        spec.SignsIn(),
	} {
		if given {
			faults = append(faults, fieldError(path, "is Keyward's to decide for the resident key manager"))
		}
	}
	if spec.Global {
		faults = append(faults, fieldError("spec.global", "every tenant has a resident key manager of its own: it cannot be global"))
	}
	if spec.Tokens.Use.Exchanges() {
		faults = append(faults, fieldError("spec.tokens.use",
			"the resident key manager gives tokens in exchange for those of others, and takes none of its own"))
	}
	slices.SortFunc(faults, func(a, b keyward.FieldError) int { return strings.Compare(a.Path, b.Path) })
	return faults
}

// missing names what nobody gave: neither the spec nor discovery.
func missing(spec *keyward.KeyManagerSpec, status keyward.KeyManagerStatus) []keyward.FieldError {
	var faults []keyward.FieldError
	hint := "; or give spec.discovery, from which it is read"
	if Discovers(spec) {
		hint = ": discovery does not give it"
	}
	if spec.Issuer == "" && strings.Contains(status.Issuer, template) {
		faults = append(faults, fieldError("spec.issuer", "is required, because the server's metadata is that of every "+
			"organization: write issuer: %q, and list the organizations: %s", status.Issuer, listLines))
	}
	if spec.Issuer == "" && status.Issuer == "" {
		faults = append(faults, fieldError("spec.issuer", "is required, the exact iss value of its tokens%s", hint))
	}
	if !hasKeys(spec.Keys) && status.JWKS == "" && (spec.SignsIn() || !opaqueOnly(spec, status)) {
		faults = append(faults, fieldError("spec.keys", "is required, one of jwks, pem and jwksInline%s", hint))
	}
	if spec.Introspection == nil && takesOpaque(spec) {
		faults = append(faults, fieldError("spec.introspection", "is required: an entry of tokens.match takes opaque tokens, "+
			"which only introspection can judge"))
	}
	faults = append(faults, missingToIntrospect(spec, status)...)
	faults = append(faults, missingToSignIn(spec, status, hint)...)
	if spec.Introspection != nil && spec.Endpoints.Introspection == "" && status.Endpoints.Introspection == "" {
		faults = append(faults, fieldError("spec.endpoints.introspection", "is required with spec.introspection%s", hint))
	}
	return faults
}

// missingToIntrospect names what the method needs of the server.
func missingToIntrospect(spec *keyward.KeyManagerSpec, status keyward.KeyManagerStatus) []keyward.FieldError {
	switch i := spec.Introspection; {
	case i == nil:
	case i.MethodOrDefault() == keyward.IntrospectTLS && strings.HasPrefix(introspectionEndpoint(spec, status), "http://"):
		return []keyward.FieldError{fieldError("spec.endpoints.introspection", "must be https with method tls")}
	case i.MethodOrDefault() == keyward.IntrospectBearer && i.ClientID != "" && tokenEndpoint(spec, status) == "":
		return []keyward.FieldError{fieldError("spec.endpoints.token", "is required: clientId and clientSecret get the token there")}
	}
	return nil
}

// opaqueOnly tells that a discovered server publishes no keys and its tokens are asked about: an OAuth 2.0 server
// (RFC 8414, section 2) need not have any.
func opaqueOnly(spec *keyward.KeyManagerSpec, status keyward.KeyManagerStatus) bool {
	return status.Issuer != "" && spec.Introspection != nil && takesOpaque(spec) && !spec.Tokens.Use.Exchanges()
}

// takesOpaque tells that an entry of tokens.match is about opaque tokens.
func takesOpaque(spec *keyward.KeyManagerSpec) bool {
	return slices.ContainsFunc(spec.Tokens.Match,
		func(m keyward.MatchRule) bool { return m.Prefix != "" || m.Regex != "" })
}

func hasKeys(k keyward.KeySource) bool {
	return k.JWKS != "" || len(k.PEM) > 0 || len(k.JWKSInline) > 0
}

// validateKeySources reads the keys that stand in the spec itself.
func validateKeySources(spec *keyward.KeyManagerSpec) []keyward.FieldError {
	faults := keySourceFaults("spec.keys", spec.Keys)
	for i, other := range spec.OtherIssuers {
		faults = append(faults, keySourceFaults(fmt.Sprintf("spec.otherIssuers[%d].keys", i), other.Keys)...)
	}
	return faults
}

func keySourceFaults(path string, k keyward.KeySource) []keyward.FieldError {
	var faults []keyward.FieldError
	for i, text := range k.PEM {
		at := fmt.Sprintf("%s.pem[%d]", path, i)
		if strings.Contains(text, "PRIVATE KEY-----") {
			faults = append(faults, fieldError(at, "holds a private key: give only the public one, and treat this one as leaked"))
			continue
		}
		if fault := parsableKeys(keyward.IssuerRow{PEM: []string{text}}); fault != "" {
			faults = append(faults, fieldError(at, "%s", fault))
		}
	}
	if len(k.JWKSInline) > 0 {
		at := path + ".jwksInline"
		if hasPrivateMembers(k.JWKSInline) {
			return append(faults, fieldError(at,
				"holds private or symmetric key material: give only public keys, and treat these as leaked"))
		}
		if fault := parsableKeys(keyward.IssuerRow{Inline: k.JWKSInline}); fault != "" {
			faults = append(faults, fieldError(at, "%s", fault))
		}
	}
	return faults
}

// hasPrivateMembers looks for the private members of RFC 7518, section 6.
func hasPrivateMembers(set json.RawMessage) bool {
	var jwks struct {
		Keys []map[string]json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(set, &jwks) != nil {
		return false
	}
	for _, key := range jwks.Keys {
		for _, member := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
			if _, found := key[member]; found {
				return true
			}
		}
	}
	return false
}

// OwnClient tells whether a client id is one of the key manager's own: those of its connection, introspection and
// sign-in, and what the server's kind brings along. Such a client can never be mapped to an application. Case does not count,
// because for some servers it does not; nor does the organization, because an app registration is the same in all.
func OwnClient(spec *keyward.KeyManagerSpec, clientID string) bool {
	if _, bare, cut := strings.Cut(clientID, "/"); cut && ForMany(spec) {
		clientID = bare
	}
	return slices.ContainsFunc(OwnClients(spec), func(id string) bool { return strings.EqualFold(id, clientID) })
}

// OwnClients lists the key manager's own clients; never nil.
func OwnClients(spec *keyward.KeyManagerSpec) []string {
	own := []string{}
	if id, ok := spec.Connection["clientId"].(string); ok {
		own = append(own, id)
	}
	if spec.Introspection != nil {
		own = append(own, spec.Introspection.ClientID)
	}
	if spec.SignIn != nil {
		own = append(own, spec.SignIn.ClientID)
	}
	if t, ok := catalog.TypeOf(spec.Type); ok {
		own = append(own, t.OwnClients...)
	}
	return slices.DeleteFunc(own, func(id string) bool { return id == "" })
}
