package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/enforce"
	"keyward.dev/keyward/internal/outbound"
	"keyward.dev/keyward/internal/resident"
	"keyward.dev/keyward/internal/rest"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/token"
	"keyward.dev/keyward/internal/view"
)

// explainer decides with the gateway's code over a view that is read from the database itself, so that what was just
// written already counts.
type explainer struct {
	store  *store.Store
	engine *enforce.Engine

	mu   sync.Mutex
	view *view.View
}

// logPage is how many records are read at once.
const logPage = 1000

func (p *process) newExplainer(ctx context.Context, st *store.Store) (*explainer, error) {
	keySets, introspector, err := p.newVerifiers(token.Options{Log: p.log})
	if err != nil {
		return nil, err
	}
	x := &explainer{store: st, view: view.EmptyView()}
	issuer := p.settings.GatewayURL
	if issuer == "" {
		issuer = p.at.Gateway
	}
	x.engine, err = enforce.NewEngine(keySets, introspector, nil, enforce.Options{
		Issuer: issuer, OpenSealed: x.openSealed, Counts: p.counts, Exchanges: true,
	})
	if err != nil {
		return nil, err
	}
	p.run(ctx, keySets.Run)
	return x, nil
}

// newVerifiers make what checks tokens: live key sets and introspection, over clients that keep the operator's rules.
func (p *process) newVerifiers(o token.Options) (*token.KeySets, *token.Introspector, error) {
	return verifiersOver(outbound.NewClient(p.rules, outbound.Options{}), o)
}

func verifiersOver(client *http.Client, o token.Options) (*token.KeySets, *token.Introspector, error) {
	introspector, err := token.NewIntrospector(client, o)
	if err != nil {
		return nil, nil, err
	}
	return token.NewKeySets(client, o), introspector, nil
}

// Explain implements rest.Explainer.
func (x *explainer) Explain(ctx context.Context, q rest.Question) (*rest.Explanation, error) {
	now, err := x.current(ctx)
	if err != nil {
		return nil, err
	}
	e := x.engine.Explain(ctx, now, enforce.Request{Method: q.Method, Target: q.Target, Authorization: q.Authorization})
	answer := &rest.Explanation{
		Status: e.Status, Code: e.Code, Detail: e.Detail, Decision: e.Decision, Tenant: e.Tenant, API: e.API,
		KeyManager: e.KeyManager, Application: e.Application, Fingerprint: e.Fingerprint, Steps: e.Steps, Held: e.Held,
	}
	return answer, nil
}

// Judge implements resident.Subjects: with the gateway's code, and over what was just written.
func (x *explainer) Judge(ctx context.Context, tenant, subjectToken string) (*resident.Subject, error) {
	now, err := x.current(ctx)
	if err != nil {
		return nil, err
	}
	s, unfit := x.engine.Exchange(ctx, now, tenant, subjectToken)
	if unfit != nil {
		seen := unfit.Step + ": " + unfit.Seen
		if unfit.KeyManager != "" {
			seen = "key manager " + unfit.KeyManager + ", " + seen
		}
		code := unfit.Code
		if code == keyward.CodeInvalidRequest { // it speaks of a call's fields, which there are none of
			code = keyward.CodeInvalidToken
		}
		return nil, &resident.SubjectFault{Code: code, Seen: seen + "; " + unfit.Fix}
	}
	return &resident.Subject{
		KeyManager: s.KeyManager, KeyManagerID: s.KeyManagerID, Environments: s.Environments, Subject: s.Subject,
		Expires: s.Expires, Claims: s.Claims, Delegated: s.Delegated, MayAct: s.MayAct,
	}, nil
}

// current brings the view up to the database's head.
func (x *explainer) current(ctx context.Context) (*view.View, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	before := x.view.Position()
	err := x.store.Read(ctx, func(tx *store.Tx) error {
		head, err := tx.Head(keyward.DefaultGroup)
		if err != nil || head == before {
			return err
		}
		changes, base, err := x.missing(tx, before, head)
		if err != nil {
			return err
		}
		next, err := base.Apply(changes)
		if err != nil {
			return err
		}
		x.view = next.At(head)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read what gateways know: %w", err)
	}
	if x.view.Position() != before {
		x.engine.Follow(x.view)
	}
	return x.view, nil
}

// missing gives what leads from the view to the head: the log's records where the log holds the view's position, and
// else everything, over an empty view.
func (x *explainer) missing(tx *store.Tx, from, head keyward.Position) ([]keyward.Change, *view.View, error) {
	var changes []keyward.Change
	chain, held, err := tx.ChainAt(keyward.DefaultGroup, from.Revision)
	if err != nil {
		return nil, nil, err
	}
	if !held || chain != from.Chain || from.Revision > head.Revision {
		err := tx.Snapshot(keyward.DefaultGroup, func(record []byte) error { return appendChange(&changes, record) })
		return changes, view.EmptyView(), err
	}
	for after := from.Revision; after < head.Revision; after += logPage {
		records, err := tx.Records(keyward.DefaultGroup, after, logPage)
		if err != nil {
			return nil, nil, err
		}
		for _, r := range records {
			if err := appendChange(&changes, r.Bytes); err != nil {
				return nil, nil, err
			}
		}
	}
	return changes, x.view, nil
}

func appendChange(changes *[]keyward.Change, record []byte) error {
	var c keyward.Change
	if err := json.Unmarshal(record, &c); err != nil {
		return fmt.Errorf("decode a change: %w", err)
	}
	*changes = append(*changes, c)
	return nil
}

// openSealed opens what is sealed for the group, with the keys from the database.
func (x *explainer) openSealed(ctx context.Context, sealed keyward.Sealed, context []byte) (string, error) {
	var plain []byte
	err := x.store.Read(ctx, func(tx *store.Tx) error {
		keys, err := tx.GroupKeys(keyward.DefaultGroup)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if key.ID() == sealed.Key {
				plain, err = key.Open(sealed.Text, context)
				return err
			}
		}
		return fmt.Errorf("no group key %s", sealed.Key)
	})
	return string(plain), err
}
