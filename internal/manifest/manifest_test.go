package manifest

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keyward.dev/keyward"
)

const sound = `{"apiVersion":"keyward.dev/v1","kind":"API","metadata":{"name":"orders-v1"},
 "spec":{"context":"/orders","version":"v1","upstream":{"production":"http://127.0.0.1:9000"},
 "keyManagers":["corp",{"name":"entra","audiences":["api://1"]}],"title":null,
 "operations":[{"method":"GET","path":"/items","scopes":["orders:read"]}]}}`

func TestDecodeReadsASoundManifest(t *testing.T) {
	d, faults := Decode([]byte(sound))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	spec, ok := d.Spec.(*keyward.APISpec)
	if !ok || spec.Context != "/orders" || spec.KeyManagers.List[1].Audiences[0] != "api://1" {
		t.Errorf("got %+v", d.Spec)
	}
	if d.Manifest.Metadata.Name != "orders-v1" || d.Manifest.Kind != keyward.KindAPI {
		t.Errorf("got %+v", d.Manifest)
	}
}

func TestDecodeReportsEveryFaultByItsPath(t *testing.T) {
	tests := map[string]struct {
		text string
		want []string
	}{
		"several at once": {`{"apiVersion":"v1","kind":"API","metadata":{"name":"Up","tenan":"x"},"extra":1,
			"spec":{"context":"/o","version":2,"upstream":{"production":"ftp://x","Sandbox":"y"},
			"keyManagers":[{"name":"a","audience":["x"]},7],"operations":[{"method":"GET","path":"/","scopes":"x"}]}}`,
			[]string{
				"apiVersion", "extra", "metadata.name", "metadata.tenan", "spec.keyManagers[0].audience", "spec.keyManagers[1]",
				"spec.operations[0].scopes", "spec.upstream.Sandbox", "spec.upstream.production", "spec.version",
			}},
		"repeated": {`{"apiVersion":"keyward.dev/v1","kind":"Tenant","kind":"Tenant","metadata":{"name":"a"},
			"spec":{"displayName":"a","displayName":"b"}}`, []string{"kind", "spec.displayName"}},
		"repeated in a free form": {`{"apiVersion":"keyward.dev/v1","kind":"KeyManager","metadata":{"name":"a"},
			"spec":{"type":"oidc","connection":{"a":{"b":1,"b":2}}}}`, []string{"spec.connection.a.b"}},
		"case": {`{"apiVersion":"keyward.dev/v1","kind":"Tenant","metadata":{"name":"a"},` +
			`"spec":{"displayname":"a"}}`, []string{"spec.displayname"}},
		"unknown kind": {`{"apiVersion":"keyward.dev/v1","kind":"Api","metadata":{"name":"a"},"spec":{}}`, []string{"kind"}},
		"types": {`{"apiVersion":"keyward.dev/v1","kind":"Plan","metadata":{"name":"a"},
			"spec":{"rate":[{"requests":1.5,"per":60},{"requests":"1","per":"1s"},null]}}`,
			[]string{"spec.rate[0].per", "spec.rate[0].requests", "spec.rate[1].requests", "spec.rate[2]"}},
		"one limit alone": {`{"apiVersion":"keyward.dev/v1","kind":"Plan","metadata":{"name":"a"},
			"spec":{"rate":{"requests":1.5,"per":"1s","burst":2}}}`, []string{"spec.rate[0].burst", "spec.rate[0].requests"}},
		"references to the machine": {`{"apiVersion":"keyward.dev/v1","kind":"User","metadata":{"name":"a"},
			"spec":{"password":{"file":"/etc/passwd"}}}`, []string{"spec.password"}},
		"time": {`{"apiVersion":"keyward.dev/v1","kind":"KeyManager","metadata":{"name":"a"},
			"spec":{"type":"oidc","otherIssuers":[{"issuer":"https://x","until":"tomorrow"}]}}`, []string{"spec.otherIssuers[0].until"}},
		"not an object":  {`[]`, []string{""}},
		"not JSON":       {`{"a":}`, []string{""}},
		"spec is a list": {`{"apiVersion":"keyward.dev/v1","kind":"Plan","metadata":{"name":"a"},"spec":[]}`, []string{"spec"}},
		"spec left out": {`{"apiVersion":"keyward.dev/v1","kind":"OAuthClient","metadata":{"name":"a"}}`,
			[]string{"spec.application", "spec.clientId", "spec.keyManager"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, faults := Decode([]byte(test.text))
			var got []string
			for _, f := range faults {
				got = append(got, f.Path)
			}
			slices.Sort(got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s\n%v", diff, faults)
			}
		})
	}
}

func TestDecodeAsTakesTheKindFromElsewhere(t *testing.T) {
	d, faults := DecodeAs([]byte(`{"spec":{"rate":[{"requests":1,"per":"60s"}]}}`), keyward.KindPlan)
	if len(faults) > 0 || d.Manifest.Kind != keyward.KindPlan {
		t.Errorf("got %+v, %v", d.Manifest, faults)
	}
	alone, faults := DecodeAs([]byte(`{"spec":{"rate":{"requests":1,"per":"1m"}}}`), keyward.KindPlan)
	if diffs, err := Diff(d.Spec, alone.Spec); len(faults) > 0 || err != nil || len(diffs) > 0 {
		t.Errorf("one limit alone differs from a list of one: %v %v %v", diffs, faults, err)
	}
	if _, faults := DecodeAs([]byte(`{"kind":"API","spec":{}}`), keyward.KindPlan); faults[0].Path != "kind" {
		t.Errorf("another kind was taken: %v", faults)
	}
}

func TestDiffIgnoresSpellingAndHidesSecrets(t *testing.T) {
	spec := func(text string) keyward.Spec {
		d, faults := DecodeAs([]byte(text), keyward.KindKeyManager)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		return d.Spec
	}
	base := `{"spec":{"type":"oidc","tokens":{"clockSkew":"60s"},"claims":{"scopes":"scp"},
		"introspection":{"clientId":"a","clientSecret":"one"},"keys":{"jwksInline":{"keys":[]}}}}`
	same := `{"spec":{"type":"oidc","tokens":{"clockSkew":"1m"},"claims":{"scopes":["scp"]},
		"introspection":{"clientId":"a","clientSecret":"two"},"keys":{"jwksInline":{ "keys": []}}}}`
	got, err := Diff(spec(base), spec(same))
	if err != nil || len(got) > 0 {
		t.Errorf("differences %v, error %v", got, err)
	}
	other := `{"spec":{"type":"oidc","enabled":false,"claims":{"scopes":["scp","scope"]},
		"introspection":{"clientId":"b","clientSecret":"two"},"keys":{"jwksInline":{"keys":[]}}}}`
	got, err = Diff(spec(base), spec(other))
	if err != nil {
		t.Fatal(err)
	}
	want := []Difference{
		{Path: "spec.claims.scopes[1]", To: "scope"},
		{Path: "spec.enabled", To: false},
		{Path: "spec.introspection.clientId", From: "a", To: "b"},
		{Path: "spec.tokens.clockSkew", From: "1m"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(sound))
	f.Add([]byte(`{"spec":{"a":[{}]}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, faults := Decode(raw)
		if len(faults) > 0 {
			return
		}
		text, err := json.Marshal(keyward.Manifest{
			APIVersion: d.Manifest.APIVersion, Kind: d.Manifest.Kind, Metadata: d.Manifest.Metadata, Spec: d.Manifest.Spec,
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, faults := Decode(text); len(faults) > 0 {
			t.Errorf("what was accepted is refused when written again: %v\n%s", faults, text)
		}
	})
}
