package rest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/rest"
	"keyward.dev/keyward/internal/testbed/auth0server"
	"keyward.dev/keyward/internal/testbed/contract"
	"keyward.dev/keyward/internal/testbed/entraserver"
	"keyward.dev/keyward/internal/testbed/issuer"
	"keyward.dev/keyward/internal/testbed/oktaserver"
	"keyward.dev/keyward/internal/testbed/pingserver"
	"keyward.dev/keyward/internal/testbed/wso2server"
)

// cloud is a vendor's contract server at which people sign in.
type cloud struct {
	name  string
	build func(origin string, key *issuer.Key) http.Handler
	spec  func(origin string) string // without signIn
	told  []string                   // what the vendor is told of the console's client beside its redirect URI; CALLBACK and LOGOUT
}

func clouds() []cloud {
	const logout = "http://HOST/session/backchannel/default/"
	return []cloud{
		{
			name: "okta", build: oktaserver.Build, spec: func(at string) string {
				return fmt.Sprintf(`"issuer":%q,"connection":{"apiToken":%q}`, at+"/oauth2/"+oktaserver.EmptyServer, oktaserver.APIToken)
			}, told: []string{
				`"application_type":"web"`, `"post_logout_redirect_uris":["CALLBACK"]`, `"grantTypes":{"include":["authorization_code"]}`,
			},
		},
		{
			name: "auth0", build: auth0server.Build, spec: func(at string) string {
				return fmt.Sprintf(`"issuer":%q,"connection":{"clientId":%q,"clientSecret":%q}`, at+"/", auth0server.ManagementClient,
					auth0server.ManagementSecret)
			}, told: []string{
				`"app_type":"regular_web"`, `"allowed_logout_urls":["CALLBACK"]`, `"jwt_configuration":{"alg":"RS256"}`,
				`"oidc_logout":{"backchannel_logout_urls":["` + logout + `auth0"]}`,
			},
		},
		{
			name: "entra", build: func(at string, key *issuer.Key) http.Handler { return entraserver.Build(at, key, 0) },
			spec: func(at string) string {
				return fmt.Sprintf(`"discovery":%q,"connection":{"clientId":%q,"clientSecret":%q,"graphUrl":%q}`,
					at+"/"+entraserver.Tenant+"/v2.0", entraserver.ManagementClient, entraserver.ManagementSecret, at+"/v1.0")
			}, told: []string{`"web":{"redirectUris":["CALLBACK"]}`, `"groupMembershipClaims":"SecurityGroup"`},
		},
		{
			name:  "wso2is",
			build: func(at string, key *issuer.Key) http.Handler { return wso2server.Build(at, "", key) },
			spec: func(at string) string {
				return fmt.Sprintf(`"discovery":%q,"connection":{"username":%q,"password":%q}`, at+"/oauth2/token", wso2server.AdminUser,
					wso2server.AdminPassword)
			}, told: []string{`"redirect_uris":["CALLBACK"]`, `"backchannel_logout_uri":"` + logout + `wso2is"`},
		},
		{
			name: "ping", build: pingserver.Build, spec: func(at string) string {
				return fmt.Sprintf(`"discovery":%q,"connection":{"adminUrl":%q,"username":%q,"password":%q}`,
					at+"/.well-known/openid-configuration", at+"/pf-admin-api/v1", pingserver.AdminUser, pingserver.AdminPassword)
			}, told: []string{
				`"grantTypes":["AUTHORIZATION_CODE"]`, `"redirectUris":["CALLBACK"]`, `"postLogoutRedirectUris":["CALLBACK"]`,
				`"backChannelLogoutUri":"` + logout + `ping"`, `"logoutMode":"OIDC_BACK_CHANNEL"`,
			},
		},
	}
}

// declared is the key manager with the contract's two fields of signIn.
func (c cloud) declared(at string, enabled bool) string {
	return fmt.Sprintf(`{"apiVersion":"keyward.dev/v1","kind":"KeyManager","metadata":{"name":%[1]q},"spec":{"type":%[1]q,%[2]s,`+
		`"signIn":{"enabled":%[3]v,"roles":[{"claim":"/groups","equals":"apis","role":"publisher"}]}}}`, c.name, c.spec(at), enabled)
}

// TestSignInAtEveryVendor: at each vendor's contract server Keyward registers its console with what is declared alone, somebody
// comes in by the authorization code flow with the roles of the rules and goes out again, and the client goes with the sign-in.
func TestSignInAtEveryVendor(t *testing.T) {
	h := newHouse(t)
	key, err := issuer.NewKey("vendor", "RS256")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range clouds() {
		t.Run(c.name, func(t *testing.T) {
			h.t = t
			s := contract.Start(t, func(origin string) http.Handler { return c.build(origin, key) })
			h.apply(c.declared(s.URL, true))
			if err := h.own.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			back := h.server.URL + "/session/callback/default/" + c.name
			c.wasTold(t, s.Seen(), back)
			c.walk(t, h, s.URL, back)
			s.Forget()
			h.apply(c.declared(s.URL, false))
			if err := h.own.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			deleted := 0
			for _, q := range s.Seen() {
				if q.Method == http.MethodDelete && q.Status/100 == 2 {
					deleted++
				}
			}
			if deleted == 0 {
				t.Errorf("the client is left at the server: %+v", s.Seen())
			}
		})
	}
}

// wasTold looks whether the vendor was told all that it has to know.
func (c cloud) wasTold(t *testing.T, requests []contract.Request, back string) {
	t.Helper()
	var bodies strings.Builder
	for _, q := range requests {
		if q.Method == http.MethodPost || q.Method == http.MethodPut {
			bodies.WriteString(q.Body)
		}
	}
	host := strings.TrimPrefix(strings.TrimSuffix(back, "/session/callback/default/"+c.name), "http://")
	for _, want := range c.told {
		if want = strings.NewReplacer("CALLBACK", back, "HOST", host).Replace(want); !strings.Contains(bodies.String(), want) {
			t.Errorf("the vendor was not told %s: %s", want, bodies.String())
		}
	}
}

// walk signs somebody in and out.
func (c cloud) walk(t *testing.T, h *house, at, back string) {
	t.Helper()
	b := h.tab()
	b.stop = true
	p := b.do(http.MethodGet, "/session/start?via="+c.name+"&return=/apis", "")
	if to := p.header.Get("Location"); !strings.HasPrefix(to, at+"/") {
		t.Fatalf("start: %d %s %s", p.status, to, p.text)
	}
	p = b.do(http.MethodGet, p.header.Get("Location"), "")
	if to := p.header.Get("Location"); !strings.HasPrefix(to, back+"?") {
		t.Fatalf("at the vendor: %d %s %s", p.status, to, p.text)
	}
	if p = b.do(http.MethodGet, p.header.Get("Location"), ""); p.header.Get("Location") != "/apis" {
		t.Fatalf("back from there: %d %s", p.status, p.text)
	}
	who, _ := b.who()
	if who.User != keyward.Through(c.name, contract.Person) || who.Name != "Ann Lee" || fmt.Sprint(who.Roles) != "[publisher]" {
		t.Errorf("who: %+v", who)
	}
	p = b.do(http.MethodDelete, "/api/v1/session", "")
	var ended rest.EndedAnswer
	answer{body: []byte(p.text)}.into(t, &ended)
	to, err := url.Parse(ended.EndSession)
	if err != nil || !strings.HasPrefix(ended.EndSession, at+"/") || to.Query().Get("post_logout_redirect_uri") != back {
		t.Errorf("sign out: %d %s", p.status, p.text)
	}
}
