package auth0_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/connector"
	"keyward.dev/keyward/internal/testbed/auth0server"
	"keyward.dev/keyward/internal/testbed/conformance"
	"keyward.dev/keyward/internal/testbed/contract"
)

// world is a tenant with a client in it.
type world struct {
	conformance.Cloud
	t    *testing.T
	conn connector.Connector
	made connector.Registered
}

func newWorld(t *testing.T, r connector.Registration) *world {
	t.Helper()
	w := &world{Cloud: auth0Cloud(t), t: t}
	w.conn = w.Open(t, w.Secrets)
	var err error
	if w.made, err = w.conn.Register(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) entitler() connector.Entitler {
	w.t.Helper()
	e, ok := w.conn.(connector.Entitler)
	if !ok {
		w.t.Fatalf("%T gives nothing", w.conn)
	}
	return e
}

func (w *world) entitle(give, take []connector.Entitlement) []connector.Entitlement {
	w.t.Helper()
	lacking, err := w.entitler().Entitle(w.t.Context(), w.made.Handle, give, take)
	if err != nil {
		w.t.Fatal(err)
	}
	return lacking
}

func (w *world) has(list ...connector.Entitlement) []connector.Entitlement {
	w.t.Helper()
	has, err := w.entitler().Entitled(w.t.Context(), w.made.Handle, list)
	if err != nil {
		w.t.Fatal(err)
	}
	return has
}

// token gives the scopes of a token that the client gets for an API.
func (w *world) token(audience string) (string, error) {
	w.t.Helper()
	g, ok := w.conn.(connector.Granter)
	if !ok {
		w.t.Fatalf("%T gives no tokens", w.conn)
	}
	got, err := g.Token(w.t.Context(), connector.TokenRequest{
		ClientID: w.made.ClientID, Secret: w.made.ClientSecret, Audience: audience,
	})
	return got.Scope, err
}

func at(audience string, scopes ...string) []connector.Entitlement {
	list := make([]connector.Entitlement, len(scopes))
	for i, s := range scopes {
		list[i] = connector.Entitlement{Scope: s, Audience: audience}
	}
	return list
}

const stock = auth0server.StockAudience

// What is given is in the client's tokens for that API, what is taken away is not, and what it held before stays.
func TestAuth0GrantsFollow(t *testing.T) {
	r := conformance.Registration()
	r.Scopes = []string{auth0server.Scope}
	w := newWorld(t, r)
	if got, err := w.token(""); err != nil || got != auth0server.Scope {
		t.Errorf("as it was made: scopes %q, error %v", got, err)
	}
	give := append(at(stock, "stock:read", "stock:write", ""), at("", auth0server.OtherScope)...)
	for range 2 {
		if lacking := w.entitle(give, nil); len(lacking) != 0 {
			t.Errorf("lacking %q", lacking)
		}
	}
	if has := w.has(give...); !slices.Equal(has, give) {
		t.Errorf("it has %q", has)
	}
	if got, err := w.token(stock); err != nil || got != "stock:read stock:write" {
		t.Errorf("scopes %q, error %v", got, err)
	}
	if got, err := w.token(auth0server.Audience); err != nil || got != auth0server.Scope+" "+auth0server.OtherScope {
		t.Errorf("scopes %q, error %v", got, err)
	}
	w.entitle(nil, append(at("", auth0server.OtherScope), at(stock, "stock:write")...))
	if got, err := w.token(""); err != nil || got != auth0server.Scope {
		t.Errorf("what it held before: scopes %q, error %v", got, err)
	}
	if got, err := w.token(stock); err != nil || got != "stock:read" {
		t.Errorf("scopes %q, error %v", got, err)
	}
	w.entitle(nil, at(stock, ""))
	if got, err := w.token(stock); err != nil || got != "stock:read" {
		t.Errorf("an audience with a scope left: scopes %q, error %v", got, err)
	}
	w.entitle(nil, at(stock, "stock:read", ""))
	if got, err := w.token(stock); err == nil || !strings.Contains(err.Error(), "client-grant") {
		t.Errorf("nothing left: scopes %q, error %v", got, err)
	}
}

// What the tenant does not have, or the management application may not do, is lacking, and said.
func TestAuth0Lacks(t *testing.T) {
	w := newWorld(t, conformance.Registration())
	odd := at("https://other.example", "a", "")
	if lacking := w.entitle(append(odd, at(stock, "stock:read")...), nil); !slices.Equal(lacking, odd) {
		t.Errorf("lacking %q", lacking)
	}
	insufficient := contract.Trouble{
		Method: http.MethodPatch, Part: "/resource-servers/", Status: http.StatusForbidden,
		Body: `{"statusCode":403,"error":"Forbidden","message":"Insufficient scope","errorCode":"insufficient_scope"}`,
	}
	w.Server.Order(insufficient)
	undefined := at(stock, "stock:new")
	if lacking := w.entitle(slices.Concat(undefined, at("", auth0server.OtherScope)), nil); !slices.Equal(lacking, undefined) {
		t.Errorf("without update:resource_servers, lacking %q", lacking)
	}
	if got, err := w.token(""); err != nil || got != auth0server.OtherScope {
		t.Errorf("what was defined: scopes %q, error %v", got, err)
	}
	insufficient.Method, insufficient.Part = http.MethodGet, "/client-grants"
	w.Server.Order(insufficient)
	_, err := w.entitler().Entitled(t.Context(), w.made.Handle, undefined)
	var barred *connector.Barred
	if !errors.As(err, &barred) || !strings.Contains(err.Error(), "Insufficient scope") || !strings.Contains(barred.Ask, "client_grants") {
		t.Errorf("without read:client_grants: %v", err)
	}
	w.Server.Mend()
	delete(w.Spec.Connection, "audience")
	w.conn = w.Open(t, w.Secrets)
	if lacking := w.entitle(at("", "orders:read"), nil); len(lacking) != 1 {
		t.Errorf("without any audience, lacking %q", lacking)
	}
	if _, err := w.token(""); keyward.CodeOf(err) != keyward.CodeInvalidInput || !strings.Contains(err.Error(), stock) {
		t.Errorf("a token of a client with two APIs: %v", err)
	}
}

// People may consent to whatever an API defines: there is nothing to give but the definition.
func TestAuth0ClientsForPeople(t *testing.T) {
	w := newWorld(t, connector.Registration{
		Name: "keyward-web", Grants: []string{"authorization_code"}, Callbacks: []string{"https://app.example/cb"},
	})
	list := at(stock, "stock:read", "")
	if has := w.has(list...); !slices.Equal(has, at(stock, "")) {
		t.Errorf("before, it has %q", has)
	}
	if lacking := w.entitle(list, nil); len(lacking) != 0 {
		t.Errorf("lacking %q", lacking)
	}
	if has := w.has(list...); !slices.Equal(has, list) {
		t.Errorf("then it has %q", has)
	}
	for _, q := range w.Server.Seen() {
		if q.Method == http.MethodPost && strings.HasSuffix(q.URI, "/client-grants") {
			t.Error("it was given a grant of its own")
		}
	}
	// It may call in its own name too, from now on.
	updater, ok := w.conn.(connector.Updater)
	if !ok {
		t.Fatalf("%T changes nothing", w.conn)
	}
	r := connector.Registration{
		Name: "keyward-abc", Grants: []string{"authorization_code", "client_credentials"}, Callbacks: []string{"https://app.example/cb"},
	}
	if _, err := updater.Update(t.Context(), w.made.Handle, r, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := w.token(auth0server.Audience); err != nil {
		t.Errorf("a token after the change: %v", err)
	}
	r.Scopes = []string{auth0server.Scope}
	if _, err := updater.Update(t.Context(), w.made.Handle, r, nil); keyward.CodeOf(err) != keyward.CodeInvalidInput {
		t.Errorf("change scopes: %v", err)
	}
}

// Broken off at any change, before or after it was carried out, and done again, the client has what it should.
func TestAuth0EntitleGoesOnWhereItBroke(t *testing.T) {
	give, take := append(at(stock, "stock:read", ""), at("", auth0server.OtherScope)...), at(stock, "stock:read", "")
	for _, part := range []struct{ method, part string }{
		{http.MethodPatch, "/resource-servers/"}, {http.MethodPost, "/client-grants"}, {http.MethodPatch, "/client-grants/"},
		{http.MethodDelete, "/client-grants/"},
	} {
		for _, half := range []bool{false, true} {
			if half && part.method == http.MethodDelete {
				continue // an answer without a body does not break off
			}
			w := newWorld(t, conformance.Registration())
			trouble := contract.Trouble{Method: part.method, Part: part.part, Half: half, Times: 1}
			if !half {
				trouble.Status = http.StatusInternalServerError
			}
			w.Server.Order(trouble)
			broke := 0
			for _, turn := range [][2][]connector.Entitlement{{give, nil}, {nil, take}} {
				for {
					if _, err := w.entitler().Entitle(t.Context(), w.made.Handle, turn[0], turn[1]); err == nil {
						break
					}
					broke++
				}
				if has := w.has(give...); turn[0] != nil && len(has) != len(give) || turn[0] == nil && len(has) != 1 {
					t.Errorf("%v, half %v: it has %q", part, half, has)
				}
			}
			if broke != 1 {
				t.Errorf("%v, half %v: broke %d times", part, half, broke)
			}
		}
	}
}

// An API's list of scopes is written whole: clients that are given scopes at once lose none of each other's.
func TestAuth0DefinesScopesOneAfterTheOther(t *testing.T) {
	w := newWorld(t, conformance.Registration())
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			_, err := w.entitler().Entitle(t.Context(), w.made.Handle, at(auth0server.Audience, fmt.Sprint("orders:", i)), nil)
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	defined := 0
	for i := range 6 {
		if lacking := w.entitle(at(auth0server.Audience, fmt.Sprint("orders:", i)), nil); len(lacking) == 0 {
			defined++
		}
	}
	patches := 0
	for _, q := range w.Server.Seen() {
		if q.Method == http.MethodPatch && strings.Contains(q.URI, "/resource-servers/") {
			patches++
		}
	}
	if defined != 6 || patches != 6 {
		t.Errorf("%d defined with %d changes", defined, patches)
	}
}

// Nobody's API gives scopes of the one that manages the tenant, whatever audience it names.
func TestAuth0sOwnAPIIsGivenToNobody(t *testing.T) {
	w := newWorld(t, conformance.Registration())
	system := connector.Entitlement{Scope: auth0server.SystemScope, Audience: auth0server.SystemAudience}
	orders := connector.Entitlement{Scope: auth0server.OtherScope, Audience: auth0server.Audience}
	if lacking := w.entitle([]connector.Entitlement{system, orders}, nil); !slices.Equal(lacking, []connector.Entitlement{system}) {
		t.Errorf("lacking: %v", lacking)
	}
	if has := w.has(system, orders); !slices.Equal(has, []connector.Entitlement{orders}) {
		t.Errorf("it has %v", has)
	}
	if _, err := w.token(auth0server.SystemAudience); err == nil {
		t.Error("there is a token for the API that manages the tenant")
	}
}

// A permission that is missing in the midst of it is a failure like others: something was changed already, and is not
// forgotten. Where nothing was, somebody has to allow it.
func TestAuth0RefusesHalfOfIt(t *testing.T) {
	insufficient := contract.Trouble{
		Part: "/client-grants", Status: http.StatusForbidden, Times: 1,
		Body: `{"statusCode":403,"error":"Forbidden","message":"Insufficient scope","errorCode":"insufficient_scope"}`,
	}
	for method, barred := range map[string]bool{
		http.MethodPatch: true,  // of the grant that there is, which comes first
		http.MethodPost:  false, // of the grant for the second API
	} {
		w := newWorld(t, conformance.Registration())
		orders, all := at(auth0server.Audience, auth0server.OtherScope), at(stock, "")
		all = append(all, orders...)
		insufficient.Method = method
		w.Server.Order(insufficient)
		_, err := w.entitler().Entitle(t.Context(), w.made.Handle, all, nil)
		if _, is := errors.AsType[*connector.Barred](err); err == nil || is != barred || !strings.Contains(err.Error(), "Insufficient") {
			t.Errorf("without %s: %v, want that nothing was changed: %t", method, err, barred)
		}
		if has := w.has(all...); (len(has) == 0) != barred || !barred && !slices.Equal(has, orders) {
			t.Errorf("without %s it has %q", method, has)
		}
	}
}

// What a client was given while it called in its own name is taken away although it no longer does: it may do so again.
func TestAuth0TakesFromClientsForPeople(t *testing.T) {
	w := newWorld(t, conformance.Registration())
	w.entitle(at(stock, "stock:read", "stock:write", ""), nil)
	updater, ok := w.conn.(connector.Updater)
	if !ok {
		t.Fatalf("%T changes nothing", w.conn)
	}
	grants := func(list ...string) {
		t.Helper()
		r := connector.Registration{Name: "keyward-abc", Grants: list, Callbacks: []string{"https://app.example/cb"}}
		if _, err := updater.Update(t.Context(), w.made.Handle, r, nil); err != nil {
			t.Fatal(err)
		}
	}
	grants("authorization_code")
	w.entitle(at(stock, "stock:new"), at(stock, "stock:write"))
	grants("authorization_code", "client_credentials")
	if got, err := w.token(stock); err != nil || got != "stock:read" {
		t.Errorf("what is left: scopes %q, error %v", got, err)
	}
	grants("authorization_code")
	w.entitle(nil, at(stock, "stock:read", ""))
	grants("authorization_code", "client_credentials")
	if got, err := w.token(stock); err == nil || !strings.Contains(err.Error(), "client-grant") {
		t.Errorf("nothing is left: scopes %q, error %v", got, err)
	}
}
