package demo

import (
	"fmt"
	"net/http"
	"strings"
)

// margin is what marks a command: no other line begins with it.
const margin = "    "

// careful keeps curl quiet, away from proxies (everything is on this machine), and from waiting long: pasted together,
// all commands end in time.
const careful = "-sS -m 4 --noproxy '*'"

// text is the whole show. Commands stand alone on their lines, so that they can be picked out and pasted together.
func (s *show) text(credentials map[string]keys) string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	command := func(line string) { say("%s%s", margin, line) }
	say("")
	say("Keyward is running on a throw-away folder.")
	say("Console, REST API, resident authorization server: %s", s.options.ControlURL)
	say("Sign in to the console as %s with the password %s, or with the same one as %s, a developer", user, s.password, developer)
	say("Partner authorization server: %s", s.partner.issuer)
	say("Gateway: %s", s.options.GatewayURL)
	say("Sample upstream, which shows what a backend gets: %s", s.upstream)
	say("Administrator's API token: %s", s.options.AdminToken)
	say("")
	say("Paste these into another terminal, one by one or all together. Each was sent through the gateway just now.")
	say("")
	say("Tokens of the application's two clients, one from each issuer:")
	for _, variable := range []string{asResident, asPartner} {
		command(variable + "=" + tokenCommand(credentials[variable]))
	}
	for i, st := range steps() {
		say("")
		say("%d. %s: %s", i+1, st.title, outcome(st))
		command(s.callCommand(st))
	}
	say("")
	say("The demo's programs go on calling, so that the console has something to show: about two calls a second.")
	say("Stop with Ctrl-C; nothing is kept.")
	return b.String()
}

func outcome(st step) string {
	if st.code == "" {
		return fmt.Sprintf("%d %s", st.status, http.StatusText(st.status))
	}
	return fmt.Sprintf("%d %s", st.status, st.code)
}

// tokenCommand fetches a token and takes it out of the answer with what every machine has.
func tokenCommand(k keys) string {
	const pick = `sed 's/.*"access_token":"\([^"]*\)".*/\1/'`
	return fmt.Sprintf(`$(curl %s -u %s -d grant_type=client_credentials -d scope=%s %s | `+pick+`)`,
		careful, quote(k.ClientID+":"+k.ClientSecret), scopeRead, quote(k.TokenEndpoint))
}

func (s *show) callCommand(st step) string {
	method := ""
	if st.method != http.MethodGet {
		method = " -X " + st.method
	}
	// -w ends the answer with a line break, so that the next one begins on its own line.
	return fmt.Sprintf(`curl -i %s -w '\n'%s -H "Authorization: Bearer $%s" %s`,
		careful, method, st.as, quote(s.options.GatewayURL+st.path))
}

// quote makes one word of the shell out of any text.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
