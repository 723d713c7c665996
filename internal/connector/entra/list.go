package entra

import (
	"context"
	"net/url"
	"strings"

	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/wire"
)

// List implements connector.Lister. Case does not count there; ours does.
func (e *entra) List(ctx context.Context, prefix string) ([]connector.Client, error) {
	filter := "startswith(displayName,'" + strings.ReplaceAll(prefix, "'", "''") + "')"
	found, err := pages[application](ctx, e, "list the clients", e.graph+"/applications?$filter="+
		strings.ReplaceAll(url.QueryEscape(filter), "+", "%20"))
	if err != nil {
		return nil, wire.Harmless(err)
	}
	list := []connector.Client{}
	for _, app := range found {
		if strings.HasPrefix(app.DisplayName, prefix) {
			uri := e.graph + "/applications/" + url.PathEscape(app.ID)
			list = append(list, connector.Client{
				ClientID: app.AppID, Name: app.DisplayName, Handle: connector.Handle{ClientID: app.AppID, URI: uri},
			})
		}
	}
	return list, nil
}
