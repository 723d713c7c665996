package declare

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/outbound"
)

// checkKeyManager holds the rules of one key manager. Where its server's metadata must be read, that is asked for
// while looking, and the answer is used while writing.
func (w *world) checkKeyManager(ch *change, s *keyward.KeyManagerSpec) error {
	if resident := ch.ref.Name == keyward.ResidentName; resident != (s.Type == keyward.TypeResident) {
		w.add(ch, keyward.CodeInvalidInput, "spec.type",
			"the key manager %s, and no other, is of type %s", keyward.ResidentName, keyward.TypeResident)
		return nil
	}
	if s.Global && ch.ref.Tenant != keyward.DefaultTenant {
		w.add(ch, keyward.CodeInvalidInput, "spec.global", "is for key managers of the tenant %s, which its administrators offer "+
			"in every tenant", keyward.DefaultTenant)
	}
	before, err := keyward.SpecOf[*keyward.KeyManagerSpec](ch.existing)
	if err != nil {
		return err
	}
	misfits, whole, err := w.checkRef(ch, s)
	if err != nil {
		return err
	}
	faults := append(keymanager.Validate(s, ch.secrets), misfits...)
	w.addAll(ch, faults)
	if err := w.checkClientsOf(ch, before, s, whole); err != nil {
		return err
	}
	if s.Type == keyward.TypeResident && ch.existing != nil {
		ch.status = ch.existing.Status
	}
	if len(faults) > 0 || s.Type == keyward.TypeResident || w.ledAstray(ch, before, s) {
		return nil
	}
	status, known, err := w.discovered(ch, before, s)
	if err != nil || !known {
		return err
	}
	if ch.status, err = json.Marshal(status); err != nil {
		return fmt.Errorf("encode the status of %s: %w", ch.ref, err)
	}
	_, _, unresolved := keymanager.Resolve(&keyward.Object{Tenant: ch.ref.Tenant, Name: ch.ref.Name}, s, status)
	unresolved = append(unresolved, keymanager.GrantFaults(s, status)...)
	if keymanager.NeedsDiscovery(before, s) { // what is stored was taken as it was
		unresolved = append(unresolved, keymanager.IssuerFaults(s, status)...)
	}
	w.addAll(ch, unresolved)
	return w.checkKeptSecrets(ch, before, s, status)
}

// discovered gives the status that goes with the spec: what is stored while nothing that discovery depends on changed,
// else what the server says. known is false while that has not been asked.
func (w *world) discovered(ch *change, before, s *keyward.KeyManagerSpec) (keyward.KeyManagerStatus, bool, error) {
	if !keymanager.Discovers(s) {
		return keyward.KeyManagerStatus{}, true, nil
	}
	if !keymanager.NeedsDiscovery(before, s) {
		status, err := keyManagerStatus(ch.existing.Status)
		return status, true, err
	}
	if !w.writing {
		way := outbound.PolicyOf(s.Outbound.Row(), ch.secrets)
		w.g.discoveries[ch.ref] = &discovery{prefix: ch.prefix, spec: s, way: way}
		return keyward.KeyManagerStatus{}, false, nil
	}
	d, done := w.g.discoveries[ch.ref]
	if !done {
		return keyward.KeyManagerStatus{}, false, errMoved
	}
	return d.status, true, nil
}

func keyManagerStatus(raw json.RawMessage) (keyward.KeyManagerStatus, error) {
	var status keyward.KeyManagerStatus
	if len(raw) == 0 {
		return status, nil
	}
	if err := json.Unmarshal(raw, &status); err != nil {
		return status, fmt.Errorf("decode a key manager's status: %w", err)
	}
	return status, nil
}

// ledAstray refuses to send stored secrets a way that they were not given for. It is asked before metadata are read that
// way, because the proxy's password would go along.
func (w *world) ledAstray(ch *change, before, s *keyward.KeyManagerSpec) bool {
	if before == nil || keymanager.SameRoute(before.Outbound, s.Outbound) {
		return false
	}
	astray := false
	for _, path := range ch.kept.Paths() {
		if path != keyward.OutboundKey { // which is shown to nobody
			w.add(ch, keyward.CodeInvalidInput, "spec."+path, staysWithItsAddress)
			astray = true
		}
	}
	return astray
}

