package feed

import (
	"context"
	"fmt"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/stream"
)

// NewGateway makes a gateway and gives its credential, which names the store's signing key, is stored nowhere and shown
// this once. An empty group is the default one. Errors for people: invalid_input, not_supported (another group than the
// default one), conflict (the name is in use).
func NewGateway(ctx context.Context, st *store.Store, actor, name, group string) (*keyward.Gateway, stream.Token, error) {
	if group == "" {
		group = keyward.DefaultGroup
	}
	var faults []keyward.FieldError
	if !keyward.ValidName(name) {
		faults = append(faults, keyward.FieldError{
			Path: "name", Code: keyward.CodeInvalidInput,
			Message: "use a DNS label: lower-case letters, digits and inner hyphens, at most 63",
		})
	}
	if group != keyward.DefaultGroup {
		faults = append(faults, keyward.FieldError{
			Path: "group", Code: keyward.CodeNotSupported,
			Message: "this build does not carry out gateway groups other than default yet",
		})
	}
	if err := keyward.Invalid(faults); err != nil {
		return nil, stream.Token{}, err
	}
	var g *keyward.Gateway
	var token stream.Token
	err := st.Write(ctx, actor, func(tx *store.Tx) error {
		signer, err := signerOf(tx)
		if err != nil {
			return err
		}
		token = stream.NewToken(signer.Fingerprint())
		g = &keyward.Gateway{ID: token.ID(), Name: name, Group: group}
		return tx.CreateGateway(g, token.Hash())
	})
	if err != nil {
		return nil, stream.Token{}, fmt.Errorf("create gateway %s: %w", name, err)
	}
	return g, token, nil
}

// CreateGateway is NewGateway in the feed's store.
func (f *Feed) CreateGateway(ctx context.Context, actor, name, group string) (*keyward.Gateway, stream.Token, error) {
	return NewGateway(ctx, f.store, actor, name, group)
}

// Gateways lists all gateways with revision and lag, withdrawn ones included.
func (f *Feed) Gateways(ctx context.Context) ([]keyward.Gateway, error) {
	var list []keyward.Gateway
	err := f.store.Read(ctx, func(tx *store.Tx) (err error) {
		list, err = tx.Gateways()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list gateways: %w", err)
	}
	return list, nil
}

// RevokeGateway withdraws a gateway's credential: its keys leave the feed, the group gets a new key for secrets, the
// gateway is told by a signed statement, and its connection to the embedded hub is cut. Errors for people: not_found.
func (f *Feed) RevokeGateway(ctx context.Context, actor, name string) error {
	var g *keyward.Gateway
	err := f.store.Write(ctx, actor, func(tx *store.Tx) (err error) {
		if g, err = tx.GatewayByName(name); err != nil {
			return err
		}
		return tx.RevokeGateway(g.ID, f.o.Now().UTC())
	})
	if err != nil {
		return fmt.Errorf("withdraw gateway %s: %w", name, err)
	}
	f.Withdraw(ctx, g)
	return nil
}

// Withdraw tells a gateway, whose withdrawal is committed, by a signed statement over the hub, and cuts its connection
// to the embedded one.
func (f *Feed) Withdraw(ctx context.Context, g *keyward.Gateway) {
	data, err := f.withdrawal(g).Statement.Encode()
	if err == nil {
		err = f.hub.Publish(ctx, g.Group, data)
	}
	if err != nil {
		// It is withdrawn all the same, and is told as soon as it asks.
		f.o.Log.Warn("the withdrawal could not be sent over the event hub", "gateway", g.Name, "err", err)
	}
	f.hub.Cut(g.ID)
}

// LocalToken gives the credential of the gateway inside this process. A current one, from the data folder, is kept
// while the database knows it, withdrawn or not: a restart does not undo a withdrawal. Otherwise the gateway of that
// name is made anew.
func (f *Feed) LocalToken(ctx context.Context, name, current string) (stream.Token, error) {
	if token, err := stream.ParseToken(current); err == nil && token.Fingerprint() == f.signer.Fingerprint() {
		_, err := gatewayOf(ctx, f.store, token)
		if keyward.CodeOf(err) != keyward.CodeUnauthenticated {
			return token, err
		}
	}
	err := f.store.Write(ctx, system, func(tx *store.Tx) error {
		g, err := tx.GatewayByName(name)
		if keyward.CodeOf(err) == keyward.CodeNotFound {
			return nil
		}
		if err != nil || g.RevokedAt != nil {
			return err
		}
		return tx.RevokeGateway(g.ID, f.o.Now().UTC())
	})
	if err != nil {
		return stream.Token{}, fmt.Errorf("replace the local gateway's credential: %w", err)
	}
	_, token, err := f.CreateGateway(ctx, system, name, keyward.DefaultGroup)
	return token, err
}
