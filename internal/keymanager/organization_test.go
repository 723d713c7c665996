package keymanager_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keymanager"
)

const manyKeys = `,"keys":{"jwks":"https://login.microsoftonline.com/common/discovery/v2.0/keys"}`

func TestOrganizationsAreListed(t *testing.T) {
	const v2, v1 = `"issuer":"https://login.microsoftonline.com/{tid}/v2.0"`, `"issuer":"https://sts.windows.net/{tid}/"`
	const list = `,"tokens":{"match":[{"claims":{"tid":"one"}},{"claims":{"tid":"two","idtyp":"app"}}]}`
	for _, c := range []struct {
		name, spec string
		want       []string
		says       string
	}{
		{"both listed", `{"type":"entra",` + v2 + list + `}`, nil, ""},
		{"version 1", `{"type":"entra",` + v1 + list + `}`, nil, ""},
		{"version 1 beside", `{"type":"entra",` + v2 + list + `,"otherIssuers":[{` + v1 + `}]}`, nil, ""},
		{"no list", `{"type":"entra",` + v2 + `}`, []string{"spec.tokens.match"}, "{claims: {tid: TENANT-ID}}"},
		{"an empty list", `{"type":"entra",` + v2 + `,"tokens":{"match":[]}}`, []string{"spec.tokens.match"}, "{claims: {tid: TENANT-ID}}"},
		{"an entry of all organizations", `{"type":"entra",` + v2 +
			`,"tokens":{"match":[{"claims":{"tid":"one"}},{"claims":{"idtyp":"app"}}]}}`,
			[]string{"spec.tokens.match[1].claims"}, "{claims: {tid: TENANT-ID}}"},
		{"a number", `{"type":"entra",` + v2 + `,"tokens":{"match":[{"claims":{"tid":7}}]}}`,
			[]string{"spec.tokens.match[0].claims"}, "tid"},
		{"a path", `{"type":"entra",` + v2 + `,"tokens":{"match":[{"claims":{"tid":"one/v2.0"}}]}}`,
			[]string{"spec.tokens.match[0].claims.tid"}, "digits"},
		{"dots", `{"type":"entra",` + v2 + `,"tokens":{"match":[{"claims":{"tid":".."}}]}}`,
			[]string{"spec.tokens.match[0].claims.tid"}, ""},
		{"a bar", `{"type":"entra",` + v2 + `,"tokens":{"match":[{"claims":{"tid":"a|b"}}]}}`,
			[]string{"spec.tokens.match[0].claims.tid"}, ""},
		{"the template itself", `{"type":"entra",` + v2 + `,"tokens":{"match":[{"claims":{"tid":"{tid}"}}]}}`,
			[]string{"spec.tokens.match[0].claims.tid"}, ""},
		{"half a segment", `{"type":"entra","issuer":"https://a.example/x{tid}/v2.0"` + list + `}`, []string{"spec.issuer"}, "segment"},
		{"the host", `{"type":"entra","issuer":"https://{tid}.example/v2.0"` + list + `}`, []string{"spec.issuer"}, "segment"},
		{"twice", `{"type":"entra","issuer":"https://a.example/{tid}/{tid}"` + list + `}`, []string{"spec.issuer"}, "segment"},
		{"the query", `{"type":"entra","issuer":"https://a.example/?t=/{tid}/"` + list + `}`, []string{"spec.issuer"}, "segment"},
		{"exact beside a template", `{"type":"entra",` + v2 + list + `,"otherIssuers":[{"issuer":"https://sts.windows.net/one/"}]}`,
			[]string{"spec.otherIssuers[0].issuer"}, "or none"},
		{"a template beside exact", `{"type":"entra","issuer":"https://sts.windows.net/one/"` + list + `,"otherIssuers":[{` + v2 + `}]}`,
			[]string{"spec.otherIssuers[0].issuer"}, "or none"},
		{"another type", `{"type":"external",` + v2 + list + manyKeys + `}`, []string{"spec.issuer"}, "type entra only"},
	} {
		t.Run(c.name, func(t *testing.T) {
			faults := keymanager.Validate(specOf(t, c.spec), nil)
			if diff := cmp.Diff(append([]string{}, c.want...), paths(faults)); diff != "" {
				t.Fatalf("fields (-want +got):\n%s\n%v", diff, faults)
			}
			if len(faults) > 0 && !strings.Contains(faults[0].Message, c.says) {
				t.Errorf("%q lacks %q", faults[0].Message, c.says)
			}
		})
	}
}

