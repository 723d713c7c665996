package resident

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/crypto"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/resident/flow"
	"keyward.dev/keyward/internal/resident/signin"
)

// protocol carries out the endpoints. The authority comes with each request, so that one of it serves every tenant.
type protocol struct {
	*flow.Flow // what has to do with people

	now      func() time.Time
	failures *failures
}

func newProtocol(now func() time.Time) *protocol {
	return &protocol{Flow: &flow.Flow{}, now: now, failures: newFailures(now)}
}

type authorityKey struct{}

func withAuthority(ctx context.Context, a Authority) context.Context {
	ctx = signin.WithPlace(ctx, signin.Place{Tenant: a.Tenant, Issuer: a.Issuer})
	return context.WithValue(op.ContextWithIssuer(ctx, a.Issuer), authorityKey{}, a)
}

// authority is only called below the door, which has set it.
func authority(ctx context.Context) Authority {
	a, _ := ctx.Value(authorityKey{}).(Authority)
	return a
}

// Keys serves the JWK set.
func (p *protocol) Keys(ctx context.Context, _ *op.Request[struct{}]) (*op.Response, error) {
	ring, err := authority(ctx).Backend.Keys(ctx)
	if err != nil {
		return nil, failure(err)
	}
	return op.NewResponse(ring.JWKS(p.now())), nil
}

// Discovery serves the metadata.
func (p *protocol) Discovery(ctx context.Context, _ *op.Request[struct{}]) (*op.Response, error) {
	a := authority(ctx)
	return op.NewResponse(a.metadata()), nil
}

// VerifyClient authenticates by client_secret_basic or client_secret_post (RFC 6749, section 2.3.1). A client that was made
// without a secret names itself (section 3.2.1), for the grants at which it proves something else.
func (p *protocol) VerifyClient(ctx context.Context, r *op.Request[op.ClientCredentials]) (op.Client, error) {
	if r.Data.ClientAssertion != "" {
		return nil, failure(ErrUnknownClient)
	}
	if r.Data.ClientSecret == "" {
		return p.publicClient(ctx, r.Data.ClientID)
	}
	client, err := authority(ctx).Backend.Authenticate(ctx, r.Data.ClientID, r.Data.ClientSecret)
	if errors.Is(err, ErrUnknownClient) {
		if late := p.failures.hold(ctx, r.Data.ClientID); late != nil {
			return nil, late
		}
	}
	if err != nil {
		return nil, failure(err)
	}
	return protocolClient{client: client}, nil
}

func (p *protocol) publicClient(ctx context.Context, id string) (op.Client, error) {
	a := authority(ctx)
	if a.Tenant == "" {
		return nil, failure(ErrUnknownClient)
	}
	client, err := a.Clients.Client(ctx, id)
	var none *flow.Refusal
	if errors.As(err, &none) || err == nil && !client.Public {
		return nil, failure(ErrUnknownClient)
	}
	if err != nil {
		return nil, failure(err)
	}
	return protocolClient{client: &Client{ID: id}, public: true}, nil
}

// ClientCredentialsExchange gives a JWT access token (RFC 9068).
func (p *protocol) ClientCredentialsExchange(
	ctx context.Context, r *op.ClientRequest[oidc.ClientCredentialsRequest],
) (*op.Response, error) {
	client, err := authenticated(r.Client)
	if err != nil {
		return nil, failure(err)
	}
	asked := slices.DeleteFunc(slices.Clone([]string(r.Data.Scope)), func(s string) bool { return s == "" })
	a := authority(ctx)
	grant, err := a.Backend.Grant(ctx, client, asked)
	if err != nil {
		return nil, failure(err)
	}
	token, err := p.sign(ctx, a, client, grant)
	if err != nil {
		return nil, failure(err)
	}
	return op.NewResponse(&oidc.AccessTokenResponse{
		AccessToken: token,
		TokenType:   oidc.BearerToken,
		ExpiresIn:   uint64(grant.Lifetime.Seconds()),
		Scope:       grant.Scopes,
	}), nil
}

func (p *protocol) sign(ctx context.Context, a Authority, client *Client, grant *Grant) (string, error) {
	return p.signAs(ctx, a, client, grant, rand.Text())
}

// signAs makes an access token with the id.
func (p *protocol) signAs(ctx context.Context, a Authority, client *Client, grant *Grant, id string) (string, error) {
	now, audience := p.now(), grant.Audience
	if len(audience) == 0 {
		audience = []string{a.Issuer}
	}
	subject := grant.Subject
	if subject == "" {
		subject = client.ID
	}
	return p.signClaims(ctx, a, "at+jwt", &oidc.AccessTokenClaims{
		TokenClaims: oidc.TokenClaims{
			Issuer:     a.Issuer,
			Subject:    subject,
			Audience:   audience,
			Expiration: oidc.FromTime(now.Add(grant.Lifetime)),
			IssuedAt:   oidc.FromTime(now),
			ClientID:   client.ID,
			JWTID:      id,
		},
		Scopes: grant.Scopes,
		Claims: grant.Claims,
	})
}

