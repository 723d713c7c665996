package resident

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/token"
)

// Exchanger is a Backend that gives a token of its own in exchange for one of another issuer (RFC 8693).
type Exchanger interface {
	// Exchange decides what the new token carries. It returns ErrUnknownClient, ErrGrantNotAllowed, ErrNoScope, ErrTarget,
	// ErrDisabled, or a *SubjectFault.
	Exchange(ctx context.Context, client *Client, ask ExchangeRequest) (*Grant, error)
}

// ExchangeRequest is what a client asks for.
type ExchangeRequest struct {
	SubjectToken string
	Scopes       []string // empty = all that the client may have
	Targets      []string // audience and resource; empty = all that the application's APIs expect
}

// Subjects judges subject tokens as the gateways judge tokens.
type Subjects interface {
	// Judge gives what a token of a key manager of the tenant says, or a *SubjectFault.
	Judge(ctx context.Context, tenant, subjectToken string) (*Subject, error)
}

// Subject is what a subject token says, once it is believed.
type Subject struct {
	KeyManager   string // name
	KeyManagerID string
	Environments []keyward.Environment
	Subject      string // unique across key managers
	Expires      time.Time
	Claims       map[string]json.RawMessage // to be carried over
	Delegated    bool                       // somebody acts for the subject already: it has an act claim
	MayAct       json.RawMessage            // its may_act claim; nil = none
}

// SubjectFault says why a subject token is not taken (RFC 8693, section 2.2.2).
type SubjectFault struct {
	Code keyward.Code // as a gateway would refuse it
	Seen string       // for the log: what was wrong
}

// Error implements error.
func (f *SubjectFault) Error() string { return string(f.Code) + ": " + f.Seen }

// description tells the client what to do, and nothing about key managers that its own request does not show.
func (f *SubjectFault) description() string {
	switch f.Code {
	case keyward.CodeUnknownIssuer:
		return "tokens of the issuer of subject_token are not exchanged here: an administrator can set tokens.use of its key manager"
	case keyward.CodeTokenExpired:
		return "subject_token has expired: get a fresh one"
	case keyward.CodeTokenNotYetValid:
		return "subject_token is not valid yet: wait, or compare the clocks"
	case keyward.CodeAudienceMismatch:
		return "subject_token is meant for another audience: get one for an audience in tokens.audiences of its key manager"
	case keyward.CodeSenderConstraintFailed:
		return "subject_token is bound to a key or certificate (cnf): only plain bearer tokens are exchanged"
	case keyward.CodeForbidden:
		return "the permissions of the key manager of subject_token leave out every owner of this application"
	case keyward.CodeEnvironmentMismatch:
		return "the key manager of subject_token does not belong to the environment of this client"
	case keyward.CodeKeyManagerUnavailable:
		return "subject_token cannot be checked now: the keys of its issuer are out of reach"
	case keyward.CodeInvalidRequest:
		return f.Seen
	default:
		return "subject_token is not valid: send a JWT access token, unchanged, of a key manager whose tokens are exchanged"
	}
}

// answer gives the refusal's form: every fault of the subject token is invalid_request (RFC 8693, section 2.2.2).
func (f *SubjectFault) answer() error {
	if f.Code == keyward.CodeKeyManagerUnavailable {
		return op.NewStatusError(oidc.ErrServerError().WithDescription("%s", f.description()), http.StatusServiceUnavailable)
	}
	return oidc.ErrInvalidRequest().WithDescription("%s", f.description())
}

func badSubject(code keyward.Code, format string, args ...any) *SubjectFault {
	return &SubjectFault{Code: code, Seen: fmt.Sprintf(format, args...)}
}

// TokenExchange gives a JWT access token for one of another key manager (RFC 8693).
func (p *protocol) TokenExchange(
	ctx context.Context, r *op.ClientRequest[oidc.TokenExchangeRequest],
) (*op.Response, error) {
	client, err := authenticated(r.Client)
	if err != nil {
		return nil, failure(err)
	}
	a := authority(ctx)
	exchanger, ok := a.Backend.(Exchanger)
	if !ok {
		return nil, oidc.ErrUnsupportedGrantType()
	}
	if fault := checkExchange(r.Data); fault != nil {
		return nil, fault.answer()
	}
	words := func(list []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == "" })
	}
	grant, err := exchanger.Exchange(ctx, client, ExchangeRequest{
		SubjectToken: r.Data.SubjectToken, Scopes: words(r.Data.Scopes),
		Targets: words(slices.Concat(r.Data.Audience, r.Data.Resource)),
	})
	if err != nil {
		return nil, failure(err)
	}
	made, err := p.sign(ctx, a, client, grant)
	if err != nil {
		return nil, failure(err)
	}
	if len(made) > token.MaxSize {
		return nil, badSubject(keyward.CodeInvalidRequest,
			"the claims that the key manager maps make a token of more than 16 KiB").answer()
	}
	issued := r.Data.RequestedTokenType
	if issued == "" {
		issued = oidc.AccessTokenType
	}
	return op.NewResponse(&oidc.TokenExchangeResponse{
		AccessToken: made, IssuedTokenType: issued, TokenType: oidc.BearerToken,
		ExpiresIn: uint64(grant.Lifetime.Seconds()), Scopes: grant.Scopes,
	}), nil
}

