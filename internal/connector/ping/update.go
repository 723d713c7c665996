package ping

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"

	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/wire"
)

// Update implements connector.Updater.
func (p *ping) Update(
	ctx context.Context, h connector.Handle, r connector.Registration, _ connector.KeepHandle,
) (connector.Registered, error) {
	wanted, err := p.representation(r)
	if err != nil {
		return connector.Registered{}, err
	}
	wanted["name"] = r.Name
	err = p.change(ctx, "change the client", h, func(c map[string]any, stored map[string]json.RawMessage) error {
		maps.Copy(c, wanted)
		if policy, ours := wanted["oidcPolicy"].(map[string]any); ours { // the rest of it is the administrator's
			whole := map[string]any{}
			if text := stored["oidcPolicy"]; text != nil && json.Unmarshal(text, &whole) != nil {
				return errors.New("oidcPolicy is not an object")
			}
			maps.Copy(whole, policy)
			c["oidcPolicy"] = whole
		}
		if r.Enable {
			c["enabled"] = true
		}
		return nil
	})
	if err != nil {
		return connector.Registered{}, err
	}
	return connector.Registered{ClientID: h.ClientID, Handle: h}, nil
}

// change reads the client and writes it back whole, because the server takes no single members: with what set puts in,
// the rest as it was read, the encrypted secrets too.
func (p *ping) change(
	ctx context.Context, op string, h connector.Handle, set func(c map[string]any, stored map[string]json.RawMessage) error,
) error {
	stored, err := p.stored(ctx, h)
	if err != nil {
		return wire.Harmless(err)
	}
	client := map[string]any{}
	for name, value := range stored {
		client[name] = value
	}
	put := wire.Call{Op: op, Method: http.MethodPut, URL: p.client(h), JSON: client}
	if err := set(client, stored); err != nil {
		return &wire.Failure{Op: op, Status: http.StatusOK, Sent: true, Harmless: true, Err: err,
			Description: "the server's answer is not the client that was expected"}
	}
	a, err := p.do(ctx, put)
	if err == nil && a.Status != http.StatusOK {
		err = put.Failure(a)
	}
	return err
}

// stored is the client as the server writes it. One that it does not have is a Failure.
func (p *ping) stored(ctx context.Context, h connector.Handle) (map[string]json.RawMessage, error) {
	get := wire.Call{Op: "read the client", Method: http.MethodGet, URL: p.client(h)}
	a, err := p.do(ctx, get)
	if err != nil {
		return nil, err
	}
	members, ok := a.Object()
	if a.Status != http.StatusOK || !ok || wire.Member(members, "clientId") != h.ClientID {
		return nil, get.Failure(a)
	}
	return members, nil
}
