package forgerock

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/wire"
)

// Update implements connector.Updater.
func (f *forgerock) Update(
	ctx context.Context, h connector.Handle, r connector.Registration, _ connector.KeepHandle,
) (connector.Registered, error) {
	members := places(r)
	if err := f.mayAsk(ctx, r.Scopes); err != nil {
		return connector.Registered{}, err
	}
	if len(r.Scopes) > 0 {
		members[amClient+"scopes"] = numbered(r.Scopes)
	}
	// A change of a client that is not there would be refused with the same words as one of a realm that has none.
	if _, err := f.must(ctx, h); err != nil {
		return connector.Registered{}, wire.Harmless(err)
	}
	if err := f.change(ctx, "change the client", h, members); err != nil {
		return connector.Registered{}, err
	}
	return connector.Registered{ClientID: h.ClientID, Handle: h}, nil
}

// must reads a client that has to be there.
func (f *forgerock) must(ctx context.Context, h connector.Handle) (*connector.Client, error) {
	c, err := f.Read(ctx, h)
	if err == nil && c == nil {
		err = &wire.Failure{Op: "read the client", Status: http.StatusNotFound, Sent: true,
			Description: "the realm has no client " + h.ClientID}
	}
	return c, err
}

// Entitled implements connector.Entitler. A token is for the client itself, so an audience is nothing that it lacks.
func (f *forgerock) Entitled(
	ctx context.Context, h connector.Handle, list []connector.Entitlement,
) ([]connector.Entitlement, error) {
	c, err := f.must(ctx, h)
	if err != nil {
		return nil, wire.Harmless(err)
	}
	return slices.DeleteFunc(slices.Clone(list), func(e connector.Entitlement) bool {
		return e.Scope != "" && !slices.Contains(c.Scopes, e.Scope)
	}), nil
}

// Entitle implements connector.Entitler. A client's list takes any text, and some scopes open OpenAM itself, so those are
// given that the realm's provider lists.
func (f *forgerock) Entitle(
	ctx context.Context, h connector.Handle, give, take []connector.Entitlement,
) ([]connector.Entitlement, error) {
	c, err := f.must(ctx, h)
	if err != nil {
		return nil, err
	}
	supported := []string{}
	if len(give) > 0 {
		if supported, err = f.supported(ctx); err != nil {
			return nil, err
		}
	}
	scopes, lacking := slices.Clone(c.Scopes), []connector.Entitlement(nil)
	for _, e := range give {
		switch {
		case !slices.Contains(supported, e.Scope):
			lacking = append(lacking, e)
		case !slices.Contains(scopes, e.Scope):
			scopes = append(scopes, e.Scope)
		}
	}
	scopes = slices.DeleteFunc(scopes, func(s string) bool {
		return slices.ContainsFunc(take, func(e connector.Entitlement) bool { return e.Scope == s })
	})
	if slices.Equal(scopes, c.Scopes) {
		return lacking, nil
	}
	return lacking, f.change(ctx, "change the client's scopes", h, map[string]any{amClient + "scopes": numbered(scopes)})
}

// mayAsk refuses scopes that the realm's provider does not list: a client's list takes any text, and some open OpenAM
// itself.
func (f *forgerock) mayAsk(ctx context.Context, scopes []string) error {
	if len(scopes) == 0 {
		return nil
	}
	supported, err := f.supported(ctx)
	if err != nil {
		return err
	}
	if unknown := connector.Without(scopes, supported); len(unknown) > 0 {
		return connector.Refused("scopes", "the realm's OAuth2 provider does not list %s: have its administrator add it to the "+
			"supported scopes", strings.Join(unknown, ", "))
	}
	return nil
}

// supported are the scopes that the realm's OAuth2 provider lists; each may have a language and a text after it.
func (f *forgerock) supported(ctx context.Context) ([]string, error) {
	get := wire.Call{
		Op: "read the realm's scopes", Method: http.MethodGet, URL: f.realm + "/realm-config/services/oauth-oidc",
	}
	a, err := f.do(ctx, get)
	if err != nil {
		return nil, wire.Harmless(err)
	}
	var provider struct {
		OAuth2 struct {
			Scopes []string `json:"supportedScopes"`
		} `json:"advancedOAuth2Config"`
	}
	if a.Status != http.StatusOK || json.Unmarshal(a.Body, &provider) != nil {
		return nil, wire.Harmless(get.Failure(a))
	}
	list := provider.OAuth2.Scopes
	for i, s := range list {
		list[i], _, _ = strings.Cut(s, "|")
	}
	return list, nil
}

// List implements connector.Lister. The server filters nothing and gives no pages: it is asked for the ids of all.
func (f *forgerock) List(ctx context.Context, prefix string) ([]connector.Client, error) {
	get := wire.Call{
		Op: "list the clients", Method: http.MethodGet,
		URL: f.realm + "/realm-config/agents/OAuth2Client?_queryFilter=true&_fields=_id",
	}
	a, err := f.do(ctx, get)
	if err != nil {
		return nil, wire.Harmless(err)
	}
	var found struct {
		Result []struct {
			ID string `json:"_id"`
		} `json:"result"`
	}
	list := []connector.Client{}
	if a.Status == http.StatusNotFound && strings.Contains(string(a.Body), noParent) {
		return list, nil
	}
	if a.Status != http.StatusOK || json.Unmarshal(a.Body, &found) != nil {
		return nil, wire.Harmless(get.Failure(a))
	}
	for _, c := range found.Result {
		if strings.HasPrefix(c.ID, prefix) {
			list = append(list, connector.Client{ClientID: c.ID, Name: c.ID, Handle: connector.Handle{ClientID: c.ID}})
		}
	}
	return list, nil
}
