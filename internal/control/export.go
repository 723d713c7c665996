package control

import (
	"context"
	"fmt"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/declare"
	"keyward.dev/keyward/internal/store"
)

// Export gives the manifests of a tenant that Apply takes back unchanged: every object but generated clients and
// subscriptions that await an approval or were rejected, and of what is built in only what was changed. Tenants belong to
// the tenant default. A set chooses its objects only.
func (c *Control) Export(ctx context.Context, p keyward.Principal, tenant, set string) ([]keyward.Manifest, error) {
	if err := access.Require(p, access.RightExport, tenant); err != nil {
		return nil, err
	}
	var out []keyward.Manifest
	err := c.store.Read(ctx, func(tx *store.Tx) error {
		out = []keyward.Manifest{}
		if err := tenantExists(tx, tenant); err != nil {
			return err
		}
		for _, kind := range keyward.Kinds() {
			if kind == keyward.KindTenant && access.To(p, kind, tenant)&access.ReadAll == 0 {
				continue
			}
			objects, _, err := tx.List(kind, store.Filter{Tenant: tenant, Set: set})
			if err != nil {
				return err
			}
			for _, o := range objects {
				m, export, err := exported(o)
				if err != nil {
					return err
				}
				if export {
					out = append(out, m)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	return out, nil
}

func exported(o *keyward.Object) (keyward.Manifest, bool, error) {
	if o.Ref().BuiltIn() && o.Set == "" {
		var untouched keyward.Spec = &keyward.TenantSpec{}
		if o.Kind == keyward.KindKeyManager {
			untouched = &keyward.KeyManagerSpec{Type: keyward.TypeResident}
		}
		if declare.SameSpec(untouched, o.Spec) {
			return keyward.Manifest{}, false, nil
		}
	}
	if o.Kind == keyward.KindOAuthClient {
		status, err := o.ClientStatus()
		if err != nil || !status.Declared() {
			return keyward.Manifest{}, false, err
		}
	}
	if approval, err := keyward.ApprovalOf(o); err != nil || !approval.Stands() { // an apply would approve it
		return keyward.Manifest{}, false, err
	}
	m, err := o.Manifest()
	m.Status = nil
	return m, true, err
}

// tenantExists gives a not_found error for a tenant that is not there.
func tenantExists(tx *store.Tx, tenant string) error {
	_, err := tx.Get(keyward.KindTenant, keyward.DefaultTenant, tenant)
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		return keyward.Errorf(keyward.CodeNotFound, "there is no tenant %s", tenant)
	}
	return err
}
