package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"keyward.dev/keyward/internal/testbed/program"
)

// attackOpenRedirect: no address of this server leads a browser to one that an attacker chose, and none believes a Host field.
func attackOpenRedirect(t *testing.T, n *program.Node, asks string) {
	v, own := visit(t, n), "http://"+n.Control
	v.enter("alice")
	token, err := n.AdminToken()
	if err != nil {
		t.Fatal(err)
	}
	leads := func(s sight) bool {
		to, err := url.Parse(s.header.Get("Location"))
		return err != nil || to.Host != "" && to.Host != n.Control || strings.Contains(s.header.Get("Refresh"), "evil")
	}
	evil := []string{
		"https://evil.example", "//evil.example", "///evil.example", `/\evil.example`, `\\evil.example`, "/%5Cevil.example",
		"/%2F/evil.example", "/\t/evil.example", "/.//evil.example", "/..//evil.example", "javascript:alert(1)", "https:evil.example",
		own + ".evil.example", own + "@evil.example",
	}
	for _, to := range evil {
		quoted := url.QueryEscape(to)
		for name, address := range map[string]string{
			"return": "/session/start?return=" + quoted, "authorize": strings.Replace(asks, "https%3A%2F%2Fshop.example%2Fcb", quoted, 1),
			"end-session": "/oauth2/end-session?client_id=keyward-console&post_logout_redirect_uri=" + quoted,
			"sign-out":    "/oauth2/sign-out?post_logout_redirect_uri=" + quoted, "callback": "/session/callback?return=" + quoted,
			"account": "/oauth2/account?redirect_uri=" + quoted,
		} {
			p := v.send(http.MethodGet, address, "")
			for range 6 { // wherever it leads on this server
				if leads(p) {
					t.Fatalf("%s of %q leads to %s", name, to, p.header.Get("Location"))
				}
				next, err := p.at.Parse(p.header.Get("Location"))
				if err != nil || p.header.Get("Location") == "" {
					break
				}
				p = v.send(http.MethodGet, next.String(), "")
			}
		}
	}
	for _, path := range []string{"//evil.example/", "/console//evil.example/", "/session//evil.example", "//evil.example/%2e%2e"} {
		if p := v.send(http.MethodGet, own+path, ""); leads(p) {
			t.Errorf("%s leads to %s", path, p.header.Get("Location"))
		}
	}
	for _, host := range [][]string{
		{"Host", "evil.example"}, {"X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "https"}, {"Forwarded", "host=evil.example"},
		{"X-Original-URL", "https://evil.example/"}, {"X-Forwarded-Prefix", "//evil.example"},
	} {
		for _, address := range []string{
			"/", "/session/start", "/oauth2/password", "/oauth2/account", asks, "/.well-known/openid-configuration",
		} {
			p := visit(t, n).send(http.MethodGet, own+address, "", host...)
			if leads(p) || strings.Contains(p.text+fmt.Sprint(p.header), "evil.example") {
				t.Errorf("%s with %v: %v %s", address, host, p.header, p.text)
			}
		}
		link := "/api/v1/users/dave/password-reset"
		p := visit(t, n).send(http.MethodPost, own+link, "", append(host, "Authorization", "Bearer "+token)...)
		if p.status != http.StatusCreated || strings.Contains(p.text, "evil.example") ||
			!strings.Contains(p.text, own+"/oauth2/reset?link=") {
			t.Errorf("a one-time link with %v: %d %s", host, p.status, p.text)
		}
	}
	p := v.follow(v.send(http.MethodGet, "/session/start?return=/openapi.json", ""))
	if p.at.Path != "/openapi.json" || p.status != http.StatusOK {
		t.Errorf("the control, a path of ours: %s %d", p.at, p.status)
	}
}

// attackBruteForce: passwords are guessed only so often: one user's from one address, from many, and many users' from one;
// and whoever guesses at a name keeps its owner out neither of another address nor of a browser that they know.
func attackBruteForce(t *testing.T, n *program.Node, _ string) {
	const wrong, late, in = http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusSeeOther
	from := func(address string) []string { return []string{"X-Forwarded-For", address} }
	tries := func(name string, most int, address func(int) string) (wrongs int) {
		for i := range most {
			switch s := visit(t, n).guess(name, "not it", from(address(i))...); s {
			case wrong:
				wrongs++
			case late:
			default:
				t.Fatalf("try %d for %s: %d", i, name, s)
			}
		}
		return wrongs
	}
	here := func(int) string { return "198.51.100.1" }
	known := visit(t, n)
	known.enter("dave")
	if got := tries("dave", 8, here); got != 5 {
		t.Errorf("%d tries for one user from one address, not 5", got)
	}
	if s := visit(t, n).guess("dave", password, from("198.51.100.1")...); s != late {
		t.Errorf("the right password after that, from there: %d", s)
	}
	if s := visit(t, n).guess("dave", password, from("203.0.113.9")...); s != in {
		t.Errorf("dave at another address: %d", s)
	}
	if got := tries("dave", 12, func(i int) string { return fmt.Sprintf("2001:db8:0:%x::1", i) }); got > 6 {
		t.Errorf("%d more tries for one user from many addresses", got)
	}
	if s := visit(t, n).guess("dave", password, from("203.0.113.10")...); s != late {
		t.Errorf("past the bound, from anywhere: %d", s)
	}
	if s := known.guess("dave", password); s != in {
		t.Errorf("dave in their own browser: %d", s)
	}
	if got := tries("nobody", 8, here); got != 5 {
		t.Errorf("%d tries for a user who does not exist, not 5: that tells who does", got)
	}
	// Many users from one address: names differ in every try, in the addresses of one IPv6 network, too.
	// Another try is earned every two seconds, so a slow machine has more of them than the sixty that are free.
	many, begun, refused := 0, time.Now(), false
	for i := 0; i < 400 && !refused; i++ {
		v := visit(t, n)
		page := v.send(http.MethodGet, "/oauth2/sign-in", "")
		address := fmt.Sprintf("2001:db8:ffff:1::%x", i)
		switch s := v.fill(page, "name", fmt.Sprintf("user%d", i), "password", "x", "headers", "X-Forwarded-For", address).status; s {
		case wrong:
			many++
		case late:
			refused = true
		default:
			t.Fatalf("try %d for many users: %d", i, s)
		}
	}
	if earned := int(time.Since(begun)/(2*time.Second)) + 1; !refused || many < 60 || many > 60+earned {
		t.Errorf("%d tries for many users from one network, and %d were earned: refused %v", many, earned, refused)
	}
	// Only trusted peers are believed about who asks: what comes through one from elsewhere counts for the last that is not.
	believed, begun := 0, time.Now()
	for i := range 20 {
		believed += tries(fmt.Sprintf("other%d", i), 1, func(int) string { return "192.0.2.77, 2001:db8:ffff:1::1" })
	}
	if earned := int(time.Since(begun)/(2*time.Second)) + 1; believed > earned {
		t.Errorf("an address that the caller made up counts: %d tries of 20, and %d were earned", believed, earned)
	}
	if s := visit(t, n).guess("bob", password, from("192.0.2.77")...); s != in {
		t.Errorf("the control, from an address of their own: %d", s)
	}
}
