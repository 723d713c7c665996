package keys

import (
	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/keys/wish"
)

// checkGenerate judges a request by the key manager's rules. Faults of the request come all at once.
func (s *scene) checkGenerate(ask Ask) (wish.Checked, error) {
	spec := s.kmSpec
	kind, ok := catalog.TypeOf(spec.Type)
	switch {
	case !ok:
		return wish.Checked{}, keyward.Errorf(keyward.CodeNotSupported, "this build has no type %s", spec.Type)
	case !spec.IsEnabled():
		return wish.Checked{}, disabled(s.km)
	case !spec.Tokens.Use.Direct():
		return wish.Checked{}, exchangeOnly(s.km)
	case !kind.Creates:
		return wish.Checked{}, keyward.Errorf(keyward.CodeCreationDisabled,
			"a key manager of type %s creates no clients: map one that exists", spec.Type)
	case keymanager.ForMany(spec):
		return wish.Checked{}, keyward.Errorf(keyward.CodeCreationDisabled, "%s is for many organizations, each with its own "+
			"client ids: have the client registered in its organization, and map it as TID/CLIENTID", s.km.Ref())
	case !spec.MayCreate():
		return wish.Checked{}, keyward.Errorf(keyward.CodeCreationDisabled, "%s lets nobody create clients", s.km.Ref())
	}
	return s.checkWish(ask)
}

// checkWish judges what a client should be able to do.
func (s *scene) checkWish(ask Ask) (wish.Checked, error) {
	return wish.Check(s.server, s.km.Ref(), s.place.Environment, ask)
}

func disabled(km *keyward.Object) error {
	return keyward.Errorf(keyward.CodeKeyManagerDisabled, "%s is disabled", km.Ref())
}

// exchangeOnly refuses clients whose tokens no gateway would take.
func exchangeOnly(km *keyward.Object) error {
	return keyward.Errorf(keyward.CodeExchangeOnly, "tokens of %s are for exchange only (tokens.use): have keys in the "+
		"resident key manager with the grant %s, and exchange them there", km.Ref(), keyward.GrantTokenExchange)
}

// checkMapping judges whether a client of a key manager may be mapped, whoever asks: mapping_disabled,
// exchange_only, key_manager_disabled, or invalid_input for the key manager's own clients and a foreign environment.
func checkMapping(km *keyward.Object, kmSpec *keyward.KeyManagerSpec, client *keyward.OAuthClientSpec) error {
	switch {
	case !kmSpec.IsEnabled():
		return disabled(km)
	case !kmSpec.Tokens.Use.Direct():
		return exchangeOnly(km)
	case !kmSpec.MayMap():
		return keyward.Errorf(keyward.CodeMappingDisabled, "%s lets nobody map clients", km.Ref())
	}
	return keyward.Invalid(wish.MappingFaults(km.Ref(), kmSpec, client))
}
