package wso2is

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/wire"
)

const pageSize = 30 // what the server gives without being asked for more

// List implements connector.Lister, through the application API. An application without a client of OAuth has no id.
func (w *wso2is) List(ctx context.Context, prefix string) ([]connector.Client, error) {
	list := []connector.Client{}
	const op = "list the applications"
	for page := range connector.MaxPages {
		found, err := read[struct {
			Applications []struct {
				Name     string `json:"name"`
				ClientID string `json:"clientId"`
			} `json:"applications"`
		}](ctx, w, wire.Call{Op: op, Method: http.MethodGet, URL: w.base + "/api/server/v1/applications?" + url.Values{
			"filter": {"name sw " + prefix}, "attributes": {"clientId"}, "limit": {strconv.Itoa(pageSize)},
			"offset": {strconv.Itoa(page * pageSize)},
		}.Encode()})
		if err != nil {
			return nil, wire.Harmless(err)
		}
		for _, app := range found.Applications {
			if app.ClientID != "" && strings.HasPrefix(app.Name, prefix) {
				list = append(list, connector.Client{
					ClientID: app.ClientID, Name: app.Name, Handle: connector.Handle{ClientID: app.ClientID},
				})
			}
		}
		if len(found.Applications) < pageSize {
			return list, nil
		}
	}
	return nil, connector.TooLong(op)
}