// checkExchange refuses what this server does not do: it issues access tokens, which are JWTs, for the bearer of an
// access token, and nobody acts for anybody.
func checkExchange(r *oidc.TokenExchangeRequest) *SubjectFault {
	taken := []oidc.TokenType{oidc.AccessTokenType, oidc.JWTTokenType}
	switch {
	case r.ActorToken != "" || r.ActorTokenType != "":
		return badSubject(keyward.CodeInvalidRequest, "actor_token is not supported: leave actor_token and actor_token_type out")
	case !slices.Contains(taken, r.SubjectTokenType):
		return badSubject(keyward.CodeInvalidRequest, "subject_token_type must be %s or %s", taken[0], taken[1])
	case r.RequestedTokenType != "" && !slices.Contains(taken, r.RequestedTokenType):
		return badSubject(keyward.CodeInvalidRequest, "requested_token_type must be %s or %s, or left out", taken[0], taken[1])
	}
	return nil
}

// Exchange implements Exchanger. The client's right comes first: nobody else has tokens looked at.
func (b *tenantBackend) Exchange(ctx context.Context, client *Client, ask ExchangeRequest) (*Grant, error) {
	mayExchange := func(tx *store.Tx) (km *keyManager, c *registered, err error) {
		km, object, err := b.client(tx, client.ID)
		if err != nil {
			return nil, nil, err
		}
		if c, err = registration(object); err == nil && !c.may(km.spec, keyward.GrantTokenExchange) {
			err = ErrGrantNotAllowed
		}
		return km, c, err
	}
	err := b.resident.store.Read(ctx, func(tx *store.Tx) error {
		_, _, err := mayExchange(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	if b.resident.subjects == nil {
		return nil, ErrGrantNotAllowed
	}
	subject, err := b.resident.subjects.Judge(ctx, b.tenant, ask.SubjectToken)
	if err == nil {
		err = b.fits(client, subject)
	}
	var grant *Grant
	if err == nil {
		err = b.resident.store.Read(ctx, func(tx *store.Tx) error {
			km, c, err := mayExchange(tx)
			if err != nil {
				return err
			}
			grant, err = b.exchanged(tx, km.spec, c, subject, ask)
			return err
		})
	}
	if f, ok := errors.AsType[*SubjectFault](err); ok {
		b.resident.log.InfoContext(ctx, "a token is not taken in exchange", "tenant", b.tenant, "client", client.ID,
			"token", token.Fingerprint(ask.SubjectToken), "code", f.Code, "reason", f.Seen)
	}
	return grant, err
}

// fits holds what the token itself says about who may have it exchanged. An actor that this server would not name must
// not get lost, so a token with one is refused; may_act must name this client (RFC 8693, section 4.4).
func (b *tenantBackend) fits(client *Client, s *Subject) error {
	if s.Delegated {
		return badSubject(keyward.CodeInvalidRequest,
			"subject_token has an act claim: tokens under which somebody acts for another are not exchanged")
	}
	if s.MayAct == nil {
		return nil
	}
	var who struct {
		Issuer   string `json:"iss"`
		Subject  string `json:"sub"`
		ClientID string `json:"client_id"`
	}
	err := json.Unmarshal(s.MayAct, &who)
	names := who.Subject == client.ID || who.Subject == "" && who.ClientID == client.ID
	if err != nil || !names || who.ClientID != "" && who.ClientID != client.ID || who.Issuer != b.resident.Issuer(b.tenant) {
		return badSubject(keyward.CodeInvalidRequest, "may_act of subject_token names another party than this client")
	}
	return nil
}

// exchanged puts the new token together: what the client's application gets to, for the subject, for no longer than
// the subject token is good.
func (b *tenantBackend) exchanged(
	tx *store.Tx, km *keyward.KeyManagerSpec, c *registered, s *Subject, ask ExchangeRequest,
) (*Grant, error) {
	if err := b.permits(tx, c.spec, s); err != nil {
		return nil, err
	}
	lifetime := min(b.resident.schedule.TokenLifetime, s.Expires.Sub(b.resident.now())).Truncate(time.Second)
	if lifetime <= 0 {
		return nil, badSubject(keyward.CodeTokenExpired, "less than a second is left")
	}
	grant := &Grant{Subject: s.Subject, Lifetime: lifetime, Claims: carried(km, s)}
	if err := b.fill(tx, grant, km, c, ask.Scopes); err != nil {
		return nil, err
	}
	if len(ask.Targets) == 0 {
		return grant, nil
	}
	known := grant.Audience
	if len(known) == 0 {
		known = []string{b.resident.Issuer(b.tenant)}
	}
	for _, target := range ask.Targets {
		if !slices.Contains(known, target) {
			return nil, ErrTarget
		}
	}
	grant.Audience = sorted(ask.Targets)
	return grant, nil
}

// permits asks the key manager that the subject token is from, as it is stored now: its environments and permissions
// count for who exchanges its tokens as for who makes keys in it. What nobody owns, administrators made.
func (b *tenantBackend) permits(tx *store.Tx, client *keyward.OAuthClientSpec, s *Subject) error {
	object, err := tx.GetByID(keyward.KindKeyManager, s.KeyManagerID)
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		return badSubject(keyward.CodeUnknownIssuer, "the key manager %s is gone", s.KeyManager)
	}
	if err != nil {
		return fmt.Errorf("look up the key manager of a subject token: %w", err)
	}
	spec, ok := object.Spec.(*keyward.KeyManagerSpec)
	if !ok {
		return fmt.Errorf("%s has a spec of another kind", object.Ref())
	}
	if env := client.EnvironmentOrDefault(); !slices.Contains(s.Environments, env) {
		return badSubject(keyward.CodeEnvironmentMismatch, "key manager %s is not for %s", s.KeyManager, env)
	}
	if spec.Permissions == nil {
		return nil
	}
	owners, err := b.owners(tx, client.Application)
	if err != nil {
		return err
	}
	for _, owner := range owners {
		if owner.Has(keyward.RoleAdmin) || access.Permits(spec.Permissions, owner) {
			return nil
		}
	}
	if len(owners) == 0 {
		return nil
	}
	return badSubject(keyward.CodeForbidden, "permissions of key manager %s: no owner of application %s has them",
		s.KeyManager, client.Application)
}

// owners gives the owners of an application with their roles and groups. A user who does not exist has none.
func (b *tenantBackend) owners(tx *store.Tx, application string) ([]keyward.Principal, error) {
	object, err := tx.Get(keyward.KindApplication, b.tenant, application)
	if err != nil {
		return nil, fmt.Errorf("look up the application %s: %w", application, err)
	}
	app, ok := object.Spec.(*keyward.ApplicationSpec)
	if !ok {
		return nil, fmt.Errorf("%s has a spec of another kind", object.Ref())
	}
	var owners []keyward.Principal
	for _, name := range slices.Concat([]string{app.Owner}, app.Owners) {
		owner := keyward.Principal{User: name, Tenant: b.tenant}
		if group, isGroup := strings.CutPrefix(name, "group/"); isGroup {
			owner.Groups = []string{group}
		} else if name == "" {
			continue
		} else {
			user, err := tx.Get(keyward.KindUser, b.tenant, name)
			if err != nil && keyward.CodeOf(err) != keyward.CodeNotFound {
				return nil, fmt.Errorf("look up the user %s: %w", name, err)
			}
			if err == nil {
				if spec, ok := user.Spec.(*keyward.UserSpec); ok {
					owner.Roles, owner.Groups = spec.Roles, spec.Groups
				}
			}
		}
		owners = append(owners, owner)
	}
	return owners, nil
}

// carried gives the claims of the new token beside the registered ones: what the other key manager maps, but for what
// this one reads to decide about its own tokens, and where they come from, so that they end with the trust in it.
func carried(km *keyward.KeyManagerSpec, s *Subject) map[string]any {
	claims := map[string]any{
		"keyward": map[string]string{"key_manager": s.KeyManager, "key_manager_id": s.KeyManagerID},
	}
	read := deciding(km)
	for name, v := range s.Claims {
		reads := func(c string) bool { return strings.EqualFold(c, name) }
		if !keymanager.IsTokenClaim(name) && !slices.ContainsFunc(read, reads) {
			claims[name] = v
		}
	}
	return claims
}

// deciding lists the claims that the resident key manager's own settings read: if another server could fill them, it
// would decide whose a token is or what it is good for.
func deciding(km *keyward.KeyManagerSpec) []string {
	resident, _ := catalog.TypeOf(keyward.TypeResident)
	read := slices.Concat(km.Claims.ClientID, km.Claims.Scopes, resident.ClientIDClaims, resident.ScopeClaims)
	for _, g := range km.Claims.Grants {
		read = append(read, g.Claim)
	}
	for name := range km.Tokens.Require {
		read = append(read, name)
	}
	for _, m := range km.Tokens.Match {
		for name := range m.Claims {
			read = append(read, name)
		}
	}
	for i, claim := range read {
		if pointer, ok := strings.CutPrefix(claim, "/"); ok {
			first, _, _ := strings.Cut(pointer, "/")
			read[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(first)
		}
	}
	return read
}