// Gateways see exact issuers only, each with its organization.
func TestTemplatesAreExpanded(t *testing.T) {
	spec := specOf(t, `{"type":"entra","issuer":"https://login.microsoftonline.com/{tid}/v2.0"`+manyKeys+
		`,"tokens":{"match":[{"claims":{"tid":"one"}},{"claims":{"tid":"two"}},{"claims":{"tid":"one","idtyp":"app"}}]}}`)
	row, _, faults := keymanager.Resolve(&keyward.Object{ID: "km"}, spec, keyward.KeyManagerStatus{})
	got := map[string]string{}
	for _, i := range row.Issuers {
		got[i.Issuer] = i.Organization
		if i.JWKS != spec.Keys.JWKS {
			t.Errorf("keys of %s: %s", i.Issuer, i.JWKS)
		}
	}
	want := map[string]string{
		"https://login.microsoftonline.com/one/v2.0": "one", "https://login.microsoftonline.com/two/v2.0": "two",
		"https://sts.windows.net/one/": "one", "https://sts.windows.net/two/": "two",
	}
	if diff := cmp.Diff(want, got); diff != "" || len(row.Issuers) != len(want) || len(faults) > 0 {
		t.Errorf("issuers (-want +got):\n%s%v", diff, faults)
	}
	before := row.Digest
	spec.Tokens.Match = spec.Tokens.Match[1:]
	if again, _, _ := keymanager.Resolve(&keyward.Object{ID: "km"}, spec, keyward.KeyManagerStatus{}); again.Digest == before {
		t.Error("the digest stays when the list changes")
	}
	one := specOf(t, `{"type":"entra","issuer":"https://login.microsoftonline.com/one/v2.0"`+manyKeys+
		`,"tokens":{"match":[{"claims":{"tid":"one"}}]}}`)
	if row, _, _ := keymanager.Resolve(&keyward.Object{ID: "km"}, one, keyward.KeyManagerStatus{}); row.Issuers[0].Organization != "" {
		t.Errorf("one organization: %+v", row.Issuers)
	}
}

// The metadata for every organization is read where the issuer is a template, and nothing else takes its issuer.
func TestMetadataOfEveryOrganization(t *testing.T) {
	origin := site(t, map[string]string{
		"/common/v2.0/.well-known/openid-configuration": `{"issuer":"$O/{tenantid}/v2.0","jwks_uri":"$O/keys"}`,
		"/odd/.well-known/openid-configuration":         `{"issuer":"$O/{other}/v2.0","jwks_uri":"$O/keys"}`,
	})
	common := origin + "/common/v2.0/.well-known/openid-configuration"
	for _, spec := range []keyward.KeyManagerSpec{
		{Type: keyward.TypeEntra, Issuer: origin + "/{tid}/v2.0"}, {Type: keyward.TypeEntra, Discovery: common},
	} {
		status, err := discover(t, &spec)
		if err != nil || status.Issuer != origin+"/{tid}/v2.0" || status.JWKS != origin+"/keys" || len(status.Notes) > 0 {
			t.Errorf("%s: %+v, %v", spec.Issuer, status, err)
		}
		spec.Tokens.Match = []keyward.MatchRule{{Claims: map[string]any{"tid": "one"}}}
		_, _, faults := keymanager.Resolve(&keyward.Object{ID: "km"}, &spec, status)
		if spec.Issuer != "" && len(faults) > 0 {
			t.Errorf("%s: %v", spec.Issuer, faults)
		}
		if spec.Issuer == "" && (len(faults) != 1 || faults[0].Path != "spec.issuer" ||
			!strings.Contains(faults[0].Message, `issuer: "`+origin+`/{tid}/v2.0"`)) {
			t.Errorf("no issuer declared: %v", faults)
		}
	}
	for at, kind := range map[string]keyward.KeyManagerType{
		common: keyward.TypeOIDC, origin + "/odd/.well-known/openid-configuration": keyward.TypeEntra,
	} {
		_, err := discover(t, &keyward.KeyManagerSpec{Type: kind, Discovery: at})
		if keyward.CodeOf(err) != keyward.CodeNotSupported {
			t.Errorf("%s as %s: %v", at, kind, err)
		}
	}
}

func TestClientIDsOfManyOrganizations(t *testing.T) {
	many := specOf(t, `{"type":"entra","issuer":"https://login.microsoftonline.com/{tid}/v2.0","connection":{"clientId":"own"},
		"tokens":{"match":[{"claims":{"tid":"one"}},{"claims":{"tid":"two"}}]}}`)
	for id, good := range map[string]bool{
		"one/abc": true, "two/abc": true, "one/a/b": true, "three/abc": false, "abc": false, "one/": false, "/abc": false, "One/abc": false,
	} {
		if fault := keymanager.ClientIDFault(many, id); (fault == "") != good || !good && !strings.Contains(fault, "one, two") {
			t.Errorf("%s: %q", id, fault)
		}
	}
	single := specOf(t, `{"type":"entra","issuer":"https://login.microsoftonline.com/one/v2.0"}`)
	if fault := keymanager.ClientIDFault(single, "abc"); fault != "" {
		t.Errorf("one organization: %s", fault)
	}
	if !keymanager.OwnClient(many, "two/OWN") || keymanager.OwnClient(many, "two/abc") {
		t.Error("the key manager's own client is one in every organization")
	}
}
