package declare

import (
	"encoding/json"
	"fmt"
	"slices"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/keys/wish"
	"keyward.dev/keyward/internal/store"
)

// reference is another object that a spec names, and where.
type reference struct {
	path string
	ref  keyward.Ref
}

// references lists what a spec names, with the path of each name.
func references(spec keyward.Spec, tenant string) []reference {
	var out []reference
	add := func(path string, kind keyward.Kind, name string) {
		if keyward.ValidName(name) {
			out = append(out, reference{path, keyward.Ref{Kind: kind, Tenant: tenant, Name: name}})
		}
	}
	switch s := spec.(type) {
	case *keyward.KeyManagerSpec:
		add("spec.connection.ref", keyward.KindConnection, s.ConnectionRef())
	case *keyward.APISpec:
		for i, use := range s.KeyManagers.List {
			add(use.Path(i), keyward.KindKeyManager, use.Name)
		}
		for i, plan := range s.Plans {
			add(fmt.Sprintf("spec.plans[%d]", i), keyward.KindPlan, plan)
		}
	case *keyward.SubscriptionSpec:
		add("spec.application", keyward.KindApplication, s.Application)
		add("spec.api", keyward.KindAPI, s.API)
		add("spec.plan", keyward.KindPlan, s.Plan)
	case *keyward.OAuthClientSpec:
		add("spec.application", keyward.KindApplication, s.Application)
		add("spec.keyManager", keyward.KindKeyManager, s.KeyManager)
	}
	return out
}

func (w *world) checkReferences(ch *change) error {
	for _, r := range references(ch.spec, ch.ref.Tenant) {
		at, err := w.meant(r.ref)
		if err != nil {
			return err
		}
		spec, _, err := w.spec(at)
		if err != nil {
			return err
		}
		if spec == nil || w.hidden(ch, spec) {
			w.add(ch, keyward.CodeInvalidInput, r.path, "there is no %s", r.ref)
		}
	}
	return nil
}

func specIn(o *keyward.Object) keyward.Spec {
	if o == nil {
		return nil
	}
	return o.Spec
}

func (w *world) checkSubscription(ch *change, s *keyward.SubscriptionSpec) error {
	if w.b.again != nil {
		if err := w.b.again(ch.existing); err != nil {
			return err
		}
	}
	apiRef := keyward.Ref{Kind: keyward.KindAPI, Tenant: ch.ref.Tenant, Name: s.API}
	spec, sound, err := w.spec(apiRef)
	if err != nil {
		return err
	}
	if w.hidden(ch, spec) {
		return nil // nothing more is told of it
	}
	if api, ok := spec.(*keyward.APISpec); ok && sound {
		w.checkSubscribable(ch, s, api)
		switch {
		case s.Plan == "" && len(api.Plans) > 0:
			w.add(ch, keyward.CodeInvalidInput, "spec.plan", "is required: %s offers the plans %v", s.API, api.Plans)
		case s.Plan != "" && !slices.Contains(api.Plans, s.Plan):
			w.add(ch, keyward.CodeInvalidInput, "spec.plan", "%s is not one of the plans of %s: %v",
				s.Plan, s.API, api.Plans)
		}
	}
	stored, err := w.list(keyward.KindSubscription,
		store.Filter{Tenant: ch.ref.Tenant, Application: s.Application}, "application "+s.Application)
	if err != nil {
		return err
	}
	others := w.after(keyward.KindSubscription, ch.ref.Tenant, s.Application, stored)
	for _, o := range others {
		other, ok := o.spec.(*keyward.SubscriptionSpec)
		if ok && o.ref != ch.ref && other.Application == s.Application && other.API == s.API {
			w.add(ch, keyward.CodeConflict, "spec.api", "%s subscribes %s to %s already", o.ref, s.Application, s.API)
		}
	}
	return nil
}

// after replaces what the batch touches in a listing, and adds what it makes: of an application, or, without one, all
// of the kind. An empty tenant means every one.
func (w *world) after(kind keyward.Kind, tenant, application string, stored []*keyward.Object) []candidate {
	var out []candidate
	for _, o := range stored {
		if w.byRef[o.Ref()] == nil && w.gone[o.Ref()] == nil {
			out = append(out, candidate{ref: o.Ref(), spec: o.Spec, status: o.Status})
		}
	}
	made := w.changes
	if application != "" {
		made = w.changesOf(kind, tenant, application)
	}
	for _, ch := range made {
		if ch.ref.Kind == kind && (tenant == "" || ch.ref.Tenant == tenant) && ch.sound {
			out = append(out, candidate{ref: ch.ref, spec: ch.spec, status: ch.status, change: ch})
		}
	}
	return out
}

