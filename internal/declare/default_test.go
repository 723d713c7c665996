package declare_test

import (
	"context"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/declare/etag"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/testbed/plane"
)

// TestMakeDefault: the default version of a context moves in one transaction, to an API that gateways serve, by those who may
// write it; all else of both versions stays as it was, an OpenAPI document too.
func TestMakeDefault(t *testing.T) {
	h := plane.New(t)
	h.MustApply(plane.Usual()...)
	ctx := context.Background()
	version := func(version, more string) string {
		spec := strings.Replace(plane.OrdersSpec, `"v1"`, `"`+version+`"`, 1)
		return plane.Manifest(keyward.KindAPI, "orders-"+version, strings.Replace(spec, "{", "{"+more, 1))
	}
	const document = `openapi: 3.0.3\ninfo: {title: Orders, version: '2'}\npaths: {/items: {get: {responses: {}}}}\n`
	const operations = `"operations":[{"method":"GET","path":"/items","scopes":["orders:read"]}]`
	h.MustApply(version("v1", `"default":true,`), version("v3", `"state":"draft",`),
		strings.Replace(version("v2", ""), operations, `"openapi":{"document":"`+document+`"}`, 1))
	get := func(name string) *keyward.Object {
		t.Helper()
		o, err := h.Control.Get(ctx, plane.Operator(), ref(name))
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	defaults := func() string {
		t.Helper()
		var names []string
		for _, name := range []string{"orders-v1", "orders-v2", "orders-v3"} {
			if api, _ := get(name).Spec.(*keyward.APISpec); api.Default {
				names = append(names, name)
			}
		}
		return strings.Join(names, " ")
	}
	// since gives how many records gateways got after a revision, of how many transactions, and the last one's revision.
	since := func(revision uint64) (records, transactions int, last uint64) {
		t.Helper()
		if err := h.Store.Read(ctx, func(tx *store.Tx) error {
			page, err := tx.Records(keyward.DefaultGroup, revision, 1000)
			for _, r := range page {
				if records, last = records+1, r.Revision; r.Last {
					transactions++
				}
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return records, transactions, last
	}

	pat := plane.As("pat", keyward.RolePublisher)
	_, _, before := since(0)
	old := get("orders-v2")
	made, err := h.Control.MakeDefault(ctx, pat, ref("orders-v2"), etag.Of(old))
	if err != nil || defaults() != "orders-v2" {
		t.Fatalf("%v; the default is %q", err, defaults())
	}
	api, _ := made.Spec.(*keyward.APISpec)
	if etag.Of(made) != etag.Of(get("orders-v2")) || !strings.HasPrefix(api.OpenAPI.Document, "openapi") {
		t.Errorf("answered with %+v", api)
	}
	if records, transactions, _ := since(before); records != 2 || transactions != 1 {
		t.Errorf("gateways got %d records of %d transactions", records, transactions)
	}
	if read, err := h.Control.Operations(ctx, pat, keyward.DefaultTenant, "orders-v2"); err != nil || len(read) != 1 {
		t.Errorf("operations of the document: %v, %v", read, err)
	}
	if _, err := h.Control.MakeDefault(ctx, pat, ref("orders-v2"), ""); err != nil {
		t.Errorf("once more: %v", err)
	}
	for _, c := range []struct {
		who  keyward.Principal
		name string
		tag  string
		code keyward.Code
	}{
		{plane.As("alice", keyward.RoleDeveloper), "orders-v1", "", keyward.CodeForbidden},
		{plane.As("ann", keyward.RoleAuditor), "orders-v1", "", keyward.CodeForbidden},
		{pat, "orders-v3", "", keyward.CodeConflict},
		{pat, "orders-v4", "", keyward.CodeNotFound},
		{pat, "orders-v1", etag.Of(old), keyward.CodePreconditionFailed},
	} {
		if _, err := h.Control.MakeDefault(ctx, c.who, ref(c.name), c.tag); keyward.CodeOf(err) != c.code {
			t.Errorf("%s, %s: %v, want %s", c.who.User, c.name, err, c.code)
		}
	}
	if records, _, _ := since(before); defaults() != "orders-v2" || records != 2 {
		t.Errorf("a refusal, or what was the default already, changed something: %s, %d records", defaults(), records)
	}
}

func ref(api string) keyward.Ref {
	return keyward.Ref{Kind: keyward.KindAPI, Tenant: keyward.DefaultTenant, Name: api}
}
