package session

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/account"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/strictjson"
	"keyward.dev/keyward/internal/token"
	"keyward.dev/keyward/internal/wire"
)

// person is who an answer is about.
type person struct {
	subject string
	id      strictjson.Object // claims of the ID token
	more    strictjson.Object // those of the userinfo endpoint, where it was asked
	raw     string            // the ID token
	asked   bool              // the userinfo endpoint was asked
	unheard bool              // and gave nothing
}

// claim gives one of the ID token, or else of the userinfo endpoint.
func (p *person) claim(name string) (strictjson.Value, bool) {
	if v, found := p.id.Get(name); found {
		return v, true
	}
	return p.more.Get(name)
}

func (p *person) text(name string) string {
	v, _ := p.claim(name)
	s, _ := v.Str()
	return s
}

// ask gives who the answer is about, by what the server says for it. That it says nothing which can be taken is in the log for
// operators; that it vouches for somebody and is not believed, in the audit log too: nobody causes that who has no code of its.
func (s *Sessions) ask(ctx context.Context, w *way, k kept, answer url.Values) (*person, error) {
	asked, cancel := context.WithTimeout(ctx, timeout) // of the server alone: what follows is noted in any case
	defer cancel()
	p, vouched, err := s.redeem(asked, w, k, answer)
	failed, ok := errors.AsType[*keyward.Error](err)
	if !ok || failed.Code != keyward.CodeKeyManagerFailed {
		return p, err
	}
	whole := err
	if failed.Err != nil {
		whole = fmt.Errorf("%w: %w", err, failed.Err)
	}
	s.options.Log.WarnContext(ctx, "a sign-in through a key manager came to nothing", "keyManager", w.name, "tenant", k.Tenant,
		"error", whole)
	if !vouched {
		return nil, err
	}
	return nil, s.refuse(ctx, actor, failed, w.refusal(k.Tenant, failed.Message))
}

// refuse notes that somebody did not come in, and gives why.
func (s *Sessions) refuse(ctx context.Context, who string, why *keyward.Error, entry keyward.AuditEntry) error {
	if err := s.store.Write(ctx, who, func(tx *store.Tx) error { return tx.Audit(entry) }); err != nil {
		return fmt.Errorf("note that somebody was refused: %w", err)
	}
	return why
}

// redeem gives who the answer is about, and whether the server took the code. The answer must be of this server (RFC 9207), for
// this browser (state, nonce) and this start (PKCE); its ID token is checked as gateways check tokens, and as OpenID Connect Core
// 1.0, section 3.1.3.7 wants it.
func (s *Sessions) redeem(ctx context.Context, w *way, k kept, answer url.Values) (p *person, vouched bool, err error) {
	iss := answer.Get("iss")
	if iss == "" && w.named || iss != "" && w.issuer(iss) == nil || len(answer["iss"]) > 1 {
		return nil, false, w.failed("the answer says that it is of another server: nothing was taken from it")
	}
	if code := answer.Get("error"); code != "" {
		e := w.failed("%s", printable(code+": "+answer.Get("error_description")))
		if code == "access_denied" { // the person or the server said no, and nothing failed (RFC 6749, section 4.1.2.1)
			e.Code = keyward.CodeForbidden
		}
		return nil, false, e
	}
	if len(answer["code"]) != 1 || answer.Get("code") == "" || len(answer["state"]) != 1 {
		return nil, false, w.failed("the answer has no code")
	}
	client, err := outbound.Under(w.client, w.id, w.policy)
	if err != nil {
		return nil, false, w.failed("%v", err)
	}
	caller := s.lanes.Caller(w.id, client)
	raw, access, err := s.exchange(ctx, caller, w, answer.Get("code"), k.Verifier)
	if err != nil {
		return nil, false, err
	}
	p, by, err := w.read(ctx, raw, access, k.Nonce, s.options.Now())
	if err != nil {
		return nil, true, err
	}
	if iss != "" && iss != by.Issuer {
		return nil, true, w.failed("its ID token is of another issuer than the answer")
	}
	err = s.askAside(ctx, caller, w, p, access, k.Tenant)
	return p, true, err
}

// askAside asks for the claims that the ID token lacks, where rules want them. Where nobody said that the endpoint must answer, it is
// waited for shortly, and without it the rules see what the ID token has.
func (s *Sessions) askAside(ctx context.Context, caller *wire.Caller, w *way, p *person, access, tenant string) (err error) {
	if p.asked = w.asksUserinfo(p, tenant); !p.asked {
		return nil
	}
	must := w.rules.Userinfo != nil
	if !must {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, asideTime)
		defer cancel()
	}
	p.more, err = w.userinfo(ctx, caller, access, p.text("sub"))
	if err != nil && !must {
		s.options.Log.WarnContext(ctx, "claims that an ID token lacks could not be asked for", "keyManager", w.name, "error", err)
		p.unheard, err = true, nil
	}
	return err
}