// checkKeptSecrets refuses to send a stored secret to an address that it was not given for: whoever may change the
// address but does not know the secret could read it there.
func (w *world) checkKeptSecrets(ch *change, before, s *keyward.KeyManagerSpec, status keyward.KeyManagerStatus) error {
	if before == nil || len(ch.kept) == 0 {
		return nil
	}
	old, err := keyManagerStatus(ch.existing.Status)
	if err != nil {
		return err
	}
	for _, path := range ch.kept.Paths() {
		var same bool
		switch {
		case path == keyward.OutboundKey, path == keyward.OutboundPassword:
			same = true // the way is the same
		case strings.HasPrefix(path, "introspection."):
			same = cmp.Or(before.Endpoints.Introspection, old.Endpoints.Introspection) ==
				cmp.Or(s.Endpoints.Introspection, status.Endpoints.Introspection) &&
				(s.Introspection.MethodOrDefault() != keyward.IntrospectBearer ||
					cmp.Or(before.Endpoints.Token, old.Endpoints.Token) == cmp.Or(s.Endpoints.Token, status.Endpoints.Token))
		case strings.HasPrefix(path, "signIn."):
			same = keymanager.SignInEndpoints(before, old).Token == keymanager.SignInEndpoints(s, status).Token
		default:
			same = before.Type == s.Type && sameConnection(before, s) &&
				merged(before.Endpoints, old.Endpoints) == merged(s.Endpoints, status.Endpoints)
		}
		if !same {
			w.add(ch, keyward.CodeInvalidInput, "spec."+path, staysWithItsAddress)
		}
	}
	return nil
}

const staysWithItsAddress = "the address it is sent to changes, or the way there: give the value again, a stored secret stays " +
	"with its address"

// merged gives the endpoints in force.
func merged(declared, found keyward.Endpoints) keyward.Endpoints {
	return keyward.Endpoints{
		Token:         cmp.Or(declared.Token, found.Token),
		Introspection: "", // nobody sends a connection's secret there
		Revocation:    cmp.Or(declared.Revocation, found.Revocation),
		Registration:  cmp.Or(declared.Registration, found.Registration),
		Authorization: "",
		Userinfo:      "",
	}
}

// sameConnection tells whether everything that decides where a connection's secrets go is as before: the server, and
// every field of the connection that is an address.
func sameConnection(a, b *keyward.KeyManagerSpec) bool {
	return a.Discovery == b.Discovery && a.Issuer == b.Issuer && maps.Equal(addresses(a.Connection), addresses(b.Connection))
}

func addresses(connection map[string]any) map[string]string {
	out := map[string]string{}
	for name, v := range connection {
		if text, ok := v.(string); ok && strings.Contains(text, "://") {
			out[name] = text
		}
	}
	return out
}

// checkClientsOf refuses what would leave a client without a place: an environment that is taken away, another type
// than the one whose ways made it, and an id that becomes the key manager's own; whole is s with the fields of its
// Connection.
func (w *world) checkClientsOf(ch *change, before, s, whole *keyward.KeyManagerSpec) error {
	if before == nil {
		return nil
	}
	clients, err := w.clientsOf(ch.ref)
	if err != nil {
		return err
	}
	environments := s.EnvironmentsOrDefault()
	for _, o := range clients {
		client, ok := o.spec.(*keyward.OAuthClientSpec)
		if !ok {
			continue
		}
		if !slices.Contains(environments, client.EnvironmentOrDefault()) {
			w.add(ch, keyward.CodeInUse, "spec.environments", "%s belongs to %s", o.ref, client.EnvironmentOrDefault())
		}
		if before.Type != s.Type && generated(o.status) {
			w.add(ch, keyward.CodeInUse, "spec.type", "%s was made in the way of type %s: delete its keys first", o.ref, before.Type)
		}
		if why := keymanager.ClientIDFault(s, client.ClientID); why != "" && client.ClientID != "" &&
			keymanager.ClientIDFault(before, client.ClientID) == "" {
			w.add(ch, keyward.CodeInUse, "spec.issuer", "%q is the client of %s, and %s: delete it first", client.ClientID, o.ref, why)
		}
		if keymanager.OwnClient(whole, client.ClientID) && !keymanager.OwnClient(before, client.ClientID) {
			w.add(ch, keyward.CodeInUse, ownPath(s, client.ClientID),
				"%q is the client of an application, %s: the key manager needs one of its own", client.ClientID, o.ref)
		}
	}
	return nil
}

