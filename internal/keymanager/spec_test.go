package keymanager_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/testbed/conformance"
)

// specOf reads a spec as REST does.
func specOf(t *testing.T, text string) *keyward.KeyManagerSpec {
	t.Helper()
	var spec keyward.KeyManagerSpec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return &spec
}

func paths(faults []keyward.FieldError) []string {
	out := []string{}
	for _, f := range faults {
		out = append(out, f.Path)
	}
	return out
}

const goodPEM = `-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n` +
	`6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n-----END PUBLIC KEY-----\n`

const goodJWK = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}` // RFC 8037, appendix A.2

// assertionKey is a JWK as it stands in a JSON text.
const assertionKey = `{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\",` +
	`\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\",\"kid\":\"1\"}` // RFC 8037, appendix A.1

func inJSON(t *testing.T, text string) string {
	t.Helper()
	b, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestValidateNamesEveryField(t *testing.T) {
	for _, c := range []struct {
		name, spec string
		want       []string
	}{
		{"oidc with discovery", `{"type":"oidc","discovery":"https://as.example"}`, []string{}},
		{"oidc with issuer and keys", `{"type":"oidc","issuer":"https://as.example","keys":{"jwks":"https://as.example/k"}}`, []string{}},
		{"oidc with nothing", `{"type":"oidc"}`, []string{"spec.issuer", "spec.keys"}},
		{"oidc without keys", `{"type":"oidc","issuer":"https://as.example"}`, []string{"spec.keys"}},
		{"external with nothing", `{"type":"external"}`, []string{"spec.issuer", "spec.keys"}},
		{"external with PEM", `{"type":"external","issuer":"x","keys":{"pem":["` + goodPEM + `"]}}`, []string{}},
		{"external with a connection", `{"type":"external","issuer":"x","keys":{"jwks":"https://a.example/k"},"connection":{"apiKey":"x"}}`,
			[]string{"spec.connection.apiKey"}},
		{"introspection without endpoint", `{"type":"oidc","issuer":"x","keys":{"jwks":"https://a.example/k"},
			"introspection":{"clientId":"g","clientSecret":"s"}}`, []string{"spec.endpoints.introspection"}},
		{"limits out of bounds", `{"type":"oidc","discovery":"https://as.example","outbound":{"timeout":"2m","maxAnswer":-1,"ca":"x"}}`,
			[]string{"spec.outbound.timeout", "spec.outbound.maxAnswer", "spec.outbound.ca"}},
		{"a key without its certificate", `{"type":"oidc","discovery":"https://as.example","outbound":{"key":"k"}}`,
			[]string{"spec.outbound.certificate"}},
		{"certificates that are none", `{"type":"oidc","discovery":"https://as.example","outbound":{"ca":"x"}}`,
			[]string{"spec.outbound.ca"}},
		{"a private key for a certificate", `{"type":"oidc","discovery":"https://as.example","outbound":{"key":"k",
			"certificate":"-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----"}}`, []string{"spec.outbound.certificate"}},
		{"a service account with a key", `{"type":"keycloak","issuer":"https://a.example/realms/x","connection":{"clientId":"c",
			"clientAuthentication":"private_key_jwt","clientKey":"` + assertionKey + `"}}`, []string{}},
		{"a service account with a certificate", `{"type":"keycloak","issuer":"https://a.example/realms/x","connection":{"clientId":"c",
			"clientAuthentication":"tls_client_auth"},"outbound":{"certificate":"x","key":{"stored":true}}}`,
			[]string{"spec.outbound.key", "spec.outbound.certificate"}},
		{"a service account without its key", `{"type":"keycloak","issuer":"https://a.example/realms/x","connection":{
			"clientSecret":"s","clientAuthentication":"private_key_jwt"}}`,
			[]string{"spec.connection.clientSecret", "spec.connection.clientId", "spec.connection.clientKey"}},
		{"a service account without its certificate", `{"type":"keycloak","issuer":"https://a.example/realms/x","connection":{
			"clientId":"c","clientKey":"k","clientAuthentication":"tls_client_auth"}}`,
			[]string{"spec.connection.clientKey", "spec.outbound.certificate"}},
		{"a key that is none", `{"type":"keycloak","issuer":"https://a.example/realms/x","connection":{"clientId":"c",
			"clientAuthentication":"private_key_jwt","clientKey":"k"}}`, []string{"spec.connection.clientKey"}},
		{"a key and no method", `{"type":"keycloak","issuer":"https://a.example/realms/x","connection":{"clientId":"c","clientKey":"k"}}`,
			[]string{"spec.connection.clientSecret", "spec.connection.clientKey"}},
		{"a service app", `{"type":"okta","issuer":"https://acme.okta.com/oauth2/default","keys":{"jwks":"https://a.example/k"},
			"connection":{"clientId":"c","clientKey":"` + assertionKey + `"}}`, []string{}},
		{"a service app beside an API token, and its key is none", `{"type":"okta","issuer":"https://acme.okta.com",
			"connection":{"clientId":"c","clientKey":"k","apiToken":"t","clientSecret":"s"}}`, []string{
			"spec.connection.clientSecret", "spec.connection.clientKey", "spec.connection.apiToken", "spec.issuer"}},
		{"a service app without a key", `{"type":"okta","issuer":"https://acme.okta.com/oauth2/default",
			"keys":{"jwks":"https://a.example/k"},"connection":{"clientId":"c"}}`, []string{"spec.connection.clientKey"}},
		{"the key of no service app", `{"type":"okta","issuer":"https://acme.okta.com/oauth2/default","keys":{"jwks":"https://a.example/k"},
			"connection":{"clientKey":"` + assertionKey + `"}}`, []string{"spec.connection.clientId"}},
		{"a key over several lines", `{"type":"okta","issuer":"https://acme.okta.com/oauth2/default","keys":{"jwks":"https://a.example/k"},
			"connection":{"clientId":"c","clientKey":"` + strings.ReplaceAll(assertionKey, ",", `,\n`) + `"}}`, []string{}},
		{"auth0 with a key", `{"type":"auth0","issuer":"https://acme.auth0.com/","keys":{"jwks":"https://a.example/k"},"connection":{
			"clientId":"c","clientAuthentication":"private_key_jwt","clientKey":"` + assertionKey + `"}}`, []string{}},
		{"auth0 with a certificate, which it does not take", `{"type":"auth0","issuer":"https://acme.auth0.com/","connection":{
			"clientId":"c","clientAuthentication":"tls_client_auth"}}`,
			[]string{"spec.connection.clientAuthentication"}},
		{"entra with a key and its certificate", `{"type":"entra","discovery":"https://login.microsoftonline.com/x/v2.0","connection":{
			"clientId":"c","clientAuthentication":"private_key_jwt","clientKey":` + inJSON(t, conformance.CertifiedKey(t).Bundle) + `}}`,
			[]string{}},
		{"entra with a key and no certificate, and a secret", `{"type":"entra","discovery":"https://login.microsoftonline.com/x/v2.0",
			"connection":{"clientId":"c","clientSecret":"s","clientAuthentication":"private_key_jwt",
			"clientKey":` + inJSON(t, conformance.CertifiedKey(t).PEM) + `}}`,
			[]string{"spec.connection.clientSecret", "spec.connection.clientKey"}},
		{"another method", `{"type":"keycloak","issuer":"https://a.example/realms/x","connection":{"clientId":"c",
			"clientAuthentication":"magic"}}`, []string{"spec.connection.clientAuthentication"}},
		{"unknown and wrong connection fields", `{"type":"oidc","discovery":"https://as.example",
			"connection":{"initialAccessToken":7,"apiToken":"x","zone":"y"}}`,
			[]string{"spec.connection.initialAccessToken", "spec.connection.apiToken", "spec.connection.zone"}},
		{"reference that the command line resolves", `{"type":"oidc","discovery":"https://as.example",
			"connection":{"initialAccessToken":{"env":"CORP_IAT"}}}`, []string{"spec.connection.initialAccessToken"}},
		{"marker with nothing stored", `{"type":"oidc","discovery":"https://as.example",
			"connection":{"initialAccessToken":{"stored":true}}}`, []string{"spec.connection.initialAccessToken"}},
		{"secret with a line break", `{"type":"oidc","discovery":"https://as.example","connection":{"initialAccessToken":"abc\n"}}`,
			[]string{"spec.connection.initialAccessToken"}},
		{"keycloak by issuer alone", `{"type":"keycloak","issuer":"https://sso.example/realms/corp"}`, []string{}},
		{"keycloak with half an account", `{"type":"keycloak","discovery":"https://sso.example/realms/corp","connection":{"clientId":"a"}}`,
			[]string{"spec.connection.clientSecret"}},
		{"keycloak with the other half", `{"type":"keycloak","discovery":"https://sso.example/realms/corp",
			"connection":{"clientSecret":"a","adminUrl":"sso.example"}}`, []string{"spec.connection.adminUrl", "spec.connection.clientId"}},
		{"broken PEM", `{"type":"external","issuer":"x","keys":{"pem":["nonsense"]}}`, []string{"spec.keys.pem[0]"}},
		{"private PEM", `{"type":"external","issuer":"x","keys":{"pem":["-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----"]}}`,
			[]string{"spec.keys.pem[0]"}},
		{"private JWK", `{"type":"external","issuer":"x","keys":{"jwksInline":{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA","d":"AA"}]}}}`,
			[]string{"spec.keys.jwksInline"}},
		{"empty JWK set of another issuer", `{"type":"external","issuer":"x","keys":{"jwks":"https://a.example/k"},
			"otherIssuers":[{"issuer":"y","keys":{"jwksInline":{"keys":[]}}}]}`, []string{"spec.otherIssuers[0].keys.jwksInline"}},
		{"a JWK set with a malformed key", `{"type":"external","issuer":"x","keys":{"jwksInline":{"keys":[` + goodJWK + `,
			{"kty":"RSA","n":"!!","e":"AQAB"}]}}}`, []string{"spec.keys.jwksInline"}},
		{"a JWK set with a key for encryption", `{"type":"external","issuer":"x","keys":{"jwksInline":{"keys":[` + goodJWK + `,
			{"kty":"OKP","crv":"Ed25519","use":"enc","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}}}`, []string{}},
		{"issuers that no token has", `{"type":"oidc","issuer":" https://a.example","keys":{"jwks":"https://a.example/k"},"otherIssuers":[
			{"issuer":"https://a b.example"},{"issuer":"https:///x"},{"issuer":"http://[::1"},{"issuer":"x\n"}]}`,
			[]string{"spec.issuer", "spec.otherIssuers[0].issuer", "spec.otherIssuers[1].issuer", "spec.otherIssuers[2].issuer",
				"spec.otherIssuers[3].issuer"}},
		{"grants that nobody knows, beside another fault", `{"type":"external","issuer":" x","keys":{"jwks":"https://a.example/k"},
			"clients":{"grantTypes":["client_credentials","passwrd"]}}`, []string{"spec.issuer", "spec.clients.grantTypes[1]"}},
		{"issuers that tokens may have", `{"type":"oidc","issuer":"urn:a","keys":{"jwks":"https://a.example/k"},"otherIssuers":[
			{"issuer":"https://A.example:443/x/?y"},{"issuer":"Our Partner"}]}`, []string{}},
		{"auth0, which introspects nothing, without its slash", `{"type":"auth0","issuer":"https://acme.auth0.com",
			"introspection":{"clientId":"g","clientSecret":"s"}}`, []string{"spec.introspection", "spec.issuer"}},
		{"entra, which introspects nothing", `{"type":"entra","discovery":"https://login.microsoftonline.com/x/v2.0",
			"introspection":{"clientId":"g","clientSecret":"s"},"endpoints":{"introspection":"https://a.example/i"}}`,
			[]string{"spec.introspection"}},
		{"okta with the organization's own server", `{"type":"okta","issuer":"https://acme.okta.com"}`, []string{"spec.issuer"}},
		{"wso2is with halves of two accounts", `{"type":"wso2is","discovery":"https://is.example/oauth2/token",
			"connection":{"username":"admin","clientSecret":"x"}}`,
			[]string{"spec.connection.clientId", "spec.connection.password"}},
		{"resident", `{"type":"resident","enabled":false,"tokens":{"audiences":["a"]}}`, []string{}},
		{"resident in exchange for itself", `{"type":"resident","tokens":{"use":"both"}}`, []string{"spec.tokens.use"}},
		{"resident with what is ours", `{"type":"resident","issuer":"x","discovery":"https://a.example",
			"keys":{"jwks":"https://a.example"}}`,
			[]string{"spec.discovery", "spec.issuer", "spec.keys"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			faults := keymanager.Validate(specOf(t, c.spec), nil)
			if diff := cmp.Diff(c.want, paths(faults)); diff != "" {
				t.Errorf("fields (-want +got):\n%s\n%v", diff, faults)
			}
		})
	}
}

// A key that stands in the spec and cannot be used is named with the reason.
func TestKeysInTheSpecSayWhatIsWrong(t *testing.T) {
	for keys, want := range map[string]string{
		`{"pem":["nonsense"]}`: "the entry is not PEM",
		`{"pem":["-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"]}`:       "cannot be read",
		`{"jwksInline":{"keys":[` + goodJWK + `,5]}}`:                                  "key 1 is ignored",
		`{"jwksInline":{"keys":[{"kty":"OKP","crv":"Ed25519","use":"enc","x":"AA"}]}}`: "key 0 is ignored: its use is not sig",
		`{"jwksInline":"x"}`: "not a JSON object",
	} {
		faults := keymanager.Validate(specOf(t, `{"type":"external","issuer":"x","keys":`+keys+`}`), nil)
		if len(faults) != 1 || !strings.Contains(faults[0].Message, want) {
			t.Errorf("%s: %+v, want %q", keys, faults, want)
		}
	}
}

func TestGrantsThatNobodyKnows(t *testing.T) {
	spec := specOf(t, `{"type":"oidc","discovery":"https://as.example","clients":{"grantTypes":["client_credentials","passwrd","",
		"urn:ietf:params:oauth:grant-type:device_code","organization_switch","implicit","kerberos","implicit","urn:a b"]}}`)
	got := paths(keymanager.GrantFaults(spec, keyward.KeyManagerStatus{GrantTypes: []string{"kerberos"}}))
	want := []string{"spec.clients.grantTypes[1]", "spec.clients.grantTypes[2]", "spec.clients.grantTypes[4]",
		"spec.clients.grantTypes[7]", "spec.clients.grantTypes[8]"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

func TestTakeSecrets(t *testing.T) {
	spec := specOf(t, `{"type":"keycloak","issuer":"https://sso.example/realms/corp",
		"connection":{"clientId":"kw","clientSecret":"one","initialAccessToken":{"stored":true}},
		"introspection":{"clientId":"gw","clientSecret":"two"}}`)
	values, kept, faults := keymanager.TakeSecrets(spec)
	want := map[string]string{"connection.clientSecret": "one", "introspection.clientSecret": "two"}
	if diff := cmp.Diff(want, values); diff != "" || len(faults) > 0 {
		t.Errorf("values (-want +got):\n%s%v", diff, faults)
	}
	if diff := cmp.Diff([]string{"connection.initialAccessToken"}, kept.Paths()); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	stored, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(stored); strings.Contains(text, "one") || strings.Contains(text, "two") {
		t.Errorf("the spec still holds a secret: %s", text)
	}
	again := specOf(t, string(stored))
	values, kept, faults = keymanager.TakeSecrets(again)
	if len(values) != 0 || len(kept) != 3 || len(faults) != 0 {
		t.Errorf("what was stored, read back: values %v, kept %v, faults %v", values, kept, faults)
	}
	if faults := keymanager.Validate(again, want); !slices.Equal(paths(faults), []string{"spec.connection.initialAccessToken"}) {
		t.Errorf("markers with values stored for two of three: %v", faults)
	}
}

func TestOwnClientsAreNamed(t *testing.T) {
	spec := specOf(t, `{"type":"keycloak","connection":{"clientId":"kw"},"introspection":{"clientId":"gw"}}`)
	for id, own := range map[string]bool{
		"kw": true, "gw": true, "admin-cli": true, "ADMIN-CLI": true, "realm-management": true, "account": true,
		"mobile": false, "kw2": false, "": false,
	} {
		if got := keymanager.OwnClient(spec, id); got != own {
			t.Errorf("OwnClient(%q) = %v", id, got)
		}
	}
}

func resolve(t *testing.T, spec *keyward.KeyManagerSpec, status keyward.KeyManagerStatus) (
	keyward.KeyManagerRow, *keyward.IntrospectionRow,
) {
	t.Helper()
	row, introspection, faults := keymanager.Resolve(&keyward.Object{ID: "km1", Tenant: "default", Name: "corp"}, spec, status)
	if len(faults) > 0 {
		t.Fatalf("faults: %v", faults)
	}
	return row, introspection
}

func TestResolveFillsInDefaults(t *testing.T) {
	spec := specOf(t, `{"type":"keycloak","issuer":"https://sso.example/realms/corp","keys":{"refresh":"1m"},
		"introspection":{"clientId":"gw","clientSecret":{"stored":true}},
		"otherIssuers":[{"issuer":"https://old.example"},{"issuer":"https://older.example","keys":{"jwks":"https://older.example/k"}}]}`)
	status := keyward.KeyManagerStatus{
		Issuer: "https://elsewhere.example", JWKS: "https://sso.example/certs",
		Endpoints: keyward.Endpoints{Introspection: "https://sso.example/introspect"},
	}
	row, introspection := resolve(t, spec, status)
	want := []keyward.IssuerRow{
		{Issuer: "https://sso.example/realms/corp", JWKS: "https://sso.example/certs", Refresh: keyward.Duration(60e9)},
		{Issuer: "https://old.example", JWKS: "https://sso.example/certs", Refresh: keyward.Duration(60e9)},
		{Issuer: "https://older.example", JWKS: "https://older.example/k", Refresh: keyward.Duration(300e9)},
	}
	if diff := cmp.Diff(want, row.Issuers); diff != "" {
		t.Errorf("issuers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"client_id", "azp"}, row.ClientID); diff != "" {
		t.Errorf("client id claims (-want +got):\n%s", diff)
	}
	if row.Introspection != "https://sso.example/introspect" || row.TokenType != "access" || len(row.Environments) != 2 || !row.Enabled {
		t.Errorf("row: %+v", row)
	}
	if introspection == nil || introspection.Method != "basic" || introspection.Cache.Std() != 30e9 || introspection.ClientID != "gw" {
		t.Errorf("introspection: %+v", introspection)
	}
}

func TestDigestFollowsDecidingSettingsOnly(t *testing.T) {
	base := `"type":"external","issuer":"x","keys":{"jwks":"https://a.example/k"}`
	row, _ := resolve(t, specOf(t, "{"+base+"}"), keyward.KeyManagerStatus{})
	for member, same := range map[string]bool{
		`"displayName":"Corporate"`: true, `"display":{"token":"https://t.example"}`: true, `"clients":{"create":false}`: true,
		`"enabled":true`: true, `"tokens":{"clockSkew":"30s"}`: true,
		`"enabled":false`: false, `"tokens":{"clockSkew":"1m"}`: false, `"tokens":{"audiences":["a"]}`: false,
		`"claims":{"scopes":["roles"]}`: false, `"claims":{"mapping":[{"from":"email","to":"mail"}]}`: false,
		`"environments":["sandbox"]`: false, `"tokens":{"require":{"tid":"a"}}`: false, `"otherIssuers":[{"issuer":"y"}]`: false,
	} {
		changed, _ := resolve(t, specOf(t, fmt.Sprintf("{%s,%s}", base, member)), keyward.KeyManagerStatus{})
		if got := changed.Digest == row.Digest; got != same {
			t.Errorf("%s: same digest %v, want %v", member, got, same)
		}
	}
}

func TestResolveNamesWhatDiscoveryDidNotGive(t *testing.T) {
	spec := specOf(t, `{"type":"oidc","discovery":"https://as.example","introspection":{"clientId":"g","clientSecret":{"stored":true}}}`)
	_, _, faults := keymanager.Resolve(&keyward.Object{}, spec, keyward.KeyManagerStatus{Issuer: "https://as.example"})
	if diff := cmp.Diff([]string{"spec.keys", "spec.endpoints.introspection"}, paths(faults)); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	// A server whose tokens are all opaque needs no keys.
	spec = specOf(t, `{"type":"oidc","discovery":"https://as.example","endpoints":{"introspection":"https://as.example/i"},
		"introspection":{"clientId":"g","clientSecret":{"stored":true}},"tokens":{"match":[{"prefix":"ory_at_"}]}}`)
	status := keyward.KeyManagerStatus{Issuer: "https://as.example"}
	if _, _, faults := keymanager.Resolve(&keyward.Object{}, spec, status); len(faults) > 0 {
		t.Errorf("opaque tokens only: %v", faults)
	}
}

func TestResidentKeysTravelWithTheRow(t *testing.T) {
	set := map[string]any{"keys": []any{map[string]any{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}}}
	status := keyward.KeyManagerStatus{Issuer: "https://kw.example", Type: map[string]any{keymanager.ResidentKeys: set}}
	row, _ := resolve(t, specOf(t, `{"type":"resident"}`), status)
	if len(row.Issuers) != 1 || row.Issuers[0].Issuer != "https://kw.example" || !strings.Contains(string(row.Issuers[0].Inline), "P-256") {
		t.Errorf("issuers: %+v", row.Issuers)
	}
	set["keys"] = []any{map[string]any{"kty": "EC", "d": "AA"}}
	if _, _, faults := keymanager.Resolve(&keyward.Object{}, specOf(t, `{"type":"resident"}`), status); len(faults) == 0 {
		t.Error("a private key went to the gateways")
	}
}

func TestNeedsDiscovery(t *testing.T) {
	base := specOf(t, `{"type":"oidc","discovery":"https://as.example"}`)
	for text, want := range map[string]bool{
		`{"type":"oidc","discovery":"https://as.example"}`:                                              false,
		`{"type":"oidc","discovery":"https://as.example","enabled":false}`:                              false,
		`{"type":"oidc","discovery":"https://as.example","tokens":{"audiences":["a"]}}`:                 false,
		`{"type":"oidc","discovery":"https://as.example","display":{"token":"https://a.example"}}`:      false,
		`{"type":"oidc","discovery":"https://as.example/"}`:                                             true,
		`{"type":"keycloak","discovery":"https://as.example"}`:                                          true,
		`{"type":"oidc","discovery":"https://as.example","issuer":"x"}`:                                 true,
		`{"type":"oidc","discovery":"https://as.example","endpoints":{"token":"https://as.example/t"}}`: true,
		`{"type":"oidc","discovery":"https://as.example","keys":{"jwks":"https://as.example/k"}}`:       true,
		`{"type":"oidc","issuer":"x","keys":{"jwks":"https://as.example/k"}}`:                           false,
	} {
		if got := keymanager.NeedsDiscovery(base, specOf(t, text)); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	if !keymanager.NeedsDiscovery(nil, base) {
		t.Error("a new key manager was not discovered")
	}
}

func TestCheckFields(t *testing.T) {
	fields := []connector.Field{
		{Name: "lifetime", Title: "Lifetime", Type: connector.FieldInteger, Required: true},
		{Name: "pkce", Title: "PKCE", Type: connector.FieldBoolean},
		{Name: "kind", Title: "Kind", Type: connector.FieldString, Enum: []string{"web", "native"}},
		{Name: "uris", Title: "URIs", Type: connector.FieldList},
		{Name: "home", Title: "Home", Type: connector.FieldURL},
	}
	got, faults := keymanager.CheckFields(fields, map[string]any{
		"lifetime": "60", "pkce": "true", "kind": "web", "uris": "a,b", "home": "https://a.example",
	}, "fields")
	want := map[string]any{
		"lifetime": int64(60), "pkce": true, "kind": "web", "uris": []string{"a", "b"}, "home": "https://a.example",
	}
	if diff := cmp.Diff(want, got); diff != "" || len(faults) > 0 {
		t.Errorf("values (-want +got):\n%s%v", diff, faults)
	}
	_, faults = keymanager.CheckFields(fields, map[string]any{
		"pkce": "yes", "kind": "desktop", "uris": []any{1.0}, "home": "a.example", "speed": 1.0,
	}, "fields")
	wantPaths := []string{"fields.lifetime", "fields.pkce", "fields.kind", "fields.uris", "fields.home", "fields.speed"}
	if diff := cmp.Diff(wantPaths, paths(faults)); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

// Every type's fields can be shown in a form: a name of their own and a title.
func TestTypesAreComplete(t *testing.T) {
	for _, kind := range catalog.Types() {
		seen := map[string]bool{}
		for _, f := range append(append([]connector.Field{}, kind.AdminFields...), kind.DeveloperFields...) {
			if f.Name == "" || f.Title == "" || f.Type == "" || seen[f.Name] {
				t.Errorf("%s: field %+v", kind.Name, f)
			}
			seen[f.Name] = true
		}
		for _, name := range []string{"callbacks", "scopes", "grants", "grantTypes"} { // clients.constraints speaks of these
			if seen[name] {
				t.Errorf("%s: a field may not be called %s", kind.Name, name)
			}
		}
		if kind.Title == "" || len(kind.ClientIDClaims) == 0 || len(kind.ScopeClaims) == 0 ||
			kind.DeveloperFields == nil || kind.AdminFields == nil {
			t.Errorf("type %+v", kind)
		}
	}
}
