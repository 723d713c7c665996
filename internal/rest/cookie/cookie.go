// Package cookie owns the console's cookies for one public URL: how they are called, which browsers send them, and which
// requests with them another origin may not cause. It does not own what they hold.
package cookie

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Cookies makes and reads those of one public URL.
type Cookies struct {
	secure     bool
	protection *http.CrossOriginProtection
}

// New reads the public URL. One without a host is an error.
func New(publicURL string) (*Cookies, error) {
	u, err := url.Parse(publicURL)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("the public URL %q has no host", publicURL)
	}
	c := &Cookies{secure: u.Scheme == "https", protection: http.NewCrossOriginProtection()}
	if err := c.protection.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
		return nil, fmt.Errorf("the public URL as an origin: %w", err)
	}
	return c, nil
}

// name gives the cookie's name. With __Host- no other host and no page without TLS can set it.
func (c *Cookies) name(of string) string {
	if c.secure {
		return "__Host-" + of
	}
	return of
}

// Made gives a cookie that a browser keeps for so long: 0 = until it is closed, less = not at all any more.
func (c *Cookies) Made(of, value string, life time.Duration) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure with TLS; there is none to ask for without
		Name: c.name(of), Value: value, Path: "/", MaxAge: int(life.Seconds()), HttpOnly: true, Secure: c.secure,
		SameSite: http.SameSiteLaxMode,
	}
}

// Of reads a cookie; "" = it is not there.
func (c *Cookies) Of(r *http.Request, name string) string {
	cookie, err := r.Cookie(c.name(name))
	if err != nil {
		return ""
	}
	return cookie.Value
}

// IdleField is the header field in which the console's pages say for how many seconds their person has done nothing. They ask for much by
// themselves, all the time.
const IdleField = "X-Keyward-Idle"

// Idle is what it says; without it, and whatever else is in it, a request is something that a person does.
func (*Cookies) Idle(r *http.Request) time.Duration {
	seconds, err := strconv.ParseUint(r.Header.Get(IdleField), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// Like lists the cookies whose names begin so.
func (c *Cookies) Like(r *http.Request, beginning string) []string {
	var names []string
	for _, cookie := range r.Cookies() {
		if name, ours := strings.CutPrefix(cookie.Name, c.name("")); ours && strings.HasPrefix(name, beginning) {
			names = append(names, name)
		}
	}
	return names
}

// Ours refuses what another origin makes a browser send, for cookies go along with that too. The check behind it compares
// hosts alone: where ours has TLS, a page of the same host without it is another origin too.
func (c *Cookies) Ours(r *http.Request) error {
	if c.secure && strings.HasPrefix(r.Header.Get("Origin"), "http:") {
		return errors.New("the page that sent it was not loaded by TLS")
	}
	return c.protection.Check(r)
}
