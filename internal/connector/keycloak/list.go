package keycloak

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/wire"
)

const pageSize = 100

// List implements connector.Lister: the name is the client id, and a search finds every client that has the text anywhere
// in it, in any case.
func (k *keycloak) List(ctx context.Context, prefix string) ([]connector.Client, error) {
	list := []connector.Client{}
	op := "list the clients"
	for page := range connector.MaxPages {
		get := wire.Call{Op: op, Method: http.MethodGet, URL: k.admin + "/clients?" + url.Values{
			"clientId": {prefix}, "search": {"true"}, "first": {strconv.Itoa(page * pageSize)}, "max": {strconv.Itoa(pageSize)},
		}.Encode()}
		a, err := k.manage.Do(ctx, get)
		if err != nil {
			return nil, wire.Harmless(err)
		}
		var found []client
		if a.Status != http.StatusOK || json.Unmarshal(a.Body, &found) != nil {
			return nil, wire.Harmless(get.Failure(a))
		}
		for _, c := range found {
			if strings.HasPrefix(c.ClientID, prefix) {
				list = append(list, connector.Client{
					ClientID: c.ClientID, Name: c.ClientID, Handle: connector.Handle{ClientID: c.ClientID},
				})
			}
		}
		if len(found) < pageSize {
			return list, nil
		}
	}
	return nil, connector.TooLong(op)
}
