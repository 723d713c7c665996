package feed

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/seal"
	"keyward.dev/keyward/internal/store"
	"keyward.dev/keyward/internal/stream"
)

// heardWithin is how long after its last report a gateway counts as reachable.
const heardWithin = 10 * time.Second

// Enrol publishes the gateway's key and tells it who it is and where its events are. Errors for people: invalid_input.
func (f *Feed) Enrol(ctx context.Context, g *keyward.Gateway, q stream.EnrolRequest) (*stream.EnrolReply, error) {
	kid, public, err := publicKey(q.JWK)
	if err != nil {
		return nil, err
	}
	err = f.store.Write(ctx, "gateway/"+g.Name, func(tx *store.Tx) error {
		now := f.o.Now().UTC()
		return tx.PutGatewayKey(g.ID, kid, public, now)
	})
	if err != nil {
		return nil, fmt.Errorf("publish the key of gateway %s: %w", g.Name, err)
	}
	return &stream.EnrolReply{
		PublicKey: stream.EncodePublicKey(f.signer.Public()),
		Statement: f.signer.Sign(&stream.Message{
			Type: stream.TypeEnrolment, Group: g.Group, Gateway: g.ID, Nonce: q.Nonce, Time: f.o.Now().UTC(),
		}),
		Hub: f.hub.Access(g.ID),
	}, nil
}

// publicKey reads the public half of an ES256 key and gives its thumbprint and its one canonical form. A private half
// that was sent by mistake goes no further.
func publicKey(raw json.RawMessage) (kid string, public json.RawMessage, err error) {
	invalid := func(message string) error {
		return keyward.Invalid([]keyward.FieldError{{Path: "jwk", Code: keyward.CodeInvalidInput, Message: message}})
	}
	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON(raw); err != nil {
		return "", nil, invalid("is not a JWK")
	}
	key, ok := jwk.Key.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() || !jwk.Valid() {
		return "", nil, invalid("is not the public half of a P-256 key")
	}
	clean := jose.JSONWebKey{Key: key, Algorithm: string(jose.ES256), Use: "sig"}
	thumbprint, err := clean.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", nil, fmt.Errorf("name a gateway's key: %w", err)
	}
	clean.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint)
	public, err = clean.MarshalJSON()
	if err != nil {
		return "", nil, fmt.Errorf("encode a gateway's key: %w", err)
	}
	return clean.KeyID, public, nil
}

// GroupKey seals a key of the gateway's group for its credential. Errors for people: not_found.
func (f *Feed) GroupKey(
	ctx context.Context, g *keyward.Gateway, token stream.Token, id string,
) (*stream.GroupKeyReply, error) {
	var keys []seal.Key
	err := f.store.Read(ctx, func(tx *store.Tx) (err error) {
		keys, err = tx.GroupKeys(g.Group)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the keys of group %s: %w", g.Group, err)
	}
	for _, k := range keys {
		if k.ID() == id {
			wrapping := seal.Derive([]byte(token.Reveal()), stream.WrapPurpose)
			wrapped := wrapping.Seal([]byte(k.Reveal()), stream.WrapContext(g.Group, id))
			return &stream.GroupKeyReply{Key: id, Wrapped: wrapped}, nil
		}
	}
	return nil, keyward.Errorf(keyward.CodeNotFound, "the group has no key of this id")
}

// Report notes where a gateway stands and what it counted, and tells it whether every gateway of its group that was heard
// of in the last ten seconds has the revision that brought its own key.
func (f *Feed) Report(ctx context.Context, g *keyward.Gateway, q stream.Report) (*stream.ReportReply, error) {
	now := f.o.Now().UTC()
	reply := &stream.ReportReply{}
	err := f.store.Write(ctx, "gateway/"+g.Name, func(tx *store.Tx) error {
		report := store.GatewayReport{Revision: q.Position.Revision, Stale: q.Stale, Build: q.Build, At: now}
		if err := tx.ReportGateway(g.ID, report); err != nil {
			return err
		}
		if q.Usage != nil {
			if err := f.count(tx, g, q.Usage, now); err != nil {
				return err
			}
			reply.Counted = q.Usage.Sequence
		}
		head, err := tx.Head(g.Group)
		if err != nil {
			return err
		}
		all, err := tx.Gateways()
		if err != nil {
			return err
		}
		reply.Head, reply.KeyPublished = head, q.KeyRevision > 0
		for _, other := range all {
			heard := other.LastSeen != nil && now.Sub(*other.LastSeen) < heardWithin
			if other.Group == g.Group && other.RevokedAt == nil && heard && other.Revision < q.KeyRevision {
				reply.KeyPublished = false
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("note the report of gateway %s: %w", g.Name, err)
	}
	return reply, nil
}
