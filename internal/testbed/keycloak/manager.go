package keycloak

import (
	"context"
	"net/http"
)

// NewManager makes a confidential client of the realm master whose service account may manage the clients of these
// realms, and gives the address of master.
func (s *Server) NewManager(ctx context.Context, id, secret string, realms ...*Realm) (string, error) {
	master := &Realm{Server: s, Name: "master", Issuer: s.URL + "/realms/master"}
	err := master.admin(ctx, http.MethodPost, "/clients", map[string]any{
		"clientId": id, "secret": secret, "publicClient": false, "serviceAccountsEnabled": true, "standardFlowEnabled": false,
	}, nil)
	if err != nil {
		return "", err
	}
	for _, r := range realms {
		if err := master.grantTo(ctx, id, r.Name+"-realm"); err != nil {
			return "", err
		}
	}
	return master.Issuer, nil
}

// SetManagerSecret gives a client of the realm master another secret; the old one is dead.
func (s *Server) SetManagerSecret(ctx context.Context, id, secret string) error {
	return (&Realm{Server: s, Name: "master"}).SetSecret(ctx, id, secret)
}

// SetSecret gives a client of the realm another secret; the old one is dead.
func (r *Realm) SetSecret(ctx context.Context, client, secret string) error {
	internal, err := r.clientID(ctx, client)
	if err != nil {
		return err
	}
	return r.admin(ctx, http.MethodPut, "/clients/"+internal, map[string]any{"clientId": client, "secret": secret}, nil)
}
