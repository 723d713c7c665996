package ping

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

// List implements connector.Lister. The server's filter finds a text anywhere in a client's id or name, in any case.
func (p *ping) List(ctx context.Context, prefix string) ([]connector.Client, error) {
	list := []connector.Client{}
	const op = "list the clients"
	for page := 1; page <= connector.MaxPages; page++ {
		get := wire.Call{Op: op, Method: http.MethodGet, URL: p.admin + "/oauth/clients?" + url.Values{
			"filter": {prefix}, "page": {strconv.Itoa(page)}, "numberPerPage": {strconv.Itoa(pageSize)},
		}.Encode()}
		a, err := p.do(ctx, get)
		if err != nil {
			return nil, wire.Harmless(err)
		}
		var found struct {
			Items []struct {
				ID string `json:"clientId"`
			} `json:"items"`
		}
		if a.Status != http.StatusOK || json.Unmarshal(a.Body, &found) != nil {
			return nil, wire.Harmless(get.Failure(a))
		}
		for _, c := range found.Items {
			if strings.HasPrefix(c.ID, prefix) { // which is our name for it
				list = append(list, connector.Client{ClientID: c.ID, Name: c.ID, Handle: connector.Handle{ClientID: c.ID}})
			}
		}
		if len(found.Items) < pageSize {
			return list, nil
		}
	}
	return nil, connector.TooLong(op)
}
