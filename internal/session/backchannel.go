package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/account"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/strictjson"
	"keyward.dev/keyward/internal/token"
)

// logoutEvent is what makes a token say that somebody signed out (OpenID Connect Back-Channel Logout 1.0, section 2.4).
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// LogOut takes a logout token of a key manager's server, and ends the sessions at the console that it is about: those of its sid, or
// of its sub where it has none. Sessions that began after it are left alone. It is taken once: who comes in again within the
// clock skew is not put out by it. The token is checked as an ID token is (section 2.6), its keys are read as gateways read them: a
// token that is forged costs the server no more than a few requests. An invalid_request error says what it lacks,
// key_manager_failed that its keys cannot be read.
func (s *Sessions) LogOut(ctx context.Context, tenant, keyManager, raw string) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var w *way
	err := s.store.Read(ctx, func(tx *store.Tx) error {
		o, err := tx.Get(keyward.KindKeyManager, tenant, keyManager)
		if keyward.CodeOf(err) == keyward.CodeNotFound {
			return notOut("nobody signs in through this key manager")
		}
		if err != nil {
			return err
		}
		if spec, ok := o.Spec.(*keyward.KeyManagerSpec); !ok || !spec.SignsIn() {
			return notOut("nobody signs in through this key manager")
		}
		w, err = s.through(tx, o)
		return err
	})
	if err != nil {
		return err
	}
	jwt, err := token.Parse(raw)
	if err != nil {
		return notOut("it is not a JWT")
	}
	claims := jwt.Claims()
	by := w.issuer(textOf(claims, "iss"))
	if by == nil {
		return notOut("it is of another issuer")
	}
	issued, fault := w.logoutFault(claims, s.options.Now())
	if fault != "" {
		return notOut(fault)
	}
	err = w.verifyBy(ctx, s.sets, jwt, *by)
	if keyward.CodeOf(errors.Unwrap(err)) == keyward.CodeKeyManagerUnavailable {
		return err
	}
	if err != nil {
		return notOut("its signature is not that of the server")
	}
	subject := textOf(claims, "sub")
	if by.Organization != "" {
		subject = by.Organization + "/" + subject
	}
	return s.store.Write(ctx, actor, func(tx *store.Tx) error {
		if err := s.once(tx, w, by.Issuer, claims); err != nil {
			return err
		}
		ended, err := tx.EndSessionsThrough(w.id, textOf(claims, "sid"), subject, issued.Add(w.skew))
		if err != nil || ended == 0 {
			return err
		}
		return tx.Audit(keyward.AuditEntry{
			Tenant: w.home, Action: "session.ended-there", Kind: string(keyward.KindKeyManager), Name: w.name,
			Detail: fmt.Sprintf("%d sessions", ended),
		})
	})
}

// once refuses a logout token that was taken before, by its jti. That is remembered as long as the token would be taken, but no longer
// than a session that it could end lasts, however far away its own end is.
func (s *Sessions) once(tx *store.Tx, w *way, issuer string, claims strictjson.Object) error {
	expires, _ := dateOf(claims, "exp")
	until, last := expires.Add(w.skew), s.options.Now().Add(2*w.skew+s.options.Lifetime)
	if until.After(last) {
		until = last
	}
	hash := account.Digest("logout token\x00" + w.id + "\x00" + issuer + "\x00" + textOf(claims, "jti"))
	first, err := tx.UseOnce(hash, until)
	if err == nil && !first {
		return notOut("it was taken before")
	}
	return err
}

func notOut(why string) error {
	return keyward.Errorf(keyward.CodeInvalidRequest, "the logout token is not taken: %s", why)
}

// logoutFault says why the claims are not those of a logout token (section 2.6), and when it was issued.
func (w *way) logoutFault(claims strictjson.Object, now time.Time) (issued time.Time, fault string) {
	list, _ := audience(claims)
	issued, dated := dateOf(claims, "iat")
	expires, ends := dateOf(claims, "exp")
	events, _ := claims.Get("events")
	happened, _ := events.Object()
	event, _ := happened.Get(logoutEvent)
	_, object := event.Object()
	_, nonce := claims.Get("nonce")
	switch {
	case !slices.Contains(list, w.account.ClientID):
		return issued, "it is for another client"
	case !dated || now.Add(w.skew).Before(issued):
		return issued, "it is of the future"
	case !ends || !now.Before(expires.Add(w.skew)):
		return issued, "it has expired"
	case !object:
		return issued, "it does not say that somebody signed out"
	case nonce:
		return issued, "it has a nonce, as ID tokens have"
	case textOf(claims, "jti") == "":
		return issued, "it has no jti"
	case !textOrAbsent(claims, "sid") || !textOrAbsent(claims, "sub"):
		return issued, "its sid or sub is no text"
	case textOf(claims, "sid") == "" && textOf(claims, "sub") == "":
		return issued, "it says of nobody that they signed out"
	default:
		return issued, ""
	}
}