// asksUserinfo tells whether the userinfo endpoint is asked: where spec.signIn.userinfo says so, or else where it is known and
// the ID token lacks a claim that a rule for the tenant names.
func (w *way) asksUserinfo(p *person, tenant string) bool {
	switch {
	case w.rules == nil:
		return false
	case w.rules.Userinfo != nil:
		return *w.rules.Userinfo
	case w.at.Userinfo == "":
		return false
	}
	return slices.ContainsFunc(w.rules.Roles, func(r keyward.RoleRule) bool {
		_, found := p.id.Get(r.Claim)
		return !found && account.Counts(r, w.home, tenant, true)
	})
}

// exchange redeems the code, once (RFC 6749, section 4.1.3).
func (s *Sessions) exchange(ctx context.Context, c *wire.Caller, w *way, code, verifier string) (id, access string, err error) {
	account := w.account
	account.Params = url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {w.back}, "code_verifier": {verifier},
	}
	var k wire.Call
	a, err := c.WithSecret(ctx, s.options.Known, account.Secret, func(secret string) wire.Call {
		k = account.Request(secret)
		k.Op, k.Once, k.Secrets = "redeem the code", true, append(k.Secrets, code, verifier)
		return k
	}, wire.RefusesClient)
	switch {
	case err != nil:
		return "", "", w.unanswered(err)
	case a.Status != http.StatusOK:
		return "", "", w.refused(k.Failure(a))
	}
	o, err := strictjson.ParseObject(string(a.Body))
	if err != nil {
		return "", "", w.failed("the token endpoint did not answer as OpenID Connect wants it")
	}
	for name, into := range map[string]*string{"id_token": &id, "access_token": &access} {
		v, _ := o.Get(name)
		*into, _ = v.Str()
	}
	if id == "" {
		return "", "", w.failed("the token endpoint gave no ID token: it may not know the scope openid")
	}
	return id, access, nil
}

// refused tells what the token endpoint said, and no more than that.
func (w *way) refused(f *wire.Failure) error {
	if f.Code == "invalid_client" {
		return w.failed("it refuses the console's client: an administrator has to correct spec.signIn (%s)",
			printable(f.Code+" "+f.Description))
	}
	said := strings.TrimSpace(printable(f.Code + " " + f.Description))
	return w.failed("the code was not taken: %s", cmp.Or(said, fmt.Sprintf("the token endpoint answered %d", f.Status)))
}

// unanswered tells that the server is away.
func (w *way) unanswered(err error) error {
	e := w.failed("it cannot be reached now, so nobody can sign in through it: sign in another way, or try again in a minute; "+
		"if it stays so, an administrator sees what is wrong with keyward keymanager check %s", w.name)
	e.Err = err
	return e
}

// read checks an ID token and gives whose it is, and by which issuer.
func (w *way) read(ctx context.Context, raw, access, nonce string, now time.Time) (*person, *keyward.IssuerRow, error) {
	jwt, err := token.Parse(raw)
	if err != nil {
		return nil, nil, w.unbelieved(err)
	}
	if isOtherKind(jwt) {
		return nil, nil, w.failed("its ID token calls itself another kind of token")
	}
	claims := jwt.Claims()
	iss, _ := claims.Get("iss")
	name, _ := iss.Str()
	by := w.issuer(name)
	if by == nil || by.Until != nil && !now.Before(*by.Until) {
		return nil, nil, w.failed("its ID token is of another issuer")
	}
	if err := w.verify(ctx, jwt, *by); err != nil {
		return nil, nil, err
	}
	if fault := w.fault(claims, nonce, now); fault != "" {
		return nil, nil, w.failed("its ID token cannot be believed: %s", fault)
	}
	if hash, found := claims.Get("at_hash"); found {
		if said, ok := hash.Str(); !ok || access == "" || said != halfHash(jwt.Algorithm(), access) {
			return nil, nil, w.failed("its ID token is of another access token")
		}
	}
	p := &person{id: claims, raw: raw}
	p.subject = p.text("sub")
	if by.Organization != "" {
		if p.text("tid") != by.Organization {
			return nil, nil, w.failed("its ID token is of another organization")
		}
		p.subject = by.Organization + "/" + p.subject
	}
	if !keyward.ValidSubject(p.subject) {
		return nil, nil, w.failed("its ID token has no usable sub")
	}
	return p, by, nil
}

// isOtherKind tells whether the header's typ is one of access or logout tokens: a server may sign these with the same key and
// for the same audience (RFC 8725, section 3.12).
func isOtherKind(jwt *token.JWT) bool {
	v, _ := jwt.Header().Get("typ")
	kind, _ := v.Str()
	kind = strings.TrimPrefix(strings.ToLower(kind), "application/")
	return kind == "at+jwt" || kind == "logout+jwt"
}

func (w *way) unbelieved(err error) error {
	e := w.failed("its ID token cannot be believed: %s", printable(err.Error()))
	if told, ok := errors.AsType[*keyward.Error](err); ok {
		e = w.failed("its ID token cannot be believed: %s", printable(told.Message))
	}
	e.Err = err
	return e
}

