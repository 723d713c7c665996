package declare_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/declare"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/plane"
)

// TestASecretRollsOver: the next value is added beside a stored one, read back, kept, and put in the place of both, typed
// again or not; leaving it out promotes nothing; and neither value goes to another address or field.
func TestASecretRollsOver(t *testing.T) {
	h := plane.New(t)
	corp := func(iat, client string) string {
		return plane.Manifest(keyward.KindKeyManager, "corp", strings.NewReplacer(`"iat"`, iat, `"hush"`, client).Replace(plane.CorpSpec))
	}
	ref := keyward.Ref{Kind: keyward.KindKeyManager, Tenant: keyward.DefaultTenant, Name: "corp"}
	stored := func() string {
		t.Helper()
		var found []string
		err := h.Store.Read(t.Context(), func(tx *store.Tx) error {
			o, err := tx.Get(ref.Kind, ref.Tenant, ref.Name)
			if err != nil {
				return err
			}
			secrets, err := tx.Secrets(o)
			for _, path := range slices.Sorted(maps.Keys(secrets)) {
				if secret.IsNote(path) {
					continue
				}
				found = append(found, strings.TrimPrefix(path, "introspection.")+"="+secrets[path])
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(strings.Join(found, " "), "connection.", "")
	}
	keep := `{"stored":true}`
	both := `{"current":{"stored":true},"next":{"stored":true}}`
	promote := `{"stored":"next"}`
	for _, step := range []struct {
		what, iat, secret string
		action            declare.Action
		stored            string
	}{
		{"one value each", `"i1"`, `"s1"`, declare.Created, "initialAccessToken=i1 clientSecret=s1"},
		{"next values beside the stored ones", `{"current":{"stored":true},"next":"i2"}`, `{"current":"s1","next":"s2"}`, declare.Updated,
			"initialAccessToken=i1 initialAccessToken.next=i2 clientSecret=s1 clientSecret.next=s2"},
		{"as they are read back", both, both, declare.Unchanged,
			"initialAccessToken=i1 initialAccessToken.next=i2 clientSecret=s1 clientSecret.next=s2"},
		{"the new value alone takes the place of both", keep, `"s2"`, declare.Updated, "initialAccessToken=i1 clientSecret=s2"},
		{"a next one again", keep, `{"current":{"stored":true},"next":"s3"}`, declare.Updated,
			"initialAccessToken=i1 clientSecret=s2 clientSecret.next=s3"},
		{"left out, the next one is forgotten", keep, keep, declare.Updated, "initialAccessToken=i1 clientSecret=s2"},
		{"next ones of both", `{"current":{"stored":true},"next":"i3"}`, `{"current":{"stored":true},"next":"s4"}`, declare.Updated,
			"initialAccessToken=i1 initialAccessToken.next=i3 clientSecret=s2 clientSecret.next=s4"},
		{"the stored next one takes the place of both", promote, both, declare.Updated,
			"initialAccessToken=i3 clientSecret=s2 clientSecret.next=s4"},
		{"which, applied again, changes nothing", promote, both, declare.Unchanged,
			"initialAccessToken=i3 clientSecret=s2 clientSecret.next=s4"},
		{"and leaves room for another one", keep, `{"current":{"stored":"next"},"next":"s5"}`, declare.Updated,
			"initialAccessToken=i3 clientSecret=s4 clientSecret.next=s5"},
		{"which, applied again, does not begin with the other one", keep, `{"current":{"stored":"next"},"next":"s5"}`, declare.Unchanged,
			"initialAccessToken=i3 clientSecret=s4 clientSecret.next=s5"},
		{"kept, it can still be applied again", keep, both, declare.Unchanged,
			"initialAccessToken=i3 clientSecret=s4 clientSecret.next=s5"},
		{"and again", promote, both, declare.Unchanged, "initialAccessToken=i3 clientSecret=s4 clientSecret.next=s5"},
		{"the other one too", keep, promote, declare.Updated, "initialAccessToken=i3 clientSecret=s5"},
		{"again", promote, promote, declare.Unchanged, "initialAccessToken=i3 clientSecret=s5"},
		{"a next one", keep, `{"current":{"stored":true},"next":"s6"}`, declare.Updated,
			"initialAccessToken=i3 clientSecret=s5 clientSecret.next=s6"},
		{"which is forgotten", keep, keep, declare.Updated, "initialAccessToken=i3 clientSecret=s5"},
	} {
		got := h.MustApply(corp(step.iat, step.secret))
		if got["KeyManager corp"] != step.action || stored() != step.stored {
			t.Errorf("%s: %v, stored %s", step.what, got, stored())
		}
		o, err := h.Control.Get(t.Context(), plane.Operator(), ref)
		if err != nil {
			t.Fatal(err)
		}
		m, err := o.Manifest()
		if err != nil || strings.Contains(string(m.Spec), `"s1"`) || strings.Contains(string(m.Spec), `"i1"`) ||
			strings.Contains(string(m.Spec), `"next"`) != strings.Contains(step.stored, ".next") {
			t.Errorf("%s: read back: %s (%v)", step.what, m.Spec, err)
		}
	}
	_, err := h.Apply(plane.Operator(), declare.Request{Objects: h.Objects(corp(promote, promote))})
	if keyward.CodeOf(err) != keyward.CodeInvalidInput ||
		!strings.Contains(err.Error(), "spec.introspection.clientSecret: no next value is stored: declare one") ||
		strings.Contains(err.Error(), "initialAccessToken") {
		t.Errorf("a forgotten one beside one that was promoted: %v", err)
	}
	h.MustApply(corp(`"i1"`, `{"current":"s1","next":"s2"}`))
	for what, c := range map[string]struct{ manifest, paths string }{
		"another address": {strings.Replace(corp(`"i1"`, both), "SERVER/corp", "SERVER/other", 1),
			"spec.introspection.clientSecret spec.introspection.clientSecret.next"},
		"a next one that is the stored current one": {corp(keep, `{"current":{"stored":true},"next":"s1"}`),
			"spec.introspection.clientSecret.next"},
		"two next ones that are not stored": {plane.Manifest(keyward.KindKeyManager, "new", strings.NewReplacer(
			`"iat"`, `{"current":"i","next":{"stored":true}}`, `"hush"`, `{"current":"s","next":{"stored":true}}`,
			"SERVER/corp", "SERVER/new").Replace(plane.CorpSpec)),
			"spec.connection.initialAccessToken.next spec.introspection.clientSecret.next"},
		"a promoted one at another address": {strings.Replace(corp(`"i1"`, promote), "SERVER/corp", "SERVER/other", 1),
			"spec.introspection.clientSecret"},
		"a promoted one by another way": {strings.Replace(corp(`"i1"`, promote), `"introspection":`,
			`"outbound":{"proxy":"http://proxy.example:3128"},"introspection":`, 1), "spec.introspection.clientSecret"},
		"promoted, with no next one stored, nor ever": {corp(promote, keep), "spec.connection.initialAccessToken"},
		"promoted, and kept as the next one": {corp(`"i1"`, `{"current":{"stored":"next"},"next":{"stored":true}}`),
			"spec.introspection.clientSecret.next"},
		"as its own next one": {corp(`{"current":"i1","next":{"stored":"next"}}`, `{"current":"s1","next":{"stored":"next"}}`),
			"spec.connection.initialAccessToken.next spec.introspection.clientSecret.next"},
		"promoted where nothing is": {plane.Manifest(keyward.KindKeyManager, "new", strings.NewReplacer(
			`"iat"`, promote, `"hush"`, `"s"`, "SERVER/corp", "SERVER/new").Replace(plane.CorpSpec)),
			"spec.connection.initialAccessToken"},
		"a secret that has no next one": {strings.Replace(corp(`"i1"`, both), `"introspection":`,
			`"outbound":{"proxy":"http://proxy.example:3128","proxyUser":"u","proxyPassword":{"stored":"next"}},"introspection":`, 1),
			"spec.outbound.proxyPassword"},
		"next ones alone": {corp(`{"next":"i2"}`, `{"next":"s2"}`),
			"spec.introspection.clientSecret.current spec.connection.initialAccessToken.current"},
	} {
		e := h.Refused(plane.Operator(), declare.Request{Objects: h.Objects(c.manifest)}, keyward.CodeInvalidInput)
		got, want := strings.Fields(e.Paths), strings.Fields(c.paths)
		slices.Sort(got)
		slices.Sort(want)
		if got = slices.Compact(got); strings.ReplaceAll(strings.Join(got, " "), "objects[0].", "") != strings.Join(want, " ") {
			t.Errorf("%s: faults at %v, wants %v", what, got, want)
		}
	}
}

// TestASharedSecretRollsOver, for each key manager of its Connection at once.
func TestASharedSecretRollsOver(t *testing.T) {
	h := plane.New(t)
	h.MustApply(connectionAnd(master, realmCorp)...)
	pair := strings.Replace(master, `"hush-secret"`, `{"current":{"stored":true},"next":"hush-next"}`, 1)
	if got := h.MustApply(plane.Manifest(keyward.KindConnection, "acme", pair)); got["Connection acme"] != declare.Updated {
		t.Errorf("a next value: %v", got)
	}
	again := strings.Replace(master, `"hush-secret"`, `{"current":{"stored":true},"next":{"stored":true}}`, 1)
	if got := h.MustApply(plane.Manifest(keyward.KindConnection, "acme", again)); got["Connection acme"] != declare.Unchanged {
		t.Errorf("taken back: %v", got)
	}
	if got := storedSecret(t, h); got != "hush-secret" {
		t.Errorf("the current value is %q", got)
	}
	e := h.Refused(plane.Operator(), declare.Request{Objects: h.Objects(plane.Manifest(keyward.KindConnection, "acme",
		strings.Replace(strings.Replace(again, "sso.example", "evil.example", 1), `{"stored":true},"next"`, `"x","next"`, 1)))},
		keyward.CodeInvalidInput)
	if !strings.Contains(e.Paths, "spec.connection.clientSecret.next") {
		t.Errorf("a stored next value at another address: faults at %s", e.Paths)
	}
	promoted := strings.Replace(master, `"hush-secret"`, `{"stored":"next"}`, 1)
	h.Refused(plane.Operator(), declare.Request{Objects: h.Objects(plane.Manifest(keyward.KindConnection, "acme",
		strings.Replace(promoted, "sso.example", "evil.example", 1)))}, keyward.CodeInvalidInput)
	if got := h.MustApply(plane.Manifest(keyward.KindConnection, "acme", promoted)); got["Connection acme"] != declare.Updated ||
		storedSecret(t, h) != "hush-next" {
		t.Errorf("promoted: %v, and the current value is %q", got, storedSecret(t, h))
	}
	if got := h.MustApply(plane.Manifest(keyward.KindConnection, "acme", promoted)); got["Connection acme"] != declare.Unchanged ||
		storedSecret(t, h) != "hush-next" {
		t.Errorf("promoted again: %v, and the current value is %q", got, storedSecret(t, h))
	}
}
