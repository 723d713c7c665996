// Package scene owns what is known about a place in one transaction: its application, its key manager, the clients that
// are or were there, who may act on them, and what stands in the way. It does not own what is done to a client: it asks no
// server and changes no state by itself.
package scene

import (
	"errors"
	"fmt"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/keymanager"
	"keyward.dev/keyward/internal/store"
)

// Place is where a client belongs. An application has at most one usable client in each.
type Place struct {
	Tenant      string
	Application string
	KeyManager  string
	Environment keyward.Environment // empty = production
}

// Complete checks that a place is whole and fills in what has a default.
func (p Place) Complete() (Place, []keyward.FieldError) {
	var faults []keyward.FieldError
	if p.Tenant == "" {
		p.Tenant = keyward.DefaultTenant
	}
	if p.Environment == "" {
		p.Environment = keyward.Production
	}
	if p.Application == "" {
		faults = append(faults, keyward.Fault("application", "is required"))
	}
	if p.KeyManager == "" {
		faults = append(faults, keyward.Fault("keyManager", "is required"))
	}
	if p.Environment != keyward.Production && p.Environment != keyward.Sandbox {
		faults = append(faults, keyward.Fault("environment", "%q is not one of production, sandbox", p.Environment))
	}
	return p, faults
}

// Where is the client's place.
func (c *Client) Where() Place {
	return Place{
		Tenant: c.Object.Tenant, Application: c.Spec.Application, KeyManager: c.Spec.KeyManager,
		Environment: c.Spec.EnvironmentOrDefault(),
	}
}

// FreeName is APPLICATION-KEYMANAGER-ENVIRONMENT as a DNS label; where that is too long or taken (by an attempt that
// failed), the end of the id makes it the client's own.
func FreeName(tx *store.Tx, place Place, id string) (string, error) {
	name := fmt.Sprintf("%s-%s-%s", place.Application, place.KeyManager, place.Environment)
	if keyward.ValidName(name) {
		_, err := tx.Get(keyward.KindOAuthClient, place.Tenant, name)
		if keyward.CodeOf(err) == keyward.CodeNotFound {
			return name, nil
		}
		if err != nil {
			return "", fmt.Errorf("look for a free name: %w", err)
		}
	}
	const tail = 10
	if room := 63 - tail - 1; len(name) > room {
		name = name[:room]
	}
	return name + "-" + id[len(id)-tail:], nil
}

// namesBegin is how the names of all clients begin that Keyward makes anywhere.
const namesBegin = "keyward-"

// VendorName is what the client is called at the server: its own for each attempt, so that one that was interrupted is
// never taken for the next, and with the installation's name (store.Installation), so that of two that share a server
// neither takes the other's clients for its own.
func VendorName(installation, id string) string { return namesBegin + installation + "-" + id }

// ErrAnothers says that a client at a server is not the one that was made for an object. Whose it is is not for who asks.
var ErrAnothers = errors.New("the server has it as another's client")

// Ours refuses with ErrAnothers a client that a server has and did not make for the object: it is the key manager's own, or an
// object of any tenant has it, also because somebody mapped it meanwhile. What is another's is neither taken over nor deleted.
func Ours(tx *store.Tx, server connector.Server, clientID, object string) error {
	if keymanager.OwnClient(server.Spec, clientID) {
		return ErrAnothers
	}
	anothers, err := tx.HasClientID(server.ID, clientID, object)
	if err == nil && anothers {
		return ErrAnothers
	}
	return err
}

// NamesBegin is how the names begin of all clients that any installation made at a server.
func NamesBegin() string { return namesBegin }

// ClientOfName is the id of the object for which this installation made a client of that name, and whether it is of this
// installation. The id is "" for a name that no installation gives. Before installations had names, theirs were not in it,
// so that nobody can tell whose such a client is.
func ClientOfName(installation, name string) (id string, ours bool) {
	rest, is := strings.CutPrefix(name, namesBegin)
	if !is {
		return "", false
	}
	if id, ours := strings.CutPrefix(rest, installation+"-"); ours {
		return id, true
	}
	if _, id, named := strings.Cut(rest, "-"); named {
		rest = id
	}
	if len(rest) != len(store.NewID()) || strings.Trim(rest, "0123456789abcdefghijklmnopqrstuv") != "" {
		return "", false // somebody else likes the word
	}
	return rest, false
}
