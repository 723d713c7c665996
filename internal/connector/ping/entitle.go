package ping

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"

	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/wire"
)

// allowed are the scopes that a client may ask for.
type allowed struct {
	restricts bool     // to these of the common scopes; else it may ask for all of them
	common    []string // restrictedScopes
	exclusive []string
}

func allowedBy(stored map[string]json.RawMessage) allowed {
	return allowed{
		restricts: string(stored["restrictScopes"]) == "true", common: wire.ListOf(stored, "restrictedScopes"),
		exclusive: wire.ListOf(stored, "exclusiveScopes"),
	}
}

// Entitled implements connector.Entitler. Who tokens are for, the access token manager says, not a client.
func (p *ping) Entitled(
	ctx context.Context, h connector.Handle, list []connector.Entitlement,
) ([]connector.Entitlement, error) {
	stored, err := p.stored(ctx, h)
	if err != nil {
		return nil, wire.Harmless(err)
	}
	may := allowedBy(stored)
	var has []connector.Entitlement
	for _, w := range list {
		holds := w.Scope == "" || slices.Contains(may.exclusive, w.Scope) || may.restricts && slices.Contains(may.common, w.Scope)
		if !holds && !may.restricts {
			if holds, err = p.defines(ctx, "commonScopes", w.Scope); err != nil {
				return nil, wire.Harmless(err)
			}
		}
		if holds {
			has = append(has, w)
		}
	}
	return has, nil
}

// Entitle implements connector.Entitler. A client that is not restricted may ask for every common scope and stays so. An
// exclusive scope is given where the key manager's administrator named it: some open PingFederate itself.
func (p *ping) Entitle(
	ctx context.Context, h connector.Handle, give, take []connector.Entitlement,
) ([]connector.Entitlement, error) {
	stored, err := p.stored(ctx, h)
	if err != nil {
		return nil, err
	}
	before := allowedBy(stored)
	after, lacking := before, []connector.Entitlement(nil)
	for _, w := range give {
		common, err := p.defines(ctx, "commonScopes", w.Scope)
		if err != nil {
			return nil, err
		}
		exclusive := false
		if !common && slices.Contains(p.named, w.Scope) {
			if exclusive, err = p.defines(ctx, "exclusiveScopes", w.Scope); err != nil {
				return nil, err
			}
		}
		switch {
		case exclusive:
			after.exclusive = with(after.exclusive, w.Scope)
		case common && before.restricts:
			after.common = with(after.common, w.Scope)
		case !common:
			lacking = append(lacking, w)
		}
	}
	for _, w := range take {
		after.exclusive = connector.Without(after.exclusive, []string{w.Scope})
		after.common = connector.Without(after.common, []string{w.Scope})
	}
	if slices.Equal(before.common, after.common) && slices.Equal(before.exclusive, after.exclusive) {
		return lacking, nil
	}
	return lacking, p.change(ctx, "change the client's scopes", h, func(c map[string]any, _ map[string]json.RawMessage) error {
		if before.restricts {
			c["restrictedScopes"] = append([]string{}, after.common...)
		}
		c["exclusiveScopes"] = append([]string{}, after.exclusive...)
		return nil
	})
}

func with(list []string, one string) []string {
	if slices.Contains(list, one) {
		return list
	}
	return append(slices.Clone(list), one)
}

// defines tells whether the server has a scope of this kind.
func (p *ping) defines(ctx context.Context, kind, scope string) (bool, error) {
	if scope == "" {
		return true, nil
	}
	get := wire.Call{
		Op: "look up the scope " + scope, Method: http.MethodGet,
		URL: p.admin + "/oauth/authServerSettings/scopes/" + kind + "/" + url.PathEscape(scope),
	}
	a, err := p.do(ctx, get)
	if err == nil && a.Status != http.StatusOK && a.Status != http.StatusNotFound {
		err = get.Failure(a)
	}
	return err == nil && a.Status == http.StatusOK, err
}