// verify checks the signature with the keys of the issuer, as gateways do. They are read anew each time: a key that the
// server has withdrawn lets nobody in.
func (w *way) verify(ctx context.Context, jwt *token.JWT, by keyward.IssuerRow) error {
	return w.verifyBy(ctx, token.NewKeySets(w.client, token.Options{}), jwt, by)
}

func (w *way) verifyBy(ctx context.Context, sets *token.KeySets, jwt *token.JWT, by keyward.IssuerRow) error {
	way := token.Way{Digest: w.policy.Digest(), Policy: func(context.Context) (outbound.Policy, error) { return w.policy, nil }}
	keys, err := sets.For(w.id, by, way).Candidates(ctx, jwt)
	if keyward.CodeOf(err) == keyward.CodeKeyManagerUnavailable {
		return w.unanswered(err)
	}
	if err != nil {
		return w.unbelieved(err)
	}
	for _, key := range keys {
		if err = jwt.Verify(key, w.algorithms); err == nil {
			return nil
		}
	}
	return w.unbelieved(err)
}

// fault says why the claims are not those of an ID token for this start (OpenID Connect Core 1.0, section 3.1.3.7).
func (w *way) fault(claims strictjson.Object, nonce string, now time.Time) string {
	text := func(name string) (string, bool) {
		v, found := claims.Get(name)
		s, _ := v.Str()
		return s, found
	}
	list, many := audience(claims)
	exp, expires := dateOf(claims, "exp")
	iat, issued := dateOf(claims, "iat")
	nbf, begins := dateOf(claims, "nbf")
	_, early := claims.Get("nbf")
	azp, party := text("azp")
	said, _ := text("nonce")
	switch {
	case !slices.Contains(list, w.account.ClientID):
		return "it is for another client"
	case party && azp != w.account.ClientID, many && len(list) > 1 && !party:
		return "it was given to another client"
	case !expires:
		return "its exp is missing, or no whole number of seconds"
	case !now.Before(exp.Add(w.skew)):
		return "it has expired"
	case !issued:
		return "its iat is missing, or no whole number of seconds"
	case now.Add(w.skew).Before(iat), early && (!begins || now.Add(w.skew).Before(nbf)):
		return "it is of the future"
	case said == "" || said != nonce:
		return "it is of another sign-in"
	default:
		return ""
	}
}

// halfHash is at_hash: half of the hash of the access token, by the algorithm of the ID token (OpenID Connect Core 1.0,
// section 3.1.3.6); for EdDSA that hash is its own, SHA-512.
func halfHash(algorithm, access string) string {
	var sum []byte
	switch {
	case strings.HasSuffix(algorithm, "256"):
		h := sha256.Sum256([]byte(access))
		sum = h[:]
	case strings.HasSuffix(algorithm, "384"):
		h := sha512.Sum384([]byte(access))
		sum = h[:]
	default:
		h := sha512.Sum512([]byte(access))
		sum = h[:]
	}
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// userinfo asks for the claims that an ID token may lack (OpenID Connect Core 1.0, section 5.3). They must be of the same
// person (section 5.3.2).
func (w *way) userinfo(ctx context.Context, c *wire.Caller, access, sub string) (strictjson.Object, error) {
	k := wire.Call{Op: "ask for the person's claims", Method: http.MethodGet, URL: w.at.Userinfo, Bearer: access}
	a, err := c.Do(ctx, k)
	if err != nil {
		return strictjson.Object{}, w.unanswered(err)
	}
	if a.Status != http.StatusOK {
		return strictjson.Object{}, w.failed("%s", printable(k.Failure(a).Error()))
	}
	o, err := strictjson.ParseObject(string(a.Body))
	if err != nil {
		return strictjson.Object{}, w.failed("the userinfo endpoint did not answer with plain claims")
	}
	if v, _ := o.Get("sub"); !v.Equal(sub) {
		return strictjson.Object{}, w.failed("the userinfo endpoint answered about somebody else")
	}
	return o, nil
}

// reach tells whether the server answers now, so that nobody is sent to one that is away. What it found counts for a
// moment: strangers can begin as often as they like.
func (s *Sessions) reach(ctx context.Context, w *way) error {
	at := w.issuers[0].JWKS
	if at == "" {
		at = w.at.Token
	}
	if w.id == "" {
		return nil
	}
	return s.glances.at(ctx, w.id+" "+w.policy.Digest()+" "+at, func(ctx context.Context) error {
		client, err := outbound.Under(w.client, w.id, w.policy)
		if err != nil {
			return w.failed("%v", err)
		}
		k := wire.Call{Op: "look whether the server answers", Method: http.MethodGet, URL: at, Once: true}
		a, err := s.lanes.Caller(w.id, client).Do(ctx, k)
		if err != nil {
			return w.unanswered(err)
		}
		if a.Status >= http.StatusInternalServerError {
			return w.unanswered(fmt.Errorf("%s answered %d", at, a.Status))
		}
		return nil
	})
}
