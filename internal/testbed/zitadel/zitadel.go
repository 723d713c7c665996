// Package zitadel owns running the example provider of zitadel/oidc, a certified authorization server, inside the test
// process. It does not own the protocol: the server is theirs, with its oddities. It has no registration: its clients
// are fixed.
package zitadel

import (
	"context"
	"net/http/httptest"
	"strings"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"keyward.dev/keyward/internal/testbed"
)

// What the server knows from its start.
const (
	Client              = "sid1" // the example's client that gets tokens in its own name
	ClientSecret        = "verysecret"
	IntrospectionClient = "gateway"
	IntrospectionSecret = "gateway-secret"
	Audience            = "urn:zitadel:iam:org:project:id:gateway:aud" // a scope: it puts gateway into the token's audience
)

// Server is a running provider. Its issuer ends with a slash.
type Server struct{ Issuer string }

// projects is the example's storage, with the one rule of Zitadel's own product that the example lacks: a scope names the
// audience (zitadel.com/docs/apis/openidoauth/scopes, read on 23 November 2026).
type projects struct{ *storage.Storage }

// ClientCredentialsTokenRequest implements op.ClientCredentialsStorage.
func (p projects) ClientCredentialsTokenRequest(ctx context.Context, clientID string, scopes []string) (op.TokenRequest, error) {
	req, err := p.Storage.ClientCredentialsTokenRequest(ctx, clientID, scopes)
	if err != nil {
		return nil, err
	}
	token, ok := req.(*oidc.JWTTokenRequest)
	if !ok {
		return req, nil
	}
	for _, scope := range scopes {
		if project, ok := strings.CutPrefix(scope, "urn:zitadel:iam:org:project:id:"); ok {
			token.Audience = append(token.Audience, strings.TrimSuffix(project, ":aud"))
		}
	}
	return token, nil
}

// machines makes the example's client a user, as Zitadel's own service users are: without one, nothing can be introspected.
type machines struct{ storage.UserStore }

// GetUserByID implements storage.UserStore.
func (m machines) GetUserByID(id string) *storage.User {
	if id == Client {
		return &storage.User{ID: id, Username: id}
	}
	return m.UserStore.GetUserByID(id)
}

// Start runs a provider. It is stopped with the test.
func Start(t testbed.TB) *Server {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	issuer := "http://" + server.Listener.Addr().String() + "/"
	web := storage.WebClient(IntrospectionClient, IntrospectionSecret)
	st := storage.NewStorageWithClients(machines{storage.NewUserStore(issuer)}, map[string]*storage.Client{IntrospectionClient: web})
	server.Config.Handler = exampleop.SetupServer(issuer, projects{st}, nil, false)
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return &Server{Issuer: issuer}
}
