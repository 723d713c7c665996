package entitle

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/catalog"
	"keyward.dev/keyward/internal/entitle/reach"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/keys/peek"
	"keyward.dev/keyward/internal/keys/scene"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/wire"
)

// task is one client's turn.
type task struct {
	row      *store.Entitlement
	progress progress
	wanted   []connector.Entitlement
	withheld []connector.Entitlement // of what is wanted
	asked    []string                // by its developer; nothing = whatever there is
	object   *keyward.Object
	clientID string
	given    []string // scopes, as the key manager said when it made the client
	handle   connector.Handle
	server   connector.Server
	kind     connector.Type
	ask      string // what the key manager's administrator has to allow, so that nobody need give anything by hand
}

// settle carries out the latest turn of a client, if there is one to do.
func (e *Entitler) settle(ctx context.Context, clientID string) error {
	defer e.lock(clientID)()
	var t *task
	err := e.store.Read(ctx, func(tx *store.Tx) (err error) {
		t, err = read(tx, clientID)
		return err
	})
	if err != nil || t == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, vendorLimit)
	defer cancel()
	lacking, done := t.isDone()
	if !done {
		lacking, err = e.tell(ctx, t)
	}
	return e.note(context.WithoutCancel(ctx), t, lacking, err)
}

// read finds what there is to do; nil where there is nothing.
func read(tx *store.Tx, clientID string) (*task, error) {
	row, err := tx.Entitlement(clientID)
	if err != nil || row == nil || row.Settled >= row.Turn {
		return nil, err
	}
	t := &task{row: row}
	if t.progress, err = readProgress(row); err != nil {
		return nil, err
	}
	if t.object, err = tx.GetByID(keyward.KindOAuthClient, clientID); err != nil {
		return nil, err
	}
	status, err := t.object.ClientStatus()
	if err != nil {
		return nil, err
	}
	spec, ok := t.object.Spec.(*keyward.OAuthClientSpec)
	inUse := status.State == keyward.ClientActive || status.State == keyward.ClientDrifted
	if !ok || status.Mode != keyward.ClientGenerated || !inUse {
		return nil, nil
	}
	if t.asked = asked(row, status); len(t.asked) > 0 {
		t.asked = sorted(t.asked)
	}
	t.clientID, t.given = spec.ClientID, status.Scopes
	km, err := tx.KeyManagerFor(t.object.Tenant, spec.KeyManager)
	if err != nil {
		return nil, err
	}
	if t.server, err = keymanager.ServerOf(tx, km); err != nil {
		return nil, err
	}
	t.kind, _ = catalog.TypeOf(t.server.Spec.Type) // an unknown one cannot be stored
	if t.handle, err = scene.HandleOf(tx, &scene.Client{Object: t.object, Spec: spec, Status: status}); err != nil {
		return nil, err
	}
	needs, err := reach.Of(tx, reach.Client{
		Tenant: t.object.Tenant, Application: spec.Application, KeyManager: spec.KeyManager, Environment: spec.EnvironmentOrDefault(),
	}, reach.Read, nil)
	t.wanted = t.wants(needs)
	t.withhold()
	return t, err
}

// asked is what the developer asked for. Where it was not kept, it is what was given and what was lacking.
func asked(row *store.Entitlement, status keyward.OAuthClientStatus) []string {
	var list []string
	if json.Unmarshal(row.Asked, &list) == nil && list != nil {
		return list
	}
	if len(status.LackingScopes) == 0 {
		return nil
	}
	return slices.Concat(status.Scopes, status.LackingScopes)
}

// wants flattens what the APIs need: below what the developer asked for, where that was anything.
func (t *task) wants(needs []reach.Need) []connector.Entitlement {
	var wanted []connector.Entitlement
	for _, need := range needs {
		audience := ""
		for _, list := range [][]string{need.Use.Audiences, need.API.Audiences} {
			if len(list) > 0 {
				audience = t.audienceOf(list)
				break
			}
		}
		for _, a := range slices.Concat([]string{audience}, t.server.Spec.Tokens.Audiences[:min(1, len(t.server.Spec.Tokens.Audiences))]) {
			if a != "" {
				wanted = append(wanted, connector.Entitlement{Audience: a})
			}
		}
		for _, scope := range need.Scopes {
			for _, inToken := range need.InTokens(scope) {
				if len(t.asked) > 0 && !slices.Contains(t.asked, inToken) {
					continue
				}
				one := connector.Entitlement{Scope: inToken}
				if t.kind.PerAudience {
					one.Audience = audience
				}
				wanted = append(wanted, one)
			}
		}
	}
	return union(wanted)
}

