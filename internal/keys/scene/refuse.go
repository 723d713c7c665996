package scene

import (
	"fmt"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/keys/wish"
)

// CheckGenerate judges a request by the key manager's rules. Faults of the request come all at once.
func (s *Scene) CheckGenerate(ask wish.Ask) (wish.Checked, error) {
	if err := s.Creatable(); err != nil {
		return wish.Checked{}, err
	}
	return s.CheckWish(ask)
}

// Creatable refuses where the key manager makes no clients, whoever asks for whatever.
func (s *Scene) Creatable() error {
	spec := s.Spec
	kind, ok := catalog.TypeOf(spec.Type)
	switch {
	case !ok:
		return keyward.Errorf(keyward.CodeNotSupported, "this build has no type %s", spec.Type)
	case !spec.IsEnabled():
		return Disabled(s.KeyManager)
	case !spec.Tokens.Use.Direct():
		return ExchangeOnly(s.KeyManager)
	case !kind.Creates:
		return keyward.Errorf(keyward.CodeCreationDisabled, "a key manager of type %s creates no clients: map one that exists", spec.Type)
	case keymanager.ForMany(spec):
		return keyward.Errorf(keyward.CodeCreationDisabled, "%s is for many organizations, each with its own "+
			"client ids: have the client registered in its organization, and map it as TID/CLIENTID", s.KeyManager.Ref())
	case !spec.MayCreate():
		return keyward.Errorf(keyward.CodeCreationDisabled, "%s lets nobody create clients", s.KeyManager.Ref())
	}
	return nil
}

// CheckWish judges what a client should be able to do.
func (s *Scene) CheckWish(ask wish.Ask) (wish.Checked, error) {
	return wish.Check(s.Server, s.KeyManager.Ref(), s.Place.Environment, ask)
}

// CheckMapping judges whether a client of a key manager may be mapped, whoever asks: mapping_disabled,
// exchange_only, key_manager_disabled, or invalid_input for the key manager's own clients and a foreign environment.
func CheckMapping(km *keyward.Object, kmSpec *keyward.KeyManagerSpec, client *keyward.OAuthClientSpec) error {
	if err := Mappable(km, kmSpec); err != nil {
		return err
	}
	return keyward.Invalid(wish.MappingFaults(km.Ref(), kmSpec, client))
}

// Mappable refuses where no client of a key manager may be mapped, whichever it is.
func Mappable(km *keyward.Object, spec *keyward.KeyManagerSpec) error {
	switch {
	case !spec.IsEnabled():
		return Disabled(km)
	case !spec.Tokens.Use.Direct():
		return ExchangeOnly(km)
	case !spec.MayMap():
		return keyward.Errorf(keyward.CodeMappingDisabled, "%s lets nobody map clients", km.Ref())
	}
	return nil
}

// Disabled refuses what only an enabled key manager does.
func Disabled(km *keyward.Object) error {
	return keyward.Errorf(keyward.CodeKeyManagerDisabled, "%s is disabled", km.Ref())
}

// ExchangeOnly refuses clients whose tokens no gateway would take.
func ExchangeOnly(km *keyward.Object) error {
	return keyward.Errorf(keyward.CodeExchangeOnly, "tokens of %s are for exchange only (tokens.use): have keys in the "+
		"resident key manager with the grant %s, and exchange them there", km.Ref(), keyward.GrantTokenExchange)
}

// Changeable refuses to change at its server what is not Keyward's to change there now.
func (s *Scene) Changeable(c *Client, now time.Time) error {
	if err := s.Held(c, now); err != nil {
		return err
	}
	if err := Alive(s.App); err != nil {
		return err
	}
	if !s.Spec.IsEnabled() {
		return Disabled(s.KeyManager)
	}
	return nil
}

// Alive refuses new keys for an application that is being deleted.
func Alive(app *keyward.Object) error {
	deletion, err := keyward.DeletionOf(app)
	if err != nil || deletion == nil {
		return err
	}
	return keyward.Errorf(keyward.CodeConflict, "%s is being deleted and takes no new keys", app.Ref())
}

// Taken says who takes the place.
func (s *Scene) Taken(c *Client) error {
	where := fmt.Sprintf("application %s has a client in %s for %s already", s.Place.Application, s.Place.KeyManager, s.Place.Environment)
	why := ""
	if c.Status.Reason != "" {
		why = " (" + c.Status.Reason + ")"
	}
	switch c.Status.State {
	case keyward.ClientAwaiting:
		return keyward.Errorf(keyward.CodeKeysExist, "application %s has asked for a client in %s for %s: it awaits an "+
			"administrator's approval", s.Place.Application, s.Place.KeyManager, s.Place.Environment)
	case keyward.ClientPending:
		return keyward.Errorf(keyward.CodeKeysExist, "%s: it is being generated at this moment", where)
	case keyward.ClientDeleting:
		return keyward.Errorf(keyward.CodeKeysExist, "%s: it is being deleted%s", where, why)
	case keyward.ClientRevoking:
		return keyward.Errorf(keyward.CodeKeysExist, "%s: it is being revoked%s", where, why)
	case keyward.ClientRotating, keyward.ClientUpdating:
		return keyward.Errorf(keyward.CodeKeysExist, "%s: %s is %s%s; keys retry goes on with that at once, keys cancel gives it up",
			where, c.Spec.ClientID, c.Status.State, why)
	default:
		return keyward.Errorf(keyward.CodeKeysExist, "%s: %s", where, c.Spec.Shown())
	}
}

// Nothing says that there is no client to act on.
func (s *Scene) Nothing() error {
	if c := s.Last(); c != nil {
		return keyward.Errorf(keyward.CodeNotFound, "application %s has no client in %s for %s: %s was revoked, generate a new one",
			s.Place.Application, s.Place.KeyManager, s.Place.Environment, c.Spec.Shown())
	}
	return keyward.Errorf(keyward.CodeNotFound, "application %s has no client in %s for %s",
		s.Place.Application, s.Place.KeyManager, s.Place.Environment)
}

// OnlyRule refuses what needs one client at the server.
func (c *Client) OnlyRule() error {
	return keyward.Errorf(keyward.CodeConflict, "%s is not a client but a rule, %s: it has neither id nor secret",
		c.Object.Ref(), c.Spec.Shown())
}

// Busy refuses a change of a client that somebody works on.
func (c *Client) Busy() error {
	what := "client " + c.Spec.ClientID
	if c.Spec.ClientID == "" {
		what = "the client that is being made for application " + c.Spec.Application
	}
	return keyward.Errorf(keyward.CodeConflict, "the server is being asked about %s at this moment: wait for its answer", what)
}
