package keycloak

import (
	"fmt"
	"net/url"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/connector/oidc"
)

// shared is a service account of one realm, as a rule master, that may manage the clients of others.
func shared() *connector.Shared {
	account := connector.ServiceAccountWithKey("Service account's",
		"A confidential client of that realm, whose service account has manage-clients and view-clients of each realm that it "+
			"manages: in master, roles of the clients REALM-realm.", ways()...)
	account[0].Required = true
	return &connector.Shared{
		Fields: append([]connector.Field{{
			Name: "connection.realmUrl", Title: "Realm of the service account", Type: connector.FieldURL, Required: true,
			Help: "As in https://sso.example/realms/master. The secret is sent there, and every issuer must be a realm beside it.",
		}}, account...),
		Check: func(c *keyward.ConnectionSpec) []keyward.FieldError {
			home, _ := c.Connection["realmUrl"].(string)
			if _, _, ok := realmOf(home); ok {
				return nil
			}
			return []keyward.FieldError{connector.Fault("spec.connection.realmUrl", "is not of the form …/realms/NAME")}
		},
		Foreign: func(c *keyward.ConnectionSpec, declared string) string {
			home, _ := c.Connection["realmUrl"].(string)
			base, _, ok := realmOf(home)
			if !ok {
				return fmt.Sprintf("cannot be compared: realmUrl %s of the connection is not of the form …/realms/NAME", home)
			}
			at, _, _ := strings.Cut(declared, connector.WellKnown)
			if other, _, ok := realmOf(at); !ok || other != base {
				return fmt.Sprintf("is not a realm beside the connection's: it must be of the form %s/realms/NAME", base)
			}
			return ""
		},
	}
}

// openShared is the way into a realm with the service account of another: its token comes from where the connection says,
// and the realm's admin API is the one beside it.
func openShared(s connector.Server, l connector.Line, dcr *oidc.Registrar) (connector.Connector, error) {
	home := strings.TrimSuffix(s.Text("realmUrl"), "/")
	base, _, ok := realmOf(home)
	if !ok {
		return nil, connector.Refused("spec.connection.realmUrl", "%s is not of the form …/realms/NAME", home)
	}
	at, realm, ok := realmOf(s.Issuer())
	if !ok || at != base {
		return nil, connector.Refused("spec.issuer", "%s is not a realm beside the connection's, %s", s.Issuer(), home)
	}
	return &keycloak{
		TokenEndpoint: dcr.TokenEndpoint, admin: adminURL(base, realm),
		manage: connector.Service{Line: l, Account: s.Account(home+"/protocol/openid-connect/token", home)},
	}, nil
}

// realmOf takes the address of a realm apart: BASE/realms/NAME.
func realmOf(address string) (base, realm string, ok bool) {
	base, realm, ok = strings.Cut(strings.TrimSuffix(address, "/"), "/realms/")
	plain, err := url.PathUnescape(realm)
	return base, realm, ok && err == nil && plain != "" && plain != "." && plain != ".." && !strings.ContainsAny(plain, "/?#\\")
}

func adminURL(base, realm string) string { return base + "/admin/realms/" + realm }