// signClaims makes a token of a type (RFC 7515, section 4.1.9) with the key in use.
func (p *protocol) signClaims(ctx context.Context, a Authority, kind jose.ContentType, claims any) (string, error) {
	ring, err := a.Backend.Keys(ctx)
	if err != nil {
		return "", err
	}
	key, err := ring.Signing(p.now())
	if err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Private.Algorithm), Key: &key.Private},
		(&jose.SignerOptions{}).WithType(kind),
	)
	if err != nil {
		return "", fmt.Errorf("prepare the signing key: %w", err)
	}
	token, err := crypto.Sign(claims, signer)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return token, nil
}

// Introspect answers a client about its own tokens (RFC 7662). Whatever is wrong with the token, the answer is only
// that it is not active (section 2.2).
func (p *protocol) Introspect(ctx context.Context, r *op.Request[op.IntrospectionRequest]) (*op.Response, error) {
	client, err := p.VerifyClient(ctx, &op.Request[op.ClientCredentials]{Data: r.Data.ClientCredentials})
	if err != nil {
		return nil, err
	}
	inactive := op.NewResponse(map[string]bool{"active": false})
	claims, good, err := p.Verify(ctx, r.Data.Token)
	if err != nil {
		return nil, failure(err)
	}
	if !good || claims.ClientID != client.GetID() {
		return inactive, nil
	}
	return op.NewResponse(&oidc.IntrospectionResponse{
		Active:     true,
		Scope:      claims.Scopes,
		ClientID:   claims.ClientID,
		TokenType:  oidc.BearerToken,
		Expiration: claims.Expiration,
		IssuedAt:   claims.IssuedAt,
		Subject:    claims.Subject,
		Audience:   claims.Audience,
		Issuer:     claims.Issuer,
		JWTID:      claims.JWTID,
	}), nil
}

// Revocation takes a token back (RFC 7009). A token that is not good anyway is a success (section 2.2); one of another
// client is refused (section 2.1).
func (p *protocol) Revocation(
	ctx context.Context, r *op.ClientRequest[oidc.RevocationRequest],
) (*op.Response, error) {
	claims, good, err := p.verify(ctx, r.Data.Token)
	if err != nil {
		return nil, failure(err)
	}
	if !good && authority(ctx).Tenant != "" {
		if _, err := p.Forget(ctx, r.Client.GetID(), r.Data.Token); err != nil {
			return nil, failure(err)
		}
	}
	if !good {
		return op.NewResponse(nil), nil
	}
	if claims.ClientID != r.Client.GetID() {
		return nil, oidc.ErrUnauthorizedClient().WithDescription("the token was issued to another client")
	}
	if err := authority(ctx).Backend.Revoke(ctx, claims.JWTID, claims.Expiration.AsTime()); err != nil {
		return nil, failure(err)
	}
	return op.NewResponse(nil), nil
}

// verify reads a token of this issuer. An error is a fault of ours; a token that cannot be read is simply not good.
func (p *protocol) verify(ctx context.Context, token string) (claims *oidc.AccessTokenClaims, good bool, err error) {
	a := authority(ctx)
	ring, err := a.Backend.Keys(ctx)
	if err != nil {
		return nil, false, err
	}
	verifier := op.NewAccessTokenVerifier(a.Issuer, ring.Published(p.now()),
		op.WithSupportedAccessTokenSigningAlgorithms(string(SigningAlgorithm)))
	claims, refused := op.VerifyAccessToken[*oidc.AccessTokenClaims](ctx, token, verifier)
	if refused != nil {
		return nil, false, nil
	}
	return claims, claims.JWTID != "" && p.now().Before(claims.Expiration.AsTime()), nil
}

// failure gives the answer of RFC 6749, section 5.2. It tells a caller nothing about why a client is unknown.
func failure(err error) error {
	if f, ok := errors.AsType[*SubjectFault](err); ok {
		return f.answer()
	}
	switch {
	case errors.Is(err, ErrUnknownClient):
		return op.NewStatusError(oidc.ErrInvalidClient().WithDescription("%s", ErrUnknownClient), http.StatusUnauthorized)
	case errors.Is(err, ErrGrantNotAllowed):
		return oidc.ErrUnauthorizedClient().WithDescription("%s", ErrGrantNotAllowed)
	case errors.Is(err, ErrTarget):
		return oidc.ErrInvalidTarget().WithDescription("%s", ErrTarget)
	case errors.Is(err, ErrNoScope):
		return oidc.ErrInvalidScope().WithDescription("%s", ErrNoScope)
	case errors.Is(err, ErrDisabled):
		return op.NewStatusError(oidc.ErrAccessDenied().WithDescription("%s", ErrDisabled), http.StatusForbidden)
	case keyward.CodeOf(err) == keyward.CodeDatabaseUnavailable:
		return flow.NotNow(err)
	default:
		return op.NewStatusError(oidc.ErrServerError().WithParent(err), http.StatusInternalServerError)
	}
}
