package signin

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"keyward.dev/keyward/internal/account"
	"keyward.dev/keyward/internal/password"
	"keyward.dev/keyward/internal/store"
)

func (p *Pages) showAccount(w http.ResponseWriter, r *http.Request) {
	signed := p.present(w, r)
	if signed == nil {
		return
	}
	v := note(textAccount, fmt.Sprintf(textAccountLead, signed.Account.Name()))
	start := p.options.Start + url.QueryEscape(PlaceOf(r.Context()).Tenant)
	v.Links = []link{{start, textToConsole}, {"password", textChange}, {"sign-out", textSignOutDo}}
	p.show(w, r, http.StatusOK, v)
}

func newFields(v view) view {
	v.Fields = append(v.Fields,
		field{Name: "new", Label: textNew, Type: "password", Autocomplete: "new-password", Hint: textNewHint, Focus: len(v.Fields) == 0},
		field{Name: "repeat", Label: textRepeat, Type: "password", Autocomplete: "new-password"})
	return v
}

// chosen finds what is wrong with the two new fields.
func chosen(r *http.Request, v view, a *account.Account) view {
	text := r.PostForm.Get("new")
	if fault := a.PasswordFault(text); fault != "" {
		return v.failing("new", fault)
	}
	if !equal(text, r.PostForm.Get("repeat")) {
		return v.failing("repeat", textRepeatWrong)
	}
	return v
}

// named tells a password manager whose password it is.
func named(a *account.Account) []hidden { return []hidden{{"username", a.Name()}} }

func passwordView(r *http.Request, s *Signed) view {
	return newFields(view{
		Title: textChange, Lead: []string{textChangeLead}, Action: action(PathPassword, r), Hidden: named(s.Account),
		Fields: []field{
			{Name: "current", Label: textCurrent, Type: "password", Autocomplete: "current-password", Focus: true},
		},
		Buttons: []button{{Label: textChangeDo}},
	})
}

func (p *Pages) showPassword(w http.ResponseWriter, r *http.Request) {
	if signed := p.present(w, r); signed != nil {
		p.show(w, r, http.StatusOK, passwordView(r, signed))
	}
}

func (p *Pages) changePassword(w http.ResponseWriter, r *http.Request) {
	signed := p.present(w, r)
	if signed == nil {
		return
	}
	v := passwordView(r, signed)
	if !p.sent(w, r) {
		p.show(w, r, http.StatusForbidden, v.failing("", textFormOld))
		return
	}
	if v = chosen(r, v, signed.Account); len(v.Faults) > 0 {
		p.show(w, r, http.StatusUnprocessableEntity, v)
		return
	}
	if _, err := p.prove(r, signed.Account.Name(), r.PostForm.Get("current")); err != nil {
		p.refusePassword(w, r, v, "current", textCurrentWrong, err)
		return
	}
	hash := password.Hash(r.PostForm.Get("new"))
	p.settle(w, r, func(tx *store.Tx) (*account.Account, error) {
		a, err := account.ByID(tx, signed.Account.ID)
		if err == nil && a.Stamp != signed.Account.Stamp {
			err = account.ErrNone // somebody else changed it meanwhile
		}
		if err != nil {
			return nil, err
		}
		return a, a.SetPassword(tx, hash, p.options.Now())
	})
}

// settle stores a new password and signs this browser in with it.
func (p *Pages) settle(w http.ResponseWriter, r *http.Request, change func(tx *store.Tx) (*account.Account, error)) {
	var id string
	err := p.store.Write(r.Context(), actor, func(tx *store.Tx) error {
		a, err := change(tx)
		if err == nil {
			id = a.ID
		}
		return err
	})
	if errors.Is(err, account.ErrLink) || errors.Is(err, account.ErrNone) {
		p.leading(w, r, http.StatusGone, note(textLinkOld, textLinkOldLead))
		return
	}
	var a *account.Account
	if err == nil {
		err = p.store.Read(r.Context(), func(tx *store.Tx) (err error) {
			a, err = account.ByID(tx, id)
			return err
		})
	}
	if err == nil {
		err = p.begin(w, r, a)
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	http.Redirect(w, r, PlaceOf(r.Context()).Address(PathAccount, nil), http.StatusSeeOther)
}

// linked gives the account that the link in the address is for, or tells that there is none.
//
//nolint:contextcheck // a transaction carries its context
func (p *Pages) linked(w http.ResponseWriter, r *http.Request) *account.Account {
	var a *account.Account
	err := p.store.Read(r.Context(), func(tx *store.Tx) (err error) {
		a, err = account.ByLink(tx, PlaceOf(r.Context()).Tenant, r.URL.Query().Get("link"), p.options.Now())
		return err
	})
	switch {
	case errors.Is(err, account.ErrLink):
		p.leading(w, r, http.StatusGone, note(textLinkOld, textLinkOldLead))
		return nil
	case err != nil:
		p.fail(w, r, err)
		return nil
	}
	return a
}

func resetView(r *http.Request, a *account.Account) view {
	return newFields(view{
		Title: textReset, Lead: []string{fmt.Sprintf(textResetLead, a.Name())}, Action: action(PathReset, r), Hidden: named(a),
		Buttons: []button{{Label: textResetDo}},
	})
}

// showReset uses nothing up: mail programs open links by themselves.
func (p *Pages) showReset(w http.ResponseWriter, r *http.Request) {
	if a := p.linked(w, r); a != nil {
		p.show(w, r, http.StatusOK, resetView(r, a))
	}
}

//nolint:contextcheck // a transaction carries its context
func (p *Pages) reset(w http.ResponseWriter, r *http.Request) {
	a := p.linked(w, r)
	if a == nil {
		return
	}
	v := resetView(r, a)
	if !p.sent(w, r) {
		p.show(w, r, http.StatusForbidden, v.failing("", textFormOld))
		return
	}
	if v = chosen(r, v, a); len(v.Faults) > 0 {
		p.show(w, r, http.StatusUnprocessableEntity, v)
		return
	}
	hash, value := password.Hash(r.PostForm.Get("new")), r.URL.Query().Get("link")
	p.settle(w, r, func(tx *store.Tx) (*account.Account, error) {
		a, err := account.ByLink(tx, PlaceOf(r.Context()).Tenant, value, p.options.Now())
		if err != nil {
			return nil, err
		}
		if err := tx.DropReset(account.Digest(value)); err != nil {
			return nil, err
		}
		return a, a.SetPassword(tx, hash, p.options.Now())
	})
}
