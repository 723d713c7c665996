package probe

import (
	"context"
	"maps"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/keymanager/draft"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/secret"
	"keyward.dev/keyward/internal/store"
)

// stored reads a registered key manager with its secrets, and how the console's own client there stands.
func (p *Probe) stored(tx *store.Tx, tenant, name string) (s connector.Server, own ownClient, hold *keyward.Hold, err error) {
	km, err := tx.Get(keyward.KindKeyManager, tenant, name)
	if err != nil {
		return s, own, nil, err
	}
	spec, err := keyward.SpecOf[*keyward.KeyManagerSpec](km)
	if err != nil {
		return s, own, nil, err
	}
	if own.ours = keymanager.RegistersSignIn(spec); own.ours && p.signIn != nil {
		if own.stands, err = p.signIn(tx, km); err != nil {
			return s, own, nil, err
		}
	}
	s, err = keymanager.ServerOf(tx, km)
	return s, own, km.Hold, err
}

// declared judges a declaration as writing it would, without what depends on other objects. bound tells that it uses
// stored secrets.
func (p *Probe) declared(ctx context.Context, tenant, name string, spec *keyward.KeyManagerSpec) (
	server connector.Server, bound bool, err error,
) {
	if spec.Type == keyward.TypeResident {
		return server, false, keyward.Errorf(keyward.CodeInvalidInput, "the resident key manager is there already: check it by its name")
	}
	faults := spec.Validate()
	values, kept, more := keymanager.TakeSecrets(spec)
	faults = append(faults, more...)
	server = connector.Server{ID: store.NewID(), Tenant: tenant, Name: name, Spec: spec, Secrets: values}
	if len(kept) > 0 {
		more, err := p.takeStored(ctx, &server, kept)
		if err != nil {
			return server, false, err
		}
		faults = append(faults, more...)
	}
	if faults = append(faults, keymanager.Validate(spec, values)...); len(faults) > 0 {
		return server, false, keyward.Invalid(faults)
	}
	err = p.store.Read(ctx, func(tx *store.Tx) (err error) {
		server, err = keymanager.Connect(tx, server)
		return err
	})
	return server, len(kept) > 0, err
}

// takeStored fills in the secrets that the declaration keeps. Whoever may change an address and does not know the secret
// could read it there, so every address must be the stored one.
func (p *Probe) takeStored(ctx context.Context, server *connector.Server, kept secret.Kept) ([]keyward.FieldError, error) {
	var before, now connector.Server
	err := p.store.Read(ctx, func(tx *store.Tx) (err error) {
		if before, _, _, err = p.stored(tx, server.Tenant, server.Name); err == nil {
			now, err = keymanager.Connect(tx, *server)
		}
		return err
	})
	if keyward.CodeOf(err) == keyward.CodeNotFound {
		return nil, nil // that nothing is stored, the declaration's own check says with the field
	}
	if err != nil {
		return nil, err
	}
	var faults []keyward.FieldError
	same := sameAddresses(before.Spec, now.Spec)
	if !same {
		for _, path := range kept.Paths() {
			faults = append(faults, keyward.Fault("spec."+path,
				"an address differs from the stored key manager's: give the value, a stored secret stays with its address"))
			server.Secrets[path] = keymanager.Unseen + path // so that nobody says it again
		}
		return faults, nil
	}
	kept.Fill(server.Secrets, before.Secrets, keymanager.Unseen, func(path, message string) {
		faults = append(faults, keyward.Fault("spec."+path, "%s", message))
	})
	server.Status = before.Status
	return faults, nil
}

// sameAddresses tells that a stored secret would go nowhere else.
func sameAddresses(a, b *keyward.KeyManagerSpec) bool {
	texts := func(s *keyward.KeyManagerSpec) map[string]string {
		out := map[string]string{}
		for name, v := range s.Connection {
			if text, ok := v.(string); ok {
				out[name] = text
			}
		}
		return out
	}
	return a.Type == b.Type && keymanager.SameRoute(a.Outbound, b.Outbound) &&
		a.Discovery == b.Discovery && a.Issuer == b.Issuer && a.Endpoints == b.Endpoints &&
		maps.Equal(texts(a), texts(b))
}

// Discover fills in the manifest of a server's metadata, which is not stored.
func (p *Probe) Discover(ctx context.Context, ask draft.Ask) (*draft.Draft, error) {
	way := outbound.Policy{Proxy: strings.TrimSpace(ask.Proxy), CA: ask.CA}
	if way == (outbound.Policy{}) {
		return draft.Of(ctx, ask, p.client)
	}
	client, err := outbound.Under(p.client, "", way)
	if err != nil {
		return nil, keyward.Invalid([]keyward.FieldError{keyward.Fault("outbound", "%v", err)})
	}
	defer client.CloseIdleConnections()
	return draft.Of(ctx, ask, client)
}
