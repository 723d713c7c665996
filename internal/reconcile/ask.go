package reconcile

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keys/peek"
	"keyward.dev/keyward/internal/wire"
)

// answer is what a server told of a client. Without a client and a why, it has none.
type answer struct {
	client *connector.Client
	lost   []connector.Entitlement // that it had because of subscriptions
	why    string                  // the server cannot tell
}

// ask has the server say what it has of a client.
func (r *Reconciler) ask(ctx context.Context, t *task) (answer, error) {
	if !t.server.Spec.IsEnabled() {
		return answer{why: "the key manager is disabled"}, nil
	}
	if t.server.Spec.Type == keyward.TypeResident {
		return inStep(t), nil
	}
	conn, err := r.Openers.Open(t.server)
	if err != nil {
		return answer{}, err
	}
	reader, can := conn.(connector.Reader)
	if !can {
		return answer{why: fmt.Sprintf("a server of type %s cannot be asked about a client", t.server.Spec.Type)}, nil
	}
	c, err := peek.Of(r.Store, actor, t.client.Object).Read(ctx, reader, &t.handle)
	switch {
	case errors.Is(err, connector.ErrUnsupported), errors.Is(err, connector.ErrUnmanageable):
		return answer{why: "the server cannot be asked about this client"}, nil
	case err != nil:
		return answer{}, err
	case c == nil:
		return r.gone(ctx, t, conn)
	}
	lost, err := lost(ctx, t, conn)
	return answer{client: c, lost: lost}, err
}

// inStep is for the built-in server, whose clients are these rows.
func inStep(t *task) answer {
	s := t.client.Status
	return answer{client: &connector.Client{
		ClientID: t.client.Spec.ClientID, Name: s.VendorName, Grants: s.Grants, Callbacks: s.Callbacks, Scopes: s.Scopes,
	}}
}

// gone asks once more, in another way, before a client is said to have vanished: a copy of a database may lag behind, and a
// registration access token that is refused says nothing of the client (RFC 7592, section 2.1).
func (r *Reconciler) gone(ctx context.Context, t *task, conn connector.Connector) (answer, error) {
	if t.found.Base == nil && r.now().Sub(changed(t.client)) < settled {
		return answer{}, &wire.Failure{Op: "read the client", Status: http.StatusNotFound, Sent: true, Harmless: true,
			Description: "the server does not know it yet"}
	}
	if finder, can := conn.(connector.Finder); can {
		found, err := finder.Find(ctx, t.client.Status.VendorName)
		if err == nil && found != nil && found.ClientID == t.client.Spec.ClientID {
			return answer{why: "the server's answers contradict each other: it finds the client, and does not know it"}, nil
		}
		return answer{}, err
	}
	prover, can := conn.(connector.Prover)
	if t.handle.AccessToken == "" || !can {
		return answer{}, nil
	}
	const noOtherWay = "the server refuses the client's registration access token, and there is no other way to ask"
	if t.secret == "" { // a public client
		return answer{why: noOtherWay}, nil
	}
	err := prover.Prove(ctx, t.client.Spec.ClientID, t.secret)
	var f *wire.Failure
	const takesSecret = "the server refuses the client's registration access token and takes its secret: only the server's " +
		"administrator can look at the client"
	switch {
	case err == nil:
		return answer{why: takesSecret}, nil
	case errors.Is(err, connector.ErrUnsupported):
		return answer{why: noOtherWay}, nil
	case !errors.As(err, &f) || f.Status == 0 || f.Status == http.StatusTooManyRequests || f.Status >= http.StatusInternalServerError:
		return answer{}, err
	case f.Code == "invalid_client": // RFC 6749, section 5.2
		return answer{}, nil
	case slices.Contains([]string{"unauthorized_client", "invalid_scope", "unsupported_grant_type", "invalid_target"}, f.Code):
		return answer{why: takesSecret}, nil
	default:
		return answer{why: "the server refuses the client's registration access token, and its secret for a reason it does not tell"}, nil
	}
}

// lost gives what subscriptions gave the client and it has no more.
func lost(ctx context.Context, t *task, conn connector.Connector) ([]connector.Entitlement, error) {
	entitler, can := conn.(connector.Entitler)
	if !can || len(t.standing.Has) == 0 || t.server.Tenant != t.client.Object.Tenant {
		return nil, nil
	}
	has, err := entitler.Entitled(ctx, t.handle, t.standing.Has)
	var f *wire.Failure
	_, barred := errors.AsType[*connector.Barred](err)
	if barred || errors.As(err, &f) && (f.Status == http.StatusForbidden || f.Status == http.StatusUnauthorized) {
		return nil, nil // whoever looks after entitlements says so
	}
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(t.standing.Has), func(e connector.Entitlement) bool { return slices.Contains(has, e) }), nil
}