// isDone tells that nothing changed since the client had everything: the change did not concern it. What another way into the
// server said, such as before the key manager was given a service account, has to be asked anew in this one. The built-in
// server looks at subscriptions whenever it gives a token, and gives what is not withheld.
func (t *task) isDone() (lacking []connector.Entitlement, done bool) {
	if t.kind.Name == keyward.TypeResident {
		t.progress = progress{Wanted: t.wanted, Withheld: t.withheld, Has: t.may(), By: t.by()}
		return t.withheld, true
	}
	return nil, t.row.Settled > 0 && t.progress.Reason == "" && len(t.progress.Lacking) == 0 && t.progress.By == t.by() &&
		slices.Equal(t.wanted, t.progress.Wanted) && slices.Equal(t.withheld, t.progress.Withheld)
}

// tell compares what the client has with what it should have, and has the key manager changed. What comes back is what
// the key manager does not have.
func (e *Entitler) tell(ctx context.Context, t *task) ([]connector.Entitlement, error) {
	if !t.server.Spec.IsEnabled() {
		return nil, keyward.Errorf(keyward.CodeKeyManagerDisabled, "the key manager is disabled")
	}
	conn, err := e.openers.Open(t.server)
	if err != nil {
		return nil, err
	}
	entitler, ok := conn.(connector.Entitler)
	if !ok || t.server.Tenant != t.object.Tenant { // what one tenant's APIs ask for must not reach into another's server
		return e.check(ctx, t, conn)
	}
	may := t.may()
	has, anyway, err := t.has(ctx, entitler, may)
	if t.barred(err, minus(t.progress.Given, may)) {
		return e.check(ctx, t, conn)
	}
	if err != nil {
		return nil, err
	}
	// What is no longer due is taken away whether it counts there at this moment or not: what somebody switched off by hand
	// would be back with the switch.
	give, take := minus(may, has), minus(t.progress.Given, may)
	// What the developer asked for by name was given when the client was made, and goes with the subscription.
	registered := slices.DeleteFunc(both(may, has), func(w connector.Entitlement) bool { return !slices.Contains(t.asked, w.Scope) })
	before, ours := t.progress.Given, union(t.progress.Given, give, registered)
	t.progress.Given, t.progress.Taken = ours, minus(union(t.progress.Taken, minus(before, may)), may)
	var lacking []connector.Entitlement
	if len(give) > 0 || len(take) > 0 {
		if err := e.keep(ctx, t); err != nil {
			return nil, err
		}
		lacking, err = entitler.Entitle(ctx, t.handle, give, take)
		if t.barred(err, take) {
			ours, lacking, err = before, give, nil
		}
		if err != nil {
			return nil, err
		}
	}
	if t.kind.PerAudience && len(take) > 0 {
		if lacking, err = t.again(ctx, entitler, lacking); err != nil {
			return nil, err
		}
	}
	lacking = union(lacking, minus(t.withheld, minus(anyway, take)))
	t.found(lacking)
	t.progress.Given = union(both(ours, t.progress.Has), both(before, may))
	return lacking, nil
}

// again gives what went away with what was taken: an API may have several names there, and what is taken under one may still
// be due under another.
func (t *task) again(
	ctx context.Context, entitler connector.Entitler, lacking []connector.Entitlement,
) ([]connector.Entitlement, error) {
	due := minus(t.may(), lacking)
	has, err := entitler.Entitled(ctx, t.handle, due)
	if err != nil || len(minus(due, has)) == 0 {
		return lacking, err
	}
	more, err := entitler.Entitle(ctx, t.handle, minus(due, has), nil)
	return union(lacking, more), err
}

// has asks the key manager what the client has of what subscriptions may give, or gave, and what of the rest all the same.
func (t *task) has(ctx context.Context, entitler connector.Entitler, may []connector.Entitlement) (
	has, anyway []connector.Entitlement, err error,
) {
	if len(t.withheld) > 0 {
		if anyway, err = entitler.Entitled(ctx, t.handle, t.withheld); err != nil {
			return nil, nil, err
		}
	}
	has, err = entitler.Entitled(ctx, t.handle, union(may, t.progress.Given))
	return has, anyway, err
}

// found keeps how the client stands.
func (t *task) found(lacking []connector.Entitlement) {
	t.progress.Wanted, t.progress.Withheld, t.progress.Has = t.wanted, t.withheld, minus(t.wanted, lacking)
	t.progress.By = t.by()
}

// by is the way into the server. A connection that may not give anything is another than the same one allowed to.
func (t *task) by() string {
	by := t.server.ManagedBy()
	if t.ask != "" {
		by += " barred"
	}
	return by
}

