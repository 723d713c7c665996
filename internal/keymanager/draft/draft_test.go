package draft_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keymanager/draft"
	"keyward.dev/keyward/internal/testbed/issuer"
)

func TestDraftsSayWhatDiffers(t *testing.T) {
	i := issuer.Start(t, "k", "RS256")
	for _, c := range []struct {
		name, metadata, ask string
		kind                keyward.KeyManagerType
		has, lacks          string
	}{
		{"a plain server",
			`"token_endpoint":"$U/token","registration_endpoint":"$U/reg","introspection_endpoint":"$U/i"`, "", "oidc",
			"initialAccessToken", "warn"},
		{"a slash", `"token_endpoint":"$U/token","registration_endpoint":"$U/reg"`, "/", "oidc",
			"without the slash", "names no registration"},
		{"keys that are no address", `"token_endpoint":"$U/token","jwks_uri":17`, "", "oidc",
			"jwks_uri in the metadata is not used: it is a number, not a string", ""},
		{"no registration", `"token_endpoint":"$U/token"`, "", "oidc", "names no registration endpoint",
			"initialAccessToken"},
		{"no token endpoint", `"registration_endpoint":"$U/reg"`, "", "oidc", "names no token endpoint", ""},
		{"weak algorithms", `"token_endpoint":"$U/token","id_token_signing_alg_values_supported":["RS256","HS256"]`,
			"", "oidc", "offers HS256", "offers RS256"},
		{"no secrets", `"token_endpoint":"$U/token","token_endpoint_auth_methods_supported":["private_key_jwt"]`,
			"", "oidc", "takes no client secrets", ""},
		{"Entra", `"token_endpoint":"$U/token","msgraph_host":"graph.microsoft.com"`, "", "entra",
			"map[env:CORP_CLIENT_SECRET]", ""},
		{"PingFederate", `"token_endpoint":"$U/as/token.oauth2"`, "", "ping", "map[env:CORP_ADMIN_URL]", ""},
		{"Okta", `"token_endpoint":"$U/oauth2/x/v1/token","jwks_uri":"$U/oauth2/x/v1/keys"`, "", "okta",
			"map[env:CORP_API_TOKEN]", ""},
		{"WSO2", `"token_endpoint":"$U/oauth2/token","jwks_uri":"$U/oauth2/jwks"`, "", "wso2is",
			"map[env:CORP_CLIENT_ID]", ""},
	} {
		metadata := strings.ReplaceAll(`{"issuer":"$U",`+c.metadata, "$U", i.URL)
		if !strings.Contains(metadata, "jwks_uri") {
			metadata += fmt.Sprintf(`,"jwks_uri":%q`, i.URL+"/jwks")
		}
		i.Fix("/.well-known/openid-configuration", issuer.Answer{Body: metadata + "}"})
		d, err := draft.Of(t.Context(), draft.Ask{URL: i.URL + c.ask, Name: "corp"}, http.DefaultClient)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		text := fmt.Sprint(d.Findings, d.Manifest)
		if d.Type != c.kind || !strings.Contains(text, c.has) || c.lacks != "" && strings.Contains(text, c.lacks) {
			t.Errorf("%s: type %s (%s), want %s with %q and without %q: %s", c.name, d.Type, d.Why, c.kind, c.has,
				c.lacks, text)
		}
	}
	i.Fix("/.well-known/openid-configuration", issuer.Answer{Body: `{"issuer":"https://public.example"}`})
	d, err := draft.Of(t.Context(), draft.Ask{URL: i.URL + "/.well-known/openid-configuration", Name: "corp"}, http.DefaultClient)
	if err != nil || !strings.Contains(fmt.Sprint(d.Manifest), "issuer:https://public.example") {
		t.Errorf("metadata of another issuer: %+v, %v", d, err)
	}
	i.Fix("/other/.well-known/openid-configuration", issuer.Answer{Body: `{"issuer":"https://public.example"}`})
	d, err = draft.Of(t.Context(), draft.Ask{URL: i.URL + "/other", Name: "corp"}, http.DefaultClient)
	if err != nil || strings.Count(fmt.Sprint(d.Findings), "https://public.example") != 1 {
		t.Errorf("an address of another issuer, which is said once: %+v, %v", d, err)
	}
	i.Fix("/.well-known/openid-configuration", issuer.Answer{Body: `{}`})
	i.Fix("/.well-known/oauth-authorization-server", issuer.Answer{Status: 404})
	if _, err := draft.Of(t.Context(), draft.Ask{URL: i.URL, Name: "corp"}, http.DefaultClient); err == nil ||
		!strings.Contains(err.Error(), i.URL+"/.well-known/openid-configuration names no issuer") {
		t.Errorf("metadata of nobody: %v", err)
	}
	i.Fix("/common/v2.0/.well-known/openid-configuration", issuer.Answer{Body: fmt.Sprintf(`{"issuer":"%s/{tenantid}/v2.0",
		"jwks_uri":"%s/jwks"}`, i.URL, i.URL)})
	every := draft.Ask{URL: i.URL + "/common/v2.0", Name: "corp"}
	d, err = draft.Of(t.Context(), every, http.DefaultClient)
	if want := fmt.Sprintf("map[issuer:%s/{tid}/v2.0 tokens:map[match:[map[claims:map[tid:TENANT-ID]]]] type:entra]", i.URL); err != nil ||
		!strings.Contains(fmt.Sprint(d.Manifest), want) {
		t.Errorf("metadata of every organization: %+v, %v, want %s", d, err, want)
	}
	every.Type = keyward.TypeOIDC
	if _, err := draft.Of(t.Context(), every, http.DefaultClient); err == nil || !strings.Contains(err.Error(), "must be entra") {
		t.Errorf("metadata of every organization for another type: %v", err)
	}
	i.Mend()
	for ask, want := range map[draft.Ask]string{
		{URL: "ftp://x"}: "url", {URL: i.URL, Name: "No"}: "name", {URL: i.URL, Type: "resident"}: "type",
		{URL: i.URL + "/nowhere"}: "spec.discovery",
	} {
		if _, err := draft.Of(t.Context(), ask, http.DefaultClient); err == nil || !strings.Contains(err.Error(),
			want) {
			t.Errorf("%+v: %v, want %s", ask, err, want)
		}
	}
	if d, err := draft.Of(t.Context(), draft.Ask{URL: i.URL, Type: "external"},
		http.DefaultClient); err != nil || d.Type != "external" {
		t.Errorf("as asked for: %+v, %v", d, err)
	}
}
