package ping

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"

	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/wire"
)

// retention is how long the server keeps a secret that was replaced, in minutes: the longest overlap there is, 30 days.
// Ours ends before.
const retention = 30 * 24 * 60

// Rotate implements Rotator. What the server retains of the secrets before, as its settings may say, is removed.
func (p *ping) Rotate(ctx context.Context, h connector.Handle) (string, error) {
	secret, retained, err := p.setSecret(ctx, h)
	if err != nil {
		return "", err
	}
	if retained {
		if err := p.forget(ctx, h); err != nil {
			return "", &connector.Halfway{Err: err, Secret: true, Left: "the server has given the client another secret, and takes " +
				"the one that is known for as long as it retains it"}
		}
	}
	return secret, nil
}

// setSecret gives the client a new secret, and tells whether older ones are alive beside it.
func (p *ping) setSecret(ctx context.Context, h connector.Handle) (secret string, retained bool, err error) {
	secret = rand.Text() + rand.Text()
	put := wire.Call{
		Op: "set a new secret", Method: http.MethodPut, URL: p.client(h) + "/clientAuth/clientSecret",
		JSON: map[string]any{"secret": secret}, Secrets: []string{secret},
	}
	a, err := p.do(ctx, put)
	if err != nil {
		return "", false, err
	}
	var answer struct {
		Secondary []json.RawMessage `json:"secondarySecrets"`
	}
	if a.Status != http.StatusOK || json.Unmarshal(a.Body, &answer) != nil {
		return "", false, put.Failure(a)
	}
	return secret, len(answer.Secondary) > 0, nil
}

// AddSecret implements connector.Overlapper: the server is told to retain this client's secrets, then gets the new one.
// It has no names for secrets: the newest is the client's, the others are retained.
func (p *ping) AddSecret(ctx context.Context, h connector.Handle) (connector.Secret, error) {
	err := p.change(ctx, "retain the client's secrets", h, func(c map[string]any, _ map[string]json.RawMessage) error {
		c["clientSecretRetentionPeriodType"], c["clientSecretRetentionPeriod"] = "OVERRIDE_SERVER_DEFAULT", retention
		return nil
	})
	if err != nil {
		return connector.Secret{}, err
	}
	secret, _, err := p.setSecret(ctx, h)
	return connector.Secret{Value: secret}, err
}

// DropSecrets implements connector.Overlapper.
func (p *ping) DropSecrets(ctx context.Context, h connector.Handle, _ string) error {
	c, err := p.Read(ctx, h)
	if err != nil || c == nil {
		return err
	}
	return p.forget(ctx, h)
}

// forget ends all secrets but the newest, and lets the server's own settings say again whether it retains any.
func (p *ping) forget(ctx context.Context, h connector.Handle) error {
	return p.change(ctx, "end the old secrets", h, func(c map[string]any, stored map[string]json.RawMessage) error {
		var auth map[string]any
		if err := json.Unmarshal(stored["clientAuth"], &auth); err != nil {
			return err //nolint:wrapcheck // change says what it is
		}
		auth["secondarySecrets"] = []any{}
		c["clientAuth"], c["clientSecretRetentionPeriodType"] = auth, "SERVER_DEFAULT"
		return nil
	})
}