// barred tells that the connection may not give anything, and that there is nothing to take away: then an administrator
// of the key manager gives what is wanted, as where nothing else is possible.
func (t *task) barred(err error, take []connector.Entitlement) bool {
	b, ok := errors.AsType[*connector.Barred](err)
	if !ok || len(take) > 0 {
		return false
	}
	t.ask = b.Ask
	return true
}

// check is for key managers that only an administrator of theirs can change: what the client has there is read, where
// they tell it.
func (e *Entitler) check(ctx context.Context, t *task, conn connector.Connector) ([]connector.Entitlement, error) {
	scopes := t.given
	if reader, ok := conn.(connector.Reader); ok {
		c, err := peek.Of(e.store, actor, t.object).Read(ctx, reader, &t.handle)
		switch {
		case err != nil && !errors.Is(err, connector.ErrUnsupported):
			return nil, err
		case c != nil && c.Scopes != nil:
			scopes = c.Scopes
		}
	}
	lacking := slices.DeleteFunc(slices.Clone(t.wanted), func(w connector.Entitlement) bool {
		return w.Scope == "" || slices.Contains(scopes, w.Scope) // who tokens are for, no client's data say
	})
	if t.ask == "" { // Keyward gave it in another way, and this one may not tell: Keycloak's names optional scopes only
		lacking = minus(lacking, t.progress.Given)
	}
	t.found(lacking)
	return lacking, nil
}

// keep writes down what is about to be given.
func (e *Entitler) keep(ctx context.Context, t *task) error {
	text, err := t.progress.encode()
	if err != nil {
		return err
	}
	return e.store.Write(ctx, actor, func(tx *store.Tx) error { return tx.KeepEntitlement(t.object.ID, text) })
}

// note stores how the turn ended.
func (e *Entitler) note(ctx context.Context, t *task, lacking []connector.Entitlement, cause error) error {
	before, err := readProgress(t.row)
	if err != nil {
		return err
	}
	t.progress.Reason, t.progress.Lacking, t.progress.Advice = "", lacking, t.advice(lacking)
	until := e.now().Add(longPause)
	if cause != nil {
		t.progress.Reason, t.progress.Lacking, t.progress.Advice = connector.Words(cause), before.Lacking, before.Advice
		until = e.now().Add(e.pause(t, cause))
	}
	text, err := t.progress.encode()
	if err != nil {
		return err
	}
	err = e.store.Write(ctx, actor, func(tx *store.Tx) error {
		if cause != nil || len(lacking) > 0 {
			if err := tx.PutOffEntitlement(t.object.ID, t.row.Turn, text, until); err != nil || cause != nil {
				return err
			}
			return audit(tx, t, before)
		}
		if err := tx.SettleEntitlement(t.object.ID, t.row.Turn, text); err != nil {
			return err
		}
		return audit(tx, t, before)
	})
	return errors.Join(cause, err)
}

// audit tells what changed at the key manager.
func audit(tx *store.Tx, t *task, before progress) error {
	var detail []string
	for _, part := range []struct {
		verb string
		list []connector.Entitlement
	}{{"given", minus(t.progress.Given, before.Given)}, {"taken away", minus(before.Given, t.progress.Given)}} {
		for _, one := range part.list {
			detail = append(detail, part.verb+" "+one.String())
		}
	}
	if len(detail) == 0 {
		return nil
	}
	return tx.Audit(keyward.AuditEntry{
		Tenant: t.object.Tenant, Action: "key.entitled", Kind: string(keyward.KindOAuthClient), Name: t.object.Name,
		Detail: strings.Join(detail, ", "),
	})
}

// pause is how long to wait after a failure: what the server asked for, else longer each time.
func (e *Entitler) pause(t *task, cause error) time.Duration {
	var f *wire.Failure
	if errors.As(cause, &f) && f.RetryAfter > 0 {
		return f.RetryAfter
	}
	pause := firstPause << min(t.row.Tries, 7)
	return min(pause, longPause)
}

// isDown notes that a key manager asked for a pause or does not answer, so that its other clients are not tried now.
func (e *Entitler) isDown(ctx context.Context, km string, cause error) bool {
	var f *wire.Failure
	if !errors.As(cause, &f) || f.Status != 0 && f.RetryAfter == 0 {
		return false
	}
	until := e.now().Add(max(f.RetryAfter, firstPause))
	e.mu.Lock()
	e.paused[km] = until
	e.mu.Unlock()
	err := e.store.Write(context.WithoutCancel(ctx), actor, func(tx *store.Tx) error { return tx.PutOffKeyManager(km, until) })
	if err != nil {
		e.log.WarnContext(ctx, "put off a key manager", "error", err)
	}
	return true
}