// generated tells that Keyward made the client, or tried to.
func generated(raw json.RawMessage) bool {
	var status keyward.OAuthClientStatus
	return len(raw) > 0 && json.Unmarshal(raw, &status) == nil && status.Mode == keyward.ClientGenerated
}

// ownPath is the field that makes a client the key manager's own.
func ownPath(s *keyward.KeyManagerSpec, clientID string) string {
	if s.Introspection != nil && strings.EqualFold(s.Introspection.ClientID, clientID) {
		return "spec.introspection.clientId"
	}
	if s.SignIn != nil && strings.EqualFold(s.SignIn.ClientID, clientID) {
		return "spec.signIn.clientId"
	}
	if id, ok := s.Connection["clientId"].(string); ok && strings.EqualFold(id, clientID) {
		return "spec.connection.clientId"
	}
	if s.ConnectionRef() != "" {
		return "spec.connection.ref"
	}
	return "spec.type"
}

// checkIssuers holds that an issuer is one key manager's, unless each that has it tells its tokens apart by claims.
func (w *world) checkIssuers() error {
	tenants := w.tenantsOf(keyward.KindKeyManager)
	if w.touchesGlobal() {
		tenants = []string{""} // it has its issuers in every tenant
	}
	for _, tenant := range tenants {
		all, err := w.all(keyward.KindKeyManager, tenant)
		if err != nil {
			return err
		}
		if tenant != "" && tenant != keyward.DefaultTenant {
			others, err := w.all(keyward.KindKeyManager, keyward.DefaultTenant)
			if err != nil {
				return err
			}
			all = append(all, slices.DeleteFunc(others, func(o candidate) bool { return !isGlobal(o.spec) })...)
		}
		byIssuer := map[string][]issuing{}
		for _, o := range all {
			s, ok := o.spec.(*keyward.KeyManagerSpec)
			if !ok {
				continue
			}
			status, err := keyManagerStatus(o.status)
			if err != nil {
				return err
			}
			for _, issuer := range keymanager.Issuers(s, status) {
				byIssuer[issuer] = append(byIssuer[issuer], issuing{o, s})
			}
		}
		for _, issuer := range slices.Sorted(maps.Keys(byIssuer)) {
			w.checkShared(issuer, byIssuer[issuer])
		}
	}
	return nil
}

// tenantsOf lists the tenants in which the batch touches objects of a kind.
func (w *world) tenantsOf(kind keyward.Kind) []string {
	found := map[string]bool{}
	for _, ch := range w.changes {
		if ch.ref.Kind == kind && ch.sound {
			found[ch.ref.Tenant] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// issuing is a key manager as one of those that have an issuer.
type issuing struct {
	candidate
	declared *keyward.KeyManagerSpec
}

func (w *world) checkShared(issuer string, sharing []issuing) {
	for i, a := range sharing {
		for _, b := range sharing[i+1:] {
			together := a.ref.Tenant == b.ref.Tenant || a.declared.Global || b.declared.Global
			if !together || a.change == nil && b.change == nil || keymanager.ToldApart(a.declared, b.declared) {
				continue
			}
			ch, other := a.change, b
			if b.change != nil {
				ch, other = b.change, a
			}
			w.add(ch, keyward.CodeConflict, "spec.issuer", "%s has the issuer %s already: several may share one "+
				"only where tokens.match.claims of each tells them apart", other.ref, issuer)
		}
	}
}