// changesOf finds the subscriptions or clients of an application in the batch. They are sorted out once: a batch may
// hold tens of thousands, and each asks for its neighbours.
func (w *world) changesOf(kind keyward.Kind, tenant, application string) []*change {
	if w.ofApplication == nil {
		w.ofApplication = map[keyward.Ref][]*change{}
		for _, ch := range w.changes {
			if name, ok := keyward.ApplicationOf(ch.spec); ok {
				at := keyward.Ref{Kind: ch.ref.Kind, Tenant: ch.ref.Tenant, Name: name}
				w.ofApplication[at] = append(w.ofApplication[at], ch)
			}
		}
	}
	return w.ofApplication[keyward.Ref{Kind: kind, Tenant: tenant, Name: application}]
}

func (w *world) checkClient(ch *change, s *keyward.OAuthClientSpec) error {
	if ch.existing != nil {
		status, err := ch.existing.ClientStatus()
		switch {
		case err != nil:
			return err
		case status.Mode == keyward.ClientGenerated:
			w.add(ch, keyward.CodeConflict, "metadata.name", "%s was generated: it is managed through keys", ch.ref)
			return nil
		case status.State == keyward.ClientAwaiting:
			w.add(ch, keyward.CodeConflict, "metadata.name",
				"%s awaits an administrator's approval: approve or reject it with keys", ch.ref)
			return nil
		}
	}
	kmRef, err := w.meant(keyward.Ref{Kind: keyward.KindKeyManager, Tenant: ch.ref.Tenant, Name: s.KeyManager})
	if err != nil {
		return err
	}
	spec, _, err := w.spec(kmRef)
	if err != nil {
		return err
	}
	if km, ok := spec.(*keyward.KeyManagerSpec); ok {
		whole, err := w.whole(km, kmRef)
		if err != nil {
			return err
		}
		w.checkMapping(ch, s, kmRef, whole)
	}
	stored, err := w.list(keyward.KindOAuthClient, store.Filter{Tenant: ch.ref.Tenant, Application: s.Application},
		"application "+s.Application)
	if err != nil {
		return err
	}
	for _, o := range w.after(keyward.KindOAuthClient, ch.ref.Tenant, s.Application, stored) {
		other, ok := o.spec.(*keyward.OAuthClientSpec)
		if !ok || o.ref == ch.ref || other.KeyManager != s.KeyManager || other.Application != s.Application ||
			failed(o.status) {
			continue
		}
		if other.EnvironmentOrDefault() == s.EnvironmentOrDefault() {
			w.add(ch, keyward.CodeKeysExist, "spec.environment", "%s is the %s client of %s in %s already",
				o.ref, s.EnvironmentOrDefault(), s.Application, s.KeyManager)
		}
	}
	return nil
}

// failed tells that a client came to nothing, and so takes no place.
func failed(raw json.RawMessage) bool {
	var status keyward.OAuthClientStatus
	return len(raw) > 0 && json.Unmarshal(raw, &status) == nil && status.State == keyward.ClientFailed
}

// checkMapping holds what the key manager says about clients that exist in it.
func (w *world) checkMapping(
	ch *change, s *keyward.OAuthClientSpec, at keyward.Ref, km *keyward.KeyManagerSpec,
) {
	for _, f := range wish.MappingFaults(at, km, s) {
		w.add(ch, f.Code, "spec."+f.Path, "%s", f.Message)
	}
	if km.MayMap() && km.Tokens.Use.Direct() {
		return
	}
	before, ok := keyward.Spec(nil), false
	if ch.existing != nil {
		before = ch.existing.Spec
	}
	was, ok := before.(*keyward.OAuthClientSpec)
	switch {
	case ok && was.SameClient(s):
	case !km.Tokens.Use.Direct():
		w.add(ch, keyward.CodeExchangeOnly, "spec.keyManager",
			"tokens of %s are for exchange only (tokens.use): no call can be made with those of a client there", s.KeyManager)
	default:
		w.add(ch, keyward.CodeMappingDisabled, "spec.keyManager",
			"clients of %s cannot be mapped: clients.map is false", s.KeyManager)
	}
}
