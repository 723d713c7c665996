package entra

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/wire"
)

func (e *entra) addPassword(ctx context.Context, h connector.Handle) (passwordCredential, error) {
	post := wire.Call{
		Op: "make a secret", Method: http.MethodPost, URL: e.application(h) + "/addPassword",
		JSON: map[string]any{"passwordCredential": passwordCredential{DisplayName: secretName}},
	}
	var made passwordCredential
	a, err := e.patiently(ctx, post, connector.NotFound)
	if err == nil && (a.Status != http.StatusOK || json.Unmarshal(a.Body, &made) != nil || made.SecretText == "" || made.KeyID == "") {
		err = post.Failure(a)
	}
	return made, err
}

// await asks for tokens until the endpoint has heard of the client and its secret. What else it says, such as a resource
// that nobody consented to, is not this call's business.
func (e *entra) await(ctx context.Context, clientID, secret string) {
	for _, pause := range pauses() {
		err := e.Prove(ctx, clientID, secret)
		if err == nil || !strings.Contains(err.Error(), "AADSTS7000215") && !strings.Contains(err.Error(), "AADSTS700016") ||
			!sleep(ctx, pause) {
			return
		}
	}
}

// Prove implements Prover.
func (e *entra) Prove(ctx context.Context, clientID, secret string) error {
	return connector.Prove(ctx, e, clientID, secret)
}

// Token implements Granter. A scope names a resource there, and nothing but all of it.
func (e *entra) Token(ctx context.Context, r connector.TokenRequest) (wire.AccessToken, error) {
	if len(r.Scopes) == 0 {
		resource := e.resource
		switch {
		case r.Audience != "":
			resource = r.Audience
		case len(r.Resources) == 1:
			resource = r.Resources[0]
		case resource == "":
			resource = r.ClientID
		}
		r.Scopes, r.Audience, r.Resources = []string{resource + "/.default"}, "", nil
	}
	return e.TokenEndpoint.Token(ctx, r)
}

// Rotate implements Rotator: a new secret, then all older ones of ours are removed. One that an administrator made by
// hand stays.
func (e *entra) Rotate(ctx context.Context, h connector.Handle) (string, error) {
	app, err := e.known(ctx, h)
	if err != nil {
		return "", err
	}
	fresh, err := e.addPassword(ctx, h)
	if err != nil {
		return "", err
	}
	if removed, err := e.removeOthers(ctx, h, app.Passwords, fresh.KeyID); err != nil {
		half := &connector.Halfway{Err: err, Secret: removed > 0, Left: "the client's secret is the one that it had"}
		if removed > 0 {
			half.Left = "a secret of the client was removed by then, which may be the one that is known"
		}
		if e.removePassword(ctx, h, fresh.KeyID) != nil { // the next rotation removes it
			half.Left += ", and there is one that nobody knows"
		}
		return "", half
	}
	e.await(ctx, h.ClientID, fresh.SecretText)
	return fresh.SecretText, nil
}

// known reads a client that must be there.
func (e *entra) known(ctx context.Context, h connector.Handle) (*application, error) {
	app, err := e.read(ctx, h)
	if err == nil && app == nil {
		err = &wire.Failure{Op: "make a new secret", Status: http.StatusNotFound, Sent: true,
			Description: "the organization has no client " + h.ClientID}
	}
	return app, err
}

// removeOthers removes all secrets of ours but one, and tells how many it has. One that an administrator made by hand stays.
func (e *entra) removeOthers(
	ctx context.Context, h connector.Handle, all []passwordCredential, keep string,
) (removed int, err error) {
	for _, old := range all {
		if old.DisplayName != secretName || old.KeyID == keep {
			continue
		}
		if err := e.removePassword(ctx, h, old.KeyID); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}

// AddSecret implements connector.Overlapper: an application may have several secrets.
func (e *entra) AddSecret(ctx context.Context, h connector.Handle) (connector.Secret, error) {
	fresh, err := e.addPassword(ctx, h)
	if err != nil {
		return connector.Secret{}, err
	}
	e.await(ctx, h.ClientID, fresh.SecretText)
	return connector.Secret{ID: fresh.KeyID, Value: fresh.SecretText, ExpiresAt: fresh.EndDateTime}, nil
}

// DropSecrets implements connector.Overlapper.
func (e *entra) DropSecrets(ctx context.Context, h connector.Handle, keep string) error {
	app, err := e.read(ctx, h)
	if err != nil || app == nil || keep == "" { // without the name of the one that is used, none is safe to remove
		return err
	}
	_, err = e.removeOthers(ctx, h, app.Passwords, keep)
	return err
}

func (e *entra) removePassword(ctx context.Context, h connector.Handle, keyID string) error {
	post := wire.Call{
		Op: "remove the old secret", Method: http.MethodPost, URL: e.application(h) + "/removePassword",
		JSON: map[string]any{"keyId": keyID},
	}
	a, err := e.manage.Do(ctx, post)
	if err == nil && a.Status != http.StatusNoContent {
		err = post.Failure(a)
	}
	return err
}
